"""Figures pushed to a Pushgateway: short-lived pods are gone before anybody scrapes them.

Each process owns one group (job, run, instance) and replaces it with every push. Deleting it at once at the
end would lose what came after the last scrape, and never deleting would keep dead series for ever. So the
last push says `plateful_process_finished 1`, and the exporter, which lives long, deletes groups that finished
some scrapes ago, or that have been silent for so long that their process is dead.
"""

import os
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping

from prometheus_client import delete_from_gateway, push_to_gateway

from plateful.errors import ConfigError, EndpointError
from plateful.metrics import exposition
from plateful.metrics.declared import FINISHED
from plateful.metrics.meter import Meter

JOB = "plateful"
TIMEOUT = 5.0
# Four scrapes at the usual 30 s.
LINGER = 120.0
# A process pushes every 15 s; a paused machine comes back within minutes or not at all.
SILENT = 900.0
_FIX = "correct PLATEFUL_METRICS_GATEWAY, or see to the gateway"


def own_group(run_id: str) -> dict[str, str]:
    """Return the group of this process: a step's pod has its own host name."""
    return {"run": run_id, "instance": f"{socket.gethostname()}:{os.getpid()}"}


def check_gateway(url: str) -> str:
    """Return a gateway's address.

    Raises:
        ConfigError: not an http(s) address.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            f"PLATEFUL_METRICS_GATEWAY={url!r} is no http(s) address",
            fix="write it as in http://pushgateway:9091",
        )
    return url.rstrip("/")


class Gateway:
    """One group on a gateway.

    Args:
        url: address of a Pushgateway, or of what speaks its protocol.
        group: labels beside `job` that tell this process from others.
    """

    def __init__(self, url: str, group: Mapping[str, str]) -> None:
        self.url, self.group = check_gateway(url), dict(group)

    def __str__(self) -> str:
        return self.url

    def send(self, meter: Meter) -> None:
        """Replace the group by the meter's figures.

        Raises:
            EndpointError: no answer in time, or a refusal.
        """
        meter.sample_gpu()
        try:
            push_to_gateway(
                self.url, job=JOB, registry=meter.registry, grouping_key=self.group, timeout=TIMEOUT
            )
        except (OSError, ValueError) as error:
            raise _unanswered(self.url, error) from error


def pushed(url: str) -> dict[exposition.Key, float]:
    """Return every sample on a gateway.

    Raises:
        EndpointError: no answer in time, or a refusal.
        StoreError: what answers is no gateway.
    """
    try:
        with urllib.request.urlopen(f"{check_gateway(url)}/metrics", timeout=TIMEOUT) as reply:  # noqa: S310 - http(s) by check_gateway
            return exposition.read(reply.read().decode("utf-8"), url)
    except (OSError, ValueError) as error:
        raise _unanswered(url, error) from error


def sweep(url: str, now: float) -> int:
    """Delete our groups that have ended or are dead; return how many.

    Args:
        url: the gateway.
        now: seconds since the epoch.

    Raises:
        EndpointError: no answer in time, or a refusal.
        StoreError: what answers is no gateway.
    """
    times: dict[tuple[tuple[str, str], ...], float] = {}
    finished = set()
    for (name, labels), value in pushed(url).items():
        told = dict(labels)
        if told.pop("job", None) != JOB:
            continue
        group = tuple(sorted(told.items()))
        if name == "push_time_seconds":
            times[group] = value
        elif name == FINISHED.name and value:
            finished.add(group)
    over = [group for group, at in times.items() if now - at > (LINGER if group in finished else SILENT)]
    for group in over:
        try:
            delete_from_gateway(url, job=JOB, grouping_key=dict(group), timeout=TIMEOUT)
        except (OSError, ValueError) as error:
            raise _unanswered(url, error) from error
    return len(over)


def _unanswered(url: str, error: Exception) -> EndpointError:
    why = error.reason if isinstance(error, urllib.error.URLError) else error
    return EndpointError(f"metrics gateway {url} does not take figures: {why}", fix=_FIX)
