"""Jobs of one shell script, and waiting for what becomes of them."""

from collections.abc import Callable
from typing import Any

from tests.kubernetes.api_server import NodePool
from tests.kubernetes.plane import eventually

POOLS = (
    NodePool("cpu", {"cpu": "4", "memory": "8Gi"}),
    NodePool(
        "gpu",
        {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"},
        labels={"pool": "gpu"},
        taints=("nvidia.com/gpu",),
        maximum=2,
    ),
)
GPU: dict[str, Any] = {
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}


def job(
    name: str,
    script: str,
    *,
    spec: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    **container: Any,
) -> dict[str, Any]:
    """A job of one shell script."""
    main = {"name": "main", "image": "shell", "command": ["sh", "-c", script], **container}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [main], **(pod or {})},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template, **(spec or {})},
    }


def gpu_job(name: str, script: str, **more: Any) -> dict[str, Any]:
    pod = {**GPU, **more.pop("pod", {})}
    return job(name, script, pod=pod, resources={"limits": {"nvidia.com/gpu": "1"}}, **more)


def ended(batch: Any, name: str) -> Any:
    def status() -> Any:
        return batch.read_namespaced_job_status(name, "default").status

    eventually(lambda: bool(status().conditions), 30, f"end of {name}")
    return status()


def pod_of(core: Any, name: str) -> Any:
    (pod,) = core.list_namespaced_pod("default", label_selector=f"job-name={name}").items
    return pod


def until(core: Any, name: str, holds: Callable[[Any], bool]) -> Any:
    def check() -> bool:
        pods = core.list_namespaced_pod("default", label_selector=f"job-name={name}").items
        return bool(pods) and holds(pods[0])

    eventually(check, 30, f"pod of {name}")
    return pod_of(core, name)
