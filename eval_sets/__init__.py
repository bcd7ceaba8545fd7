"""Frozen eval sets and their loader: what a model version is measured on never changes under its name."""

from eval_sets.loader import load_eval_set

__all__ = ["load_eval_set"]
