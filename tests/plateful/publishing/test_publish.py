"""Publication: exactly once wherever it is killed, only what passes, retired with a reason, never deleted."""

import hashlib
import io
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from plateful.errors import FeedError, FencedError, StoreError
from plateful.identity import image_id
from plateful.ledger import Lease, Ledger
from plateful.metrics.meter import METER
from plateful.prompts.groups import record_of
from plateful.publishing import MAX_LEFT_SHARE, Bucket, PublishReport, publish
from plateful.stores import DuckDBWarehouse, Lake
from plateful.vision.image_io import encode_png
from tests.plateful.review.country import Country, candidate_key, clock
from tests.plateful.stores.test_objects import file_size_limit

FRAMES = {
    "products": "products", "prompts": "prompts", "candidates": "generated_candidates",
    "accepted": "accepted_candidates", "safety": "safety_scores", "quality": "quality_scores",
    "judge": "judge_verdicts",
}  # fmt: skip
Frames = dict[str, pl.DataFrame]


@dataclass
class House:
    """A country and real stores around it."""

    country: Country
    lake: Lake
    bucket: Bucket
    warehouse: DuckDBWarehouse
    ledger: Ledger
    lease: Lease

    def publish(
        self,
        frames: Frames | None = None,
        decisions: pl.DataFrame | None = None,
        max_left_share: float = MAX_LEFT_SHARE,
    ) -> PublishReport:
        """Publish the country as it stands."""
        self.country.decisions = self.ledger.decisions("SG")
        found = {name: self.country.frame(table) for name, table in FRAMES.items()} | (frames or {})
        return publish(
            "SG",
            **found,
            decisions=self.country.decide() if decisions is None else decisions,
            lake=self.lake,
            bucket=self.bucket,
            warehouse=self.warehouse,
            ledger=self.ledger,
            lease=self.lease,
            clock=clock,
            max_left_share=max_left_share,
        )

    def rows(self) -> list[tuple[Any, ...]]:
        """(product, status, reason, version) of every warehouse row, by product and candidate."""
        names = ("product_id", "status", "reason", "version")
        return self.warehouse.published("SG").sort("product_id", "candidate_id").select(names).rows()

    def live(self) -> dict[str, str]:
        """Product -> live candidate."""
        rows = self.warehouse.published("SG").filter(pl.col("status") == "live")
        assert rows["product_id"].is_unique().all()
        return dict(rows.select("product_id", "candidate_id").iter_rows())

    def objects(self) -> list[str]:
        """Names of all published objects."""
        folder = Path(str(self.bucket.root)) / "published" / "SG"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def consistent(self) -> bool:
        """Whether object, row and ledger say the same of every image."""
        rows = self.warehouse.published("SG")
        recorded = [(p.image_id, p.version) for p in self.ledger.publications("SG")]
        for row in rows.iter_rows(named=True):
            content = self.bucket.get(f"published/SG/{row['image_id']}.webp")
            assert hashlib.sha256(content).hexdigest() == row["object_sha256"]
            assert recorded.count((row["image_id"], row["version"])) == 1
        return len(recorded) == len(set(recorded))


def open_house(tmp_path: Path) -> House:
    """The same country and stores in any process that opens this folder."""
    country = Country()
    country.add("p1")
    country.add("p2")
    lake = Lake(str(tmp_path / "lake"))
    country.write(lake)
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", clock)
    ledger.migrate()
    lease = ledger.acquire_lease("SG", "run1", timedelta(minutes=5))
    bucket = Bucket(str(tmp_path / "bucket"), "https://img.example.com/")
    return House(country, lake, bucket, DuckDBWarehouse(tmp_path / "w.duckdb"), ledger, lease)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = open_house(tmp_path)
    yield made
    made.ledger.close()


def refused(report: PublishReport) -> list[tuple[str, str]]:
    """(candidate, its reasons) of every refusal."""
    rows = report.refused.select("candidate_id", "reasons").iter_rows()
    return [(candidate, ", ".join(reasons)) for candidate, reasons in rows]


P1, P2 = candidate_key("p1", 0), candidate_key("p2", 0)
LIVE = [("p1", "live", None, 1), ("p2", "live", None, 1)]


