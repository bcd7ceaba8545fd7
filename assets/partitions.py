"""Partitions: one static list of countries; model versions join as they are registered."""

import dagster as dg

from plateful.countries import COUNTRIES

COUNTRY = dg.StaticPartitionsDefinition(sorted(COUNTRIES))
MODEL_VERSION = dg.DynamicPartitionsDefinition(name="model_version")
