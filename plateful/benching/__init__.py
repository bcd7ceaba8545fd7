"""Measuring renderers: the ablation ladder, the end-to-end share, and what a picture costs elsewhere."""
