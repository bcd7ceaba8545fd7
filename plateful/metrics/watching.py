"""An installation's exporter: which sources it has, and the server that long-lived processes show them on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from plateful.budgets.policy import load_budgets
from plateful.environments import Settings, open_adapters, utc_now
from plateful.errors import ConfigError
from plateful.metrics.exporter import Exporter, Source
from plateful.metrics.exposition import Key
from plateful.metrics.gateway import pushed, sweep
from plateful.metrics.readings import LakeReadings, LedgerReadings, Reading, StepReadings
from plateful.metrics.textfile import Textfile
from plateful.models.catalog import load_catalog

# Four small queries, ms; a day of a million charges takes a second to add up.
LEDGER_EVERY = 15.0
# A listing a table: three requests to an object store, and a read for each table written since.
LAKE_EVERY = 60.0
# A listing per running country.
STEPS_EVERY = 30.0
SWEEP_EVERY = 60.0


def open_exporter(settings: Settings, warn: Callable[[str], None], ended: Callable[[str], bool]) -> Exporter:
    """Return the exporter of an installation; nothing is read yet.

    Args:
        settings: where.
        warn: told when something cannot be read.
        ended: whether a run is known to have ended.
    """
    adapters = open_adapters(settings)
    ledger, lake = adapters.ledger, adapters.lake
    of_ledger = LedgerReadings(
        ledger,
        lambda: load_budgets(settings.budgets, load_catalog(settings.catalog)),
        settings.team,
        settings.lease_ttl,
        settings.max_attempts,
        ended,
        utc_now,
    )
    sources = {
        "ledger": Source(of_ledger, LEDGER_EVERY),
        "lake": Source(LakeReadings(lake), LAKE_EVERY),
        "steps": Source(StepReadings(lake, ledger), STEPS_EVERY),
    }
    if settings.metrics_gateway:
        sources["gateway"] = Source(_sweeping(settings.metrics_gateway), SWEEP_EVERY)
    return Exporter(sources, warn)


@contextmanager
def serving(exporter: Exporter, host: str, port: int) -> Iterator[int]:
    """Serve /metrics inside the block; give the port, which is a free one for 0.

    Raises:
        ConfigError: the port is taken, or no such address.
    """
    registry = CollectorRegistry()
    registry.register(exporter)
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise ConfigError(
            f"metrics cannot be served on {host}:{port}: {error.strerror or error}",
            fix="choose another --port or PLATEFUL_METRICS_PORT",
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run_samples(settings: Settings) -> dict[Key, float]:
    """Return what runs and commands measured: from the gateway where there is one, else from the file.

    Raises:
        EndpointError: the gateway does not answer.
        StoreError: the file is none of ours.
    """
    if settings.metrics_gateway:
        return pushed(settings.metrics_gateway)
    return Textfile(settings.home / "metrics").read()


def _sweeping(gateway: str) -> Callable[[], list[Reading]]:
    def read() -> list[Reading]:
        sweep(gateway, time.time())
        return []

    return read
