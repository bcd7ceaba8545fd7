"""Dagster resources and I/O managers over the domain's adapters."""
