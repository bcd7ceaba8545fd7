"""A real MLflow server on the loopback: runs in SQLite, artifacts through the server."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers.ports import free_port, wait_until

# It imports for several seconds and sets up its tables; two busy cores take far longer.
START_SECONDS = 180


@dataclass(frozen=True)
class MlflowServer:
    """Where the server answers, and the folder in which it keeps artifacts."""

    url: str
    artifacts: Path


@contextmanager
def running_mlflow() -> Iterator[MlflowServer]:
    """Run a server with an empty store until the block ends."""
    with tempfile.TemporaryDirectory(prefix="mlflow-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        log, artifacts = folder / "log", folder / "artifacts"
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.sqlite",
            "--artifacts-destination", str(artifacts),
        ]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=_environment(), stdout=output, stderr=subprocess.STDOUT
            )
        try:
            wait_until(lambda: _is_healthy(port), process, log, START_SECONDS)
            yield MlflowServer(f"http://127.0.0.1:{port}", artifacts)
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {
        **own,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def _is_healthy(port: int) -> bool:
    import requests

    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok
    except requests.RequestException:
        return False


def _end(process: subprocess.Popen) -> None:
    """Kill the server with its workers: nothing of it is kept."""
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait(60)
