"""Steps in pods of their own: Dagster's Kubernetes executor, which here also says why a pod ended.

Its own check knows one reason, "the job failed", and waits for ever for a pod that no node takes. This one
reads the pod: evicted, out of memory, its node lost, no node or image for it. What it gives up it deletes,
so that nothing of a failed try starts later, beside its retry.
"""

import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import dagster as dg
from dagster_k8s.executor import K8sStepHandler, k8s_job_executor

from resources.compute import PENDING_TAG

# The client's models have every field optional, Dagster's step context and health have no public name.
Pod: TypeAlias = Any
Event: TypeAlias = Any
ContainerStatus: TypeAlias = Any
StepContext: TypeAlias = Any
StepHealth: TypeAlias = Any
# For a step without a profile.
PENDING_SECONDS = 600.0
# A pod's last events may come after its end; a step of which none has come by then will send no more.
SILENT_SECONDS = 60.0


class PodStepHandler:
    """dagster-k8s's step handler, with a better answer to whether a step is well."""

    def __init__(self, inner: K8sStepHandler) -> None:
        self._inner = inner
        # Job -> since when nothing of it runs, by this process's clock: the API server's may differ.
        self._idle_since: dict[str, float] = {}

    @property
    def name(self) -> str:
        """Name in the event log."""
        return "PodStepHandler"

    def launch_step(self, step_handler_context: StepContext) -> Iterator[dg.DagsterEvent]:
        """Create the step's job."""
        yield from self._inner.launch_step(step_handler_context)

    def terminate_step(self, step_handler_context: StepContext) -> Iterator[dg.DagsterEvent]:
        """Delete the step's job and pod."""
        yield from self._inner.terminate_step(step_handler_context)

    def check_step_health(self, step_handler_context: StepContext) -> StepHealth:
        """Tell whether the step's pod lives or may yet, else why not."""
        health = self._inner.check_step_health(step_handler_context)
        # Its names and client: a second way to name a job would drift from it.
        job = self._inner._get_k8s_step_job_name(step_handler_context)
        namespace = self._inner._get_container_context(step_handler_context).namespace or "default"
        pods = self._inner._api_client.get_pods_in_job(job, namespace)
        if not health.is_healthy:
            return health.unhealthy(f"{ending(pods)} ({health.unhealthy_reason})")
        (tags,) = step_handler_context.step_tags.values()
        why = self._given_up(job, namespace, pods, float(tags.get(PENDING_TAG, PENDING_SECONDS)))
        return health if why is None else health.unhealthy(why)

    def _given_up(self, job: str, namespace: str, pods: list[Pod], pending_seconds: float) -> str | None:
        """Say why nothing more is to be hoped from a job that has not failed; None while there is."""
        waits, silent = is_waiting(pods), has_ended(pods)
        if not waits and not silent:
            self._idle_since.pop(job, None)
            return None
        idle = time.monotonic() - self._idle_since.setdefault(job, time.monotonic())
        if idle < (pending_seconds if waits else SILENT_SECONDS):
            return None
        client = self._inner._api_client
        events = [event for pod in pods for event in client.retrieve_pod_events(pod.metadata.name, namespace)]
        client.delete_job(job, namespace)
        if silent:
            return "its pod ended without a word of the step -> read the pod's log, then run it again"
        return (
            f"its pod did not start within {pending_seconds:g} s: {obstacle(pods, events)} -> see to the "
            "node pool of the step's profile (limit, quota, image), then re-execute the run from failure"
        )


def is_waiting(pods: list[Pod]) -> bool:
    """Tell whether no container of a job has started yet; a job without a pod waits for one."""
    return all(
        pod.status.phase == "Pending" and not any(_state(one, "running") for one in _containers(pod))
        for pod in pods
    )


def has_ended(pods: list[Pod]) -> bool:
    """Tell whether a job's pods have all ended well."""
    return bool(pods) and all(pod.status.phase == "Succeeded" for pod in pods)


def obstacle(pods: list[Pod], events: list[Event]) -> str:
    """Say what keeps a pod from starting, in the scheduler's or the kubelet's own words."""
    for pod in pods:
        for container in _containers(pod):
            waiting = _state(container, "waiting")
            if waiting and waiting.reason not in (None, "ContainerCreating", "PodInitializing"):
                return f"{waiting.reason}: {waiting.message}"
    warnings = [event for event in events if event.type == "Warning"]
    if warnings:
        return f"{warnings[-1].reason}: {warnings[-1].message}"
    return "the cluster has made no pod for its job" if not pods else "no event says why"


def ending(pods: list[Pod]) -> str:
    """Say how a failed job's pod ended."""
    if not pods:
        return "its pod is gone: its node was lost, or somebody deleted it"
    pod = max(pods, key=lambda one: one.metadata.creation_timestamp)
    where = f"pod {pod.metadata.name} on node {pod.spec.node_name}"
    if pod.status.reason:
        return f"{where} was ended from outside: {pod.status.reason}: {pod.status.message}"
    for container in _containers(pod):
        ended = _state(container, "terminated")
        if ended and ended.exit_code:
            return f"{where} ended with {ended.reason}, exit code {ended.exit_code}"
    return f"{where} is {pod.status.phase}" + (", and told to go" if pod.metadata.deletion_timestamp else "")


def _containers(pod: Pod) -> list[ContainerStatus]:
    return pod.status.container_statuses or []


def _state(container: ContainerStatus, name: str) -> Any:  # noqa: ANN401 - one of three models
    return getattr(container.state, name, None) if container.state else None


@dg.executor(name="pods", config_schema=k8s_job_executor.config_schema)  # type: ignore[arg-type]
def pod_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Run every step as a Kubernetes job of its own, by dagster-k8s's executor and its configuration."""
    executor = k8s_job_executor.executor_creation_fn(init_context)  # type: ignore[misc]
    # dagster-k8s takes no step handler; the pinned version keeps it here.
    executor._step_handler = PodStepHandler(executor._step_handler)  # type: ignore[attr-defined]
    return executor
