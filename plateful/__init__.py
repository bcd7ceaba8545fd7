"""Plateful: give every menu product an image that may be shown."""

__version__ = "0.1.0"
