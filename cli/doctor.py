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
    """Open Dagster's storage: this machine's, or the one of the cluster that DAGSTER_HOME names."""
    import dagster as dg

    home = _dagster_home(settings)
    if not (home / "dagster.yaml").is_file():
        if settings.env is Environment.LOCAL:
            return warn(f"{home} is not there yet", "nothing to do: the first run makes it")
        raise ConfigError(
            f"DAGSTER_HOME={str(home)!r} holds no dagster.yaml", fix="mount the instance's file there"
        )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs_count()
        storage = type(instance.run_storage).__name__
    if settings.env is Environment.PRODUCTION and "Sqlite" in storage:
        return warn(f"{storage} in {home}: pods do not share it", "give dagster.yaml Postgres storage")
    return ok(f"{storage} in {home}: {runs} runs")


def _dagster_home(settings: Settings) -> Path:
    if settings.env is Environment.LOCAL:
        return settings.dagster_home
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        raise ConfigError(
            "DAGSTER_HOME is not set", fix="set it to the folder of the instance's dagster.yaml"
        )
    return Path(home)
