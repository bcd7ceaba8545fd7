"""Weights are fetched once per node where GPU nodes have a folder for them."""

from pathlib import Path
from typing import Any

import kubernetes
import pytest

from plateful.models.digests import verify_digests
from plateful.models.weight_store import publish
from plateful.stores.s3 import S3Options
from resources.compute import GPU_RENDER
from tests.kubernetes.api_server import NodePool
from tests.kubernetes.plane import GPU_IMAGE, NAMESPACE, POOLS, eventually, plateful_cluster
from tests.kubernetes.rendered import example_launcher, rendered_job
from tests.servers.s3 import S3Server

FETCH = """
import sys
from pathlib import Path
from plateful.models.weight_store import fetch
from plateful.settings import load_settings
settings = load_settings()
print(fetch(sys.argv[1], None, settings.weight_cache, settings.s3))
"""


def two_gpus_a_node() -> NodePool:
    (pool,) = (pool for pool in POOLS if pool.name == GPU_RENDER.name)
    room = {"cpu": "8", "memory": "64Gi", "ephemeral-storage": "100Gi", "nvidia.com/gpu": "2"}
    return NodePool(pool.name, capacity=room, labels=pool.labels, taints=pool.taints, maximum=1)


@pytest.mark.parametrize(("node_cache", "downloads"), [("/var/lib/plateful/cache", 1), (None, 2)])
def test_pods_of_a_node_share_what_one_of_them_fetched(
    s3: S3Server,
    s3_prefix: str,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    node_cache: str | None,
    downloads: int,
) -> None:
    address = f"{s3_prefix}/weights/plateful-tiny"
    publish(weights / "plateful-tiny", address, S3Options(s3.endpoint, s3.region))
    if node_cache:
        monkeypatch.setenv("PLATEFUL_NODE_CACHE", node_cache)
    settings = {"PLATEFUL_S3_ENDPOINT": s3.endpoint, "PLATEFUL_S3_REGION": s3.region}
    with (
        plateful_cluster(settings, s3.environment, pools=(two_gpus_a_node(),)) as cluster,
        example_launcher() as launcher,
    ):
        batch = kubernetes.client.BatchV1Api(
            kubernetes.config.new_client_from_config(str(cluster.kubeconfig))
        )
        s3.requests.clear()
        for name in ("one", "two"):
            job = rendered_job(launcher, GPU_RENDER, name)
            (container,) = job["spec"]["template"]["spec"]["containers"]
            container |= {"image": GPU_IMAGE, "command": ["python", "-c", FETCH, address], "args": []}
            batch.create_namespaced_job(NAMESPACE, job)

        def statuses() -> list[Any]:
            return [job.status for job in batch.list_namespaced_job(NAMESPACE).items]

        eventually(lambda: all(status.conditions for status in statuses()), 120, "two pods")
        assert [status.succeeded for status in statuses()] == [1, 1], cluster.broke
        assert cluster.pools[GPU_RENDER.name].peak == 1
    fetched = [path for method, path in s3.requests if method == "GET" and "/files/" in path]
    assert len(fetched) == downloads * len(verify_digests(weights / "plateful-tiny"))
