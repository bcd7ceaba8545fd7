"""Helm values: keys that the chart has, and the instance that the rest of Plateful expects.

No helm here. `CHART` holds the keys that are used, read off the chart's own schema sources and templates in
dagster-io/dagster: helm/dagster/schema/schema/charts/dagster/subschema/ (run_launcher, daemon, webserver,
concurrency, retention, compute_log_manager, postgresql), dagster_user_deployments/subschema/user_deployments,
and helm/dagster/templates/helpers/instance/.
"""

from typing import Any

import pytest

from resources.compute import PROFILES
from resources.instance import production_instance, run_worker_config
from tests.deploy.manifests import (
    DEPLOY,
    Object,
    code_server,
    documents,
    launcher_config,
    named,
    objects,
    values,
)

PROBE = {"httpGet", "exec", "periodSeconds", "timeoutSeconds", "failureThreshold", "enabled"}
POD = {
    "image", "podSecurityContext", "securityContext", "envConfigMaps", "envSecrets", "resources", "volumes",
    "volumeMounts", "startupProbe", "readinessProbe", "livenessProbe", "env", "labels", "annotations",
    "nodeSelector", "affinity", "tolerations", "schedulerName",
}  # fmt: skip
CHART: dict[str, set[str]] = {
    "": {
        "rbacEnabled", "generatePostgresqlPasswordSecret", "generateCeleryConfigSecret",
        "serviceAccount", "global", "dagsterWebserver", "dagsterDaemon", "dagster-user-deployments",
        "postgresql", "busybox", "runLauncher", "concurrency", "computeLogManager", "retention",
        "scheduler", "telemetry", "migrate", "rabbitmq", "redis", "flower", "ingress",
        "additionalInstanceConfig",
    },
    "global": {"dagsterHome", "postgresqlSecretName", "serviceAccountName", "celeryConfigSecretName"},
    "dagsterWebserver": POD | {"replicaCount", "service", "dbStatementTimeout", "dbPoolRecycle"},
    "dagsterDaemon": POD
    | {
        "enabled", "heartbeatTolerance", "runCoordinator", "runMonitoring", "runRetries", "sensors",
        "schedules",
    },
    "dagsterDaemon.runMonitoring": {
        "enabled", "startTimeoutSeconds", "cancelTimeoutSeconds", "maxResumeRunAttempts",
        "pollIntervalSeconds", "freeSlotsAfterRunEndSeconds",
    },
    "dagsterDaemon.runCoordinator": {"enabled", "type", "config"},
    "dagster-user-deployments": {
        "enabled", "enableSubchart", "imagePullSecrets", "deployments", "serviceAccount",
    },
    "runLauncher": {"type", "config"},
    "runLauncher.config.k8sRunLauncher": {
        "image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile",
        "envConfigMaps", "envSecrets", "envVars", "volumeMounts", "volumes", "labels",
        "failPodOnRunFailure", "resources", "schedulerName", "securityContext", "runK8sConfig",
    },
    "runLauncher.config.k8sRunLauncher.runK8sConfig": {
        "containerConfig", "podSpecConfig", "podTemplateSpecMetadata", "jobSpecConfig", "jobMetadata",
    },
    "concurrency": {"enabled", "pools", "runs"},
    "concurrency.pools": {"defaultLimit", "granularity", "opGranularityRunBuffer"},
    "concurrency.runs": {"maxConcurrentRuns", "tagConcurrencyLimits"},
    "computeLogManager.config.s3ComputeLogManager": {
        "bucket", "localDir", "prefix", "useSsl", "verify", "verifyCertPath", "endpointUrl",
        "skipEmptyFiles", "uploadInterval", "uploadExtraArgs", "showUrlOnly", "region",
    },
    "retention": {"enabled", "sensor", "schedule", "autoMaterialize"},
    "postgresql": {
        "image", "enabled", "postgresqlHost", "postgresqlUsername", "postgresqlPassword",
        "postgresqlDatabase",
        "postgresqlParams", "postgresqlScheme", "service",
    },
}  # fmt: skip
DEPLOYMENT = POD | {
    "name", "dagsterApiGrpcArgs", "codeServerArgs", "port", "includeConfigInLaunchedRuns", "serviceAccount",
    "deploymentStrategy", "initContainers", "sidecarContainers", "service",
}  # fmt: skip


