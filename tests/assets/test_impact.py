"""The cost report as an asset, with its two checks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.checks import costs_are_charged, costs_contract
from assets.impact import costs
from plateful.environments import Adapters, Settings, open_adapters
from plateful.ledger import Charge
from plateful.vision.image_io import encode_png
from resources.environment import build_resources
from tests.plateful.review.country import candidate_key, picture


@pytest.fixture
def state(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "state")


@pytest.fixture
def stores(state: Settings) -> Iterator[Adapters]:
    opened = open_adapters(state)
    yield opened
    opened.ledger.close()


Report = Callable[[], tuple[dict[str, dg.AssetCheckEvaluation], dg.ExecuteInProcessResult]]


@pytest.fixture
def report(state: Settings) -> Iterator[Report]:
    """Materialize the report with its checks; one instance, which knows that the last run has ended."""
    with dg.DagsterInstance.ephemeral() as instance:

        def run() -> tuple[dict[str, dg.AssetCheckEvaluation], dg.ExecuteInProcessResult]:
            result = dg.materialize(
                [costs, costs_contract, costs_are_charged],
                resources=build_resources(state),
                instance=instance,
                raise_on_error=False,
            )
            return {check.check_name: check for check in result.get_asset_check_evaluations()}, result

        yield run


def test_a_new_installation_has_cost_nothing(report: Report, stores: Adapters) -> None:
    checks, _ = report()
    assert [checks[name].passed for name in ("contract", "charged")] == [True, True]
    assert stores.lake.read_table("cost_report", None).is_empty()


def test_charges_are_reported_and_one_without_a_picture_fails_the_check(
    report: Report, stores: Adapters
) -> None:
    stored, lost = candidate_key("soup", 0), candidate_key("pie", 0)
    stores.lake.put_image(stored, encode_png(picture(stored)))
    fields = {"team": "fish", "country": "SG", "application": "menu-item", "model": "tiny", "run_id": "r"}
    at = datetime(2026, 11, 21, tzinfo=UTC)
    stores.ledger.budgets.charge([Charge(stored, at, **fields, cost=9)])
    checks, result = report()
    assert [checks[name].passed for name in ("contract", "charged")] == [True, True]
    (made,) = result.asset_materializations_for_node("cost_report")
    assert made.metadata["total"].value == "0.000009 USD"
    assert "| fish | 0.000009 USD |" in str(made.metadata["by_team"].value)

    stores.ledger.budgets.charge([Charge(lost, at, **fields, cost=1)])
    checks, _ = report()
    assert not checks["charged"].passed
    assert checks["charged"].description == f"SG: {lost} was charged and does not exist"
