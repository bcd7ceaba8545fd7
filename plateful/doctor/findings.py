"""Findings, and checks run within time limits: one silent service hides no other."""

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from plateful.errors import PlatefulError

DEADLINE_SECONDS = 60.0
# What answers does so within this: a cold import of torch or MLflow takes some seconds.
PATIENCE_SECONDS = 10.0


class Status(StrEnum):
    """How a thing is: usable, usable with a remark, or not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        status: how it is.
        found: what was found, without secrets.
        fix: what to do, empty when nothing.
    """

    name: str
    status: Status
    found: str
    fix: str = ""


# What a check returns: whether the thing is fine, what was found, and a fix or remark.
Result = tuple[Status, str, str]
Check = Callable[[], Result]


def ok(found: str) -> Result:
    """Return that a thing is usable."""
    return Status.OK, found, ""


def warn(found: str, fix: str) -> Result:
    """Return that a thing is usable, or not needed yet, with a remark."""
    return Status.WARN, found, fix


def run_checks(
    checks: Mapping[str, Check],
    *,
    deadline: float = DEADLINE_SECONDS,
    patience: float = PATIENCE_SECONDS,
    monotonic: Callable[[], float] = time.monotonic,
) -> list[Finding]:
    """Run checks and return their findings in the checks' order.

    One after the other, since threads that import one package at once can meet it half made (boto3, alembic).
    A check that is silent for longer than `patience` is left to its thread, and the next one begins.

    Args:
        checks: by name; what one raises is its finding.
        deadline: seconds after which nobody waits any more for those that were left; who is silent then has
            failed.
        patience: seconds that each one has at least.
        monotonic: seconds that only rise.
    """
    answers: queue.Queue[Finding] = queue.Queue()
    found: dict[str, Finding] = {}
    ends = monotonic() + deadline

    def listen(until: float, wanted: Collection[str]) -> None:
        while not found.keys() >= set(wanted) and (left := until - monotonic()) > 0:
            with suppress(queue.Empty):
                finding = answers.get(timeout=left)
                found[finding.name] = finding

    for name, check in checks.items():
        # Daemons: a service that never answers must not keep the command from ending.
        threading.Thread(
            target=lambda run: answers.put(run()), args=(partial(_run, name, check),), daemon=True
        ).start()
        listen(monotonic() + patience, [name])
    listen(ends, checks)
    silent = f"no answer in {patience:g} s or longer"
    fix = "see whether it can be reached from here, and whether it is overloaded"
    return [found.get(name, Finding(name, Status.FAIL, silent, fix)) for name in checks]


def _run(name: str, check: Check) -> Finding:
    try:
        return Finding(name, *check())
    except PlatefulError as fault:
        return Finding(name, Status.FAIL, fault.message, fault.fix)
    except Exception as fault:
        text = " ".join(f"{type(fault).__name__}: {fault}".split())[:300]
        return Finding(name, Status.FAIL, text, "mend what it names; a run would meet the same")
