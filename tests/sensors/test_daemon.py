"""A real daemon on a real feed: it renders new menus once, dead runs or not, and carries out decisions."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from cli.instance import open_instance
from cli.mainjob import run_countries
from jobs.batches import batch_tags
from plateful.environments import Settings, open_adapters, open_ledger
from plateful.products.feed import Feed
from tests.conftest import feed_rows, write_feed
from tests.sensors.test_review import decision

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE = ["-w", str(ROOT / "workspace.yaml")]


def _eventually(check: Callable[[], bool], seconds: float) -> bool:
    pause = threading.Event()
    for _ in range(int(seconds / 0.5)):
        if check():
            return True
        pause.wait(0.5)
    return check()


@contextmanager
def _daemon(log: Path) -> Iterator[subprocess.Popen]:
    with log.open("ab") as file:
        command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", *WORKSPACE]
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, start_new_session=True)
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _runs(instance: dg.DagsterInstance, job: str, **tags: str) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(job_name=job, tags=tags)))


def _ticks(instance: dg.DagsterInstance) -> int:
    states = [state for state in instance.all_instigator_state() if state.instigator_name == "new_menus"]
    return sum(len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) for state in states)


def _killed(instance: dg.DagsterInstance, settings: Settings, country: str) -> str:
    """Leave a run as kill -9 does, an hour ago: started, at work on the feed's content."""

    @dg.job(name="render_country")
    def stand_in() -> None: ...

    tags = {"dagster/partition": country, **batch_tags(Feed(settings.feed), country)}
    run = instance.create_run_for_job(stand_in, status=dg.DagsterRunStatus.STARTED, tags=tags)
    with sqlite3.connect(settings.dagster_home / "history" / "runs.db") as storage:
        storage.execute("UPDATE runs SET update_timestamp = datetime('now', '-1 hour')")
    return run.run_id


def _start(sensor: str) -> None:
    command = [str(Path(sys.executable).parent / "dagster"), "sensor", "start", sensor, *WORKSPACE]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


@pytest.mark.timeout(420)  # the waits below, on a machine that is busy with something else
def test_the_daemon_outlives_dead_runs_and_works_once_over_a_restart(
    settings: Settings, tmp_path: Path
) -> None:
    write_feed(Path(settings.feed), feed_rows({"SG": [("Laksa", "prawn")]}))
    log = tmp_path / "daemon.log"
    with open_instance(settings) as instance:
        _start("new_menus")
        # As many as the queue runs at once, one of them on the country itself.
        killed = [_killed(instance, settings, country) for country in ("SG", "DE")]
        with _daemon(log):
            done = _eventually(lambda: any(run.is_success for run in _runs(instance, "render_country")), 200)
            assert done, log.read_text()[-3000:]
        assert {run.run_id for run in _runs(instance, "render_country") if run.is_failure} == set(killed)
        adapters = open_adapters(settings)
        assert adapters.lake.read_table("generated_candidates", "SG").height == 2
        seen = _ticks(instance)
        with _daemon(log):
            assert _eventually(lambda: _ticks(instance) >= seen + 1, 90), log.read_text()[-3000:]
        assert len(_runs(instance, "render_country")) == 3


def test_a_decision_publishes(settings: Settings, tmp_path: Path) -> None:
    write_feed(Path(settings.feed), feed_rows({"SG": [("Laksa", "prawn")]}))
    log = tmp_path / "daemon.log"
    run_countries(settings, ["SG"])
    open_ledger(settings.ledger).record_decision(decision("SG", "a-candidate"))
    with open_instance(settings) as instance:
        _start("review_decisions")
        with _daemon(log):
            done = _eventually(lambda: any(run.is_success for run in _runs(instance, "publish_country")), 150)
            assert done, log.read_text()[-3000:]
        assert len(_runs(instance, "publish_country")) == 1
