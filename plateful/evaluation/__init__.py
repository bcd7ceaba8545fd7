"""A model version measured on a frozen set of descriptions."""