def _at(path: str) -> Any:
    found = values()
    for name in path.split(".") if path else ():
        found = found[name]
    return found


@pytest.mark.parametrize("path", CHART)
def test_keys_are_the_charts(path: str) -> None:
    assert _at(path).keys() <= CHART[path]


def test_the_code_servers_keys_are_the_charts() -> None:
    assert code_server().keys() <= DEPLOYMENT


@pytest.mark.parametrize("service", ["dagsterWebserver", "dagsterDaemon"])
def test_services_run_as_nobody_with_probes_and_resources(service: str) -> None:
    _hardened(values()[service])


def test_the_code_server_too() -> None:
    _hardened(code_server())


def _hardened(pod: Object) -> None:
    assert pod["podSecurityContext"]["runAsNonRoot"] is True
    assert pod["podSecurityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory", "ephemeral-storage"} <= pod["resources"]["requests"].keys()
    assert "cpu" not in pod["resources"]["limits"]
    assert "/tmp" in {mount["mountPath"] for mount in pod["volumeMounts"]}  # noqa: S108 - the pod's own
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert pod[probe].keys() <= PROBE
        assert pod[probe]["periodSeconds"] > 0


def test_the_instance_is_the_one_that_the_code_makes() -> None:
    wanted, given = production_instance(), values()
    runs, pools = given["concurrency"]["runs"], given["concurrency"]["pools"]
    assert runs["maxConcurrentRuns"] == wanted["concurrency"]["runs"]["max_concurrent_runs"]
    assert runs["tagConcurrencyLimits"] == wanted["concurrency"]["runs"]["tag_concurrency_limits"]
    assert _snake(pools) == wanted["concurrency"]["pools"]
    assert _snake(given["dagsterDaemon"]["runMonitoring"]) == wanted["run_monitoring"]
    assert given["additionalInstanceConfig"]["run_retries"] == wanted["run_retries"]
    assert given["additionalInstanceConfig"]["nux"] == wanted["nux"]
    assert given["telemetry"] == wanted["telemetry"]
    logs = given["computeLogManager"]["config"]["s3ComputeLogManager"]
    assert _snake(logs) == wanted["compute_logs"]["config"]
    assert given["computeLogManager"]["type"] == wanted["compute_logs"]["class"]
    for name in ("schedule", "sensor"):
        days = dict(given["retention"][name]["purgeAfterDays"])
        # The chart wants all four; the last is Dagster's default.
        assert days.pop("started") == -1
        assert days == wanted["retention"][name]["purge_after_days"]


def _snake(given: Object) -> Object:
    return {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in key): value for key, value in given.items()
    }


def test_run_workers_are_made_as_the_code_says() -> None:
    wanted, given = production_instance()["run_launcher"]["config"], launcher_config()
    assert given["run_k8s_config"] == run_worker_config()
    same = ("env_config_maps", "env_secrets", "dagster_home", "postgres_password_secret")
    for name in (*same, "instance_config_map"):
        assert given[name] == wanted[name], name
    # The chart's launcher runs as the daemon does; the code server's context puts the runs' account first.
    assert values()["dagster-user-deployments"]["serviceAccount"]["name"] == wanted["service_account_name"]
    assert values()["runLauncher"]["type"] == production_instance()["run_launcher"]["class"]


def test_postgres_is_the_one_of_the_settings() -> None:
    given, settings = values()["postgresql"], named("ConfigMap", "plateful-settings")["data"]
    assert given["enabled"] is False
    assert given["postgresqlPassword"] == ""
    assert given["postgresqlScheme"] == production_instance()["storage"]["postgres"]["postgres_db"]["scheme"]
    for key, name in (("Host", "HOST"), ("Username", "USERNAME"), ("Database", "DB")):
        assert given[f"postgresql{key}"] == settings[f"DAGSTER_PG_{name}"]


