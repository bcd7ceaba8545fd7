"""Image statuses, from real files in a real lake; the gate is one plain measure."""

import csv
import errno
import io
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
from PIL import Image

from plateful.errors import ModelError
from plateful.products.feed import Feed
from plateful.products.fetching import FetchBudget
from plateful.products.photos import Assess, resolve_images
from plateful.products.selection import without_images
from plateful.products.sources import COLUMNS
from plateful.products.urls import fetch
from plateful.scoring.verdict import Verdict
from plateful.stores.lake import Lake
from plateful.vision.image_io import open_image

NOW = datetime(2026, 11, 18, tzinfo=UTC)
WEEK = timedelta(days=7)
RNG = np.random.default_rng(5)


def jpeg(shade: int, size: tuple[int, int] = (40, 30), kind: str = "JPEG") -> bytes:
    array = np.clip(RNG.integers(-20, 20, (size[1], size[0], 3)) + shade, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG header that promises 50,000 x 50,000 pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


class Gates:
    """Dark photos fail; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, array: np.ndarray) -> Verdict:
        self.asked += 1
        dark = float(array.mean()) < 60
        return Verdict.of(("exposure",) if dark else (), {"exposure": 0.0 if dark else 1.0})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "feed"
    (folder / "photos").mkdir(parents=True)
    return folder


def products(
    root: Path, *references: str, consent: str = "edit", names: tuple[str, ...] = ()
) -> pl.DataFrame:
    with (root / "feed.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        for i, reference in enumerate(references):
            name = names[i] if names else f"Dish {i}"
            writer.writerow(
                {
                    "product_id": str(i),
                    "vendor_id": "v",
                    "country": "DE",
                    "name": name,
                    "image_url": reference,
                    "image_consent": consent,
                }
            )
    part = Feed(str(root)).read("DE")
    assert part.rejects.is_empty()
    return part.products


def resolve(root: Path, frame: pl.DataFrame, gates: Assess | None = None, **options: Any) -> pl.DataFrame:
    given = {"assess": gates or Gates(), "assessor_version": "g1", "now": NOW, **options}
    return resolve_images(frame, feed_root=root, lake=Lake(str(root.parent / "lake")), **given)


def test_statuses_of_files(root: Path) -> None:
    files = {
        "ok.jpg": jpeg(150),
        "dark.jpg": jpeg(20),
        "cut.jpg": jpeg(150, (400, 300))[:3_000],
        "gif.jpg": jpeg(150, kind="GIF"),
        "bomb.png": bomb(),
        "text.jpg": b"hello",
    }
    for name, content in files.items():
        (root / "photos" / name).write_bytes(content)
    frame = products(
        root,
        *(f"photos/{name}" for name in files),
        "photos/none.jpg",
        "",
        "https://example.com/a.jpg",
        "s3://bucket/a.jpg",
    )
    found = resolve(root, frame)
    assert found["image_status"].to_list() == [
        "ok",
        "poor",
        "dead",
        "dead",
        "dead",
        "dead",
        "dead",
        "missing",
        "unchecked",
        "unchecked",
    ]
    reasons = found["image_reasons"].to_list()
    assert reasons[:2] == [[], ["exposure"]]
    assert all(r[0].startswith("cannot_open: ") for r in reasons[2:6])
    assert reasons[6:] == [["file_not_found"], [], ["no_network"], ["no_network"]]
    assert found["photo_sha256"].is_not_null().to_list() == [True, True] + [False] * 8


@pytest.mark.parametrize("size", [(2_000, 6), (6, 2_000), (11, 1)])
def test_a_strip_is_no_photo(root: Path, size: tuple[int, int]) -> None:
    (root / "line.jpg").write_bytes(jpeg(150, size))
    (root / "wide.jpg").write_bytes(jpeg(150, (100, 10)))
    found = resolve(root, products(root, "line.jpg", "wide.jpg"))
    assert found["image_status"].to_list() == ["dead", "ok"]
    assert found["image_reasons"].to_list() == [["strip"], []]
    assert found["photo_sha256"].is_null().to_list() == [True, False]


def test_a_photo_that_breaks_the_gates_stops_no_other(root: Path) -> None:
    for name, shade in (("a.jpg", 20), ("b.jpg", 150)):
        (root / "photos" / name).write_bytes(jpeg(shade))
    frame, gates = products(root, "photos/a.jpg", "photos/b.jpg"), Gates()

    def breaking(array: np.ndarray) -> Verdict:
        if array.mean() < 60:
            raise cv2.error("!dsize.empty()\nmore")
        return gates(array)

    found = resolve(root, frame, breaking)
    assert found["image_status"].to_list() == ["unchecked", "ok"]
    assert found["image_reasons"].to_list() == [["not_judged: error: !dsize.empty()"], []]
    # Kept nowhere, so that a later run judges it.
    assert resolve(root, frame, gates)["image_status"].to_list() == ["poor", "ok"]


@pytest.mark.parametrize(
    "error", [ModelError("no weights", fix="make"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()]
)
def test_what_would_stop_every_photo_stops_the_run(root: Path, error: BaseException) -> None:
    (root / "photos" / "a.jpg").write_bytes(jpeg(150))

    def breaking(_: np.ndarray) -> Verdict:
        raise error

    with pytest.raises(type(error)):
        resolve(root, products(root, "photos/a.jpg"), breaking)


@pytest.mark.parametrize(("shade", "shape"), [(150, (341, 1_024, 3)), (20, (1_000, 3_000, 3))])
def test_photos_are_kept_as_png_and_poor_ones_whole(
    root: Path, shade: int, shape: tuple[int, int, int]
) -> None:
    content = jpeg(shade, (3_000, 1_000))
    (root / "photos" / "big.jpg").write_bytes(content)
    row = resolve(root, products(root, "photos/big.jpg")).row(0, named=True)
    png = Lake(str(root.parent / "lake")).get_image(row["photo_sha256"])
    assert png.startswith(b"\x89PNG")
    assert open_image(png).shape == shape
    if row["image_status"] == "poor":
        assert np.array_equal(open_image(png), open_image(content))


def test_an_unchanged_photo_is_assessed_once_per_version(root: Path) -> None:
    (root / "photos" / "a.jpg").write_bytes(jpeg(150))
    frame, gates = products(root, "photos/a.jpg", "photos/a.jpg"), Gates()
    first = resolve(root, frame, gates)
    assert resolve(root, frame, gates).equals(first)
    assert gates.asked == 1
    resolve(root, frame, gates, assessor_version="g2")
    assert gates.asked == 2


def test_one_picture_behind_many_names_is_a_placeholder(root: Path) -> None:
    same = jpeg(150)
    (root / "photos" / "a.jpg").write_bytes(same)
    (root / "photos" / "b.jpg").write_bytes(same)
    url = "https://example.com/soon.jpg"
    frame = products(root, *["photos/a.jpg"] * 3, *["photos/b.jpg"] * 2, *[url] * 5)
    assert set(resolve(root, frame)["image_status"]) == {"placeholder"}
    assert resolve(root, frame, placeholder_min=6)["image_status"].to_list() == ["ok"] * 5 + ["unchecked"] * 5


def test_one_dish_in_many_branches_is_no_placeholder(root: Path) -> None:
    (root / "photos" / "a.jpg").write_bytes(jpeg(150))
    frame = products(root, *["photos/a.jpg"] * 8, names=("Cheeseburger",) * 8)
    assert set(resolve(root, frame)["image_status"]) == {"ok"}


@pytest.mark.parametrize(
    ("consent", "route"), [("none", "text_to_image"), ("edit", "inpaint"), ("train", "inpaint")]
)
def test_route_follows_consent(root: Path, consent: str, route: str) -> None:
    (root / "photos" / "dark.jpg").write_bytes(jpeg(20))
    (root / "photos" / "ok.jpg").write_bytes(jpeg(150))
    frame = products(
        root,
        "photos/dark.jpg",
        "photos/ok.jpg",
        "",
        "photos/none.jpg",
        "https://example.com/x.jpg",
        consent=consent,
    )
    needing = without_images(resolve(root, frame))
    assert needing["product_id"].to_list() == ["0", "2", "3"]
    assert needing["route"].to_list() == [route, "text_to_image", "text_to_image"]


@pytest.fixture
def asked() -> list[str]:
    """Paths that the host below was asked for."""
    return []


@pytest.fixture
def host(root: Path, asked: list[str]) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

    def handler(*args: object) -> Quiet:
        return Quiet(*args, directory=str(root))  # type: ignore[arg-type]

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_with_a_network_addresses_are_fetched(root: Path, host: str) -> None:
    (root / "photos" / "ok.jpg").write_bytes(jpeg(150))
    (root / "photos" / "dark.jpg").write_bytes(jpeg(20))
    frame = products(root, *[""] * 5).with_columns(
        image_url=pl.Series(
            [f"http://{host}/photos/{n}" for n in ("ok.jpg", "dark.jpg", "none.jpg", "")]
            + ["https://example.invalid/x.jpg"]
        )
    )
    found = resolve(root, frame, ask=partial(fetch, allow_hosts={host}))
    # A folder listing is no picture: it answers 200 and cannot be opened.
    assert found["image_status"].to_list() == ["ok", "poor", "dead", "dead", "unchecked"]
    assert found["image_reasons"].to_list()[2] == ["http_404"]
    assert found["image_reasons"].to_list()[4] == ["unreachable"]


def addresses(root: Path, host: str, *names: str) -> pl.DataFrame:
    return products(root, *[""] * len(names)).with_columns(
        image_url=pl.Series([f"http://{host}/photos/{name}" for name in names])
    )


def test_a_picture_is_fetched_once_a_week(root: Path, host: str, asked: list[str]) -> None:
    (root / "photos" / "a.jpg").write_bytes(jpeg(150))
    frame, online = addresses(root, host, "a.jpg"), {"ask": partial(fetch, allow_hosts={host})}
    first = resolve(root, frame, **online)
    assert first["image_status"].to_list() == ["ok"]
    assert resolve(root, frame, now=NOW + timedelta(days=2), **online).equals(first)
    assert len(asked) == 1
    (root / "photos" / "a.jpg").write_bytes(jpeg(20))
    assert resolve(root, frame, now=NOW + WEEK, **online)["image_status"].to_list() == ["poor"]
    # Other gates must see the picture again.
    resolve(root, frame, now=NOW + WEEK, assessor_version="g2", **online)
    assert len(asked) == 3


def test_what_gave_no_picture_is_asked_in_every_run(root: Path, host: str) -> None:
    frame, online = addresses(root, host, "a.jpg"), {"ask": partial(fetch, allow_hosts={host})}
    assert resolve(root, frame, **online)["image_reasons"].to_list() == [["http_404"]]
    (root / "photos" / "a.jpg").write_bytes(jpeg(150))
    assert resolve(root, frame, **online)["image_status"].to_list() == ["ok"]


def test_beyond_the_budget_the_rest_is_unchecked_until_the_next_run(
    root: Path, host: str, asked: list[str]
) -> None:
    names = [f"{number}.jpg" for number in range(4)]
    for number, name in enumerate(names):
        (root / "photos" / name).write_bytes(jpeg(100 + 10 * number))
    frame = addresses(root, host, *names)
    little = {"ask": partial(fetch, allow_hosts={host}), "budget": FetchBudget(size=1, at_once=2)}
    seen: list[tuple[int, int]] = []
    first = resolve(root, frame, on_progress=lambda *at: seen.append(at), **little)
    assert first["image_status"].to_list() == ["ok", "ok", "unchecked", "unchecked"]
    assert first["image_reasons"].to_list()[2:] == [["budget_spent"]] * 2
    assert seen == [(done, 4) for done in range(1, 5)]
    assert resolve(root, frame, **little)["image_status"].to_list() == ["ok"] * 4
    assert len(asked) == 4
    # In the next week the first two are asked again, and the others keep what the last week found.
    assert resolve(root, frame, now=NOW + WEEK, **little)["image_status"].to_list() == ["ok"] * 4
    assert len(asked) == 6
    assert resolve(root, frame, now=NOW + WEEK, **little)["image_status"].to_list() == ["ok"] * 4
    assert len(asked) == 8


class Body(bytes):
    """A body that counts how many of them are held."""

    held, most = 0, 0

    def __init__(self, *_: object) -> None:
        Body.held += 1
        Body.most = max(Body.most, Body.held)

    def __del__(self) -> None:
        Body.held -= 1


def test_bodies_are_dropped_as_they_are_judged(root: Path) -> None:
    def ask(url: str) -> bytes:
        return Body(jpeg(50 + int(url[-2:])))

    frame = products(root, *(f"https://example.com/{number:02}" for number in range(40)))
    found = resolve(root, frame, ask=ask, budget=FetchBudget(at_once=2))
    assert found["photo_sha256"].n_unique() == 40
    assert Body.most <= 6


def test_assessments_are_plain_json(root: Path) -> None:
    (root / "photos" / "dark.jpg").write_bytes(jpeg(20))
    resolve(root, products(root, "photos/dark.jpg"))
    kept = next((root.parent / "lake" / "assessments").rglob("*.json"))
    assert json.loads(kept.read_text())["status"] == "poor"
