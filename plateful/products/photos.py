"""Decide each product's image status from its vendor photo, and keep readable photos in the lake.

| status | when |
|---|---|
| ok | opened, and passes the photo gates |
| poor | opened, and fails a gate; the reasons are the gates' failures |
| dead | 404 or 410, no such file in the feed's folder, a file that cannot be opened as a picture, a strip |
| placeholder | one picture behind products of `placeholder_min` different names |
| unchecked | not fetched, not answered, or the gates broke on it; counts as having an image, and says why |
| missing | no photo given |
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from plateful.errors import ImageError
from plateful.identity import canonical_json, sha256_hex
from plateful.item_faults import stops_all, told
from plateful.products.image_paths import find_picture
from plateful.products.urls import UrlProblem, fetch, is_address
from plateful.scoring.verdict import Verdict
from plateful.stores.lake import Lake
from plateful.tables import PRODUCTS
from plateful.vision.image_io import encode_png, open_image
from plateful.vision.measures import fitted

LONG_SIDE = 1_024
# Beyond this a picture is a separator line or a page banner: no dish is told at a tenth of the height.
MOST_ASPECT = 10
MAX_FILE_BYTES = 20_000_000
PLACEHOLDER_MIN = 5
# Raise when the same file would be normalised or judged differently by the code here.
CODE_VERSION = 2

Assess = Callable[[np.ndarray], Verdict]


@dataclass(frozen=True)
class PhotoStatus:
    """A photo's status, its reasons, and its key in the lake (None when it is not kept)."""

    status: str
    reasons: tuple[str, ...] = ()
    photo_sha256: str | None = None


@dataclass(frozen=True)
class _Source:
    """What stands behind a reference: the picture's bytes by digest, or the status that is already known."""

    digest: str | None
    known: PhotoStatus | None = None


def resolve_images(
    products: pl.DataFrame,
    *,
    feed_root: str | Path,
    assess: Assess,
    assessor_version: str,
    lake: Lake,
    network: bool = False,
    placeholder_min: int = PLACEHOLDER_MIN,
    allow_hosts: Collection[str] = (),
) -> pl.DataFrame:
    """Give every product its image status.

    Args:
        products: a feed slice's products (PRODUCTS less image_status, image_reasons, photo_sha256).
        feed_root: folder against which paths are resolved.
        assess: photo gates: uint8 RGB (H, W, 3) -> verdict.
        assessor_version: version of the gates; a photo is assessed once per version and file content.
        lake: where photos (PNG, at most 1,024 px on the long side) and assessments are kept.
        network: whether http(s) addresses are fetched.
        placeholder_min: number of differently named products behind one picture from which it is a
            placeholder.
        allow_hosts: `host:port` pairs exempt from the address check (tests on loopback only).

    Returns:
        PRODUCTS frame, in order.
    """
    contents: dict[str, Callable[[], bytes]] = {}
    look_up = partial(
        _source, root=Path(feed_root), network=network, allow_hosts=allow_hosts, contents=contents
    )
    sources = {url: look_up(url) for url in products["image_url"].unique(maintain_order=True) if url}
    shared = _shared(products, sources, placeholder_min)
    assessed: dict[str, PhotoStatus] = {}

    def status(url: str) -> PhotoStatus:
        source = sources.get(url)
        if source is None:
            return PhotoStatus("missing")
        if (source.digest or url) in shared:
            return PhotoStatus("placeholder", ("shared_picture",))
        if source.known or source.digest is None:
            return source.known or PhotoStatus("missing")
        if source.digest not in assessed:
            assessed[source.digest] = _assessed(
                source.digest, contents[source.digest], assess, assessor_version, lake
            )
        return assessed[source.digest]

    rows = [row | _columns(status(row["image_url"])) for row in products.iter_rows(named=True)]
    return PRODUCTS.frame(rows)


def _columns(photo: PhotoStatus) -> dict:
    return {
        "image_status": photo.status,
        "image_reasons": list(photo.reasons),
        "photo_sha256": photo.photo_sha256,
    }


def _source(
    url: str,
    *,
    root: Path,
    network: bool,
    allow_hosts: Collection[str],
    contents: dict[str, Callable[[], bytes]],
) -> _Source:
    if is_address(url):
        return _fetched(url, network=network, allow_hosts=allow_hosts, contents=contents)
    path = find_picture(url, root)
    if path is None or not path.resolve().is_relative_to(root.resolve()):
        return _Source(None, PhotoStatus("dead", ("file_not_found",)))
    if path.stat().st_size > MAX_FILE_BYTES:
        return _Source(None, PhotoStatus("dead", ("file_too_large",)))
    digest = sha256_hex(path.read_bytes())
    contents.setdefault(digest, path.read_bytes)
    return _Source(digest)


def _fetched(
    url: str, *, network: bool, allow_hosts: Collection[str], contents: dict[str, Callable[[], bytes]]
) -> _Source:
    if not network:
        return _Source(None, PhotoStatus("unchecked", ("no_network",)))
    answer = fetch(url, allow_hosts=allow_hosts)
    if isinstance(answer, UrlProblem):
        dead = answer.reason in ("http_404", "http_410")
        return _Source(None, PhotoStatus("dead" if dead else "unchecked", (answer.reason,)))
    digest = sha256_hex(answer)
    contents.setdefault(digest, lambda: answer)
    return _Source(digest)


def _shared(products: pl.DataFrame, sources: dict[str, _Source], least: int) -> set[str]:
    """Pictures (digest, else address) behind so many different names; branches of a chain share one."""
    names: dict[str, set[str]] = {}
    for url, name in products.select("image_url", "name").iter_rows():
        source = sources.get(url)
        if source is not None and not (source.known and source.known.status == "dead"):
            names.setdefault(source.digest or url, set()).add(name.casefold())
    return {picture for picture, found in names.items() if len(found) >= least}


def _assessed(
    digest: str, read: Callable[[], bytes], assess: Assess, version: str, lake: Lake
) -> PhotoStatus:
    """Assess a file once per gates version: the result is kept in the lake under the file's digest."""
    place = f"assessments/{sha256_hex(f'{version}/{CODE_VERSION}')[:16]}/{digest}.json"
    if lake.has_object(place):
        kept = json.loads(lake.get_object(place))
        known = PhotoStatus(kept["status"], tuple(kept["reasons"]), kept["photo_sha256"])
        if known.photo_sha256 is None or lake.has_image(known.photo_sha256):
            return known
    found = _judge(read(), assess, lake)
    if found.status == "unchecked":
        return found
    lake.put_object(
        place,
        canonical_json(
            {"status": found.status, "reasons": list(found.reasons), "photo_sha256": found.photo_sha256}
        ).encode(),
    )
    return found


def _judge(content: bytes, assess: Assess, lake: Lake) -> PhotoStatus:
    try:
        array = open_image(content, max_bytes=MAX_FILE_BYTES)
    except ImageError as error:
        return PhotoStatus("dead", (f"cannot_open: {error.message}"[:200],))
    if max(array.shape[:2]) > MOST_ASPECT * min(array.shape[:2]):
        return PhotoStatus("dead", ("strip",))
    array = fitted(array, LONG_SIDE)
    png = encode_png(array)
    key = sha256_hex(png)
    lake.put_image(key, png)
    try:
        verdict = assess(array)
    except Exception as error:
        if stops_all(error):
            raise
        return PhotoStatus("unchecked", (f"not_judged: {told(error)}",), key)
    return PhotoStatus("ok" if verdict.passed else "poor", tuple(verdict.failures), key)
