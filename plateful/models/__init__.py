"""Models: the catalog (name -> weights, capabilities, serving profile) and immutable model versions."""
