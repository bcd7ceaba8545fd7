"""The Job controller: one pod per try, retries up to the backoff limit, deadlines, and clearing up."""

import copy
import time
from uuid import uuid4

from tests.kubernetes.objects import ApiError, Object, Store, now
from tests.kubernetes.pods import Pods


def _owned(job: Object, pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == job["metadata"]["uid"] for owner in owners)


def is_finished(job: Object) -> bool:
    """Tell whether a job is complete or failed."""
    return any(one["type"] in ("Complete", "Failed") for one in job["status"].get("conditions", []))


class Jobs:
    """The controller's memory: when each job began and ended, and which of its pods it has seen."""

    def __init__(self, store: Store, pods: Pods) -> None:
        self._store, self._pods = store, pods
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        # Job uid -> uids of its pods that are known, so that one that vanished counts as failed.
        self._known: dict[str, set[str]] = {}
        self._counted: dict[str, set[str]] = {}

    def step(self) -> None:
        """Bring every job's status up to date, and make the pods that are wanted."""
        for job in self._store.every("jobs"):
            status = job.setdefault("status", {})
            if is_finished(job):
                self._expire(job)
                continue
            identity = job["metadata"]["uid"]
            if identity not in self._began:
                self._began[identity], status["startTime"] = time.monotonic(), now()
                self._known[identity], self._counted[identity] = set(), set()
            before = copy.deepcopy(status)
            self._sync(job, identity)
            if before != status:
                self._store.touch(job)

    def _sync(self, job: Object, identity: str) -> None:
        status = job["status"]
        pods = [pod for pod in self._store.every("pods", job["metadata"]["namespace"]) if _owned(job, pod)]
        for pod in pods:
            self._count(identity, pod, status)
        present = {pod["metadata"]["uid"] for pod in pods}
        for gone in self._known[identity] - present - self._counted[identity]:
            self._counted[identity].add(gone)
            status["failed"] = status.get("failed", 0) + 1
        active = [pod for pod in pods if pod["metadata"]["uid"] not in self._counted[identity]]
        status["active"] = len(active)
        deadline = job["spec"].get("activeDeadlineSeconds")
        if status.get("succeeded"):
            self._end(job, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        elif status.get("failed", 0) > job["spec"].get("backoffLimit", 6):
            self._end(job, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif deadline is not None and time.monotonic() - self._began[identity] > deadline:
            status["failed"] = status.get("failed", 0) + len(active)
            for pod in active:
                self._pods.delete(pod)
            self._end(job, "Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        elif not active:
            self._make_pod(job, identity)

    def _count(self, identity: str, pod: Object, status: Object) -> None:
        pod_id, phase = pod["metadata"]["uid"], pod.get("status", {}).get("phase")
        self._known[identity].add(pod_id)
        # A pod that was told to go counts as failed at once, as in the controller itself.
        failed = phase == "Failed" or ("deletionTimestamp" in pod["metadata"] and phase != "Succeeded")
        if pod_id not in self._counted[identity] and (failed or phase == "Succeeded"):
            self._counted[identity].add(pod_id)
            name = "failed" if failed else "succeeded"
            status[name] = status.get(name, 0) + 1

    def _end(self, job: Object, how: str, reason: str, message: str) -> None:
        status = job["status"]
        status["active"] = 0
        status.setdefault("conditions", []).append(
            {"type": how, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now()}
        )
        if how == "Complete":
            status["completionTime"] = now()
        self._ended[job["metadata"]["uid"]] = time.monotonic()
        self._store.event(job, reason, message, "Normal" if how == "Complete" else "Warning")

    def _make_pod(self, job: Object, identity: str) -> None:
        name, template = job["metadata"]["name"], copy.deepcopy(job["spec"]["template"])
        labels = {
            **(template.get("metadata", {}).get("labels") or {}),
            "job-name": name,
            "batch.kubernetes.io/job-name": name,
            "controller-uid": identity,
        }
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": identity, "controller": True}
        meta = {
            **template.get("metadata", {}),
            "name": f"{name}-{uuid4().hex[:5]}",
            "labels": labels,
            "ownerReferences": [owner],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
        try:
            admit(self._store, job["metadata"]["namespace"], pod)
            made = self._store.create("pods", job["metadata"]["namespace"], pod)
        except ApiError as refused:
            self._store.event(job, "FailedCreate", f"Error creating: {refused.message}")
            return
        made["status"] = {"phase": "Pending"}
        self._known[identity].add(made["metadata"]["uid"])
        job["status"]["active"] = 1

    def _expire(self, job: Object) -> None:
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is not None and time.monotonic() - self._ended[job["metadata"]["uid"]] > seconds:
            self.delete(job, with_pods=True)

    def delete(self, job: Object, *, with_pods: bool) -> None:
        """Remove a job; without `with_pods` its pods live on, as the API's default for jobs has it."""
        with self._store.lock:
            self._store.remove("jobs", job)
            for pod in self._store.every("pods", job["metadata"]["namespace"]):
                if with_pods and _owned(job, pod):
                    self._pods.delete(pod)


def admit(store: Store, namespace: str, pod: Object) -> None:
    """Refuse what a cluster refuses before it schedules, and what this one cannot do.

    Raises:
        ApiError: no such service account or priority class; or a feature that this cluster does not have.
    """
    spec = pod["spec"]
    for container in spec["containers"]:
        _unique(container.get("volumeMounts"), "mountPath", "volumeMounts")
    _unique(spec.get("volumes"), "name", "volumes")
    account, priority = spec.get("serviceAccountName", "default"), spec.get("priorityClassName")
    if not store.has("serviceaccounts", namespace, account):
        raise ApiError(403, "Forbidden", f"error looking up service account {namespace}/{account}")
    if priority and not store.has("priorityclasses", "", priority):
        raise ApiError(403, "Forbidden", f"no PriorityClass with name {priority} was found")
    for name in ("initContainers", "affinity"):
        if spec.get(name):
            raise ApiError(501, "NotImplemented", f"this cluster has no {name}")


def _unique(listed: list[Object] | None, key: str, where: str) -> None:
    values = [one[key] for one in listed or []]
    for value in values:
        if values.count(value) > 1:
            raise ApiError(422, "Invalid", f"spec.{where}.{key}: {value!r} is there twice, must be unique")
