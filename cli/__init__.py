"""The `plateful` command."""
