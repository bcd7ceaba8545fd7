"""What can go wrong on the loopback cluster, as a client sees it."""

from typing import Any

import pytest

from tests.kubernetes.api_server import Cluster, Fault, Mishap
from tests.kubernetes.shell_jobs import ended, gpu_job, job, pod_of, until

TRAP = "trap 'echo told; exit 0' TERM; echo ready; while true; do sleep 0.05; done"
DEAF = "trap '' TERM; echo ready; while true; do sleep 0.05; done"


@pytest.mark.parametrize(("script", "code"), [(TRAP, 0), (DEAF, 137)])
def test_a_preempted_pod_is_told_and_then_killed(
    cluster: Cluster, batch: Any, core: Any, script: str, code: int
) -> None:
    fault = cluster.fault(Fault(Mishap.PREEMPT, "app=spot", after_log="ready", grace=1))
    batch.create_namespaced_job("default", gpu_job("spot", script))
    assert ended(batch, "spot").failed == 1
    pod = pod_of(core, "spot")
    assert fault.happened == [pod.metadata.name]
    assert (pod.status.phase, pod.status.reason) == ("Failed", "Preempted")
    assert pod.status.container_statuses[0].state.terminated.exit_code == code


def test_a_pod_out_of_memory_is_137(cluster: Cluster, batch: Any, core: Any) -> None:
    cluster.fault(Fault(Mishap.OOM, "app=big", after_log="ready"))
    batch.create_namespaced_job("default", job("big", DEAF))
    assert ended(batch, "big").failed == 1
    ended_as = pod_of(core, "big").status.container_statuses[0].state.terminated
    assert (ended_as.reason, ended_as.exit_code) == ("OOMKilled", 137)


def test_a_lost_node_takes_pod_and_process_with_it(cluster: Cluster, batch: Any, core: Any) -> None:
    cluster.fault(Fault(Mishap.VANISH, "app=gone", after_log="ready"))
    batch.create_namespaced_job("default", gpu_job("gone", DEAF))
    assert ended(batch, "gone").failed == 1
    assert core.list_namespaced_pod("default", label_selector="app=gone").items == []
    assert cluster.pools["gpu"].nodes == 0


def test_a_silent_node_makes_its_pod_unknown_for_as_long_as_the_pod_says(
    cluster: Cluster, batch: Any, core: Any
) -> None:
    wait = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    pod = {"tolerations": [{**wait, "tolerationSeconds": 1}]}
    cluster.fault(Fault(Mishap.LOSE, "app=silent", after_log="ready"))
    batch.create_namespaced_job("default", job("silent", DEAF, pod=pod))
    until(core, "silent", lambda found: found.status.phase == "Unknown")
    assert ended(batch, "silent").failed == 1


def test_a_pod_that_no_node_may_take_waits_and_says_so(cluster: Cluster, batch: Any, core: Any) -> None:
    cluster.fault(Fault(Mishap.UNSCHEDULABLE, "app=unwanted"))
    batch.create_namespaced_job("default", job("unwanted", "true"))
    pod = until(core, "unwanted", lambda pod: bool(pod.status.conditions))
    assert pod.status.conditions[0].reason == "Unschedulable"
    assert pod.status.phase == "Pending"
