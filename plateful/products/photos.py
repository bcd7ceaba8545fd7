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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl

from plateful.errors import ImageError
from plateful.identity import canonical_json, sha256_hex
from plateful.item_faults import stops_all, told
from plateful.products.fetching import Fetch, FetchBudget, fetch_all
from plateful.products.image_paths import find_picture
from plateful.products.urls import is_address
from plateful.scoring.verdict import Verdict
from plateful.stores.lake import Lake
from plateful.tables import PRODUCTS
from plateful.vision.image_io import encode_png, open_image
from plateful.vision.measures import GATED_SIDE, fitted

# Beyond this a picture is a separator line or a page banner: no dish is told at a tenth of the height.
MOST_ASPECT = 10
MAX_FILE_BYTES = 20_000_000
PLACEHOLDER_MIN = 5
# Raise when the same file would be normalised or judged differently by the code here.
CODE_VERSION = 3

_DECIDED = ("image_status", "image_reasons", "photo_sha256")

Assess = Callable[[np.ndarray], Verdict]


@dataclass(frozen=True)
class PhotoStatus:
    """A photo's status, its reasons, and its key in the lake (None when it is not kept)."""

    status: str
    reasons: tuple[str, ...] = ()
    photo_sha256: str | None = None


@dataclass(frozen=True)
class _Source:
    """What stands behind a reference: the picture's digest (None when no bytes were had) and its status."""

    digest: str | None
    photo: PhotoStatus


