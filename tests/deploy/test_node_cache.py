"""The overlay that gives GPU nodes a folder to share: one path everywhere, and nothing else is let go."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from plateful.errors import ConfigError
from resources.compute import CPU_SMALL, GPU_RENDER, GPU_TRAIN, PROFILES, USER, ComputeProfile
from tests.deploy.manifests import DEPLOY, Object, documents
from tests.deploy.test_manifests import VERSIONS

OVERLAY = DEPLOY / "node-cache"
FOLDER = "/var/lib/plateful/cache"


def objects() -> dict[str, Object]:
    """The overlay's own objects by kind."""
    (kustomization,) = documents(OVERLAY / "kustomization.yaml")
    files = [name for name in kustomization["resources"] if name.endswith(".yaml")]
    assert {*files, "kustomization.yaml"} == {path.name for path in OVERLAY.iterdir()}
    assert "../kubernetes" in kustomization["resources"]
    return {one["kind"]: one for name in files for one in documents(OVERLAY / name)}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str) -> None:
    for one in objects().values():
        kubernetes_validate.validate(one, version, strict=True)


def test_settings_folder_and_policy_name_one_path() -> None:
    (kustomization,) = documents(OVERLAY / "kustomization.yaml")
    added = [change for patch in kustomization["patches"] for change in yaml.safe_load(patch["patch"])]
    assert {change["path"]: change["value"] for change in added}["/data/PLATEFUL_NODE_CACHE"] == FOLDER
    pod: Any = objects()["DaemonSet"]["spec"]["template"]["spec"]
    (volume,), (maker,) = pod["volumes"], pod["initContainers"]
    made = maker["command"][-1].replace(maker["volumeMounts"][0]["mountPath"], volume["hostPath"]["path"])
    assert f"mkdir -p {FOLDER}" in made
    assert f"chown {USER}:{USER} {FOLDER}" in made
    rules = objects()["ValidatingAdmissionPolicy"]["spec"]["validations"]
    assert f"v.hostPath.path == '{FOLDER}'" in rules[0]["expression"]


def test_the_folder_is_made_where_gpu_pods_run() -> None:
    pod: Any = objects()["DaemonSet"]["spec"]["template"]["spec"]
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    (where,) = term["matchExpressions"]
    assert set(where["values"]) == {profile.name for profile in PROFILES if profile.gpu}
    taints = {one["key"] for one in pod["tolerations"]}
    for profile in (GPU_RENDER, GPU_TRAIN):
        tolerated = profile.op_tags["dagster-k8s/config"]["pod_spec_config"]["tolerations"]
        assert {one["key"] for one in tolerated if one["effect"] == "NoSchedule"} <= taints


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_gpu_pods_alone_mount_it(profile: ComputeProfile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_NODE_CACHE", FOLDER)
    volumes = profile.op_tags["dagster-k8s/config"]["pod_spec_config"]["volumes"]
    (cache,) = (volume for volume in volumes if volume["name"] == "cache")
    shared = {"name": "cache", "host_path": {"path": FOLDER, "type": "Directory"}}
    assert (cache == shared) is (profile is not CPU_SMALL)


@pytest.mark.parametrize("folder", ["cache", "/var/../etc", "/", "s3://bucket", "/var/lib/ cache"])
def test_a_folder_that_is_none_is_named(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_NODE_CACHE", folder)
    with pytest.raises(ConfigError, match="PLATEFUL_NODE_CACHE"):
        _ = GPU_RENDER.op_tags
