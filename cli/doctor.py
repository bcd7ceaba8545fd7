"""`plateful doctor`: what is reachable, allowed and missing, in one screen."""

import os
from dataclasses import asdict
from pathlib import Path

import typer

from cli import console
from cli.options import Json
from plateful.doctor import Status, examine
from plateful.doctor.findings import Result, ok, warn
from plateful.environments import Environment, Settings
from plateful.errors import ConfigError


def doctor(as_json: Json = False) -> None:
    """Say what is reachable, allowed and missing here; status 2 when something a run needs is not."""
    findings = examine({"dagster": check_dagster})
    if as_json:
        console.print_json([asdict(finding) for finding in findings])
    else:
        rows = [[one.name, one.status.value, one.found, one.fix] for one in findings]
        console.print_table("plateful doctor", ["name", "status", "found", "fix"], rows)
    if any(one.status is Status.FAIL for one in findings):
        raise typer.Exit(2)


def check_dagster(settings: Settings) -> Result:
    """Open Dagster's storage: the state folder's, or in a cluster the one that DAGSTER_HOME names."""
    import dagster as dg

    production = settings.env is Environment.PRODUCTION
    # `plateful` itself keeps its instance in the state folder; a cluster's images set DAGSTER_HOME.
    home = Path((production and os.environ.get("DAGSTER_HOME")) or settings.dagster_home)
    if not (home / "dagster.yaml").is_file():
        if not production:
            return warn(f"{home} is not there yet", "nothing to do: the first run makes it")
        raise ConfigError(
            f"{home} holds no dagster.yaml", fix="set DAGSTER_HOME to the folder of the instance's file"
        )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs_count()
        storage = type(instance.run_storage).__name__
    if production and "Sqlite" in storage:
        return warn(f"{storage} in {home}: pods do not share it", "give dagster.yaml Postgres storage")
    return ok(f"{storage} in {home}: {runs} runs")
