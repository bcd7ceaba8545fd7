"""The columns and files of a feed, and CSV files as raw rows.

Nothing is judged here beyond the file's own form; a row that the file's form already breaks carries the
reason with it.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plateful.errors import FeedError

REQUIRED = ("product_id", "vendor_id", "country", "name")
OPTIONAL = (
    "vendor_name",
    "language",
    "description",
    "category",
    "cuisine",
    "ingredients",
    "dietary",
    "allergens",
    "price",
    "currency",
    "image_url",
    "image_consent",
    "application",
    "related_products",
    "expected_text",
    "updated_at",
)
COLUMNS = REQUIRED + OPTIONAL

# Python's CSV reader refuses a cell over 128 kB and loses the rest of the file with it; an over-long cell is
# a reject instead.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class RawRow:
    """One data row as written: file, 1-based row number, the known columns' cells, a form fault."""

    file: str
    row: int
    cells: dict[str, str]
    fault: str = ""
    detail: str = ""


def feed_files(path: Path) -> list[Path]:
    """Return the feed's CSV and Parquet files in name order.

    Raises:
        FeedError: the path is absent, is neither kind of file, or is a folder without one.
    """
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in (".csv", ".parquet"))
    elif path.is_file():
        found = [path] if path.suffix.lower() in (".csv", ".parquet") else []
    else:
        raise FeedError(
            f"feed {str(path)!r} does not exist", fix="give a CSV or Parquet file, or a folder of them"
        )
    if not found:
        raise FeedError(
            f"feed {str(path)!r} holds no CSV or Parquet file",
            fix="give a CSV or Parquet file, or a folder of them",
        )
    return found


def header(names: list[str], label: str) -> list[str]:
    """Return the names of a file's or table's columns in the contract's spelling.

    Raises:
        FeedError: a required column is missing, or one is there twice.
    """
    columns = [name.strip().lower() for name in names]
    missing = [c for c in REQUIRED if c not in columns]
    if missing:
        raise FeedError(
            f"feed file {label!r} has no column {', '.join(missing)}",
            fix=f"name the columns {', '.join(REQUIRED)} in the first row, separated by commas",
        )
    twice = sorted({c for c in columns if c in COLUMNS and columns.count(c) > 1})
    if twice:
        raise FeedError(f"feed file {label!r} has column {twice[0]!r} twice", fix="keep one of them")
    return columns


def csv_rows(path: Path, label: str) -> Iterator[RawRow]:
    """Yield every data row of a CSV file.

    Args:
        path: the file.
        label: what to call it in rejects and errors.

    Raises:
        FeedError: the file cannot be read as a whole: a required column is missing, a column is there twice,
        it is not UTF-8.
    """
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FeedError(f"feed file {label!r} is UTF-16", fix="save it as UTF-8")
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    columns = header(next(reader, []), label)
    number, last_line = 0, reader.line_num
    for cells in reader:
        lines, last_line = reader.line_num - last_line, reader.line_num
        if not cells:
            continue
        number += 1
        known = {c: v for c, v in zip(columns, cells, strict=False) if c in COLUMNS}
        row = dict.fromkeys(COLUMNS, "") | known
        fault, detail = _form_fault(row, len(cells), len(columns), lines)
        yield RawRow(label, number, row, fault, detail)


def _form_fault(row: dict[str, str], cells: int, columns: int, lines: int) -> tuple[str, str]:
    if cells != columns:
        return (
            "wrong_cell_count",
            f"{cells} cells on {lines} line(s), the header has {columns}: look for a lost quote or comma",
        )
    broken = next((c for c, v in row.items() if "\ufffd" in v), None)
    return (
        ("bad_encoding", f"{broken} holds bytes that are not UTF-8: save the file as UTF-8")
        if broken
        else ("", "")
    )


def as_text(value: object) -> str:
    """Return a typed value as a CSV file would have it: lists joined by ` | `, times in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " | ".join(str(v) for v in value if v is not None)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)  # type: ignore[union-attr]
