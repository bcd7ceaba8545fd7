"""A small Kubernetes on 127.0.0.1: it validates objects, runs pods as real processes, and breaks on request.

    with running_cluster(images={"plateful-cpu": Image(path=..., folder=...)}, pools=(...)) as cluster:
        K8sRunLauncher(..., load_incluster_config=False, kubeconfig_file=str(cluster.kubeconfig))

It has Jobs (backoffLimit, activeDeadlineSeconds, ttlSecondsAfterFinished), Pods (env, envFrom, volumes of
config maps, secrets, emptyDir and hostPath as folders), events, and node pools that grow and shrink. It has
no isolation: a pod is a process of this user with only the pod's environment. Security contexts and memory
limits are validated, not enforced; init containers and affinity are refused.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

import yaml

from tests.kubernetes.faults import Fault, Faults, Mishap
from tests.kubernetes.http_api import Api, handler
from tests.kubernetes.jobs import Jobs
from tests.kubernetes.kubelet import Image
from tests.kubernetes.nodes import NodePool, Nodes, PoolCount
from tests.kubernetes.objects import Object, Store
from tests.kubernetes.pods import Pods

__all__ = ["Cluster", "Fault", "Image", "Mishap", "NodePool", "running_cluster"]
# The oldest, a middle one and the newest that schemas are at hand for.
VERSIONS = ("1.29", "1.33", "1.36")
STEP_SECONDS = 0.05


@dataclass(frozen=True)
class Ran:
    """One pod that the cluster took, as it is now or was last seen."""

    name: str
    labels: Mapping[str, str]
    pool: str
    phase: str
    reason: str
    spec: Object


class Cluster:
    """The cluster as a test sees it."""

    def __init__(
        self,
        images: Mapping[str, Image],
        pools: tuple[NodePool, ...],
        versions: tuple[str, ...],
        folder: Path,
        toleration: float,
    ) -> None:
        self._refusals: list[int] = []
        self._store = Store(versions)
        self._nodes = Nodes(pools, folder / "nodes")
        api = self._api(folder, images, toleration)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(api, self._refusal))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.kubeconfig = folder / "kubeconfig.yaml"
        self.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(self.url)))
        self._seen: dict[str, Ran] = {}
        self._stop = threading.Event()
        self.broke: Exception | None = None

    def _api(self, folder: Path, images: Mapping[str, Image], toleration: float) -> Api:
        self._pods = Pods(self._store, self._nodes, images, folder / "pods", {})
        self._jobs = Jobs(self._store, self._pods)
        self._faults = Faults(self._store, self._pods, toleration)
        return Api(self._store, self._pods, self._jobs)

    def add(self, plural: str, made: Object, namespace: str = "default") -> None:
        """Create an object, e.g. `add("configmaps", {"metadata": {"name": "settings"}, "data": {...}})`."""
        self._store.validate(plural, made)
        self._store.create(plural, namespace, made)

    def fault(self, fault: Fault) -> Fault:
        """Have something go wrong; `fault.happened` then names the pods."""
        self._faults.add(fault)
        return fault

    def refuse(self, status: int, times: int) -> None:
        """Answer the next requests with an error status."""
        self._refusals.extend([status] * times)

    def _refusal(self) -> int | None:
        return self._refusals.pop() if self._refusals else None

    def ran(self, labels: str = "") -> list[Ran]:
        """Every pod that was ever accepted and that a label selector chooses, oldest first."""
        wanted = dict(term.split("=", 1) for term in labels.split(",") if term)
        with self._store.lock:
            return [one for one in self._seen.values() if wanted.items() <= one.labels.items()]

    def events(self, reason: str = "") -> list[Object]:
        """Events of the cluster, by reason."""
        return [event for event in self._store.every("events") if reason in ("", event["reason"])]

    def log(self, pod: str, namespace: str = "default") -> str:
        """What a pod that still has an object has written."""
        return self._pods.log(self._store.get("pods", namespace, pod))

    @property
    def pools(self) -> Mapping[str, PoolCount]:
        """Per node pool: pods that ran on it, nodes now, the most nodes at once."""
        return self._nodes.counts

    def _run(self) -> None:
        while not self._stop.wait(STEP_SECONDS):
            try:
                with self._store.lock:
                    for part in (self._jobs, self._faults, self._pods):
                        part.step()
                        self._note()
            except Exception as fault:  # a cluster that died silently would look like a slow one
                self.broke = fault
                raise

    def _note(self) -> None:
        for pod in self._store.every("pods"):
            spec, status = pod["spec"], pod.get("status", {})
            self._seen[pod["metadata"]["uid"]] = Ran(
                name=pod["metadata"]["name"],
                labels=dict(pod["metadata"].get("labels") or {}),
                pool=spec.get("nodeName", "").rpartition("-")[0],
                phase=status.get("phase", "Pending"),
                reason=status.get("reason", ""),
                spec=spec,
            )

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve and control until the block ends; then nothing of it runs any more."""
        threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._run, daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._server.shutdown()
            self._server.server_close()
            threads[1].join()
            self._pods.close()


@contextmanager
def running_cluster(
    *,
    images: Mapping[str, Image],
    pools: tuple[NodePool, ...],
    namespaces: tuple[str, ...] = ("default",),
    service_accounts: tuple[str, ...] = ("default",),
    priority_classes: tuple[str, ...] = (),
    versions: tuple[str, ...] = VERSIONS,
    toleration_seconds: float = 300.0,
) -> Iterator[Cluster]:
    """Run a cluster until the block ends.

    Args:
        images: image name -> what it is on this machine.
        pools: node pools, tried in this order.
        namespaces: names; each gets the service accounts.
        service_accounts: names that pods may use.
        priority_classes: names that pods may use.
        versions: Kubernetes versions against whose schemas every object is validated.
        toleration_seconds: how long a pod on a lost node stays Unknown, where it does not say itself.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(images, pools, versions, Path(folder), toleration_seconds)
        for namespace in namespaces:
            cluster.add("namespaces", {"metadata": {"name": namespace}})
            for account in service_accounts:
                cluster.add("serviceaccounts", {"metadata": {"name": account}}, namespace)
        for name in priority_classes:
            cluster.add("priorityclasses", {"metadata": {"name": name}, "value": 0})
        with cluster.serving():
            yield cluster


def _kubeconfig(url: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "loopback",
        "clusters": [{"name": "loopback", "cluster": {"server": url}}],
        "users": [{"name": "loopback", "user": {"token": "loopback"}}],
        "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "loopback"}}],
    }
