"""What is said of a step's pod, in the client's own models."""

from datetime import UTC, datetime
from typing import Any

import pytest
from kubernetes import client

from resources.pods import ending, has_ended, is_waiting, obstacle

AT = datetime(2026, 1, 1, tzinfo=UTC)


def pod(phase: str, *, reason: str | None = None, message: str | None = None, **state: Any) -> client.V1Pod:
    container = client.V1ContainerStatus(
        name="dagster",
        image="i",
        image_id="",
        ready=False,
        restart_count=0,
        state=client.V1ContainerState(**state),
    )
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name="step-a", creation_timestamp=AT),
        spec=client.V1PodSpec(containers=[client.V1Container(name="dagster")], node_name="gpu-7"),
        status=client.V1PodStatus(
            phase=phase, reason=reason, message=message, container_statuses=[container] if state else None
        ),
    )


def waiting(reason: str, message: str = "") -> client.V1ContainerStateWaiting:
    return client.V1ContainerStateWaiting(reason=reason, message=message)


def terminated(reason: str, code: int) -> client.V1ContainerStateTerminated:
    return client.V1ContainerStateTerminated(reason=reason, exit_code=code)


def event(reason: str, message: str, kind: str = "Warning") -> client.CoreV1Event:
    about = client.V1ObjectReference(name="step-a")
    meta = client.V1ObjectMeta(name="e")
    return client.CoreV1Event(involved_object=about, metadata=meta, reason=reason, message=message, type=kind)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], "its pod is gone: its node was lost, or somebody deleted it"),
        (
            [pod("Failed", reason="Evicted", message="low on disk")],
            "pod step-a on node gpu-7 was ended from outside: Evicted: low on disk",
        ),
        (
            [pod("Failed", terminated=terminated("OOMKilled", 137))],
            "pod step-a on node gpu-7 ended with OOMKilled, exit code 137",
        ),
        ([pod("Unknown")], "pod step-a on node gpu-7 is Unknown"),
    ],
)
def test_how_a_pod_ended_is_said_as_kubernetes_knows_it(pods: list[client.V1Pod], expected: str) -> None:
    assert ending(pods) == expected


@pytest.mark.parametrize(
    ("pods", "waits", "over"),
    [
        ([], True, False),
        ([pod("Pending")], True, False),
        ([pod("Pending", waiting=waiting("ContainerCreating"))], True, False),
        ([pod("Running", running=client.V1ContainerStateRunning(started_at=AT))], False, False),
        ([pod("Unknown")], False, False),
        ([pod("Succeeded", terminated=terminated("Completed", 0))], False, True),
    ],
)
def test_a_pod_waits_until_a_container_has_started(pods: list[client.V1Pod], waits: bool, over: bool) -> None:
    assert is_waiting(pods) == waits
    assert has_ended(pods) == over


@pytest.mark.parametrize(
    ("pods", "events", "expected"),
    [
        ([], [], "the cluster has made no pod for its job"),
        ([pod("Pending")], [], "no event says why"),
        (
            [pod("Pending")],
            [event("Pulled", "image is there", "Normal"), event("FailedScheduling", "0/36 nodes")],
            "FailedScheduling: 0/36 nodes",
        ),
        (
            [pod("Pending", waiting=waiting("ImagePullBackOff", "no such tag"))],
            [event("FailedScheduling", "before")],
            "ImagePullBackOff: no such tag",
        ),
    ],
)
def test_what_keeps_a_pod_from_starting_is_said(
    pods: list[client.V1Pod], events: list[client.CoreV1Event], expected: str
) -> None:
    assert obstacle(pods, events) == expected
