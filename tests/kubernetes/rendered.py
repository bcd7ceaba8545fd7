"""Job objects as production makes them: the launcher's configuration and a step's tags through dagster-k8s."""

import json
from typing import Any

from dagster import DagsterRun
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job, get_user_defined_k8s_config
from dagster_k8s.launcher import K8sRunLauncher
from kubernetes.client import ApiClient

from resources.compute import ComputeProfile


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
    return ApiClient().sanitize_for_serialization(job)


def _as_strings(tags: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}
