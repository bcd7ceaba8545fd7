"""K8sRunLauncher and the step executor on a loopback cluster: profiles, and pods that come to harm."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from resources.compute import CPU_SMALL, GPU_RENDER
from tests.kubernetes.api_server import Cluster, Fault, Mishap
from tests.kubernetes.location import CALM, MISHAPS
from tests.kubernetes.plane import (
    CPU_IMAGE,
    GPU_IMAGE,
    NAMESPACE,
    finished,
    instance_on,
    plane,
    plateful_cluster,
)

LOCATION = ["-m", "tests.kubernetes.location"]
pytestmark = pytest.mark.timeout(420)


def step(key: str) -> str:
    """Label selector of a step's pods; dagster-k8s writes the key as a label can hold it."""
    return f"dagster/op={key.replace('[', '-').replace(']', '')}"


@dataclass(frozen=True)
class Story:
    """What happened on the cluster, and what Dagster says of it."""

    cluster: Cluster
    instance: dg.DagsterInstance
    drawn: list[dg.DagsterRun]
    crowded: list[dg.DagsterRun]
    faults: dict[str, Fault]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two runs side by side: one of which three shards meet a mishap, and one that no GPU node takes."""
    folder = tmp_path_factory.mktemp("plane")
    pod_settings = {
        "PLATEFUL_NAMESPACE": NAMESPACE,
        "PLATEFUL_CPU_IMAGE": CPU_IMAGE,
        "PLATEFUL_GPU_IMAGE": GPU_IMAGE,
        "DAGSTER_HOME": str(folder / "home"),
    }
    with plateful_cluster(pod_settings) as cluster:
        faults = {
            name: cluster.fault(Fault(mishap, step(f"pictures.render[{name}]"), after_log="rendering"))
            for name, mishap in zip(MISHAPS, (Mishap.PREEMPT, Mishap.VANISH, Mishap.OOM), strict=True)
        }
        cluster.fault(Fault(Mishap.UNSCHEDULABLE, step("crowded_out"), times=9))
        config = instance_on(
            cluster,
            storage={"sqlite": {"base_dir": str(folder / "storage")}},
            compute_logs={
                "module": "dagster._core.storage.noop_compute_log_manager",
                "class": "NoOpComputeLogManager",
            },
        )
        dagster = plane(folder / "home", config, LOCATION)
        with dagster.instance() as instance, dagster.daemon():
            dagster.launch("draw")
            dagster.launch("crowd")
            try:
                crowded = finished(instance, "crowd", 300)
                drawn = finished(instance, "draw", 300)
            except TimeoutError as late:
                log = (dagster.home / "daemon.log").read_text()[-3000:]
                pytest.fail(f"{late}; pods: {cluster.ran()}; broke: {cluster.broke}; daemon: {log}")
            yield Story(cluster, instance, drawn, crowded, faults)


def errors(story: Story, run: dg.DagsterRun) -> dict[str, str]:
    """Step key -> why it failed or was tried again."""
    kinds = {dg.DagsterEventType.STEP_UP_FOR_RETRY, dg.DagsterEventType.STEP_FAILURE}
    records: Any = story.instance.all_logs(run.run_id, of_type=kinds)
    events: list[Any] = [record.dagster_event for record in records if record.dagster_event]
    return {event.step_key: event.event_specific_data.error.to_string() for event in events}


def test_a_run_whose_shards_meet_mishaps_succeeds_once(story: Story) -> None:
    (run,) = story.drawn
    assert run.is_success
    made = story.instance.get_latest_materialization_event(dg.AssetKey("pictures"))
    assert made and made.asset_materialization
    wanted = sorted([f"{name} at try 0" for name in CALM] + [f"{name} at try 1" for name in MISHAPS])
    assert made.asset_materialization.metadata["shards"].value == ", ".join(wanted)


def test_every_gpu_step_had_a_pod_of_its_own_with_its_profile(story: Story) -> None:
    pods = story.cluster.ran(f"plateful.io/profile={GPU_RENDER.name}")
    ran = [pod for pod in pods if pod.pool]
    assert {pod.pool for pod in ran} == {GPU_RENDER.name}
    tries = [pod.labels["dagster/op"] for pod in ran]
    assert sorted(tries) == sorted(
        [f"pictures.render-{name}" for name in CALM] + [f"pictures.render-{name}" for name in MISHAPS] * 2
    )
    for pod in ran:
        (container,) = pod.spec["containers"]
        assert container["image"] == GPU_IMAGE
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert pod.spec["priorityClassName"] == GPU_RENDER.priority


def test_other_steps_and_run_workers_are_small_cpu_pods(story: Story) -> None:
    pods = story.cluster.ran(f"plateful.io/profile={CPU_SMALL.name}")
    (run,) = story.drawn
    ours = [pod.labels for pod in pods if pod.labels["dagster/run-id"] == run.run_id]
    assert sorted(labels.get("dagster/op", "run worker") for labels in ours) == [
        "pictures.collect",
        "pictures.plan",
        "pictures_complete",
        "run worker",
    ]
    assert {pod.pool for pod in pods} == {CPU_SMALL.name}


def test_gpu_nodes_come_with_the_pods_and_go_with_them(story: Story) -> None:
    gpu = story.cluster.pools[GPU_RENDER.name]
    assert gpu.pods == len(CALM) + 2 * len(MISHAPS)
    assert 2 <= gpu.peak <= 5
    assert gpu.nodes == 0


def test_a_preempted_step_is_tried_again_at_once_by_its_own_word(story: Story) -> None:
    (run,) = story.drawn
    assert len(story.faults["preempted"].happened) == 1
    assert "RetryRequested" in errors(story, run)["pictures.render[preempted]"]


def test_a_lost_pod_is_noticed_and_said(story: Story) -> None:
    (run,) = story.drawn
    assert "its pod is gone: its node was lost" in errors(story, run)["pictures.render[vanished]"]


def test_a_killed_pod_says_why_it_ended(story: Story) -> None:
    (run,) = story.drawn
    assert "ended with OOMKilled, exit code 137" in errors(story, run)["pictures.render[out_of_memory]"]


def test_a_pod_that_no_node_takes_fails_with_the_schedulers_words(story: Story) -> None:
    (run,) = story.crowded
    assert run.is_failure
    told = errors(story, run)["crowded_out"]
    assert "its pod did not start within 3 s: FailedScheduling: 0/0 nodes are available" in told
    assert "-> see to the node pool" in told


def test_a_pod_that_was_given_up_cannot_start_later(story: Story) -> None:
    (pod,) = story.cluster.ran(step("crowded_out"))
    assert pod.phase == "Pending"
