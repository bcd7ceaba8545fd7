"""Nodes of named pools: which pod fits where, and how many nodes a pool has and had."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kubernetes.objects import Object

GPU = "nvidia.com/gpu"
_UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class NodePool:
    """Nodes that are alike, of which there are between `minimum` and `maximum`, as pods need them."""

    name: str
    capacity: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    # Keys of NoSchedule taints.
    taints: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 1
    # Seconds from the need to a node that takes pods.
    start_seconds: float = 0.0


@dataclass
class Node:
    """One machine; `folder` is its disk."""

    name: str
    pool: NodePool
    folder: Path
    ready_at: float
    pods: dict[str, dict[str, float]] = field(default_factory=dict)

    def lacks(self, requests: Mapping[str, float]) -> list[str]:
        """Resources of which a pod wants more than is free here."""
        free = {name: quantity(value) for name, value in self.pool.capacity.items()}
        for taken in self.pods.values():
            for name, amount in taken.items():
                free[name] = free.get(name, 0.0) - amount
        return [name for name, amount in requests.items() if amount > free.get(name, 0.0) + 1e-9]


@dataclass
class PoolCount:
    """What a pool did: pods that ran on it, nodes it has, the most nodes it ever had."""

    pods: int = 0
    nodes: int = 0
    peak: int = 0


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: '500m' is 0.5, '2Gi' is 2 * 2**30."""
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)


def requests_of(pod: Object) -> dict[str, float]:
    """What a pod reserves, all containers together; a limit without a request is one."""
    total: dict[str, float] = {}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        wanted = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        for name, value in wanted.items():
            total[name] = total.get(name, 0.0) + quantity(str(value))
    return total


class Nodes:
    """The cluster's nodes: pools grow when a pod fits on no node, and shrink when a node is empty."""

    def __init__(self, pools: tuple[NodePool, ...], folder: Path) -> None:
        self._pools, self._folder = pools, folder
        self._nodes: dict[str, Node] = {}
        self._made = 0
        self.counts = {pool.name: PoolCount() for pool in pools}

    def place(self, pod: Object) -> Node | str | None:
        """Return the node that a pod now has; None while one starts; or why no node will ever take it yet."""
        requests, complaints = requests_of(pod), []
        for pool in self._pools:
            refusal = _refuses(pool, pod)
            if refusal is None:
                node = self._free(pool, requests)
                if isinstance(node, Node):
                    if node.ready_at > time.monotonic():
                        return None
                    node.pods[pod["metadata"]["uid"]] = requests
                    self.counts[pool.name].pods += 1
                    return node
                refusal = node
            complaints.append(f"pool {pool.name}: {refusal}")
        return f"0/{len(self._nodes)} nodes are available: {'; '.join(complaints)}"

    def _free(self, pool: NodePool, requests: Mapping[str, float]) -> Node | str:
        nodes = [node for node in self._nodes.values() if node.pool is pool]
        fitting = [node for node in nodes if not node.lacks(requests)]
        if fitting:
            return min(fitting, key=lambda node: node.ready_at)
        empty = Node("", pool, self._folder, 0.0)
        if empty.lacks(requests):
            return f"Insufficient {', '.join(empty.lacks(requests))} on an empty node"
        if len(nodes) >= pool.maximum:
            lacking = sorted({name for node in nodes for name in node.lacks(requests)})
            return (
                f"Insufficient {', '.join(lacking) or 'nodes'}, and the pool is at its {pool.maximum} nodes"
            )
        return self._start(pool)

    def _start(self, pool: NodePool) -> Node:
        self._made += 1
        name = f"{pool.name}-{self._made:04d}"
        (self._folder / name).mkdir(parents=True)
        node = Node(name, pool, self._folder / name, time.monotonic() + pool.start_seconds)
        self._nodes[name] = node
        self._recount(pool)
        return node

    def _recount(self, pool: NodePool) -> None:
        count = self.counts[pool.name]
        count.nodes = sum(node.pool is pool for node in self._nodes.values())
        count.peak = max(count.peak, count.nodes)

    def named(self, name: str) -> Node | None:
        """The node of that name, None once it is gone."""
        return self._nodes.get(name)

    def leave(self, pod: Object) -> None:
        """Give back what a pod reserved; a node above the minimum that is empty goes."""
        for node in list(self._nodes.values()):
            if node.pods.pop(pod["metadata"]["uid"], None) is None:
                continue
            same = sum(other.pool is node.pool for other in self._nodes.values())
            if not node.pods and same > node.pool.minimum:
                self.drop(node.name)

    def drop(self, name: str) -> None:
        """A node is gone, with whatever ran on it."""
        node = self._nodes.pop(name, None)
        if node is not None:
            self._recount(node.pool)


def _refuses(pool: NodePool, pod: Object) -> str | None:
    for key, value in (pod["spec"].get("nodeSelector") or {}).items():
        if pool.labels.get(key) != value:
            return f"didn't match the pod's node selector {key}={value}"
    tolerated = pod["spec"].get("tolerations") or []
    for taint in pool.taints:
        if not any(_tolerates(toleration, taint) for toleration in tolerated):
            return f"had untolerated taint {taint}"
    return None


def _tolerates(toleration: Object, taint: str) -> bool:
    if toleration.get("effect") not in (None, "NoSchedule"):
        return False
    return toleration.get("key") in (None, taint)
