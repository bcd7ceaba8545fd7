"""Manifests: valid over several Kubernetes versions, without root, secrets or loose ends."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from resources.compute import PROFILES
from tests.deploy.manifests import (
    CUSTOM,
    DEPLOY,
    Object,
    core_objects,
    documents,
    job_of,
    named,
    objects,
    pod_templates,
)

VERSIONS = ("1.31", "1.33", "1.35", "1.37")
STEPS = {profile.name: profile.op_tags for profile in PROFILES}


def _jobs() -> dict[str, Object]:
    steps = {name: job_of("step_worker", tags) for name, tags in STEPS.items()}
    return {"run worker": job_of("run_worker"), **steps}


def _pods() -> dict[str, Object]:
    """Pod template by name: those of Deployments, and those that Dagster makes for runs and steps."""
    return {**dict(pod_templates()), **{name: job["spec"]["template"] for name, job in _jobs().items()}}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_core_object_is_valid(version: str) -> None:
    checked = [*core_objects(), *_jobs().values()]
    assert len(checked) > 30
    for one in checked:
        kubernetes_validate.validate(one, version, strict=True)


def test_the_check_sees_a_misspelt_field() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(named("Deployment", "mlflow")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readOnlyRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_kustomization_names_every_file() -> None:
    (kustomization,) = documents(DEPLOY / "kubernetes" / "kustomization.yaml")
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    assert kustomization["namespace"] == named("Namespace", "plateful")["metadata"]["name"]


@pytest.mark.parametrize("name", sorted(_pods()))
def test_no_pod_is_root_or_writes_its_root(name: str) -> None:
    spec = _pods()[name]["spec"]
    pod, (container,) = spec["securityContext"], spec["containers"]
    own = container["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert own.get("runAsUser", pod.get("runAsUser")) == 10001
    assert own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own.get("seccompProfile", pod.get("seccompProfile")) == {"type": "RuntimeDefault"}
    assert not any("hostPath" in volume for volume in spec.get("volumes", ()))


@pytest.mark.parametrize("name", sorted(_pods()))
def test_every_container_reserves_and_caps_but_for_cpu(name: str) -> None:
    for container in _pods()[name]["spec"]["containers"]:
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        assert {"cpu", "memory", "ephemeral-storage"} <= requests.keys()
        assert {"memory", "ephemeral-storage"} <= limits.keys()
        assert "cpu" not in limits


@pytest.mark.parametrize("name", sorted(_pods()))
def test_volumes_and_mounts_belong_together(name: str) -> None:
    spec = _pods()[name]["spec"]
    volumes = [volume["name"] for volume in spec.get("volumes", ())]
    mounts = [mount for container in spec["containers"] for mount in container.get("volumeMounts", ())]
    assert len(set(volumes)) == len(volumes)
    assert {mount["name"] for mount in mounts} == set(volumes)
    assert len({mount["mountPath"] for mount in mounts}) == len(mounts)


def test_run_workers_get_what_their_profile_says() -> None:
    (container,) = job_of("run_worker")["spec"]["template"]["spec"]["containers"]
    (step,) = job_of("step_worker", STEPS["cpu-small"])["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == step["resources"]


@pytest.mark.parametrize("name", [name for name, _ in pod_templates()])
def test_services_are_probed(name: str) -> None:
    for container in dict(pod_templates())[name]["spec"]["containers"]:
        assert {"readinessProbe", "livenessProbe"} <= container.keys()
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            how = container.get(probe, {})
            asked = how.get("httpGet") or how.get("tcpSocket")
            assert asked is None or asked["port"] in ports


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def test_images_have_versions() -> None:
    files = [*(DEPLOY / "kubernetes").glob("*.yaml"), DEPLOY / "helm" / "values.yaml"]
    text = "\n".join(path.read_text() for path in files)
    images = re.findall(r"image: ([^\s{]+)", text)
    assert len(images) >= 3
    assert all(re.search(r":v?\d+\.\d+[\w.]*$", image) for image in images)
    tags = re.findall(r"tag: \"?([^\",}\s]+)", text)
    assert len(tags) >= 5
    assert all(re.match(r"\d+\.\d+", tag) for tag in tags)
    assert ":latest" not in text


def test_no_file_holds_a_secret() -> None:
    assert not objects("Secret")
    for one in [document for path in DEPLOY.rglob("*.yaml") for document in documents(path)]:
        for text in _strings(one):
            assert not re.search(r"://[^/\s:@]+:[^/\s@]+@", text), text
            assert not re.search(r"-----BEGIN|AKIA[0-9A-Z]{16}", text), text
    for name, value in named("ConfigMap", "plateful-settings")["data"].items():
        assert isinstance(value, str), name
        assert not re.search(r"PASSWORD|PASSPHRASE|TOKEN|SECRET|_KEY$", name) or name == "PLATEFUL_S3_KMS_KEY"


def test_every_secret_that_is_read_is_referred_to() -> None:
    made = {one["spec"]["target"]["name"]: one for one in objects("ExternalSecret")}
    for name, template in _pods().items():
        read = set(re.findall(r"'secretName': '([^']+)'", str(template)))
        read |= set(re.findall(r"'secretRef': \{'name': '([^']+)'", str(template)))
        assert read <= made.keys(), name
        for reference in _key_references(template):
            keys = {entry["secretKey"] for entry in made[reference["name"]]["spec"]["data"]}
            assert reference["key"] in keys, name


def _key_references(value: Any) -> list[Object]:
    if isinstance(value, dict):
        own = [value["secretKeyRef"]] if "secretKeyRef" in value else []
        return own + [ref for each in value.values() for ref in _key_references(each)]
    return [ref for each in value for ref in _key_references(each)] if isinstance(value, list) else []


def test_pods_run_under_accounts_that_exist() -> None:
    accounts = {one["metadata"]["name"] for one in objects("ServiceAccount")}
    assert {template["spec"]["serviceAccountName"] for template in _pods().values()} <= accounts
    bound = {subject["name"] for one in objects("RoleBinding") for subject in one["subjects"]}
    assert bound == {"dagster", "plateful-run"}


def test_the_run_launcher_may_do_what_it_does_and_no_more() -> None:
    rules = named("Role", "run-launcher")["rules"]
    may = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    assert may["jobs"] == {"create", "get", "list", "watch", "delete"}
    assert may["pods"] == {"get", "list", "watch", "delete"}
    assert may["pods/log"] == {"get"}
    assert "list" in may["events"]
    assert not {"*", "secrets", "configmaps", "pods/exec"} & may.keys()
    assert not any("*" in verbs for verbs in may.values())
    assert not objects("ClusterRole", "ClusterRoleBinding")


def test_priority_classes_are_those_of_the_profiles() -> None:
    assert {one["metadata"]["name"] for one in objects("PriorityClass")} == {p.priority for p in PROFILES}


def test_disruption_budgets_select_pods_that_exist() -> None:
    labels = [template["metadata"]["labels"] for template in _pods().values()]
    # The web server's, as the chart labels it.
    labels.append({"app.kubernetes.io/instance": "dagster", "component": "dagster-webserver"})
    for one in objects("PodDisruptionBudget"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        assert any(wanted <= own.items() for own in labels), one["metadata"]["name"]


def test_services_select_pods_and_ports_that_exist() -> None:
    for one in objects("Service"):
        template = dict(pod_templates())[one["metadata"]["name"]]
        assert one["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        ports = {port["name"] for c in template["spec"]["containers"] for port in c["ports"]}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    for one in objects("ServiceMonitor"):
        service = named("Service", one["metadata"]["name"])
        assert one["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        names = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in one["spec"]["endpoints"]} <= names


def test_no_limit_range_caps_cpu() -> None:
    for limit in named("LimitRange", "plateful")["spec"]["limits"]:
        assert "cpu" not in limit["default"]
        assert "cpu" not in limit.get("max", {})
    assert "limits.cpu" not in named("ResourceQuota", "plateful")["spec"]["hard"]


def test_custom_kinds_are_known_ones() -> None:
    assert {one["kind"] for one in objects()} - {one["kind"] for one in core_objects()} <= set(CUSTOM)


def test_everything_under_deploy_parses() -> None:
    files = [path for path in DEPLOY.rglob("*.yaml") if "templates" not in path.parts]
    assert len(files) > 10
    assert all(documents(Path(path)) for path in files)
