"""The sample feed's countries as a Snowflake table."""

import csv
from collections.abc import Sequence
from pathlib import Path

from tests.rehearsal.parts import MENU_TABLE
from tests.servers.snowflake import SnowflakeServer

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "examples" / "feed"
LISTS = ("ingredients", "dietary", "allergens", "related_products")


def load_menu(server: SnowflakeServer, countries: Sequence[str], products: int | None = None) -> int:
    """Create the feed table and fill it; return how many rows it has.

    Args:
        server: where.
        countries: of the sample feed.
        products: rows of each country, section headings and dirt included; None = all.
    """
    rows = [row for code in countries for row in _rows(code)[:products]]
    columns = list(rows[0])
    declared = ", ".join(f"{name} VARCHAR" for name in columns)
    values = ", ".join("(" + ", ".join(_literal(row[name]) for name in columns) + ")" for row in rows)
    server.execute(
        f"CREATE TABLE {MENU_TABLE} ({declared})",
        f"INSERT INTO {MENU_TABLE} ({', '.join(columns)}) VALUES {values}",  # noqa: S608 - our own sample
    )
    return len(rows)


def _rows(country: str) -> list[dict[str, str]]:
    with (SAMPLE / f"{country}.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    # A path inside the feed's folder means nothing in a warehouse.
    return [{**row, "image_url": row["image_url"] if "://" in row["image_url"] else ""} for row in rows]


def _literal(text: str) -> str:
    return "NULL" if text == "" else "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
