"""Dagster on a loopback cluster: its daemon, its instance, and runs that are launched like anybody's."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from resources.compute import CPU_SMALL, GPU_RENDER, GPU_TRAIN, PROFILES
from resources.instance import production_instance
from tests.kubernetes.api_server import Cluster, Image, NodePool, running_cluster

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NAMESPACE, CPU_IMAGE, GPU_IMAGE = "plateful", "plateful-cpu:test", "plateful-gpu:test"
# A node of each pool, as the sizes that `deploy/` asks for.
_NODES = {
    CPU_SMALL.name: ({"cpu": "4", "memory": "16Gi", "ephemeral-storage": "80Gi"}, 8),
    GPU_RENDER.name: ({"cpu": "4", "memory": "32Gi", "ephemeral-storage": "80Gi", "nvidia.com/gpu": "1"}, 36),
    GPU_TRAIN.name: ({"cpu": "8", "memory": "64Gi", "ephemeral-storage": "100Gi", "nvidia.com/gpu": "1"}, 2),
}
POOLS = tuple(
    NodePool(
        profile.name,
        capacity=_NODES[profile.name][0],
        labels={
            "plateful.io/pool": profile.name,
            "plateful.io/capacity": "spot" if profile.spot else "on-demand",
        },
        taints=("nvidia.com/gpu",) * bool(profile.gpu) + ("plateful.io/spot",) * profile.spot,
        maximum=_NODES[profile.name][1],
    )
    for profile in PROFILES
)


@contextmanager
def plateful_cluster(
    settings: Mapping[str, str], secrets: Mapping[str, str] | None = None, pools: tuple[NodePool, ...] = POOLS
) -> Iterator[Cluster]:
    """Run a cluster as `deploy/` sets one up: its node pools, accounts, classes, settings and secrets.

    Args:
        settings: the config map `plateful-settings`: environment of every pod.
        secrets: the secret `plateful-secrets`, likewise; `DAGSTER_PG_PASSWORD` is taken from it.
        pools: node pools.
    """
    secrets = dict(secrets or {})
    # The image's own environment: code from this checkout, quiet, two cores shared by all pods.
    image = Image(
        path=f"{BIN}:/usr/bin:/bin",
        folder=ROOT,
        environment={"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"},
    )
    with running_cluster(
        images={CPU_IMAGE: image, GPU_IMAGE: image},
        pools=pools,
        namespaces=(NAMESPACE,),
        service_accounts=("default", "plateful-run"),
        priority_classes=tuple(profile.priority for profile in PROFILES),
    ) as cluster:
        password = {"postgresql-password": secrets.pop("DAGSTER_PG_PASSWORD", "")}
        cluster.add("configmaps", _named("plateful-settings", data=dict(settings)), NAMESPACE)
        cluster.add("secrets", _named("plateful-secrets", stringData=secrets), NAMESPACE)
        cluster.add("secrets", _named("dagster-postgresql-secret", stringData=password), NAMESPACE)
        yield cluster


def _named(name: str, **rest: object) -> dict[str, Any]:
    return {"metadata": {"name": name}, **rest}


def instance_on(cluster: Cluster, **changes: object) -> dict[str, Any]:
    """Return production's dagster.yaml for a loopback cluster; `changes` replace whole sections of it."""
    return {**production_instance(cluster.kubeconfig), **changes}


@dataclass(frozen=True)
class Plane:
    """A Dagster home, its workspace, and the environment of its processes."""

    home: Path
    workspace: Sequence[str]
    environment: Mapping[str, str]

    def command(self, *words: str) -> list[str]:
        """A dagster command on this workspace."""
        return [str(BIN / words[0]), *words[1:], *self.workspace]

    def launch(self, job: str, tags: Mapping[str, str] | None = None) -> None:
        """Put a run of a job into the queue."""
        command = self.command("dagster", "job", "launch")
        command += ["--job", job, *(["--tags", yaml.safe_dump(dict(tags))] if tags else [])]
        done = subprocess.run(command, env=dict(self.environment), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open the instance in this process, with the plane's environment; the first time makes its tables.

        Dagster makes them without a lock, so nothing else may start before.
        """
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield instance
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen]:
        """Run the daemon: queue, monitoring, retries, sensors; its log is `daemon.log` in the home."""
        with (self.home / "daemon.log").open("ab") as log:
            process = subprocess.Popen(
                self.command("dagster-daemon", "run"),
                env=dict(self.environment),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def plane(home: Path, instance: Mapping[str, object], workspace: Sequence[str], **more: str) -> Plane:
    """Write a Dagster home, and say with what environment its processes run.

    Args:
        home: folder of `dagster.yaml`.
        instance: its content.
        workspace: workspace options of Dagster's commands, e.g. `["-m", "definitions"]`.
        more: environment of daemon and commands; the pods' is the cluster's config map.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(dict(instance)), encoding="utf-8")
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "DAGSTER_HOME": str(home),
        "PLATEFUL_NAMESPACE": NAMESPACE,
        "PLATEFUL_CPU_IMAGE": CPU_IMAGE,
        "PLATEFUL_GPU_IMAGE": GPU_IMAGE,
        **more,
    }
    return Plane(home, workspace, environment)


def finished(instance: dg.DagsterInstance, job: str, seconds: float) -> list[dg.DagsterRun]:
    """Wait until every run of a job has finished, and return them, newest first.

    Raises:
        TimeoutError: some run has not.
    """

    def done() -> bool:
        runs = instance.get_runs(dg.RunsFilter(job_name=job))
        return bool(runs) and all(run.is_finished for run in runs)

    eventually(done, seconds, f"runs of {job}")
    return list(instance.get_runs(dg.RunsFilter(job_name=job)))


def eventually(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)
