"""The Dagster instance that commands and the UI share."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from upath import UPath

from jobs.events import write_events_in_batches
from plateful.environments import ROOT, Settings, open_ledger, utc_now
from plateful.errors import ConfigError
from plateful.stores.locks import exclusive
from plateful.stores.objects import replace
from resources.dead_runs import report_dead_runs

# Creating Dagster's tables takes 1-2 s on an idle machine.
SETUP_TIMEOUT = 60.0


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance: the deployment's, or the one under the state folder, made on first use.

    Runs of this machine that died are reported failed, so that nothing waits for them; a deployment's are
    seen to by Dagster's run monitoring, which asks the cluster.

    Raises:
        ConfigError: there is a webserver, but no DAGSTER_HOME that says which storage it has.
    """
    write_events_in_batches()
    # Dagster marks partitioned checks as a preview; the pinned version carries them.
    warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")
    warnings.filterwarnings("ignore", category=UserWarning)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if settings.dagster_url is not None:
        with _deployed_instance() as instance:
            yield instance
        return
    with _local_instance(settings.dagster_home) as instance:
        report_dead_runs(instance, open_ledger(settings.ledger), grace=settings.lease_grace, now=utc_now())
        yield instance


def _deployed_instance() -> dg.DagsterInstance:
    home = os.environ.get("DAGSTER_HOME", "")
    if not (Path(home) / "dagster.yaml").is_file():
        raise ConfigError(
            f"DAGSTER_HOME={home!r} has no dagster.yaml",
            fix="run the command in a pod of the deployment, or point DAGSTER_HOME to its configuration",
        )
    return dg.DagsterInstance.get()


def _local_instance(home: Path) -> dg.DagsterInstance:
    os.environ["DAGSTER_HOME"] = str(home)
    # Dagster creates its tables without a lock; two first runs at once would both try.
    with exclusive(home / "setup.lock", timeout=SETUP_TIMEOUT):
        _configure(home / "dagster.yaml", (ROOT / "dagster.yaml").read_bytes())
        return dg.DagsterInstance.get()


def _configure(path: Path, wanted: bytes) -> None:
    # A UI that reads the file at any moment finds a whole one.
    if not path.is_file() or path.read_bytes() != wanted:
        replace(UPath(path), wanted)
