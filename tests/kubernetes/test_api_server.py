"""The loopback cluster, through the official client: what it accepts, runs, counts, and how it breaks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client.rest import ApiException

from tests.kubernetes.api_server import Cluster, Fault, Image, Mishap, NodePool, running_cluster
from tests.kubernetes.plane import eventually

POOLS = (
    NodePool("cpu", {"cpu": "4", "memory": "8Gi"}),
    NodePool(
        "gpu",
        {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"},
        labels={"pool": "gpu"},
        taints=("nvidia.com/gpu",),
        maximum=2,
    ),
)
GPU: dict[str, Any] = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    image = Image(path="/usr/bin:/bin", folder=Path("/"), environment={"FROM_IMAGE": "yes"})
    with running_cluster(images={"shell": image}, pools=POOLS) as running:
        yield running


@pytest.fixture
def batch(cluster: Cluster) -> kubernetes.client.BatchV1Api:
    return kubernetes.client.BatchV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))


@pytest.fixture
def core(cluster: Cluster) -> kubernetes.client.CoreV1Api:
    return kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))


def job(
    name: str,
    script: str,
    *,
    spec: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    **container: Any,
) -> dict[str, Any]:
    """A job of one shell script."""
    main = {"name": "main", "image": "shell", "command": ["sh", "-c", script], **container}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [main], **(pod or {})},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **(spec or {})},
    }


def gpu_job(name: str, script: str, **more: Any) -> dict[str, Any]:
    pod = {**GPU, **more.pop("pod", {})}
    return job(name, script, pod=pod, resources={"limits": {"nvidia.com/gpu": "1"}}, **more)


def ended(batch: kubernetes.client.BatchV1Api, name: str) -> kubernetes.client.V1JobStatus:
    def status() -> kubernetes.client.V1JobStatus:
        return batch.read_namespaced_job_status(name, "default").status

    eventually(lambda: bool(status().conditions), 30, f"end of {name}")
    return status()


def pod_of(core: kubernetes.client.CoreV1Api, name: str) -> kubernetes.client.V1Pod:
    (pod,) = core.list_namespaced_pod("default", label_selector=f"job-name={name}").items
    return pod


def until(
    core: kubernetes.client.CoreV1Api, name: str, holds: Callable[[Any], bool]
) -> kubernetes.client.V1Pod:
    def check() -> bool:
        pods = core.list_namespaced_pod("default", label_selector=f"job-name={name}").items
        return bool(pods) and holds(pods[0])

    eventually(check, 30, f"pod of {name}")
    return pod_of(core, name)


def test_a_pod_has_its_own_environment_and_no_other(
    cluster: Cluster, batch: Any, core: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TEST", "must not be seen")
    cluster.add("configmaps", {"metadata": {"name": "settings"}, "data": {"A": "a", "B": "b"}})
    cluster.add("secrets", {"metadata": {"name": "keys"}, "stringData": {"KEY": "k"}})
    env = [
        {"name": "B", "value": "mine"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "KEY"}}},
        {"name": "BOTH", "value": "$(B)-$(SECRET)"},
    ]
    sources = [{"configMapRef": {"name": "settings"}}]
    batch.create_namespaced_job("default", job("env", "env", env=env, envFrom=sources))
    assert ended(batch, "env").succeeded == 1
    pod = pod_of(core, "env")
    said = core.read_namespaced_pod_log(pod.metadata.name, "default", _preload_content=False).data.decode()
    found = dict(line.split("=", 1) for line in said.splitlines())
    assert found["A"] == "a"
    assert found["B"] == "mine"
    assert found["BOTH"] == "mine-k"
    assert found["POD"] == found["HOSTNAME"] == pod.metadata.name
    assert found["FROM_IMAGE"] == "yes"
    assert "OF_THE_TEST" not in found


def test_volumes_are_folders_and_their_paths_are_found(cluster: Cluster, batch: Any, core: Any) -> None:
    cluster.add("configmaps", {"metadata": {"name": "files"}, "data": {"a.txt": "of the map"}})
    pod = {"volumes": [{"name": "map", "configMap": {"name": "files"}}, {"name": "cache", "emptyDir": {}}]}
    mounts = [{"name": "map", "mountPath": "/etc/files"}, {"name": "cache", "mountPath": "/var/cache/x"}]
    env = [{"name": "FILES", "value": "/etc/files"}, {"name": "CACHE", "value": "/var/cache/x/deep"}]
    script = "cat $FILES/a.txt && mkdir -p $CACHE && echo hi > $CACHE/f && cat $CACHE/f"
    batch.create_namespaced_job("default", job("mounts", script, pod=pod, volumeMounts=mounts, env=env))
    assert ended(batch, "mounts").succeeded == 1
    assert cluster.log(pod_of(core, "mounts").metadata.name) == "of the maphi\n"
    assert not Path("/var/cache/x").exists()


def test_what_the_schemas_refuse_is_refused(batch: Any) -> None:
    wrong = job("wrong", "true")
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolicies"] = "Always"
    with pytest.raises(ApiException, match="imagePullPolicies") as refused:
        batch.create_namespaced_job("default", wrong)
    assert refused.value.status == 422
    batch.create_namespaced_job("default", job("twice", "true"))
    with pytest.raises(ApiException) as taken:
        batch.create_namespaced_job("default", job("twice", "true"))
    assert taken.value.status == 409
    with pytest.raises(ApiException) as missing:
        batch.read_namespaced_job_status("nobody", "default")
    assert missing.value.status == 404


def test_what_the_cluster_does_not_have_makes_no_pod(cluster: Cluster, batch: Any) -> None:
    refused = {"priority": {"priorityClassName": "high"}, "account": {"serviceAccountName": "somebody"}}
    refused["volume"] = {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]}  # type: ignore[dict-item]
    for name, pod in refused.items():
        batch.create_namespaced_job("default", job(name, "true", pod=pod))
    eventually(lambda: len(cluster.events("FailedCreate")) == 3, 10, "events")
    assert not cluster.ran()


@pytest.mark.parametrize(("code", "limit", "pods"), [(0, 0, 1), (3, 0, 1), (3, 1, 2)])
def test_a_job_tries_as_often_as_its_backoff_limit_says(
    cluster: Cluster, batch: Any, code: int, limit: int, pods: int
) -> None:
    batch.create_namespaced_job("default", job("tries", f"exit {code}", spec={"backoffLimit": limit}))
    status = ended(batch, "tries")
    assert status.conditions[0].type == ("Failed" if code else "Complete")
    assert (status.failed or 0) == (pods if code else 0)
    assert len(cluster.ran()) == pods


def test_a_deadline_ends_a_job_and_a_time_to_live_removes_it(cluster: Cluster, batch: Any, core: Any) -> None:
    spec = {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 1}
    pod = {"terminationGracePeriodSeconds": 0}
    batch.create_namespaced_job("default", job("late", "sleep 60", spec=spec, pod=pod))
    eventually(lambda: bool(cluster.events("DeadlineExceeded")), 30, "deadline")
    eventually(lambda: not batch.list_namespaced_job("default").items, 30, "removal")
    eventually(lambda: not core.list_namespaced_pod("default").items, 30, "pod's removal")


def test_pools_grow_from_nothing_to_their_limit_and_shrink(cluster: Cluster, batch: Any, core: Any) -> None:
    for name in ("a", "b", "c"):
        batch.create_namespaced_job("default", gpu_job(name, "while [ ! -e $HOME/go ]; do sleep 0.1; done"))
    eventually(lambda: cluster.pools["gpu"].pods == 2, 10, "two pods")
    pending = until(core, "c", lambda pod: bool(pod.status.conditions))
    assert pending.status.phase == "Pending"
    assert "the pool is at its 2 nodes" in cluster.events("FailedScheduling")[0]["message"]
    core.delete_namespaced_pod(pod_of(core, "a").metadata.name, "default", grace_period_seconds=0)
    until(core, "c", lambda pod: pod.status.phase == "Running")
    for name in ("b", "c"):
        core.delete_namespaced_pod(pod_of(core, name).metadata.name, "default", grace_period_seconds=0)
    eventually(lambda: cluster.pools["gpu"].nodes == 0, 10, "no nodes")
    count = cluster.pools["gpu"]
    assert (count.pods, count.peak) == (3, 2)


def test_a_pod_needs_its_tolerations_and_its_image(cluster: Cluster, batch: Any, core: Any) -> None:
    batch.create_namespaced_job("default", job("intolerant", "true", pod={"nodeSelector": {"pool": "gpu"}}))
    batch.create_namespaced_job("default", job("unknown", "true", image="nobody/has:this"))
    eventually(lambda: bool(cluster.events("FailedScheduling")), 10, "event")
    assert "untolerated taint nvidia.com/gpu" in cluster.events("FailedScheduling")[0]["message"]
    pod = until(core, "unknown", lambda pod: bool(pod.status.container_statuses))
    assert pod.status.container_statuses[0].state.waiting.reason == "ImagePullBackOff"


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


def test_a_job_that_is_deleted_leaves_its_pods_unless_told(batch: Any, core: Any) -> None:
    for name, policy in (("orphan", None), ("family", "Background")):
        batch.create_namespaced_job(
            "default", job(name, "sleep 60", pod={"terminationGracePeriodSeconds": 0})
        )
        until(core, name, lambda pod: pod.status.phase == "Running")
        batch.delete_namespaced_job(name, "default", **({"propagation_policy": policy} if policy else {}))
    eventually(lambda: len(core.list_namespaced_pod("default").items) == 1, 10, "one pod")
    assert pod_of(core, "orphan").status.phase == "Running"


def test_the_api_server_can_be_unwell(cluster: Cluster, batch: Any) -> None:
    cluster.refuse(503, times=1)
    with pytest.raises(ApiException) as refused:
        batch.list_namespaced_job("default")
    assert refused.value.status == 503
    assert batch.list_namespaced_job("default").items == []


def test_nothing_runs_once_the_cluster_is_gone(tmp_path: Path) -> None:
    image = Image(path="/usr/bin:/bin", folder=Path("/"))
    beat = tmp_path / "beat"
    with running_cluster(images={"shell": image}, pools=POOLS) as running:
        api = kubernetes.client.BatchV1Api(kubernetes.config.new_client_from_config(str(running.kubeconfig)))
        api.create_namespaced_job(
            "default", job("beating", f"while true; do date > {beat}; sleep 0.02; done")
        )
        eventually(beat.exists, 10, "first beat")
    beat.unlink()
    with pytest.raises(TimeoutError):
        eventually(beat.exists, 0.5, "a beat after the end")