def test_what_goes_live_and_what_retires_is_counted_once(house: House) -> None:
    before = METER.samples()
    house.publish()
    house.publish()
    house.publish({"products": house.country.frame("products").clear()}, max_left_share=1)
    after = METER.samples()
    live = house.warehouse.published("SG").height
    retired = "plateful_images_retired_total", (("reason", "left_feed"),)
    assert (
        after["plateful_images_published_total", ()] - before["plateful_images_published_total", ()] == live
    )
    assert after[retired] - before.get(retired, 0) == live > 0


def test_approved_images_become_objects_rows_and_ledger_entries(house: House) -> None:
    report = house.publish()
    assert (report.published_now, report.retired_now, refused(report)) == (2, 0, [])
    assert report.frame.equals(house.warehouse.published("SG"))
    assert house.rows() == LIVE
    assert house.consistent()
    row = report.frame.filter(product_id="p1").row(0, named=True)
    assert row["image_id"] == image_id("SG", "p1", P1)
    assert row["url"] == f"https://img.example.com/published/SG/{row['image_id']}.webp"
    assert house.ledger.publications("SG")[0].object_sha256 == report.frame["object_sha256"][0]


def test_a_repainted_photo_is_published_whole_at_a_size_that_menus_show(house: House) -> None:
    photo = np.zeros((1_500, 3_000, 3), np.uint8)
    photo[:, :1_500] = 200
    png = encode_png(photo)
    path = Path(house.lake.image_path(P1))
    path.unlink()
    house.lake.put_image(P1, png)
    house.country.put("generated_candidates", P1, file_sha256=hashlib.sha256(png).hexdigest())
    row = house.publish().frame.filter(product_id="p1").row(0, named=True)
    with Image.open(io.BytesIO(house.bucket.get(f"published/SG/{row['image_id']}.webp"))) as image:
        assert image.size == (2_048, 1_024)


def test_the_object_is_a_webp_without_metadata(house: House) -> None:
    name = house.publish().frame["image_id"][0]
    with Image.open(io.BytesIO(house.bucket.get(f"published/SG/{name}.webp"))) as image:
        assert (image.format, image.size) == ("WEBP", (64, 64))
        assert not {"exif", "xmp", "icc_profile"} & set(image.info)


def test_again_does_nothing(house: House) -> None:
    first = house.publish()
    again = house.publish()
    assert (again.published_now, again.retired_now) == (0, 0)
    assert again.frame.equals(first.frame)
    assert len(house.ledger.publications("SG")) == 2


def test_nothing_to_publish_is_fine(house: House) -> None:
    report = house.publish(decisions=house.country.decide().clear())
    assert report.frame.is_empty()
    assert house.objects() == []


# -- gates


@pytest.mark.parametrize("table", ["safety", "quality", "judge"])
def test_an_approval_without_a_score_is_refused(house: House, table: str) -> None:
    decisions = house.country.decide()
    scores = house.country.frame(FRAMES[table]).filter(pl.col("candidate_id") != P1)
    report = house.publish({table: scores}, decisions)
    ((candidate, reason),) = refused(report)
    assert candidate == P1
    assert reason.startswith("missing_")
    assert house.live() == {"p2": P2}
    assert len(house.objects()) == 1


def test_an_approval_of_a_failed_candidate_is_refused(house: House) -> None:
    decisions = house.country.decide()
    house.country.put("safety_scores", P1, passed=False, failures=["people", "text"])
    assert refused(house.publish(decisions=decisions)) == [(P1, "safety:people, safety:text")]
    assert house.live() == {"p2": P2}


@pytest.mark.parametrize(
    ("table", "key", "values", "reason"),
    [
        ("generated_candidates", P1, {"status": "quarantined", "reason": "nan"}, "render:nan"),
        ("generated_candidates", P1, {"request_id": "r-p2-h1"}, "candidate_of_another_request"),
        ("products", "p1", {"image_status": "ok"}, "real_photo"),
        ("products", "p1", {"image_status": "unchecked"}, "photo_unchecked"),
        ("products", "p1", {"record_hash": "h2"}, "record_changed"),
        ("prompts", "r-p1-h1", {"record_hash": "h2"}, "record_changed"),
        ("generated_candidates", P1, {"file_sha256": "0" * 64}, "image_unreadable"),
    ],
)  # fmt: skip
def test_a_stale_approval_is_refused(
    house: House, table: str, key: str, values: dict[str, Any], reason: str
) -> None:
    decisions = house.country.decide()
    house.country.put(table, key, **values)
    assert refused(house.publish(decisions=decisions)) == [(P1, reason)]
    assert house.live() == {"p2": P2}


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        ("products", "p1", "left_feed"),
        ("prompts", "r-p1-h1", "unknown_request"),
        ("generated_candidates", P1, "unknown_candidate"),
    ],
)
def test_an_approval_of_what_is_gone_is_refused(house: House, table: str, key: str, reason: str) -> None:
    decisions = house.country.decide()
    house.country.drop(table, key)
    assert refused(house.publish(decisions=decisions)) == [(P1, reason)]


