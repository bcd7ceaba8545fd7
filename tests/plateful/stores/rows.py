"""Rows with every column filled, for tests that care about a few."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from plateful.tables import TABLES

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
_JSON = ("contract", "rubric", "answers")
_FILL = {"String": "x", "Int64": 1, "Float64": 0.5, "Boolean": True}


def row(table: str, **values: object) -> dict[str, Any]:
    """One row of a table: `values`, and something of the right type elsewhere."""
    filled: dict[str, Any] = {}
    for name, dtype in TABLES[table].schema.items():
        kind = str(dtype).split("(")[0]
        if name in _JSON:
            filled[name] = "[]"
            continue
        filled[name] = [] if kind == "List" else NOW if kind == "Datetime" else _FILL[kind]
    unknown = set(values) - set(filled)
    assert not unknown, unknown
    return {**filled, **values}


def frame(table: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """A frame of a table from partial rows."""
    return TABLES[table].frame([row(table, **values) for values in rows])
