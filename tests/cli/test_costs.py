"""Budgets through the command: deferral, hard stop, charges, and the cost report."""

from pathlib import Path

import pytest
import yaml

from cli.execution import run_job
from cli.instance import open_instance
from cli.mainjob import run_countries
from plateful.budgets.policy import DEFAULT_POLICY
from plateful.environments import Settings, load_settings, open_adapters
from tests.cli.conftest import Plateful

WHY = "because this test says so"


def budgets(settings: Settings, monkeypatch: pytest.MonkeyPatch, limit: float, last: str) -> Settings:
    """Settings under a policy of a cent a picture."""
    rule = {"daily_limit": limit, "over_budget": [last], "why": WHY}
    policy = yaml.safe_load(DEFAULT_POLICY.read_text())
    policy["teams"]["default"] = rule
    policy["prices"]["plateful-tiny"] = {"per_image": 0.01, "why": WHY}
    path = Path(settings.home).with_name("budgets.yaml")
    path.write_text(yaml.safe_dump(policy))
    monkeypatch.setenv("PLATEFUL_BUDGETS", str(path))
    return load_settings()


def test_deferred_requests_wait_are_counted_and_come_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, plateful: Plateful
) -> None:
    poor = budgets(settings, monkeypatch, 0.05, "defer")
    counts = run_countries(poor, ["SG"]).summary["countries"]["SG"]
    assert (counts["without_images"], counts["candidates"], counts["deferred"]) == (3, 4, 1)
    assert counts["pending_review"] >= 1
    lake = open_adapters(settings).lake
    (waiting,) = lake.read_table("deferred_requests", "SG").iter_rows(named=True)
    assert "team 'default' has spent 0.040000 USD of its 0.050000 USD" in waiting["detail"]
    decided = lake.read_table("review_decisions", "SG").filter(subject=waiting["subject"]).row(0, named=True)
    assert (decided["status"], decided["decided_by"], decided["candidate_id"], decided["reasons"]) == (
        "pending_review", "budget:default", None, ["budget:deferred"],
    )  # fmt: skip
    shown = plateful("review", "list", "--country", "SG", "--json").json
    assert waiting["subject"] not in {item["subject"] for item in shown}

    rich = budgets(settings, monkeypatch, 1, "defer")
    counts = run_countries(rich, ["SG"]).summary["countries"]["SG"]
    assert (counts["rendered_now"], counts["candidates"], counts["deferred"]) == (2, 6, 0)

    with open_instance(rich) as instance:
        run_job("refresh_costs", instance, rich, partition=None)
    (row,) = lake.read_table("cost_report", None).iter_rows(named=True)
    assert (row["team"], row["country"], row["renders"], row["cost"]) == ("default", "SG", 6, 60_000)
    told = plateful("costs", "--country", "SG", "--json").json
    assert (told["total"], told["by_team"], told["by_country"]) == (
        60_000,
        {"default": 60_000},
        {"SG": 60_000},
    )
    assert told["today"] == [{"team": "default", "spent": 60_000, "reserved": 0, "limit": 1_000_000}]
    assert plateful("costs", "--team", "nobody", "--json").json["total"] == 0
    assert "0.060000 USD in 6 renders" in plateful("costs").out
    wrong = plateful("costs", "--since", "yesterday")
    assert (wrong.status, "is not a day" in wrong.err) == (2, True)


def test_a_hard_stop_fails_its_country_and_leaves_the_others_and_other_teams(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, plateful: Plateful
) -> None:
    budgets(settings, monkeypatch, 0.06, "stop")
    stopped = plateful("run", "--country", "SG", "--country", "DE")
    assert stopped.status == 2
    assert "team 'default' has spent 0.060000 USD of its 0.060000 USD" in stopped.err
    assert "raise its daily_limit in" in stopped.err
    lake = open_adapters(settings).lake
    assert lake.has_table("published_images", "SG")
    assert not lake.has_table("published_images", "DE")
    monkeypatch.setenv("PLATEFUL_TEAM", "meat")
    assert plateful("run", "--country", "DE", "--json").json["countries"]["DE"]["candidates"] == 6
    assert set(lake.read_table("generated_candidates", "DE")["team"]) == {"meat"}
