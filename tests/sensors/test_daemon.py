"""A real daemon on a real feed: it renders new menus once, publishes, and a restart repeats nothing."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from cli.execution import open_instance
from plateful.environments import Settings, open_adapters
from tests.conftest import feed_rows, write_feed

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


def _runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(job_name="render_country"))


def _ticks(instance: dg.DagsterInstance) -> int:
    states = [state for state in instance.all_instigator_state() if state.instigator_name == "new_menus"]
    return sum(len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) for state in states)


def test_new_menus_are_rendered_once_over_a_restart(settings: Settings, tmp_path: Path) -> None:
    write_feed(Path(settings.feed), feed_rows({"SG": [("Laksa", "prawn")]}))
    log = tmp_path / "daemon.log"
    with open_instance(settings) as instance:
        start = [str(Path(sys.executable).parent / "dagster"), "sensor", "start", "new_menus", *WORKSPACE]
        subprocess.run(start, cwd=ROOT, check=True, capture_output=True)
        with _daemon(log):
            done = _eventually(lambda: any(run.is_success for run in _runs(instance)), 150)
            assert done, log.read_text()[-3000:]
        assert open_adapters(settings).lake.read_table("generated_candidates", "SG").height == 2
        seen = _ticks(instance)
        with _daemon(log):
            assert _eventually(lambda: _ticks(instance) >= seen + 1, 90), log.read_text()[-3000:]
        assert len(_runs(instance)) == 1
