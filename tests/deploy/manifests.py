"""Reads what is under deploy/: manifests, the Helm values, and the pods that Dagster makes with them."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import (
    DagsterK8sJobConfig,
    UserDefinedDagsterK8sConfig,
    construct_dagster_k8s_job,
)
from kubernetes.client import ApiClient

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CUSTOM = ("SecretStore", "ExternalSecret", "ServiceMonitor", "EC2NodeClass", "NodePool", "Kustomization")
Object = dict[str, Any]


@lru_cache(maxsize=64)
def documents(path: Path) -> list[Object]:
    """Return a file's YAML documents."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def objects(*kinds: str) -> list[Object]:
    """Return the cluster's objects of these kinds, all of them without one."""
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    every = [document for path in files for document in documents(path)]
    return [one for one in every if not kinds or one["kind"] in kinds]


def core_objects() -> list[Object]:
    """Return what Kubernetes itself knows."""
    return [one for one in objects() if one["kind"] not in CUSTOM]


def named(kind: str, name: str) -> Object:
    """Return one object."""
    (found,) = [one for one in objects(kind) if one["metadata"]["name"] == name]
    return found


def values() -> Object:
    """Return the Helm values."""
    (document,) = documents(DEPLOY / "helm" / "values.yaml")
    return document


def code_server() -> Object:
    """Return the one user code deployment of the Helm values."""
    (deployment,) = values()["dagster-user-deployments"]["deployments"]
    return deployment


def pod_templates() -> Iterator[tuple[str, Object]]:
    """Yield (name, pod template) of every Deployment."""
    for one in objects("Deployment"):
        yield one["metadata"]["name"], one["spec"]["template"]


def container_context() -> K8sContainerContext:
    """Return what a run inherits from the code server, as the chart's `k8sContainerContext` template says it.

    Source: dagster-io/dagster, helm/dagster/charts/dagster-user-deployments/templates/helpers/_helpers.tpl.
    """
    server = code_server()
    return K8sContainerContext.create_from_config(
        {
            "k8s": {
                "image_pull_policy": server["image"]["pullPolicy"],
                "env_config_maps": [one["name"] for one in server["envConfigMaps"]],
                "env_secrets": [one["name"] for one in server["envSecrets"]],
                "volume_mounts": server["volumeMounts"],
                "volumes": server["volumes"],
                "resources": server["resources"],
                "namespace": "plateful",
                "service_account_name": values()["dagster-user-deployments"]["serviceAccount"]["name"],
            }
        }
    )


def launcher_config() -> Object:
    """Return the K8sRunLauncher's configuration, as the chart's template for it has it.

    Source: dagster-io/dagster, helm/dagster/templates/helpers/instance/_run-launcher.tpl.
    """
    given = values()["runLauncher"]["config"]["k8sRunLauncher"]
    raw = given["runK8sConfig"]
    return {
        "load_incluster_config": given["loadInclusterConfig"],
        "job_namespace": given["jobNamespace"],
        "image_pull_policy": given["imagePullPolicy"],
        "service_account_name": values()["serviceAccount"]["name"],
        "dagster_home": values()["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": values()["global"]["postgresqlSecretName"],
        "env_config_maps": [one["name"] for one in given["envConfigMaps"]],
        "env_secrets": [one["name"] for one in given["envSecrets"]],
        "run_k8s_config": {
            "container_config": raw["containerConfig"],
            "pod_spec_config": raw["podSpecConfig"],
            "pod_template_spec_metadata": raw["podTemplateSpecMetadata"],
            "job_spec_config": raw["jobSpecConfig"],
        },
    }


def job_of(component: str, step_tags: Object | None = None) -> Object:
    """Return the Job that Dagster makes for a run worker, or with a profile's tags for a step."""
    launcher = launcher_config()
    context = K8sContainerContext.create_from_config(
        {
            "k8s": {
                name: launcher[name]
                for name in ("image_pull_policy", "service_account_name", "env_config_maps", "env_secrets")
            }
            | {"run_k8s_config": launcher["run_k8s_config"]}
        }
    ).merge(container_context())
    if step_tags is not None:
        config = UserDefinedDagsterK8sConfig.from_dict(step_tags["dagster-k8s/config"])
        context = context.merge(K8sContainerContext(run_k8s_config=config))
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(
            job_image="registry.example.com/plateful-cpu:0.1.0",
            dagster_home=launcher["dagster_home"],
            instance_config_map=launcher["instance_config_map"],
            postgres_password_secret=launcher["postgres_password_secret"],
        ),
        args=["dagster", "api", "execute_run"],
        job_name="example",
        user_defined_k8s_config=context.run_k8s_config,
        component=component,
    )
    return dict(ApiClient().sanitize_for_serialization(job))  # type: ignore[call-overload]
