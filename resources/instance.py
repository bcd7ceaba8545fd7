"""Production's `dagster.yaml`, from its parts; the local one is a file of the repository.

It is data made here from the compute profiles, so that run workers and steps are described once;
`deploy/dagster.yaml` is its copy for people and for Helm. Secrets are names of environment variables.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from resources.compute import CPU_SMALL, GPU_RENDER, GPU_TRAIN, PROFILES
from resources.tags import PARTITION_TAG

HEADER = "# Made by `plateful instance --production`; edit resources/instance.py instead.\n"
# Steps at once over all runs, per pool: as many as the largest node pool has nodes. The pool of training is
# set lower when it is installed: `dagster instance concurrency set gpu-train 2`.
GPU_NODES = 36
LONGEST_WAIT = max(profile.pending_seconds for profile in PROFILES)
# Between two steps' pods nobody renews the run's lease, so it outlives the longest wait for a node. A run
# that died is known by run monitoring within a minute or two, and its lease is free then.
LEASE = {"PLATEFUL_LEASE_TTL": LONGEST_WAIT + 600, "PLATEFUL_LEASE_WAIT": 300}
POOL_LIMITS = {GPU_RENDER.pool: GPU_NODES, GPU_TRAIN.pool: 2}


def production_yaml() -> str:
    """Return the text of production's `dagster.yaml`."""
    return HEADER + yaml.dump(production_instance(), Dumper=_Plain, sort_keys=False, width=110)


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice: an anchor is no help to a reader."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        """Every value is written out."""
        return True


def production_instance(kubeconfig: Path | None = None) -> dict[str, Any]:
    """Return production's configuration.

    Args:
        kubeconfig: how to reach the cluster from outside; None = from inside, by the pod's service account.
    """
    return {
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
        "storage": {"postgres": {"postgres_db": _postgres()}},
        "compute_logs": _compute_logs(),
        "run_launcher": _launcher(kubeconfig),
        "concurrency": {
            "runs": {
                # Each is one small pod that mostly waits for its steps' pods.
                "max_concurrent_runs": 40,
                "tag_concurrency_limits": [
                    # One run per country at a time; the ledger's lease covers what the queue does not see.
                    {"key": PARTITION_TAG, "limit": 1, "value": {"applyLimitPerUniqueValue": True}}
                ],
            },
            "pools": {"granularity": "op", "default_limit": GPU_NODES},
        },
        "run_monitoring": {
            "enabled": True,
            "poll_interval_seconds": 30,
            # More than a run worker's pod may wait for its node.
            "start_timeout_seconds": CPU_SMALL.pending_seconds + 300,
            "cancel_timeout_seconds": 180,
            # None: a resumed run worker rebuilds its state from its first 1,000 events alone, and takes a
            # step that began after them for one that never did. The run is retried instead, from failure;
            # what its steps' pods would still write is fenced by the lease.
            "max_resume_run_attempts": 0,
            # A dead run's slot would block the next run for ever.
            "free_slots_after_run_end_seconds": 120,
        },
        "run_retries": {
            "enabled": True,
            "max_retries": 2,
            # A step has its own retries; only a run whose worker died is run again.
            "retry_on_asset_or_op_failure": False,
        },
        "retention": {
            name: {"purge_after_days": {"skipped": 7, "failure": 30, "success": 30}}
            for name in ("schedule", "sensor")
        },
    }


def _postgres() -> dict[str, Any]:
    names = {
        "username": "DAGSTER_PG_USERNAME",
        "password": "DAGSTER_PG_PASSWORD",
        "hostname": "DAGSTER_PG_HOST",
        "db_name": "DAGSTER_PG_DB",
        "port": "DAGSTER_PG_PORT",
    }
    # SQLAlchemy 2.1 maps the plain scheme to psycopg 3, which is not installed.
    return {**{key: {"env": name} for key, name in names.items()}, "scheme": "postgresql+psycopg2"}


def _compute_logs() -> dict[str, Any]:
    return {
        "module": "dagster_aws.s3.compute_log_manager",
        "class": "S3ComputeLogManager",
        "config": {
            "bucket": {"env": "PLATEFUL_LOG_BUCKET"},
            "prefix": "dagster",
            # The pod's own; what a killed pod had not sent yet is in its Kubernetes log.
            "local_dir": "/tmp/compute-logs",  # noqa: S108
            "skip_empty_files": True,
            "upload_interval": 60,
        },
    }


def _launcher(kubeconfig: Path | None) -> dict[str, Any]:
    access: dict[str, Any] = {"load_incluster_config": kubeconfig is None}
    if kubeconfig is not None:
        access["kubeconfig_file"] = str(kubeconfig)
    return {
        "module": "dagster_k8s",
        "class": "K8sRunLauncher",
        "config": {
            **access,
            "job_namespace": {"env": "PLATEFUL_NAMESPACE"},
            "service_account_name": "plateful-run",
            "job_image": {"env": "PLATEFUL_CPU_IMAGE"},
            "image_pull_policy": "IfNotPresent",
            "instance_config_map": "dagster-instance",
            "dagster_home": "/opt/dagster/dagster_home",
            "postgres_password_secret": "dagster-postgresql-secret",
            "env_config_maps": ["plateful-settings"],
            "env_secrets": ["plateful-secrets"],
            "env_vars": [f"{name}={value}" for name, value in LEASE.items()],
            "run_k8s_config": run_worker_config(),
        },
    }


def run_worker_config() -> dict[str, Any]:
    """Return what a run worker's pod is made from: a small CPU pod that lives as long as its run.

    Its steps' pods are made from this and from their profile, lists added up: a volume that both have must be
    the same in both, so it has no cache.
    """
    config = replace(CPU_SMALL, cache=None).op_tags["dagster-k8s/config"]
    job = {key: value for key, value in config["job_spec_config"].items() if key != "active_deadline_seconds"}
    return {**config, "job_spec_config": job}
