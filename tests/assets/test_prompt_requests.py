"""The prompts asset through Dagster: groups, banners, a language model on loopback, and its refusals."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.checks import CHECKS
from cli.instance import open_instance
from cli.mainjob import run_countries
from definitions import build_definitions
from plateful.environments import Settings, load_settings, open_adapters
from resources.environment import build_resources
from tests.conftest import COLUMNS, feed_rows
from tests.plateful.prompts import chat_server as server
from tests.plateful.prompts.chat_server import Script, serving


@pytest.fixture
def grouped(settings: Settings) -> Settings:
    """A feed of one country: a group with its lead, a banner, and a product that is in the group too."""
    rows = [row for row in feed_rows() if row["country"] == "SG"]
    rows[0] |= {"application": "lifestyle-carousel", "related_products": "sg-2 | gone"}
    rows[1] |= {"application": "editorial-banner"}
    with Path(settings.feed).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, "related_products"], restval="")
        writer.writeheader()
        writer.writerows(rows)
    return settings


@pytest.fixture
def script(grouped: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """A language model writes for that feed."""
    assert grouped.writer == "grammar"
    with serving(server.grammar) as running:
        for name, value in {"": "llm", "_URL": running.url, "_MODEL": "m-1", "_KEY": "sk-test"}.items():
            monkeypatch.setenv(f"PLATEFUL_WRITER{name}", value)
        yield running


def test_groups_and_banners_go_through_the_whole_job(grouped: Settings) -> None:
    total = run_countries(grouped.model_copy(update={"candidates": 1}), ["SG"]).summary["total"]
    assert (total["without_images"], total["candidates"]) == (3, 3)
    lake = open_adapters(grouped).lake
    group, banner, alone = lake.read_table("prompts", "SG").rows(named=True)
    assert (group["product_ids"], banner["product_ids"]) == (["sg-0", "sg-2"], ["sg-1"])
    assert (group["layout"], alone["layout"]) == (None, None)
    assert set(json.loads(banner["layout"])) == {"badge", "headline", "tagline", "dish"}
    decided = lake.read_table("review_decisions", "SG")
    assert decided["subject"].to_list() == [group["subject"], "sg-1", "sg-2"]
    assert not set(decided["status"][:2]) & {"approved"}


def prompts_of(settings: Settings) -> pl.DataFrame:
    """Materialize the country as far as prompts, contracts included."""
    whole = build_definitions(settings)
    assets = [a for a in whole.assets or [] if isinstance(a, dg.AssetsDefinition)]
    with open_instance(settings) as instance:
        result = dg.materialize(
            [*assets, *CHECKS],
            selection=dg.AssetSelection.groups("catalog", "prompts"),
            resources=build_resources(settings),
            instance=instance,
            partition_key="SG",
        )
    assert all(check.passed for check in result.get_asset_check_evaluations())
    return open_adapters(settings).lake.read_table("prompts", "SG")


def test_a_language_model_writes_a_country_once(script: Script) -> None:
    settings = load_settings()
    frame = prompts_of(settings)
    assert frame["prompt"].null_count() == 0
    assert frame["writer"].str.starts_with("llm:m-1@").all()
    assert frame["product_ids"].to_list() == [["sg-0", "sg-2"], ["sg-1"], ["sg-2"]]
    assert frame["team"].unique().to_list() == ["default"]
    assert len(script.asked) == 3
    assert prompts_of(settings).equals(frame)
    assert len(script.asked) == 3


def test_a_refused_product_is_counted_given_up_and_tried_again_on_demand(script: Script) -> None:
    script.behaviours[:] = [server.content("no json")]
    settings = load_settings().model_copy(update={"max_attempts": 2})
    for _ in range(2):
        assert prompts_of(settings)["refused"].to_list() == ["answer_malformed"] * 3
    paid = len(script.asked)
    assert prompts_of(settings)["prompt"].null_count() == 3
    assert len(script.asked) == paid
    ledger = open_adapters(settings).ledger
    assert set(ledger.quarantined("SG", 2).values()) == {"prompt: answer_malformed"}
    assert ledger.clear_failures("SG") == 3
    script.behaviours[:] = [server.grammar]
    assert prompts_of(settings)["prompt"].null_count() == 0
    assert ledger.quarantined("SG", 1) == {}
