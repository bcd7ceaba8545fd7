"""A cluster of two small pools, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import kubernetes
import pytest

from tests.kubernetes.api_server import Cluster, Image, running_cluster
from tests.kubernetes.shell_jobs import POOLS


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    image = Image(path="/usr/bin:/bin", folder=Path("/"), environment={"FROM_IMAGE": "yes"})
    with running_cluster(images={"shell": image}, pools=POOLS) as running:
        yield running


@pytest.fixture
def batch(cluster: Cluster) -> kubernetes.client.BatchV1Api:
    return kubernetes.client.BatchV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))


@pytest.fixture
def core(cluster: Cluster) -> kubernetes.client.CoreV1Api:
    return kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(str(cluster.kubeconfig)))
