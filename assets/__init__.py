"""The asset graph: thin assets, one module per group, over the domain in `plateful/`."""
