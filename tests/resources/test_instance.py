"""Production's dagster.yaml: current in deploy/, loadable by Dagster, and safe against dead runs."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from plateful.environments import ROOT
from resources.compute import PROFILES
from resources.instance import production_instance, production_yaml
from tests.kubernetes.api_server import running_cluster


def test_the_file_for_people_is_current() -> None:
    assert (ROOT / "deploy" / "dagster.yaml").read_text() == production_yaml(), (
        "plateful instance --production > deploy/dagster.yaml"
    )


def test_no_secret_is_in_it() -> None:
    storage = production_instance()["storage"]["postgres"]["postgres_db"]
    assert storage["password"] == {"env": "DAGSTER_PG_PASSWORD"}
    assert production_instance()["run_launcher"]["config"]["env_secrets"] == ["plateful-secrets"]


def test_dagster_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NAMESPACE", "CPU_IMAGE", "LOG_BUCKET"):
        monkeypatch.setenv(f"PLATEFUL_{name}", name.lower())
    with running_cluster(images={}, pools=()) as cluster:
        config = production_instance(cluster.kubeconfig)
        # The one section that needs a server to be opened.
        config["storage"] = {"sqlite": {"base_dir": str(tmp_path / "storage")}}
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            assert type(instance.run_launcher).__name__ == "K8sRunLauncher"
            assert instance.run_monitoring_enabled
            assert instance.run_retries_enabled
            assert instance.run_monitoring_max_resume_run_attempts == 0
            assert type(instance.compute_log_manager).__name__ == "S3ComputeLogManager"


def test_a_lease_outlives_the_longest_wait_for_a_node() -> None:
    settings = dict(one.split("=") for one in production_instance()["run_launcher"]["config"]["env_vars"])
    assert float(settings["PLATEFUL_LEASE_TTL"]) > max(profile.pending_seconds for profile in PROFILES)
