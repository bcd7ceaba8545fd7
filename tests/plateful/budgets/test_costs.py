"""The cost report and the reconciliation, on a real ledger and lake."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from plateful.budgets.costs import cost_report, differences, totals
from plateful.errors import ContractError
from plateful.ledger import Charge, Ledger
from plateful.stores import Lake
from plateful.tables import COST_REPORT
from plateful.vision.image_io import encode_png
from tests.plateful.review.country import candidate_key, picture
from tests.plateful.stores.rows import NOW, frame

SOUP, PIE, TEA = (candidate_key(dish, 0) for dish in ("soup", "pie", "tea"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.db", lambda: NOW)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def charge(candidate: str, cost: int, *, later: int = 0, **changes: str) -> Charge:
    fields = {
        "team": "fish", "country": "SG", "application": "menu-item", "model": "tiny", "run_id": "r",
        **changes,
    }  # fmt: skip
    return Charge(candidate_id=candidate, rendered_at=NOW + timedelta(seconds=later), cost=cost, **fields)


def rendered(lake: Lake, candidate: str, cost: int, country: str = "SG", **changes: object) -> None:
    row = {
        "candidate_id": candidate,
        "cost": cost,
        "rendered_at": NOW,
        "status": "ok",
        "team": "fish",
        **changes,
    }
    lake.append_part("generated_candidates", country, frame("generated_candidates", row))


def test_costs_by_group_and_by_image(ledger: Ledger, lake: Lake) -> None:
    ledger.budgets.charge(
        [
            charge(SOUP, 100),
            charge(PIE, 51),
            charge(TEA, 7, country="DE", team="meat"),
            charge(SOUP, 100, later=1),
        ]
    )
    accepted = [{"candidate_id": key, "accepted": key != PIE} for key in (SOUP, PIE)]
    lake.write_table("accepted_candidates", frame("accepted_candidates", *accepted), "SG")
    images = [{"image_id": "i", "candidate_id": SOUP, "status": "live"},
              {"image_id": "j", "candidate_id": PIE, "status": "retired"}]  # fmt: skip
    lake.write_table("published_images", frame("published_images", *images), "SG")
    report = cost_report(*ledger.budgets.metering(), lake)
    assert report.schema == COST_REPORT.schema
    assert report.rows() == [
        ("fish", "SG", "menu-item", "tiny", 3, 251, 1, 1, 251, 251),
        ("meat", "DE", "menu-item", "tiny", 1, 7, 0, 0, None, None),
    ]
    assert totals(report, "team") == {"fish": 251, "meat": 7}
    assert report["cost"].sum() == ledger.budgets.sums()[1] == 258


def test_an_image_counts_where_its_last_render_was_paid(ledger: Ledger, lake: Lake) -> None:
    ledger.budgets.charge([charge(SOUP, 9, later=1, model="new"), charge(SOUP, 5)])
    lake.write_table(
        "accepted_candidates", frame("accepted_candidates", {"candidate_id": SOUP, "accepted": True}), "SG"
    )
    report = cost_report(*ledger.budgets.metering(), lake)
    assert dict(report.select("model", "accepted").iter_rows()) == {"new": 1, "tiny": 0}


def test_a_cost_per_image_is_rounded_up(ledger: Ledger, lake: Lake) -> None:
    ledger.budgets.charge([charge(key, cost) for key, cost in ((SOUP, 5), (PIE, 5), (TEA, 0))])
    rows = [{"candidate_id": key, "accepted": True} for key in (SOUP, PIE, TEA)]
    lake.write_table("accepted_candidates", frame("accepted_candidates", *rows), "SG")
    assert cost_report(*ledger.budgets.metering(), lake)["cost_per_accepted"].to_list() == [4]


def test_an_empty_ledger_is_an_empty_report(ledger: Ledger, lake: Lake) -> None:
    assert cost_report(*ledger.budgets.metering(), lake).equals(COST_REPORT.empty())
    assert differences(ledger.budgets, lake) == []


def test_a_report_that_does_not_add_up_is_refused(lake: Lake) -> None:
    with pytest.raises(ContractError, match="report says 100 micro-USD, the ledger 101"):
        cost_report([charge(SOUP, 100)], 101, lake)


def test_charges_and_candidates_agree(ledger: Ledger, lake: Lake) -> None:
    ledger.budgets.charge([charge(SOUP, 100), charge(PIE, 3, country="DE")])
    rendered(lake, SOUP, 100)
    rendered(lake, PIE, 3, "DE", status="quarantined")
    rendered(lake, TEA, 0)
    assert differences(ledger.budgets, lake) == [], "one from before there were budgets cost nothing"
    # Killed between the charge and the row: the picture is there.
    ledger.budgets.charge([charge(TEA, 8, later=5, country="DE")])
    lake.put_image(TEA, encode_png(picture(TEA)))
    assert differences(ledger.budgets, lake) == []


def test_a_picture_made_again_is_the_charge_of_the_row_that_counts(ledger: Ledger, lake: Lake) -> None:
    ledger.budgets.charge([charge(SOUP, 100), charge(SOUP, 40, later=9)])
    rendered(lake, SOUP, 100)
    rendered(lake, SOUP, 40, status="quarantined", rendered_at=NOW + timedelta(seconds=9))
    assert differences(ledger.budgets, lake) == []


def test_what_does_not_agree_is_named(ledger: Ledger, lake: Lake, tmp_path: Path) -> None:
    ledger.budgets.charge([charge(SOUP, 100), charge(PIE, 3)])
    rendered(lake, SOUP, 90)
    rendered(lake, TEA, 8)
    found = differences(ledger.budgets, lake)
    assert found == [
        f"SG: candidate {SOUP} cost 90 micro-USD and 100 were charged",
        f"SG: candidate {TEA} cost 8 micro-USD and 0 were charged",
        f"SG: {PIE} was charged and does not exist",
    ]
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("UPDATE team_days SET spent = spent + 1")
    assert differences(ledger.budgets, lake)[0] == "teams' days say 104 micro-USD were spent, the charges 103"


def test_many_differences_are_counted(ledger: Ledger, lake: Lake) -> None:
    rows = [{"candidate_id": candidate_key("dish", n), "cost": 1, "rendered_at": NOW} for n in range(9)]
    lake.append_part("generated_candidates", "SG", frame("generated_candidates", *rows))
    lake.write_table("generated_candidates", frame("generated_candidates", *rows), "SG")
    found = differences(ledger.budgets, lake)
    assert (len(found), found[-1]) == (6, "SG: 4 more")


def test_parts_from_before_budgets_are_read(lake: Lake, tmp_path: Path) -> None:
    old = frame("generated_candidates", {"candidate_id": SOUP, "status": "ok"}).drop("team", "cost")
    folder = tmp_path / "lake" / "parts" / "generated_candidates" / "SG"
    folder.mkdir(parents=True)
    old.write_parquet(folder / "0000000001-aa.parquet")
    rendered(lake, PIE, 5)
    rows = lake.read_parts("generated_candidates", "SG").sort("cost")
    assert rows.select("candidate_id", "team", "cost").rows() == [(SOUP, "default", 0), (PIE, "fish", 5)]
