"""The main job through Dagster on a micro family: counts, one changed row, one writer per country."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.checks import CHECKS
from cli.execution import RunFailedError, run_job
from cli.instance import open_instance
from cli.mainjob import run_countries
from definitions import build_definitions
from plateful.environments import Settings, open_adapters
from resources.environment import build_resources
from resources.io_managers import TableIOManager
from tests.conftest import feed_rows, write_feed


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def test_two_countries_end_to_end(settings: Settings) -> None:
    summary = run_countries(settings, ["SG", "DE"]).summary
    total = summary["total"]
    assert total["rows_in"] == total["products"] == total["without_images"] == 6
    assert total["candidates"] == total["rendered_now"] == 12
    lake = open_adapters(settings).lake
    for country in ("SG", "DE"):
        candidates = lake.read_table("generated_candidates", country)
        assert candidates["status"].to_list() == ["ok"] * 6
        assert all(lake.has_image(candidate) for candidate in candidates["candidate_id"])
        for gate in ("safety_scores", "quality_scores", "judge_verdicts"):
            assert set(lake.read_table(gate, country)["candidate_id"]) == set(candidates["candidate_id"])


def test_an_unchanged_country_renders_nothing_and_one_change_renders_one_request(settings: Settings) -> None:
    first = run_countries(settings, ["SG"]).summary
    assert first["total"]["rendered_now"] == 6
    again = run_countries(settings, ["SG"]).summary
    assert again["total"]["rendered_now"] == 0
    assert again["total"]["candidates"] == 6

    rows = feed_rows()
    rows[1]["description"] = "with cashew nuts and raisins"
    write_feed(Path(settings.feed), rows)
    changed = run_countries(settings, ["SG"]).summary
    assert changed["total"]["rendered_now"] == 2
    rendered = open_adapters(settings).lake.read_table("generated_candidates", "SG")
    newest = rendered.filter(pl.col("run_id") != rendered["run_id"].mode()[0])
    assert set(newest["subject"]) == {"sg-1"}


def test_every_contract_is_checked_in_the_run(settings: Settings, instance: dg.DagsterInstance) -> None:
    job = build_definitions(settings).resolve_job_def("render_country")
    result = job.execute_in_process(instance=instance, partition_key="DE")
    checks = result.get_asset_check_evaluations()
    assert len(checks) == 12
    assert all(check.passed for check in checks)


def test_a_feed_without_a_column_fails_in_one_sentence(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    path = Path(settings.feed)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        row.pop("name")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(RunFailedError, match="name") as raised:
        run_job("render_country", instance, settings, partition="SG")
    assert "Traceback" not in str(raised.value)


def test_a_country_that_another_run_holds_is_left_alone(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    ledger = open_adapters(settings).ledger
    lease = ledger.acquire_lease("SG", "another-run", timedelta(minutes=5))
    impatient = settings.model_copy(update={"lease_wait": 0.0})
    with pytest.raises(RunFailedError, match="another-run"):
        run_job("render_country", instance, impatient, partition="SG")
    assert not open_adapters(settings).lake.has_table("products", "SG")
    ledger.release(lease)
    run_job("render_country", instance, impatient, partition="SG")
    assert open_adapters(settings).lake.has_table("published_images", "SG")


class LossyTables(TableIOManager):
    """Loses the last prompt on the way to the lake."""

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        lost = context.asset_key.path[-1] == "prompts"
        super().handle_output(context, obj.head(obj.height - 1) if lost else obj)


def test_a_lost_row_stops_what_follows(settings: Settings, instance: dg.DagsterInstance) -> None:
    resources = build_resources(settings)
    resources["io_manager"] = LossyTables(lake=resources["lake"], lease=resources["lease"])
    whole = build_definitions(settings)
    assets = [a for a in whole.assets or [] if isinstance(a, dg.AssetsDefinition)]
    result = dg.materialize(
        [*assets, *CHECKS],
        selection=dg.AssetSelection.groups("catalog", "prompts", "generation"),
        resources=resources,
        instance=instance,
        partition_key="SG",
        raise_on_error=False,
    )
    assert not result.success
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [check.asset_key.to_user_string() for check in failed] == ["prompts"]
    assert not open_adapters(settings).lake.has_table("generated_candidates", "SG")
