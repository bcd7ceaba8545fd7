"""Jobs as production makes them: the launcher's configuration and a step's tags through dagster-k8s."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from dagster import DagsterRun
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job, get_user_defined_k8s_config
from dagster_k8s.launcher import K8sRunLauncher
from kubernetes.client import ApiClient

from resources.compute import PROFILES, ComputeProfile
from resources.instance import production_instance
from tests.kubernetes.api_server import running_cluster

PINNED = Path(__file__).resolve().parents[1] / "resources" / "pods"
# None = the run worker.
WITH_RUN_WORKER = [*PROFILES, None]


def name_of(profile: ComputeProfile | None) -> str:
    """Name of a profile's file among the pinned ones."""
    return profile.name if profile else "run-worker"


@contextmanager
def example_launcher() -> Iterator[K8sRunLauncher]:
    """Production's run launcher, with example images."""
    image = {"PLATEFUL_GPU_IMAGE": "registry.example/plateful-gpu:1.0.0"}
    with running_cluster(images={}, pools=()) as cluster, patch.dict(os.environ, image):
        config = production_instance(cluster.kubeconfig)["run_launcher"]["config"]
        named = {"job_namespace": "plateful", "job_image": "registry.example/plateful-cpu:1.0.0"}
        yield K8sRunLauncher(**{**config, **named})


def rendered_job(launcher: K8sRunLauncher, profile: ComputeProfile | None, name: str) -> dict[str, Any]:
    """Return the Job of a step with a profile, or of a run worker, as the API server is sent it."""
    context = K8sContainerContext.create_for_run(DagsterRun(job_name="render_country"), launcher, False)
    if profile is not None:
        # As dagster-k8s's executor merges them.
        config = get_user_defined_k8s_config(_as_strings(profile.op_tags))
        context = context.merge(K8sContainerContext(run_k8s_config=config))
    job = construct_dagster_k8s_job(
        job_config=context.get_k8s_job_config(None, launcher),
        args=["dagster", "api", "execute_step"],
        job_name=name,
        pod_name=name,
        component="step_worker" if profile else "run_worker",
        user_defined_k8s_config=context.run_k8s_config,
        labels={"dagster/job": "render_country"},
        env_vars=[],
    )
    sent: Any = ApiClient().sanitize_for_serialization(job)
    return sent


def _as_strings(tags: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}


def pin() -> None:
    """Write every profile's pod for the snapshot test."""
    PINNED.mkdir(exist_ok=True)
    with example_launcher() as launcher:
        for profile in WITH_RUN_WORKER:
            made = json.dumps(rendered_job(launcher, profile, "step"), indent=1, sort_keys=True)
            (PINNED / f"{name_of(profile)}.json").write_text(f"{made}\n", encoding="utf-8")


if __name__ == "__main__":
    pin()