def test_an_approval_without_acceptance_is_refused(house: House) -> None:
    accepted = house.country.frame("accepted_candidates").filter(pl.col("candidate_id") != P1)
    report = house.publish({"accepted": accepted}, house.country.decide())
    assert refused(report) == [(P1, "missing_acceptance")]


def test_an_image_that_is_not_in_the_lake_stops_nothing_else(house: House) -> None:
    (house.lake.root / "images" / P1[:2] / f"{P1}.png").unlink()
    report = house.publish()
    assert refused(report) == [(P1, "image_unreadable")]
    assert "not in the lake" in report.refused["detail"][0]
    assert house.live() == {"p2": P2}


# -- retirement


def reject(house: House, attempt: int) -> None:
    said = house.country.say("p1", attempt, "rejected")
    house.ledger.record_decision(said)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda h: h.country.put("products", "p1", image_status="ok"), "real_photo"),
        (lambda h: h.country.put("products", "p1", record_hash="h2"), "record_changed"),
        (lambda h: h.country.drop("products", "p1"), "left_feed"),
    ],
)
def test_what_no_longer_holds_is_retired_and_never_deleted(
    house: House, change: Callable[[House], None], reason: str
) -> None:
    house.publish()
    objects = house.objects()
    change(house)
    house.country.drop("prompts", "r-p1-h1")
    report = house.publish()
    assert (report.published_now, report.retired_now) == (0, 1)
    assert house.rows() == [("p1", "retired", reason, 2), ("p2", "live", None, 1)]
    assert house.objects() == objects
    assert house.consistent()
    assert house.publish().retired_now == 0


def test_a_feed_that_was_cut_short_retires_nothing(house: House) -> None:
    for number in range(3, 14):
        house.country.add(f"p{number}")
    house.country.write(house.lake)
    house.publish()
    live = house.live()
    assert len(live) == 13
    for number in range(3, 14):
        house.country.drop("products", f"p{number}")
    with pytest.raises(FeedError, match="11 of 13 live images are not in the feed any more"):
        house.publish()
    assert house.live() == live
    assert house.publish(max_left_share=1.0).retired_now == 11
    assert sorted(house.live()) == ["p1", "p2"]


def test_a_newer_approved_candidate_replaces_the_live_one(house: House) -> None:
    house.publish()
    house.ledger.record_decision(house.country.say("p1", 1, "approved"))
    report = house.publish()
    assert (report.published_now, report.retired_now) == (1, 1)
    assert house.live() == {"p1": candidate_key("p1", 1), "p2": P2}
    assert ("p1", "retired", "replaced", 2) in house.rows()
    assert house.consistent()


def test_a_replacement_that_cannot_be_read_leaves_the_live_one(house: House) -> None:
    house.publish()
    house.ledger.record_decision(house.country.say("p1", 1, "approved"))
    house.country.put("generated_candidates", candidate_key("p1", 1), file_sha256="0" * 64)
    report = house.publish()
    assert report.refused["product_id"].to_list() == ["p1"]
    assert house.live() == {"p1": P1, "p2": P2}


def test_a_person_takes_a_live_image_down_and_the_next_comes_up(house: House) -> None:
    house.publish()
    reject(house, 0)
    house.publish()
    assert house.live() == {"p1": candidate_key("p1", 1), "p2": P2}
    assert ("p1", "retired", "rejected_by_person", 2) in house.rows()
    reject(house, 1)
    assert house.publish().published_now == 0
    assert house.live() == {"p2": P2}


