"""Rendering: plan tasks, render them in shards of fixed batches, keep manifests, replay any candidate."""
