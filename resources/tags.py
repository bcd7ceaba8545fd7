"""Tags of runs that Dagster sets itself; it exports no names for them."""

# The partition that a run works on: a country, or a model version.
PARTITION_TAG = "dagster/partition"
