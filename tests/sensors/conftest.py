"""Recorded runs for the tests in this folder."""

from tests.recorded_runs import instance, materialize, record

__all__ = ["instance", "materialize", "record"]
