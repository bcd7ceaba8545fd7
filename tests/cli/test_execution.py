"""The Dagster instance that every command opens."""

import sqlite3

import dagster as dg

from cli.instance import open_instance
from plateful.environments import Settings


def test_the_configuration_is_written_only_when_it_differs(settings: Settings) -> None:
    file = settings.dagster_home / "dagster.yaml"
    with open_instance(settings):
        first = file.stat()
    with open_instance(settings):
        assert file.stat().st_ino == first.st_ino
    file.write_text("telemetry:\n")
    with open_instance(settings):
        assert file.stat().st_size == first.st_size


def test_a_command_reports_runs_that_died(settings: Settings) -> None:
    @dg.job
    def stand_in() -> None: ...

    with open_instance(settings) as instance:
        killed = instance.create_run_for_job(stand_in, status=dg.DagsterRunStatus.STARTED).run_id
        with sqlite3.connect(settings.dagster_home / "history" / "runs.db") as storage:
            storage.execute("UPDATE runs SET update_timestamp = datetime('now', '-1 hour')")
    with open_instance(settings) as instance:
        run = instance.get_run_by_id(killed)
        assert run is not None
        assert run.is_failure