def test_a_rejection_counts_even_before_the_decisions_are_materialized_again(house: House) -> None:
    decisions = house.country.decide()
    house.publish()
    reject(house, 0)
    report = house.publish(decisions=decisions)
    assert refused(report) == [(P1, "rejected_by_person")]
    assert house.live() == {"p2": P2}


def test_a_live_image_that_fails_a_new_scorer_is_retired(house: House) -> None:
    house.publish()
    for attempt in (0, 1):
        house.country.put("safety_scores", candidate_key("p1", attempt), passed=False, failures=["text"])
    house.publish()
    assert ("p1", "retired", "safety:text", 2) in house.rows()


def test_a_live_image_stays_while_a_newer_candidate_waits(house: House) -> None:
    house.publish()
    house.country.put("prompts", "r-p1-h1", application="editorial-banner")
    assert house.publish().retired_now == 0
    assert house.live() == {"p1": P1, "p2": P2}


def test_a_live_image_stays_when_its_candidate_is_no_longer_in_the_tables(house: House) -> None:
    house.publish()
    for attempt in (0, 1):
        house.country.drop("generated_candidates", candidate_key("p1", attempt))
    assert house.publish().retired_now == 0


def test_a_photo_that_could_not_be_checked_retires_nothing(house: House) -> None:
    house.publish()
    decisions = house.country.decide()
    house.country.put("products", "p1", image_status="unchecked", image_reasons=["timeout"])
    # As in a run of its own: a product that has a photo, checked or not, has no request.
    house.country.drop("prompts", "r-p1-h1")
    for stale in (None, decisions):
        assert house.publish(decisions=stale).retired_now == 0
        assert house.rows() == LIVE


def test_a_product_that_loses_its_real_photo_gets_its_image_back(house: House) -> None:
    house.publish()
    house.country.put("products", "p1", image_status="ok")
    house.publish()
    house.country.put("products", "p1", image_status="dead")
    assert house.publish().published_now == 1
    assert house.rows() == [("p1", "live", None, 3), ("p2", "live", None, 1)]
    assert len(house.objects()) == 2
    assert house.consistent()


def test_the_same_picture_for_a_changed_record_keeps_its_address(house: House) -> None:
    before = house.publish().frame
    house.country.put("products", "p1", record_hash="h2")
    house.country.put("prompts", "r-p1-h1", record_hash="h2")
    report = house.publish()
    assert (report.published_now, report.retired_now) == (0, 0)
    assert report.frame["url"].equals(before["url"])
    assert house.rows()[0] == ("p1", "live", None, 2)


# -- killed anywhere


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches a kill."""


class Killer:
    """Kills before or after the n-th call of a store's operation."""

    def __init__(self, operation: str, when: str, call: int) -> None:
        self.operation, self.when, self.left = operation, when, call

    def __call__(self, operation: str, act: Callable[[], Any]) -> Any:
        mine = operation == self.operation
        self.left -= mine
        if mine and self.left == 0 and self.when == "before":
            raise Killed
        result = act()
        if mine and self.left == 0:
            raise Killed
        return result


def kill(house: House, killer: Killer) -> House:
    """The same stores, on which the killer watches."""

    class KilledBucket(Bucket):
        def put(self, path: str, content: bytes) -> bool:
            return killer("put", lambda: Bucket.put(self, path, content))

    class KilledWarehouse(DuckDBWarehouse):
        def merge_published(self, frame: pl.DataFrame) -> int:
            return killer("merge", lambda: DuckDBWarehouse.merge_published(self, frame))

    class KilledLedger(Ledger):
        def record_publications(self, changes: Any, lease: Lease) -> int:
            return killer("record", lambda: Ledger.record_publications(self, changes, lease))

    ledger = KilledLedger(str(house.ledger._database.url), clock)
    bucket = KilledBucket(str(house.bucket.root), house.bucket.base_url)
    return replace(house, bucket=bucket, warehouse=KilledWarehouse(house.warehouse.path), ledger=ledger)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("operation", "call"), [("put", 1), ("put", 2), ("merge", 1), ("record", 1), ("record", 2)]
)
def test_killed_between_any_two_steps_a_rerun_leaves_one_object_and_one_row(
    house: House, operation: str, call: int, when: str
) -> None:
    with pytest.raises(Killed):
        kill(house, Killer(operation, when, call)).publish()
    house.publish()
    assert house.rows() == LIVE
    assert len(house.objects()) == 2
    assert len(house.ledger.publications("SG")) == 2
    assert house.consistent()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("operation", "call"), [("put", 1), ("merge", 1), ("record", 2)])