def test_accounts_secrets_and_settings_that_are_named_exist() -> None:
    accounts = {one["metadata"]["name"] for one in objects("ServiceAccount")}
    chart = values()
    named_ones = {
        chart["serviceAccount"]["name"],
        chart["dagster-user-deployments"]["serviceAccount"]["name"],
        code_server()["serviceAccount"]["name"],
    }
    assert named_ones <= accounts
    assert chart["serviceAccount"]["create"] is False
    assert chart["rbacEnabled"] is False
    secrets = {one["spec"]["target"]["name"] for one in objects("ExternalSecret")}
    assert {one["name"] for one in code_server()["envSecrets"]} <= secrets
    assert chart["global"]["postgresqlSecretName"] in secrets
    assert {v["secret"]["secretName"] for v in code_server()["volumes"] if "secret" in v} <= secrets
    maps = {one["metadata"]["name"] for one in objects("ConfigMap")}
    assert {one["name"] for one in code_server()["envConfigMaps"]} <= maps


def test_every_image_is_the_one_of_the_settings() -> None:
    image = named("ConfigMap", "plateful-settings")["data"]["PLATEFUL_CPU_IMAGE"]
    for pod in (values()["dagsterWebserver"], values()["dagsterDaemon"], code_server()):
        assert f"{pod['image']['repository']}:{pod['image']['tag']}" == image


def _pools() -> dict[str, Object]:
    every = documents(DEPLOY / "nodes" / "karpenter.yaml")
    return {one["metadata"]["name"]: one for one in every if one["kind"] == "NodePool"}


def test_each_profile_has_a_node_pool_that_takes_its_pods() -> None:
    assert _pools().keys() == {profile.name for profile in PROFILES}
    for profile in PROFILES:
        pool = _pools()[profile.name]["spec"]["template"]
        pod = profile.op_tags["dagster-k8s/config"]["pod_spec_config"]
        assert pool["metadata"]["labels"] == pod["node_selector"]
        tolerated = {(one["key"], one["effect"]) for one in pod["tolerations"]}
        assert {(t["key"], t["effect"]) for t in pool["spec"].get("taints", ())} <= tolerated
        capacity = {r["key"]: r["values"] for r in pool["spec"]["requirements"]}["karpenter.sh/capacity-type"]
        assert capacity == ["spot" if profile.spot else "on-demand"]


# vCPU and GiB of an instance, from EC2's lists; a node keeps about half a core and 10 % of memory for itself.
MACHINES = {
    "g6.2xlarge": (8, 32), "g6.4xlarge": (16, 64), "g6.8xlarge": (32, 128), "g6e.2xlarge": (8, 64),
    "g6e.4xlarge": (16, 128),
}  # fmt: skip


def test_the_machines_are_large_enough_for_their_profile() -> None:
    for profile in (one for one in PROFILES if one.gpu):
        wanted = _pools()[profile.name]["spec"]["template"]["spec"]["requirements"]
        types = {r["key"]: r["values"] for r in wanted}["node.kubernetes.io/instance-type"]
        for machine in types:
            cores, memory = MACHINES[machine]
            assert cores - 0.5 >= float(profile.cpu), machine
            assert 0.9 * memory >= float(profile.memory.removesuffix("Gi")), machine


def test_gpu_limits_agree() -> None:
    """Node pools, pool of slots, quota: the smallest decides, so all say the same."""
    limit = values()["concurrency"]["pools"]["defaultLimit"]
    gpus = {name: int(pool["spec"]["limits"].get("nvidia.com/gpu", 0)) for name, pool in _pools().items()}
    assert gpus["gpu-render"] == limit == 36
    quota = named("ResourceQuota", "plateful")["spec"]["hard"]["requests.nvidia.com/gpu"]
    assert int(quota) == sum(gpus.values())
    script = (DEPLOY / "nodes" / "gke.sh").read_text()
    assert f"--total-max-nodes {limit} --spot" in script


def test_gke_pools_have_the_same_labels() -> None:
    script = (DEPLOY / "nodes" / "gke.sh").read_text()
    for name, pool in _pools().items():
        labels = pool["spec"]["template"]["metadata"]["labels"]
        assert f"node-pools create {name} " in script
        assert ",".join(f"{key}={value}" for key, value in labels.items()) in script
