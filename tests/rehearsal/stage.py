"""Production with Plateful on it: parts, cluster, daemon, webserver, commands as a team runs them."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx

from tests.kubernetes.api_server import Cluster
from tests.kubernetes.plane import (
    BIN,
    CPU_IMAGE,
    GPU_IMAGE,
    NAMESPACE,
    ROOT,
    Plane,
    eventually,
    instance_on,
    plane,
    plateful_cluster,
)
from tests.rehearsal.parts import Parts, running_parts
from tests.servers.ports import free_port

# Imports on two busy cores.
START_SECONDS = 180


@dataclass(frozen=True)
class Stage:
    """Plateful in production, on the loopback."""

    parts: Parts
    cluster: Cluster
    dagster: Plane
    environment: Mapping[str, str]
    webserver: subprocess.Popen
    daemon: subprocess.Popen

    def plateful(self, *words: str, seconds: float = 1_800) -> subprocess.CompletedProcess[str]:
        """Run a command in the deployment's environment, as `kubectl exec` would."""
        return subprocess.run(
            [str(BIN / "plateful"), *words],
            env=dict(self.environment),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """Run a command with --json and return its document.

        Raises:
            RuntimeError: it failed; shows what it said.
        """
        done = self.plateful(*words, "--json")
        if done.returncode != 0:
            raise RuntimeError(
                f"plateful {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-4000:]}"
            )
        return json.loads(done.stdout)

    def instance(self) -> AbstractContextManager[dg.DagsterInstance]:
        """Open Dagster's storage as the daemon sees it."""
        return self.dagster.instance()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in the deployment's environment."""
        return subprocess.Popen(
            [str(BIN / "plateful"), *words],
            env=dict(self.environment),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def production(folder: Path, monitoring_seconds: int = 30, **settings: str) -> Iterator[Stage]:
    """Set the whole plane up, the code loaded and runs awaited, until the block ends.

    Args:
        folder: state of pods and of Dagster.
        monitoring_seconds: between two looks of the daemon at its runs.
        settings: on top of the parts' own.
    """
    with running_parts(folder) as parts:
        home = folder / "dagster"
        chosen = {
            **parts.settings(),
            **settings,
            "DAGSTER_HOME": str(home),
            "PLATEFUL_NAMESPACE": NAMESPACE,
            "PLATEFUL_CPU_IMAGE": CPU_IMAGE,
            "PLATEFUL_GPU_IMAGE": GPU_IMAGE,
        }
        with plateful_cluster(chosen, parts.secrets()) as cluster:
            url = f"http://127.0.0.1:{free_port()}"
            around = {**chosen, **parts.secrets(), "PLATEFUL_DAGSTER_URL": url}
            instance = instance_on(cluster)
            instance["run_monitoring"]["poll_interval_seconds"] = monitoring_seconds
            dagster = plane(home, instance, ["-w", str(ROOT / "workspace.yaml")], **around)
            with _webserver(dagster, url) as webserver, dagster.daemon() as daemon:
                yield Stage(parts, cluster, dagster, dagster.environment, webserver, daemon)


@contextmanager
def _webserver(dagster: Plane, url: str) -> Iterator[subprocess.Popen]:
    host, port = url.removeprefix("http://").split(":")
    log = dagster.home / "webserver.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            dagster.command("dagster-webserver", "--host", host, "--port", port),
            env=dict(dagster.environment),
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        eventually(lambda: _answers(url, process, log), START_SECONDS, "the Dagster webserver")
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str, process: subprocess.Popen, log: Path) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the webserver ended with {process.returncode}: {log.read_text()[-3000:]}")
    try:
        return httpx.get(f"{url}/server_info", timeout=5).is_success
    except httpx.HTTPError:
        return False
