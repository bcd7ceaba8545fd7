"""Publication of one country: object, then one MERGE, then the ledger; killed anywhere, a rerun completes it.

Each step can be repeated without a second effect: an object is put if absent, a warehouse row changes only to
a higher version, the ledger takes each (image, version) once. Nothing is ever deleted.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import polars as pl

from plateful.acceptance import GateScores
from plateful.errors import FeedError, ImageError
from plateful.ledger import Ledger, Publication
from plateful.ledger.records import Lease
from plateful.metrics.declared import PUBLISHED, RETIRED
from plateful.metrics.meter import METER
from plateful.publishing.bucket import Bucket
from plateful.publishing.plan import Refusal, Tables, Wanted, retirement, wanted_images
from plateful.stores.lake import Lake
from plateful.stores.warehouse import Warehouse
from plateful.tables import PUBLISHED_IMAGES, REFUSED_IMAGES
from plateful.vision.image_io import encode_webp, open_stored
from plateful.vision.measures import fitted

WEBP_QUALITY = 90
# Long side of what is published: no menu shows more, and a repainted photo may have 40 megapixels.
WEBP_SIDE = 2_048
# The lease is renewed as often: an object takes some ms, a lease lasts minutes.
RENEW_EVERY = 100
# A menu seldom loses half of its products overnight; a feed that was cut short does.
MAX_LEFT_SHARE, FEW_LEFT = 0.5, 10
Row = Mapping[str, Any]


@dataclass(frozen=True)
class PublishReport:
    """What a publication left and did.

    `frame` is PUBLISHED_IMAGES of the country, live and retired. `refused` is REFUSED_IMAGES: approved images
    that a product does not show; a product that shows no other counts as rejected.
    """

    frame: pl.DataFrame
    published_now: int
    retired_now: int
    refused: pl.DataFrame


def publish(
    country: str,
    *,
    products: pl.DataFrame,
    prompts: pl.DataFrame,
    candidates: pl.DataFrame,
    accepted: pl.DataFrame,
    safety: pl.DataFrame,
    quality: pl.DataFrame,
    judge: pl.DataFrame,
    decisions: pl.DataFrame,
    lake: Lake,
    bucket: Bucket,
    warehouse: Warehouse,
    ledger: Ledger,
    lease: Lease,
    clock: Callable[[], datetime],
    max_left_share: float = MAX_LEFT_SHARE,
) -> PublishReport:
    """Make approved candidates live and retire what no longer holds.

    Args:
        country: ISO 3166-1 alpha-2.
        products: PRODUCTS, the country's whole feed as it is now.
        prompts: PROMPTS.
        candidates: GENERATED_CANDIDATES.
        accepted: ACCEPTED_CANDIDATES.
        safety: SAFETY_SCORES of the current scorer.
        quality: QUALITY_SCORES of the current scorer.
        judge: JUDGE_VERDICTS of the current judge.
        decisions: REVIEW_DECISIONS.
        lake: has the candidates' PNGs.
        bucket: takes the public WebP files.
        warehouse: takes the URL rows.
        ledger: takes the record of each change, and knows people's decisions.
        lease: of the country, held by the caller.
        clock: aware UTC.
        max_left_share: share of the live images that may be retired at once because their products left the
            feed.

    Raises:
        FeedError: more than that share, and more than a few: the feed was rather cut short; nothing is done.
        FencedError: the lease was lost; what was done so far is completed by the run that has it.
        StoreError: disk full or a store out of reach; run again to complete.
        ContractError: a table has a key twice.
    """
    ledger.check_fence(lease)
    stored = warehouse.published(country)
    _record(stored, ledger, lease)  # what a killed run merged and did not record
    tables = Tables.index(
        country,
        products=products,
        prompts=prompts,
        candidates=candidates,
        accepted=accepted,
        scores=GateScores(safety, quality, judge),
        rejected_by_person=_rejected(country, ledger),
    )
    _check_left(country, stored, tables, max_left_share)
    wanted, refused = wanted_images(decisions, tables)
    writer = _Writer(country, lake, bucket, ledger, lease, clock)
    changes, unreadable = writer.changes(wanted, stored, tables)
    before = dict(stored.select("image_id", "status").iter_rows())
    if changes:
        ledger.check_fence(lease)
        warehouse.merge_published(PUBLISHED_IMAGES.frame(changes))
        stored = warehouse.published(country)
        _record(stored, ledger, lease)
    new = [row for row in changes if row["status"] == "live" and before.get(row["image_id"]) != "live"]
    retired = [row for row in changes if row["status"] == "retired"]
    METER.count(PUBLISHED, len(new))
    for row in retired:
        METER.count(RETIRED, reason=row["reason"].partition(":")[0])
    refusals = REFUSED_IMAGES.frame([asdict(refusal) for refusal in (*refused, *unreadable)])
    return PublishReport(stored, len(new), len(retired), refusals)


def _check_left(country: str, stored: pl.DataFrame, tables: Tables, most: float) -> None:
    live = stored.filter(pl.col("status") == "live")["product_id"].to_list()
    left = sum(product not in tables.products for product in live)
    if left > max(FEW_LEFT, most * len(live)):
        raise FeedError(
            f"{country}: the products of {left} of {len(live)} live images are not in the feed any more",
            fix="see whether the feed is whole; if they really left, run once with PLATEFUL_MAX_LEFT_SHARE=1",
        )


@dataclass
class _Writer:
    """Puts objects and makes the rows of one publication."""

    country: str
    lake: Lake
    bucket: Bucket
    ledger: Ledger
    lease: Lease
    clock: Callable[[], datetime]

    def changes(
        self, wanted: Iterable[Wanted], stored: pl.DataFrame, tables: Tables
    ) -> tuple[list[dict[str, Any]], list[Refusal]]:
        """Put the objects that are to be live; return changed rows, and refusals of unreadable pictures."""
        rows = {row["image_id"]: row for row in stored.iter_rows(named=True)}
        changed, refused, live = [], [], {}
        for place, image in enumerate(wanted, start=1):
            old = rows.get(image.image_id)
            if not _is_current(old, image):
                try:
                    with METER.timed("publish"):
                        changed.append(self._live_row(image, old))
                except ImageError as fault:
                    key = image.candidate["candidate_id"]
                    refused.append(Refusal(image.product_id, key, ["image_unreadable"], str(fault)))
                    continue
                if place % RENEW_EVERY == 0:
                    self.lease = self.ledger.renew(self.lease)
            live[image.product_id] = image.image_id
        for row in rows.values():
            reason = retirement(row, tables, live) if row["status"] == "live" else None
            if reason is not None:
                changed.append(self._next(row, status="retired", reason=reason))
        return changed, refused

    def _live_row(self, image: Wanted, old: Row | None) -> dict[str, Any]:
        path = f"published/{self.country}/{image.image_id}.webp"
        if not self.bucket.put(path, content := self._rendition(image.candidate)):
            # An earlier run's encoder may have written other bytes; the row names what is served.
            content = self.bucket.get(path)
        first = {
            "image_id": image.image_id,
            "country": self.country,
            "product_id": image.product_id,
            "candidate_id": image.candidate["candidate_id"],
            "model_version": image.candidate["model_version"],
            "version": 0,
        }
        return self._next(
            old or first,
            record_hash=image.record_hash,
            url=self.bucket.url(path),
            object_sha256=hashlib.sha256(content).hexdigest(),
            status="live",
            reason=None,
        )

    def _next(self, row: Row, **changed: object) -> dict[str, Any]:
        return {**row, **changed, "version": row["version"] + 1, "updated_at": self.clock()}

    def _rendition(self, candidate: Row) -> bytes:
        """Return the public WebP of a candidate's stored PNG.

        Raises:
            ImageError: the PNG is missing, altered or broken.
        """
        key = candidate["candidate_id"]
        if not self.lake.has_image(key):
            raise ImageError(
                f"image of candidate {key} is not in the lake", fix=f"materialize {self.country} again"
            )
        png = self.lake.get_image(key)
        if hashlib.sha256(png).hexdigest() != candidate["file_sha256"]:
            raise ImageError(
                f"image of candidate {key} was altered",
                fix=f"delete {self.lake.image_path(key)} and materialize {self.country} again",
            )
        return encode_webp(fitted(open_stored(png), WEBP_SIDE), WEBP_QUALITY)


def _is_current(old: Row | None, image: Wanted) -> bool:
    return old is not None and old["status"] == "live" and old["record_hash"] == image.record_hash


def _rejected(country: str, ledger: Ledger) -> frozenset[str]:
    latest = {decision.candidate_id: decision.decision for decision in ledger.decisions(country)}
    return frozenset(candidate for candidate, word in latest.items() if word == "rejected")


def _record(rows: pl.DataFrame, ledger: Ledger, lease: Lease) -> None:
    names = list(Publication.__dataclass_fields__)
    ledger.record_publications([Publication(*row) for row in rows.select(names).iter_rows()], lease)
