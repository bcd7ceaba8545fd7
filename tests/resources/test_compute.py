"""Each profile's pod, as dagster-k8s makes it, is the one on record, and one that Kubernetes takes."""

import json
from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
from dagster_k8s.launcher import K8sRunLauncher

from resources.compute import CPU_SMALL, GPU_RENDER, PROFILES, ComputeProfile
from resources.instance import POOL_LIMITS, production_instance
from tests.kubernetes.api_server import VERSIONS
from tests.kubernetes.rendered import PINNED, WITH_RUN_WORKER, example_launcher, name_of, rendered_job


@pytest.fixture(scope="module")
def launcher() -> Iterator[K8sRunLauncher]:
    with example_launcher() as made:
        yield made


@pytest.mark.parametrize("profile", WITH_RUN_WORKER, ids=name_of)
def test_the_pod_is_the_one_on_record(launcher: K8sRunLauncher, profile: ComputeProfile | None) -> None:
    pinned = PINNED / f"{name_of(profile)}.json"
    assert rendered_job(launcher, profile, "step") == json.loads(pinned.read_text()), (
        "if it is meant: python -m tests.kubernetes.rendered"
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", WITH_RUN_WORKER, ids=name_of)
def test_kubernetes_takes_it(launcher: K8sRunLauncher, profile: ComputeProfile | None, version: str) -> None:
    kubernetes_validate.validate(rendered_job(launcher, profile, "step"), version, strict=True)


def pod_of(launcher: K8sRunLauncher, profile: ComputeProfile | None) -> dict[str, Any]:
    return rendered_job(launcher, profile, "step")["spec"]["template"]["spec"]


@pytest.mark.parametrize("profile", WITH_RUN_WORKER, ids=name_of)
def test_no_pod_has_more_rights_than_it_needs(
    launcher: K8sRunLauncher, profile: ComputeProfile | None
) -> None:
    pod = pod_of(launcher, profile)
    (container,) = pod["containers"]
    rights = container["securityContext"]
    assert rights["runAsNonRoot"] and rights["readOnlyRootFilesystem"]
    assert not rights["privileged"] and not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    names = [volume["name"] for volume in pod["volumes"]]
    assert len(names) == len(set(names))
    assert all("emptyDir" in volume for volume in pod["volumes"])


@pytest.mark.parametrize("profile", WITH_RUN_WORKER, ids=name_of)
def test_kubernetes_never_tries_a_step_again(
    launcher: K8sRunLauncher, profile: ComputeProfile | None
) -> None:
    job = rendered_job(launcher, profile, "step")
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert profile is None or profile.retry_policy.max_retries > 0


def test_a_pod_waits_for_its_node_for_less_than_it_may_take() -> None:
    for profile in PROFILES:
        assert profile.pending_seconds < profile.deadline_seconds


def test_a_run_worker_may_wait_for_its_node_before_its_run_is_given_up() -> None:
    monitoring = production_instance()["run_monitoring"]
    assert monitoring["start_timeout_seconds"] > CPU_SMALL.pending_seconds
    assert monitoring["free_slots_after_run_end_seconds"] > 0


def test_only_gpu_steps_have_a_pool_and_every_pool_a_limit() -> None:
    assert {profile.pool for profile in PROFILES if profile.gpu} == set(POOL_LIMITS)
    assert not any(profile.pool for profile in PROFILES if not profile.gpu)


def test_every_step_of_the_graph_names_a_profile() -> None:
    from definitions import defs

    job = defs.resolve_job_def("render_country")
    found = {node.name: node.tags.get("plateful/profile") for node in job.graph.iterate_op_defs()}
    assert found["render_shard"] == GPU_RENDER.name
    assert {name for name, profile in found.items() if profile is None} == set()
    assert {profile for name, profile in found.items() if name != "render_shard"} == {CPU_SMALL.name}
