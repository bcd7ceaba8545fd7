"""Pods from Pending to their end: scheduled, started, watched, stopped, gone."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kubernetes.kubelet import Container, Image, NotReadyError, start_container
from tests.kubernetes.nodes import Node, Nodes
from tests.kubernetes.objects import Object, Store, now

TERMINAL = ("Succeeded", "Failed")


@dataclass
class Running:
    """A pod that has a node."""

    node: Node
    root: Path
    since: float
    containers: dict[str, Container] = field(default_factory=dict)
    # Why the pod is being ended from outside, for its status.
    reason: str | None = None
    message: str = ""


def condition(pod: Object, name: str, status: str, reason: str = "", message: str = "") -> None:
    """Set one condition of a pod."""
    known = pod["status"].setdefault("conditions", [])
    known[:] = [one for one in known if one["type"] != name]
    told: dict[str, Any] = {"type": name, "status": status, "lastTransitionTime": now()}
    told |= {"reason": reason} if reason else {}
    known.append({**told, "message": message} if message else told)


def uid(pod: Object) -> str:
    """The pod's own id; names may come again."""
    return pod["metadata"]["uid"]


class Pods:
    """The kubelets and the scheduler of the cluster, one step at a time."""

    def __init__(
        self, store: Store, nodes: Nodes, images: Mapping[str, Image], folder: Path, api: Mapping[str, str]
    ) -> None:
        self._store, self._nodes, self._images, self._folder, self._api = store, nodes, images, folder, api
        self.running: dict[str, Running] = {}
        self._logs: dict[tuple[str, str], Path] = {}
        # uid -> when a pod on a lost node is given up.
        self._lost: dict[str, float] = {}
        # uid -> why the scheduler must not take it.
        self.barred: dict[str, str] = {}

    def step(self) -> None:
        """Bring every pod as far as it can come now."""
        for pod in self._store.every("pods"):
            status = pod.setdefault("status", {"phase": "Pending"})
            if uid(pod) in self._lost:
                if time.monotonic() >= self._lost[uid(pod)]:
                    self._remove(pod)
            elif uid(pod) in self.running:
                self._watch(pod, self.running[uid(pod)])
            elif "deletionTimestamp" in pod["metadata"]:
                self._remove(pod)
            elif status["phase"] == "Pending":
                self._schedule(pod)

    def _schedule(self, pod: Object) -> None:
        barred = self.barred.get(uid(pod))
        placed = f"0/0 nodes are available: {barred}" if barred else self._nodes.place(pod)
        if placed is None:
            return
        if isinstance(placed, str):
            condition(pod, "PodScheduled", "False", "Unschedulable", placed)
            self._store.event(pod, "FailedScheduling", placed)
        else:
            pod["spec"]["nodeName"] = placed.name
            condition(pod, "PodScheduled", "True")
            root = self._folder / f"{pod['metadata']['name']}-{uid(pod)[:8]}"
            root.mkdir(parents=True)
            (root / "tmp").mkdir()
            self.running[uid(pod)] = Running(placed, root, time.monotonic())
        self._store.touch(pod)

    def _watch(self, pod: Object, running: Running) -> None:
        wanted = pod["spec"]["containers"]
        if len(running.containers) < len(wanted) and "deletionTimestamp" not in pod["metadata"]:
            self._start(pod, running)
        codes = {name: container.exit_code for name, container in running.containers.items()}
        ending = len(codes) == len(wanted) or running.reason or "deletionTimestamp" in pod["metadata"]
        if ending and all(code is not None for code in codes.values()):
            self._ended(pod, running)
            return
        before = pod["status"].get("phase"), pod["status"].get("containerStatuses")
        if codes:
            pod["status"]["phase"] = "Running"
            pod["status"].setdefault("startTime", now())
            pod["status"]["containerStatuses"] = self._statuses(pod, running)
        if (pod["status"].get("phase"), pod["status"].get("containerStatuses")) != before:
            self._store.touch(pod)

    def _start(self, pod: Object, running: Running) -> None:
        for container in pod["spec"]["containers"]:
            name = container["name"]
            if name in running.containers:
                continue
            image = self._images.get(container["image"])
            if image is None:
                self._waits(pod, name, "ImagePullBackOff", f'Back-off pulling image "{container["image"]}"')
                return
            try:
                made = start_container(
                    pod, container, running.node, image, self._store, running.root, self._api
                )
            except NotReadyError as missing:
                self._waits(pod, name, "CreateContainerConfigError", str(missing))
                return
            except OSError as fault:
                self._waits(pod, name, "RunContainerError", str(fault))
                return
            running.containers[name] = made
            self._logs[(uid(pod), name)] = made.log

    def _waits(self, pod: Object, container: str, reason: str, message: str) -> None:
        wanted = next(one for one in pod["spec"]["containers"] if one["name"] == container)
        state = {"waiting": {"reason": reason, "message": message}}
        pod["status"]["containerStatuses"] = [_container_status(wanted, state)]
        self._store.event(pod, "Failed", message)
        self._store.touch(pod)

    def _statuses(self, pod: Object, running: Running) -> list[Object]:
        found = []
        for wanted in pod["spec"]["containers"]:
            container = running.containers.get(wanted["name"])
            if container is None:
                continue
            code, begun = container.exit_code, {"startedAt": pod["status"]["startTime"]}
            state: Object = {"running": begun}
            if code is not None:
                reason = container.killed_as or ("Completed" if code == 0 else "Error")
                state = {"terminated": {**begun, "exitCode": code, "reason": reason, "finishedAt": now()}}
            found.append(_container_status(wanted, state))
        return found

    def _ended(self, pod: Object, running: Running) -> None:
        status = pod["status"]
        status.setdefault("startTime", now())
        status["containerStatuses"] = self._statuses(pod, running)
        codes = [container.exit_code for container in running.containers.values()]
        good = bool(codes) and not running.reason and all(code == 0 for code in codes)
        status["phase"] = "Succeeded" if good else "Failed"
        if running.reason:
            status.update(reason=running.reason, message=running.message)
        condition(pod, "Ready", "False", "PodCompleted")
        self._forget(pod)
        if "deletionTimestamp" in pod["metadata"]:
            self._store.remove("pods", pod)
        self._store.touch(pod)

    def _forget(self, pod: Object) -> None:
        self.running.pop(uid(pod), None)
        self._nodes.leave(pod)

    def delete(self, pod: Object, grace: float | None = None) -> None:
        """Ask a pod to go: SIGTERM, after its grace SIGKILL, then the object goes too."""
        with self._store.lock:
            if "deletionTimestamp" not in pod["metadata"]:
                seconds = _grace(pod) if grace is None else grace
                pod["metadata"].update(deletionTimestamp=now(), deletionGracePeriodSeconds=int(seconds))
                self._store.touch(pod)
                self.stop(pod, seconds)

    def stop(self, pod: Object, grace: float | None = None) -> None:
        """SIGTERM the pod's processes, SIGKILL them after the grace."""
        running = self.running.get(uid(pod))
        for container in running.containers.values() if running else ():
            container.stop(_grace(pod) if grace is None else grace)

    def evict(self, pod: Object, reason: str, message: str, grace: float | None) -> None:
        """End a running pod as the kubelet does when its node is wanted back; its object stays."""
        running = self.running[uid(pod)]
        running.reason, running.message = reason, message
        condition(pod, "DisruptionTarget", "True", "TerminationByKubelet", message)
        self._store.event(pod, reason, message)
        self.stop(pod, grace)

    def kill(self, pod: Object, reason: str) -> None:
        """SIGKILL a pod's processes, as the kernel does when memory runs out."""
        for container in self.running[uid(pod)].containers.values():
            container.kill(reason)

    def lose(self, pod: Object, *, vanish: bool, toleration: float) -> None:
        """The pod's node is gone. Its object vanishes, or is Unknown until its toleration has passed."""
        running = self.running[uid(pod)]
        self.kill(pod, "NodeLost")
        self._forget(pod)
        self._nodes.drop(running.node.name)
        if vanish:
            self._store.remove("pods", pod)
            return
        seconds = _unreachable_seconds(pod, toleration)
        pod["status"].update(phase="Unknown", reason="NodeLost", message=f"Node {running.node.name} is gone")
        condition(pod, "Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        self._lost[uid(pod)] = time.monotonic() + seconds
        self._store.touch(pod)

    def _remove(self, pod: Object) -> None:
        self._lost.pop(uid(pod), None)
        self._forget(pod)
        self._store.remove("pods", pod)

    def log(self, pod: Object, container: str | None = None) -> str:
        """What a container has written so far."""
        name = container or pod["spec"]["containers"][0]["name"]
        path = self._logs.get((uid(pod), name))
        return path.read_text(encoding="utf-8", errors="replace") if path and path.exists() else ""

    def close(self) -> None:
        """Kill whatever still runs, and drop the pods' folders."""
        for running in self.running.values():
            for container in running.containers.values():
                container.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _container_status(wanted: Object, state: Object) -> Object:
    return {
        "name": wanted["name"],
        "image": wanted["image"],
        "imageID": "",
        "ready": "running" in state,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _grace(pod: Object) -> float:
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30))


def _unreachable_seconds(pod: Object, default: float) -> float:
    for toleration in pod["spec"].get("tolerations") or []:
        if toleration.get("key") == "node.kubernetes.io/unreachable" and "tolerationSeconds" in toleration:
            return float(toleration["tolerationSeconds"])
    return default
