"""Recipes, dataset curation, trainers and the embedded model family's own recipe."""
