"""One feed with everything that a feed can do wrong: each row has its reason, the good rows go on."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from plateful.environments import Settings, open_adapters
from tests.cli.conftest import Plateful
from tests.conftest import feed_rows, write_feed

LONG = "Laksa " * 1700
BIDI = "Prawn\x07 \u202enoodle\u202c soup\x00"


def _huge_png(side: int = 50_000) -> bytes:
    """A PNG of 50,000 x 50,000 pixels in some hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 65_536)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _photo(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def test_a_feed_of_everything(
    settings: Settings, plateful: Plateful, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(settings.feed).with_name("feed")
    folder.mkdir()
    (folder.parent / "secret.png").write_bytes(_photo("PNG"))
    pictures = {
        "truncated.jpg": _photo("JPEG")[:700],
        "huge.png": _huge_png(),
        "gif.jpg": _photo("GIF"),
        "../secret.png": None,
        "http://169.254.169.254/latest/meta-data/x.jpg": None,
        "http://localhost/x.jpg": None,
    }
    for name, content in pictures.items():
        if content is not None:
            (folder / name).write_bytes(content)
    names = ["Good fried rice", LONG, BIDI, "First of two", "Second of two", *pictures]
    rows = feed_rows({"SG": [(name, "") for name in names]})
    for row, picture in zip(rows[5:], pictures, strict=True):
        row.update(name=f"Soup {row['product_id']}", image_url=picture, image_consent="edit")
    rows[4]["product_id"] = rows[3]["product_id"]
    write_feed(folder / "menu.csv", [*rows, {**rows[0], "country": "XX"}, {**rows[0], "country": ""}])
    monkeypatch.setenv("PLATEFUL_NETWORK", "true")

    summary = plateful("run", "--feed", str(folder), "--country", "SG", "--json").json
    total = summary["total"]
    assert total["rows_in"] == len(rows) == total["rows_rejected"] + total["products"]
    assert summary["feed"]["rows_without_country"] == 2

    lake = open_adapters(settings).lake
    reasons = dict(lake.read_table("rejects", "SG").select("product_id", "reason").iter_rows())
    products = {row["product_id"]: row for row in lake.read_table("products", "SG").iter_rows(named=True)}
    assert reasons == {
        "sg-1": "name_too_long",
        "sg-2": "control_characters",
        "sg-3": "duplicate_product_id",
        "sg-8": "path_outside_feed",
        "sg-9": "unsafe_url",
        "sg-10": "unsafe_url",
    }
    # A vendor photo that cannot be opened shows nobody the dish: it is drawn from text.
    assert {key: (row["image_status"], row["name"]) for key, row in products.items()} == {
        "sg-0": ("missing", "Good fried rice"),
        "sg-3": ("missing", "First of two"),
        "sg-5": ("dead", "Soup sg-5"),
        "sg-6": ("dead", "Soup sg-6"),
        "sg-7": ("dead", "Soup sg-7"),
    }
    assert total["without_images"] == 5
    assert total["rendered_now"] == 10