def test_killed_during_a_replacement_never_two_images_are_live(
    house: House, operation: str, call: int, when: str
) -> None:
    house.publish()
    house.ledger.record_decision(house.country.say("p1", 1, "approved"))
    with pytest.raises(Killed):
        kill(house, Killer(operation, when, call)).publish()
    assert set(house.live()) == {"p1", "p2"}
    house.publish()
    assert house.live()["p1"] == candidate_key("p1", 1)
    assert ("p1", "retired", "replaced", 2) in house.rows()
    assert len(house.ledger.publications("SG")) == 4
    assert house.consistent()


DYING = """
import os, sys
from pathlib import Path
from plateful.stores import DuckDBWarehouse
from tests.plateful.publishing.test_publish import open_house

class Dying(DuckDBWarehouse):
    def merge_published(self, frame):
        super().merge_published(frame)
        os.kill(os.getpid(), 9)

house = open_house(Path(sys.argv[1]))
house.warehouse = Dying(house.warehouse.path)
house.publish()
"""


def test_kill_minus_nine_after_the_merge_leaves_a_state_that_a_rerun_completes(
    house: House, tmp_path: Path
) -> None:
    # A fresh interpreter: polars' threads do not survive a fork.
    done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert house.rows() == LIVE
    assert house.ledger.publications("SG") == []
    assert house.publish().published_now == 0
    assert house.rows() == LIVE
    assert house.consistent()


def test_a_full_disk_is_one_error_and_a_rerun_completes(house: House) -> None:
    with file_size_limit(100), pytest.raises(StoreError, match="disk full"):
        house.publish()
    assert house.objects() == []
    assert house.publish().published_now == 2
    assert house.consistent()


def test_a_run_that_lost_its_lease_publishes_nothing(house: House) -> None:
    house.ledger.acquire_lease("SG", "run2", timedelta(minutes=5), owner_finished=lambda _: True)
    with pytest.raises(FencedError):
        house.publish()
    assert house.objects() == []
    assert house.rows() == []


def test_a_lease_lost_while_objects_were_written_stops_before_the_merge(house: House) -> None:
    class Stealing(Bucket):
        def put(self, path: str, content: bytes) -> bool:
            house.ledger.acquire_lease("SG", "run2", timedelta(minutes=5), owner_finished=lambda _: True)
            return super().put(path, content)

    with pytest.raises(FencedError):
        replace(house, bucket=Stealing(str(house.bucket.root))).publish()
    assert house.rows() == []
    house.lease = house.ledger.acquire_lease("SG", "run2", timedelta(minutes=5))
    house.publish()
    assert house.rows() == LIVE


def show_together(house: House, *records: str) -> None:
    """Let p1 lead a group with p2, as their records are."""
    house.country.put("products", "p1", record_hash=records[0])
    house.country.put("products", "p2", record_hash=records[1])
    together = record_of(["p1", "p2"], {"p1": records[0], "p2": records[1]})
    group = {"subject": "group-1", "product_ids": ["p1", "p2"], "record_hash": together}
    house.country.put("prompts", "r-p1-h1", **group)


def test_a_groups_picture_is_its_leads_alone(house: House) -> None:
    show_together(house, "h1", "h1")
    house.publish()
    assert house.live() == {"p1": P1, "p2": P2}
    assert house.publish().published_now == 0


def test_a_groups_picture_goes_when_a_product_beside_its_lead_changes(house: House) -> None:
    show_together(house, "h1", "h1")
    house.publish()
    decisions = house.country.decide()
    house.country.put("products", "p2", record_hash="h2")
    assert (P1, "record_changed") in refused(house.publish(decisions=decisions))
    assert ("p1", "retired", "record_changed", 2) in house.rows()


def test_a_groups_picture_goes_when_a_product_beside_its_lead_leaves(house: House) -> None:
    show_together(house, "h1", "h1")
    house.publish()
    decisions = house.country.decide()
    house.country.drop("products", "p2")
    house.publish(decisions=decisions)
    assert ("p1", "retired", "record_changed", 2) in house.rows()