def resolve_images(
    products: pl.DataFrame,
    *,
    feed_root: str | Path | None,
    assess: Assess,
    assessor_version: str,
    lake: Lake,
    now: datetime,
    ask: Fetch | None = None,
    placeholder_min: int = PLACEHOLDER_MIN,
    budget: FetchBudget = FetchBudget(),  # noqa: B008 - frozen
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> pl.DataFrame:
    """Give every product its image status.

    Args:
        products: a feed slice's products (PRODUCTS less image_status, image_reasons, photo_sha256).
        feed_root: folder against which paths are resolved, None where there are only addresses.
        assess: photo gates: uint8 RGB (H, W, 3) -> verdict.
        assessor_version: version of the gates; a photo is assessed once per version and file content.
        lake: where photos (PNG, poor ones at their own size, as they may be repainted, others at most 1,024
            px on the long side), assessments and what addresses gave are kept.
        now: aware; an address that gave a picture is asked again in another week.
        ask: fetches the picture of an address, called from several threads; None = nothing is fetched.
        placeholder_min: number of differently named products behind one picture from which it is a
            placeholder.
        budget: of all addresses together; beyond it they count as last week, else as unchecked.
        on_progress: told (done, total) pictures.

    Returns:
        PRODUCTS frame, in order.
    """
    gates = _Gates(assess, assessor_version, lake)
    urls = [url for url in products["image_url"].unique(maintain_order=True) if url]
    files = ((url, _filed(url, Path(feed_root), gates)) for url in urls if feed_root and not is_address(url))
    addresses = [url for url in urls if is_address(url)]
    sources: dict[str, _Source] = {}
    for url, source in chain(files, _fetched(addresses, ask, gates, _Memory(lake, now, gates), budget)):
        sources[url] = source
        on_progress(len(sources), len(urls))
    shared = _shared(products, sources, placeholder_min)

    def status(url: str) -> PhotoStatus:
        if url not in sources:
            return PhotoStatus("missing")
        if (sources[url].digest or url) in shared:
            return PhotoStatus("placeholder", ("shared_picture",))
        return sources[url].photo

    return _joined(products, {url: status(url) for url in ("", *sources)})


def _joined(products: pl.DataFrame, photos: Mapping[str, PhotoStatus]) -> pl.DataFrame:
    """Return products with the status of their picture reference, in order."""
    # Few statuses stand behind many references, and lists are slow to build one by one.
    number = {photo: place for place, photo in enumerate(dict.fromkeys(photos.values()))}
    which = pl.DataFrame({"image_url": list(photos), "photo": [number[photo] for photo in photos.values()]})
    rows = [(p.status, list(p.reasons), p.photo_sha256, place) for p, place in number.items()]
    schema = {**{name: PRODUCTS.schema[name] for name in _DECIDED}, "photo": pl.Int64}
    found = which.join(pl.DataFrame(rows, schema=schema, orient="row"), on="photo").drop("photo")
    return PRODUCTS.frame(products.join(found, on="image_url", how="left", maintain_order="left"))


def _filed(url: str, root: Path, gates: "_Gates") -> _Source:
    path = find_picture(url, root)
    if path is None or not path.resolve().is_relative_to(root.resolve()):
        return _Source(None, PhotoStatus("dead", ("file_not_found",)))
    if path.stat().st_size > MAX_FILE_BYTES:
        return _Source(None, PhotoStatus("dead", ("file_too_large",)))
    return gates.judge(path.read_bytes())


def _fetched(
    urls: list[str], ask: Fetch | None, gates: "_Gates", memory: "_Memory", budget: FetchBudget
) -> Iterator[tuple[str, _Source]]:
    """Yield every address with the picture it gave this week; `ask` the others, unless it is None."""
    if ask is None:
        offline = _Source(None, PhotoStatus("unchecked", ("no_network",)))
        yield from ((url, offline) for url in urls)
        return
    known = {url: source for url in urls if (source := memory.this_week(url))}
    yield from known.items()
    for url, answer in fetch_all([url for url in urls if url not in known], ask, budget):
        if isinstance(answer, bytes):
            source = gates.judge(answer)
            memory.keep(url, sha256_hex(answer))
        else:
            dead = answer.reason in ("http_404", "http_410")
            source = _Source(None, PhotoStatus("dead" if dead else "unchecked", (answer.reason,)))
        before = memory.last_week(url) if source.photo.reasons == ("budget_spent",) else None
        yield url, before or source


def _shared(products: pl.DataFrame, sources: dict[str, _Source], least: int) -> set[str]:
    """Pictures (digest, else address) behind so many different names; branches of a chain share one."""
    shown = {
        url: source.digest or url
        for url, source in sources.items()
        if source.digest or source.photo.status != "dead"
    }
    # Most pictures are behind one product, and need no look at its name.
    behind = Counter(shown.values())
    counts = products["image_url"].value_counts()
    often = {
        url for url, rows in counts.iter_rows() if url in shown and (rows >= least or behind[shown[url]] > 1)
    }
    names: dict[str, set[str]] = {}
    chosen = products.filter(pl.col("image_url").is_in(often)).select("image_url", "name")
    for url, name in chosen.iter_rows():
        names.setdefault(shown[url], set()).add(name.casefold())
    return {picture for picture, found in names.items() if len(found) >= least}


@dataclass(frozen=True)
class _Gates:
    """Assesses a file once per gates version: the result is kept in the lake under the file's digest."""

    assess: Assess
    version: str
    lake: Lake

    def judge(self, content: bytes) -> _Source:
        digest = sha256_hex(content)
        known = self.known(digest)
        if known:
            return known
        found = _judge(content, self.assess, self.lake)
        if found.status != "unchecked":
            kept = {
                "status": found.status,
                "reasons": list(found.reasons),
                "photo_sha256": found.photo_sha256,
            }
            self.lake.put_object(self._place(digest), canonical_json(kept).encode())
        return _Source(digest, found)

    def known(self, digest: str) -> _Source | None:
        if not self.lake.has_object(self._place(digest)):
            return None
        kept = json.loads(self.lake.get_object(self._place(digest)))
        found = PhotoStatus(kept["status"], tuple(kept["reasons"]), kept["photo_sha256"])
        if found.photo_sha256 is not None and not self.lake.has_image(found.photo_sha256):
            return None
        return _Source(digest, found)

    def _place(self, digest: str) -> str:
        return f"assessments/{sha256_hex(f'{self.version}/{CODE_VERSION}')[:16]}/{digest}.json"


@dataclass(frozen=True)
class _Memory:
    """Digests of what addresses gave, by calendar week: a picture is fetched once a week, not in each run."""

    lake: Lake
    now: datetime
    gates: _Gates

    def this_week(self, url: str) -> _Source | None:
        return self._recall(self._place(url, self.now))

    def last_week(self, url: str) -> _Source | None:
        return self._recall(self._place(url, self.now - timedelta(days=7)))

    def keep(self, url: str, digest: str) -> None:
        self.lake.put_object(self._place(url, self.now), digest.encode())

    def _recall(self, place: str) -> _Source | None:
        return self.gates.known(self.lake.get_object(place).decode()) if self.lake.has_object(place) else None

    def _place(self, url: str, when: datetime) -> str:
        return f"addresses/{when:%G-W%V}/{sha256_hex(url)}.txt"


def _judge(content: bytes, assess: Assess, lake: Lake) -> PhotoStatus:
    try:
        array = open_image(content, max_bytes=MAX_FILE_BYTES)
    except ImageError as error:
        return PhotoStatus("dead", (f"cannot_open: {error.message}"[:200],))
    if max(array.shape[:2]) > MOST_ASPECT * min(array.shape[:2]):
        return PhotoStatus("dead", ("strip",))
    seen = fitted(array, GATED_SIDE)
    try:
        verdict = assess(seen)
    except Exception as error:
        if stops_all(error):
            raise
        return PhotoStatus("unchecked", (f"not_judged: {told(error)}",), _kept(seen, lake))
    # Only thumbnails and training read a photo that passes; a poor one may be repainted, and stays whole.
    if verdict.passed:
        return PhotoStatus("ok", tuple(verdict.failures), _kept(seen, lake))
    return PhotoStatus("poor", tuple(verdict.failures), _kept(array, lake))


def _kept(array: np.ndarray, lake: Lake) -> str:
    png = encode_png(array)
    key = sha256_hex(png)
    lake.put_image(key, png)
    return key
