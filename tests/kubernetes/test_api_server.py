"""The loopback cluster, through the official client: what it accepts, runs and counts."""

from pathlib import Path
from typing import Any

import kubernetes
import pytest
from kubernetes.client.rest import ApiException

from tests.kubernetes.api_server import Cluster, Image, running_cluster
from tests.kubernetes.plane import eventually
from tests.kubernetes.shell_jobs import POOLS, ended, gpu_job, job, pod_of, until


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
