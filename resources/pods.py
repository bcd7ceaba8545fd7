"""Steps in pods of their own: Dagster's Kubernetes executor, which here also says why a pod ended.

Its own check knows one reason, "the job failed", and waits for ever for a pod that no node takes. This one
reads the pod: evicted, out of memory, its node lost, no node or image for it. What it gives up it deletes,
so that nothing of a failed try starts later, beside its retry.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_k8s.executor import (
    CheckStepHealthResult,
    K8sStepHandler,
    StepHandler,
    StepHandlerContext,
    k8s_job_executor,
)

from resources.compute import PENDING_TAG

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Event, V1ContainerStatus, V1Pod

# For a step without a profile.
PENDING_SECONDS = 600.0


class PodStepHandler(StepHandler):
    """dagster-k8s's step handler, with a better answer to whether a step is well."""

    def __init__(self, inner: K8sStepHandler) -> None:
        super().__init__()
        self._inner = inner
        # Job -> when it was first seen waiting, by this process's clock: the API server's may differ.
        self._waiting: dict[str, float] = {}

    @property
    def name(self) -> str:
        """Name in the event log."""
        return "PodStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Create the step's job."""
        yield from self._inner.launch_step(step_handler_context)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Delete the step's job and pod."""
        yield from self._inner.terminate_step(step_handler_context)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Tell whether the step's pod lives or may yet, else why not."""
        health = self._inner.check_step_health(step_handler_context)
        # Its names and client: a second way to name a job would drift from it.
        job = self._inner._get_k8s_step_job_name(step_handler_context)
        namespace = self._inner._get_container_context(step_handler_context).namespace
        client = self._inner._api_client
        pods = client.get_pods_in_job(job, namespace)
        if not health.is_healthy:
            return CheckStepHealthResult.unhealthy(f"{ending(pods)} ({health.unhealthy_reason})")
        (key,) = step_handler_context.step_tags
        patience = float(step_handler_context.step_tags[key].get(PENDING_TAG, PENDING_SECONDS))
        if not is_waiting(pods):
            self._waiting.pop(job, None)
            return health
        waited = time.monotonic() - self._waiting.setdefault(job, time.monotonic())
        if waited < patience:
            return health
        events = [event for pod in pods for event in client.retrieve_pod_events(pod.metadata.name, namespace)]
        client.delete_job(job, namespace)
        return CheckStepHealthResult.unhealthy(
            f"its pod did not start within {patience:g} s: {obstacle(pods, events)} -> see to the node pool "
            "of the step's profile (its limit, quota and image), then re-execute the run from failure"
        )


def is_waiting(pods: "list[V1Pod]") -> bool:
    """Tell whether no container of a job has started yet; a job without a pod waits for one."""
    return all(
        pod.status.phase == "Pending" and not any(_state(one, "running") for one in _containers(pod))
        for pod in pods
    )


def obstacle(pods: "list[V1Pod]", events: "list[CoreV1Event]") -> str:
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


def ending(pods: "list[V1Pod]") -> str:
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


def _containers(pod: "V1Pod") -> "list[V1ContainerStatus]":
    return pod.status.container_statuses or []


def _state(container: "V1ContainerStatus", name: str) -> Any:  # noqa: ANN401 - one of three models
    return getattr(container.state, name, None) if container.state else None


@dg.executor(name="pods", config_schema=k8s_job_executor.config_schema)
def pod_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Run every step as a Kubernetes job of its own, by dagster-k8s's executor and its configuration."""
    executor = k8s_job_executor.executor_creation_fn(init_context)  # type: ignore[misc]
    # dagster-k8s takes no step handler; the pinned version keeps it here.
    executor._step_handler = PodStepHandler(executor._step_handler)  # type: ignore[attr-defined]
    return executor
