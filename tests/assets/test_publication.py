"""Review and publishing through Dagster, contracts included, on a country whose candidates all pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
import pytest

from cli.execution import run_job
from cli.instance import open_instance
from plateful.environments import Adapters, Settings, open_adapters
from plateful.products.selection import without_images
from plateful.prompts.groups import record_of
from plateful.publishing import PublishReport, publish
from plateful.reporting.summary import CountrySummary, summarise_country
from plateful.review.policy import AutoApproval, load_policy
from tests.plateful.review.country import Country, candidate_key


@dataclass
class Town:
    """A country in the lake, and the job that publishes it."""

    country: Country
    settings: Settings
    instance: dg.DagsterInstance

    @property
    def adapters(self) -> Adapters:
        """Its stores."""
        return open_adapters(self.settings)

    def publish(self) -> CountrySummary:
        """Run the job, every contract with it; return counts that add up."""
        self.country.write(self.adapters.lake)
        done = run_job("publish_country", self.instance, self.settings, partition="SG")
        tables = {
            name: self.adapters.lake.read_table(name, "SG")
            for name in (
                "products",
                "prompts",
                "generated_candidates",
                "accepted_candidates",
                "review_decisions",
                "published_images",
                "refused_images",
            )
        }
        return summarise_country(
            "SG",
            tables["products"].height,
            pl.DataFrame(),
            tables["products"],
            without_images(tables["products"]),
            tables["review_decisions"],
            tables["generated_candidates"],
            tables["accepted_candidates"],
            prompts=tables["prompts"],
            published=tables["published_images"],
            refused=tables["refused_images"],
            rendered_now=0,
            seconds=done.seconds,
        )

    def images(self) -> dict[str, str]:
        """Candidate -> status of its published image."""
        rows = self.adapters.warehouse.published("SG").select("candidate_id", "status")
        return dict(rows.iter_rows())


@pytest.fixture
def town(settings: Settings) -> Iterator[Town]:
    country = Country()
    country.add("p1")
    country.add("p2")
    with open_instance(settings) as instance:
        yield Town(country, settings, instance)


P1, P2 = candidate_key("p1", 0), candidate_key("p2", 0)
BOTH_LIVE = {P1: "live", P2: "live"}


def tighten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no candidate of the country meet the auto-approval policy any more."""
    policy = load_policy()
    tight = policy.model_copy(update={"min_fidelity": policy.min_fidelity.model_copy(update={"value": 0.95})})

    def load() -> AutoApproval:
        return tight

    monkeypatch.setattr("assets.publication.load_policy", load)


def test_live_images_stay_when_a_stricter_policy_asks_a_person(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert town.publish().published == 2
    tighten(monkeypatch)
    summary = town.publish()
    decisions = town.adapters.lake.read_table("review_decisions", "SG")
    assert set(decisions["status"]) == {"pending_review"}
    assert (summary.published, summary.pending_review) == (2, 0)
    assert town.images() == BOTH_LIVE


def regenerate(town: Town) -> None:
    """Ask for new pictures of the first product and render them; they score less than the live one."""
    town.country.generations["p1"] = 1
    for attempt in (2, 3):
        town.country.add_candidate("p1", attempt, "r-p1-h1")


def test_a_live_image_stays_while_its_regeneration_waits(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.publish()
    tighten(monkeypatch)
    regenerate(town)
    summary = town.publish()
    assert (summary.published, summary.pending_review) == (2, 0)
    assert town.images() == BOTH_LIVE
    waiting = town.adapters.lake.read_table("review_decisions", "SG").filter(subject="p1")
    assert waiting["candidate_id"].to_list() == [candidate_key("p1", 2)]


def test_a_regenerated_image_replaces_one_that_a_person_approved(town: Town) -> None:
    town.adapters.ledger.record_decision(town.country.say("p1", 0, "approved"))
    assert town.publish().published == 2
    regenerate(town)
    assert town.publish().published == 2
    assert town.images() == {P1: "retired", P2: "live", candidate_key("p1", 2): "live"}


def test_a_rejection_during_the_run_takes_the_image_off_and_stops_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.publish()

    def after_a_rejection(country: str, **arguments: Any) -> PublishReport:
        town.adapters.ledger.record_decision(town.country.say("p1", 0, "rejected"))
        return publish(country, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr("assets.publication.publish", after_a_rejection)
        summary = town.publish()
    assert (summary.published, summary.rejected) == (1, 1)
    assert town.images() == {P1: "retired", P2: "live"}
    refused = town.adapters.lake.read_table("refused_images", "SG")
    assert refused.select("product_id", "candidate_id", "reasons").rows() == [
        ("p1", P1, ["rejected_by_person"])
    ]
    assert town.publish().published == 2, "the next best is approved"


def test_a_photo_that_could_not_be_checked_retires_nothing_and_the_counts_add_up(town: Town) -> None:
    town.publish()
    town.country.put("products", "p1", image_status="unchecked")
    town.country.drop("prompts", "r-p1-h1")
    summary = town.publish()
    assert (summary.products, summary.without_images, summary.published) == (2, 1, 1)
    assert town.images() == BOTH_LIVE


def test_groups_and_refused_prompts_count_once_each(town: Town) -> None:
    record = record_of(["p1", "p2"], {"p1": "h1", "p2": "h1"})
    lead = {"subject": "group-1", "product_ids": ["p1", "p2"], "record_hash": record}
    town.country.put("prompts", "r-p1-h1", **lead)
    town.country.put("prompts", "r-p2-h1", prompt=None, refused="not_in_record")
    for attempt in (0, 1):
        town.country.drop("generated_candidates", candidate_key("p2", attempt))
    summary = town.publish()
    assert (summary.published, summary.quarantined, summary.without_images) == (1, 1, 2)
    assert town.images() == {P1: "live"}
