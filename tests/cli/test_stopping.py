"""SIGTERM and Ctrl-C in mid-run: one line, the signal's status, nothing left running, and a rerun goes on."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.instance import open_instance
from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings
from tests.conftest import feed_rows, write_feed

# Fifteen batches: the first is read of through a log follower, which may be seconds late on a busy
# machine, and six batches were over by then.
DISHES = [(f"Noodle soup number {number}", "egg") for number in range(30)]
WANTED = 2 * len(DISHES)
# As a script starts what it sends to the background: Ctrl-C ignored, a process group of its own.
IN_BACKGROUND = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
# No process of the group is left to hold standard error open after that.
ENDS_WITHIN = 20


@pytest.mark.parametrize(
    ("number", "status", "launcher"),
    [(signal.SIGTERM, 143, IN_BACKGROUND), (signal.SIGINT, 130, [])],
    ids=["SIGTERM in the background", "Ctrl-C"],
)
def test_a_signal_ends_the_demo_and_the_next_run_goes_on(
    settings: Settings,
    number: signal.Signals,
    status: int,
    launcher: list[str],
) -> None:
    write_feed(Path(settings.feed), feed_rows({"DE": DISHES, "SG": DISHES}))
    process = subprocess.Popen(
        [*launcher, sys.executable, "-m", "cli", "demo"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert next(line for line in process.stderr if re.match(rf"  render DE: [1-9]\d*/{WANTED}", line))
    process.send_signal(number)
    _, after = process.communicate(timeout=ENDS_WITHIN)

    assert process.returncode == status
    assert after.splitlines()[-1] == (
        f"plateful: stopped by {number.name}; what was made is kept, run the same command to go on"
    )
    assert "Traceback" not in after
    assert "SG" not in after
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)

    made = len(list((settings.home / "lake" / "images").rglob("*.png")))
    assert 4 <= made < WANTED
    total = run_countries(load_settings(), ["DE"]).summary["total"]
    assert total["candidates"] == WANTED
    assert total["rendered_now"] == WANTED - made
    with open_instance(settings) as instance:
        later, stopped = (run.status.value for run in instance.get_runs())
    assert (later, stopped) == ("SUCCESS", "CANCELED")
