"""Production with Plateful on it: parts, cluster, daemon, webserver, commands as a team runs them."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import yaml

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
    code: "Server"
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
            told = done.stdout[-4000:] + done.stderr[-4000:]
            raise RuntimeError(f"plateful {' '.join(words)} ended with {done.returncode}:\n{told}")
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
            workspace, port = folder / "workspace.yaml", free_port()
            served = {"host": "127.0.0.1", "port": port, "location_name": "plateful"}
            workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": served}]}))
            dagster = plane(home, instance, ["-w", str(workspace)], **around)
            code, webserver = _code_server(dagster, port), _webserver(dagster, url)
            with code.running(), webserver.running(), dagster.daemon() as daemon:
                yield Stage(parts, cluster, dagster, dagster.environment, code, daemon)


class Server:
    """One process of the deployment, which its cluster would start again."""

    def __init__(self, name: str, command: list[str], dagster: Plane, answers: Callable[[], bool]) -> None:
        self._name, self._command, self._dagster, self._answers = name, command, dagster, answers
        self._process: subprocess.Popen | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the block ends."""
        try:
            self.start()
            yield
        finally:
            self.kill()

    def start(self) -> None:
        """Start it; returns when it answers.

        Raises:
            RuntimeError: it ended instead.
        """
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=dict(self._dagster.environment),
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually(self._is_up, START_SECONDS, self._name)

    def kill(self) -> None:
        """Kill -9 it with all it started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def _log(self) -> Path:
        return self._dagster.home / f"{self._name}.log"

    def _is_up(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the {self._name} ended: {self._log.read_text()[-3000:]}")
        return self._answers()


def _webserver(dagster: Plane, url: str) -> Server:
    host, port = url.removeprefix("http://").split(":")
    command = dagster.command("dagster-webserver", "--host", host, "--port", port)
    return Server("webserver", command, dagster, lambda: _http_answers(url))


def _code_server(dagster: Plane, port: int) -> Server:
    code = ["-f", str(ROOT / "definitions.py"), "-d", str(ROOT)]
    command = [str(BIN / "dagster"), "code-server", "start", "-h", "127.0.0.1", "-p", str(port), *code]
    check = [str(BIN / "dagster"), "api", "grpc-health-check", "-p", str(port)]

    def answers() -> bool:
        environment = dict(dagster.environment)
        return subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0

    return Server("code-server", command, dagster, answers)


def _http_answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).is_success
    except httpx.HTTPError:
        return False
