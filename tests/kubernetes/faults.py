"""What goes wrong, with which pods, and when."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from tests.kubernetes.objects import Object, Store
from tests.kubernetes.pods import Pods, uid


class Mishap(StrEnum):
    """What can happen to a pod."""

    PREEMPT = "preempt"  # its spot node is wanted back: SIGTERM, then SIGKILL
    OOM = "oom"  # the kernel kills it: 137, OOMKilled
    KILL = "kill"  # SIGKILL, as by hand
    LOSE = "lose"  # its node stops answering: phase Unknown, gone after the toleration
    VANISH = "vanish"  # its node is deleted, and the pod's object with it
    UNSCHEDULABLE = "unschedulable"  # no node takes it


@dataclass
class Fault:
    """A mishap for the first `times` pods that the selector chooses, once its moment has come."""

    mishap: Mishap
    # Label selector, e.g. "dagster/op=render_shard-a".
    labels: str = ""
    # Seconds that the pod has run; and a text that its log must hold first.
    after_seconds: float = 0.0
    after_log: str = ""
    times: int = 1
    # Seconds between SIGTERM and SIGKILL; None = the pod's own grace.
    grace: float | None = None
    # Names of the pods it happened to.
    happened: list[str] = field(default_factory=list)


class Faults:
    """Watches for the moment of each fault."""

    def __init__(self, store: Store, pods: Pods, toleration: float) -> None:
        self._store, self._pods, self._toleration = store, pods, toleration
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Have a fault happen from now on."""
        with self._store.lock:
            self._waiting.append(fault)

    def step(self) -> None:
        """Let happen what is due; a pod suffers one fault at most."""
        for fault in self._waiting:
            for pod in self._store.every("pods", labels=fault.labels):
                if len(fault.happened) < fault.times and self._due(fault, pod):
                    self._happen(fault, pod)
                    fault.happened.append(pod["metadata"]["name"])
        self._waiting = [fault for fault in self._waiting if len(fault.happened) < fault.times]

    def _due(self, fault: Fault, pod: Object) -> bool:
        running = self._pods.running.get(uid(pod))
        if fault.mishap is Mishap.UNSCHEDULABLE:
            return running is None and pod.get("status", {}).get("phase", "Pending") == "Pending"
        if running is None or running.reason or not running.containers:
            return False
        long_enough = time.monotonic() - running.since >= fault.after_seconds
        return long_enough and (not fault.after_log or fault.after_log in self._pods.log(pod))

    def _happen(self, fault: Fault, pod: Object) -> None:
        match fault.mishap:
            case Mishap.PREEMPT:
                self._pods.evict(pod, "Preempted", "The spot node is wanted back", fault.grace)
            case Mishap.OOM:
                self._pods.kill(pod, "OOMKilled")
            case Mishap.KILL:
                self._pods.kill(pod, "Error")
            case Mishap.LOSE | Mishap.VANISH:
                vanish = fault.mishap is Mishap.VANISH
                self._pods.lose(pod, vanish=vanish, toleration=self._toleration)
            case Mishap.UNSCHEDULABLE:
                self._pods.barred[uid(pod)] = "the test says so"
