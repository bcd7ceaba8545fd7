"""The lake: tables between assets, candidate images and part logs, on a local folder or an object store.

tables/<table>/[country=<partition>/]part.parquet    written whole, atomically
images/<2 digits>/<key>.png                          put-if-absent
parts/<log>/<partition>/<order>-<hash>.parquet       appended by shards, compacted by `collect`
"""

import re
from collections.abc import Iterable

import polars as pl

from plateful.errors import StoreError
from plateful.stores import objects, parts
from plateful.stores.objects import StorePath
from plateful.stores.s3 import DEFAULT_OPTIONS, S3Options
from plateful.tables import TABLES, Table

# Image keys are sha256 digests or candidate ids.
_KEY = re.compile(r"[0-9a-f]{8,64}")
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")


class Lake:
    """Parquet tables, part logs, images and other objects below one root.

    Args:
        root: a local folder, or `s3://bucket/prefix`.
        options: how S3 is reached.
    """

    def __init__(self, root: str, options: S3Options = DEFAULT_OPTIONS) -> None:
        self.root: StorePath = objects.root_path(root, options)

    def write_table(self, name: str, frame: pl.DataFrame, partition: str | None = None) -> None:
        """Replace a table (or one partition of it) at once; a reader sees the old or the new one.

        Raises:
            StoreError: unknown table, columns that differ from plateful/tables.py, or disk full.
        """
        content = parts.parquet_bytes(_table(name).frame(frame))
        objects.replace(self._table_path(name, partition), content)

    def read_table(self, name: str, partition: str | None = None) -> pl.DataFrame:
        """Return a table (or one partition of it).

        Raises:
            StoreError: never materialized, or written with other columns.
        """
        table, path = _table(name), self._table_path(name, partition)
        try:
            content = path.read_bytes()
        except FileNotFoundError as fault:
            where = f" for {partition}" if partition else ""
            raise StoreError(
                f"table {name!r}{where} is not in the lake {self.root}",
                fix=f"materialize {name}{where} first",
            ) from fault
        return parts.parquet_frame(content, table, path)

    def has_table(self, name: str, partition: str | None = None) -> bool:
        """Return whether the table (or that partition) was written."""
        _table(name)
        return objects.is_object(self._table_path(name, partition))

    def partitions(self, name: str) -> list[str]:
        """Return the partitions of a table that were written, sorted."""
        found = (each.partition("=") for each in objects.names(self.root / "tables" / _table(name).name))
        return sorted(value for key, _, value in found if key == "country" and self.has_table(name, value))

    def table_stamps(self, name: str) -> dict[str, str]:
        """Return partition -> what changes when that partition is written again, by one listing."""
        found = objects.stamps(objects.inside(self.root, f"tables/{_table(name).name}"))
        written = ((path.split("/"), stamp) for path, stamp in found.items())
        return {
            folder.removeprefix("country="): stamp
            for (folder, *file), stamp in written
            if file == ["part.parquet"] and folder.startswith("country=")
        }

    def names(self, folder: str) -> list[str]:
        """Return the paths of all objects below a folder, from there, by one listing; none without one."""
        return sorted(objects.stamps(objects.inside(self.root, folder)))

    def put_object(self, path: str, content: bytes) -> bool:
        """Write an object unless it is there; return whether this call wrote it.

        Raises:
            StoreError: a path that leaves the lake, or disk full.
        """
        return objects.put_if_absent(objects.inside(self.root, path), content)

    def get_object(self, path: str) -> bytes:
        """Return an object's bytes.

        Raises:
            StoreError: there is none.
        """
        return objects.read(objects.inside(self.root, path))

    def has_object(self, path: str) -> bool:
        """Return whether an object is there."""
        return objects.is_object(objects.inside(self.root, path))

    def image_path(self, key: str) -> str:
        """Return where the PNG of a candidate id or digest lies, or would lie."""
        return str(objects.inside(self.root, _image_path(key)))

    def put_image(self, key: str, png: bytes) -> bool:
        """Store a PNG unless that key has one; return whether this call wrote it.

        Args:
            key: candidate id, or sha256 of the bytes for photos and masks.
            png: the file.
        """
        return self.put_object(_image_path(key), png)

    def get_image(self, key: str) -> bytes:
        """Return the PNG stored under a candidate id or digest.

        Raises:
            StoreError: there is none.
        """
        return self.get_object(_image_path(key))

    def has_image(self, key: str) -> bool:
        """Return whether a PNG is stored under a candidate id or digest."""
        return self.has_object(_image_path(key))

    def stored_images(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that have a PNG, by listing folders: far fewer requests than one a key."""
        wanted = set(keys)
        folders = {_image_path(key).rpartition("/")[0] for key in wanted}
        found = (name for folder in folders for name in objects.names(objects.inside(self.root, folder)))
        return wanted.intersection(name.removesuffix(".png") for name in found)

    def append_part(self, log: str, partition: str, frame: pl.DataFrame) -> None:
        """Add rows to a part log; the same rows again add nothing.

        Raises:
            StoreError: unknown log, wrong columns, or disk full.
        """
        parts.append(self._part_folder(log, partition), parts.log_table(log), frame)

    def read_parts(self, log: str, partition: str) -> pl.DataFrame:
        """Return a log's rows, unique on key and scorer or judge version; empty when there are none.

        Raises:
            StoreError: unknown log, or a part that cannot be read.
        """
        return parts.read(self._part_folder(log, partition), parts.log_table(log))

    def compact(self, log: str, partition: str) -> None:
        """Put a log's parts into one; safe to kill, and beside shards that append."""
        parts.compact(self._part_folder(log, partition), parts.log_table(log))

    def _table_path(self, name: str, partition: str | None) -> StorePath:
        folder = self.root / "tables" / name
        return (folder / f"country={_plain(partition)}" if partition is not None else folder) / "part.parquet"

    def _part_folder(self, log: str, partition: str) -> StorePath:
        return self.root / "parts" / log / _plain(partition)


def _table(name: str) -> Table:
    if name not in TABLES:
        raise StoreError(f"table {name!r} does not exist", fix=f"use one of {sorted(TABLES)}")
    return TABLES[name]


def _plain(partition: str) -> str:
    if not _PARTITION.fullmatch(partition):
        raise StoreError(
            f"partition {partition!r} cannot be a folder name", fix="use a country code or a version"
        )
    return partition


def _image_path(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise StoreError(f"image key {key!r} is not a hex digest", fix="give a candidate id or a sha256")
    return f"images/{key[:2]}/{key}.png"
