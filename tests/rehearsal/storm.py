"""The rehearsal in a storm: one render pod preempted, the next killed, then run worker, daemon, code server.

    python -m tests.rehearsal.storm

Then the same command again, and every count, object, row and dollar is right.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil

from tests.kubernetes.api_server import Fault, Mishap
from tests.kubernetes.plane import eventually
from tests.rehearsal.menu import load_menu
from tests.rehearsal.rehearse import Rehearsal, step_pods, stored
from tests.rehearsal.stage import Stage, production

COUNTRY = "SG"
RENDER, RUN_WORKER = "plateful.io/profile=gpu-render", "app.kubernetes.io/component=run_worker"
# Of the standard profile on a CPU; what a kill may render again.
BATCH = 16
PATIENCE = 600


@dataclass(frozen=True)
class Storm:
    """What was broken, and what came of it."""

    broken: Sequence[str]
    statuses: Sequence[str]
    sent: int
    rehearsal: Rehearsal

    def check(self) -> None:
        """Check counts and stores, and that no kill repeated more than a batch.

        Raises:
            AssertionError: they differ.
        """
        self.rehearsal.check()
        candidates = self.rehearsal.summary["total"]["candidates"]
        assert self.sent <= candidates + BATCH * len(self.broken), self.sent
        assert "SUCCESS" in self.statuses and "STARTED" not in self.statuses, self.statuses


def storm(folder: Path, products: int) -> Storm:
    """Break one part after the other while a country renders, then run it again.

    Args:
        folder: empty.
        products: rows of the country.
    """
    with production(folder, monitoring_seconds=5) as stage:
        load_menu(stage.parts.snowflake, [COUNTRY], products)
        stage.json("weights", "push", "plateful-tiny")
        running = stage.start("backfill", "--countries", COUNTRY)
        broken = [
            _break(stage, Mishap.PREEMPT, RENDER, 1),
            _break(stage, Mishap.OOM, RENDER, 2),
            _break(stage, Mishap.KILL, RUN_WORKER, 2),
        ]
        broken += _kill_servers(stage)
        with stage.dagster.daemon(), stage.instance() as instance:
            # It followed the first run, which the new daemon reports failed.
            running.communicate(timeout=PATIENCE)
            eventually(lambda: _all_ended(instance), PATIENCE, "the retried run")
            summary = stage.json("backfill", "--countries", COUNTRY)
            pods = step_pods(stage, instance)
            statuses = [run.status.value for run in instance.get_runs()]
        pools = {name: (pool.pods, pool.peak) for name, pool in stage.cluster.pools.items() if pool.pods}
        done = Rehearsal(summary, pods, stored(stage, [COUNTRY]), pools, 0.0)
        return Storm(broken, statuses, _sent(stage), done)


def _break(stage: Stage, mishap: Mishap, labels: str, pictures: int) -> str:
    """Have a mishap happen once so many more pictures were sent; return what happened to which pod."""
    before = _sent(stage)
    eventually(lambda: _sent(stage) >= before + pictures, PATIENCE, f"{pictures} pictures more")
    fault = stage.cluster.fault(Fault(mishap, labels))
    eventually(lambda: bool(fault.happened), PATIENCE, f"{mishap} of {labels}")
    return f"{mishap} {fault.happened[0]}"


def _kill_servers(stage: Stage) -> list[str]:
    """Kill -9 the daemon with all it started, and the code server, which its cluster starts again."""
    killed = []
    for process in [
        *psutil.Process(stage.daemon.pid).children(recursive=True),
        psutil.Process(stage.daemon.pid),
    ]:
        process.kill()
    killed.append("kill daemon")
    stage.code.kill()
    stage.code.start()
    return [*killed, "kill code server"]


def _sent(stage: Stage) -> int:
    """How many candidate pictures were sent to the store."""
    return sum(1 for method, path in stage.parts.s3.requests if method == "PUT" and "/lake/images/" in path)


def _all_ended(instance: dg.DagsterInstance) -> bool:
    runs = instance.get_runs()
    return any(run.is_success for run in runs) and all(run.is_finished for run in runs)


def main() -> None:
    """Run the storm and say what was broken and what came of it."""
    with tempfile.TemporaryDirectory(prefix="storm-", ignore_cleanup_errors=True) as folder:
        done = storm(Path(folder), products=12)
    print("\n".join(done.broken))
    print(f"runs: {', '.join(done.statuses)}; {done.sent} pictures sent; {dict(done.rehearsal.stored)}")
    done.check()


if __name__ == "__main__":
    main()
