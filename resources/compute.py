"""Named compute profiles: an asset or op names one; what it needs from a machine follows.

`op_tags` is the one place that speaks Kubernetes. An executor without pods reads the retry policy alone.
"""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from plateful.production import PodSettings

# The tag that says how long a step's pod may wait for a node; `resources.pods` reads it.
PENDING_TAG = "plateful/pending-seconds"
# Every pod writes to these two and nowhere else: its root is read-only.
TMP = "/tmp"  # noqa: S108 - the pod's own
CACHE = "/var/cache/plateful"
# Finished jobs stay this long, for their logs: 6 h.
KEEP_SECONDS = 21_600
# A node that stops answering is given up after this long; Kubernetes' own default is 300 s.
LOST_NODE_SECONDS = 60
USER = 10_001


@dataclass(frozen=True)
class ComputeProfile:
    """What a step needs from a machine, and how Dagster tries it again.

    Attributes:
        name: node pool that the pod runs on, as the label `plateful.io/pool` says it.
        image: which of the installation's images; None = the one that loaded the code.
        cpu: cores reserved; never capped, for a throttled step holds its GPU longer.
        memory: reserved and capped, as a Kubernetes quantity.
        gpu: whole GPUs.
        disk: of the node's own, as a quantity: the cache, 4 GiB of /tmp, logs.
        cache: room for weights and compiled kernels, as a quantity, where the node has none to share; None =
            the pod needs neither.
        spot: may the node be taken back at two minutes' notice; else it is an on-demand one.
        do_not_disrupt: must autoscalers leave the pod where it is until it ends.
        priority: priority class, which the cluster must have.
        pending_seconds: how long the pod may wait for a node, an image and its secrets.
        deadline_seconds: how long the pod may take, waiting included.
        grace_seconds: between SIGTERM and SIGKILL.
        retry_policy: the only retry there is: a pod that Kubernetes starts again leaves its step in progress
            for ever.
        pool: pool of slots that limits such steps over all runs; None = no limit.
    """

    name: str
    cpu: str
    memory: str
    disk: str
    cache: str | None
    priority: str
    pending_seconds: int
    deadline_seconds: int
    retry_policy: dg.RetryPolicy
    image: str | None = None
    gpu: int = 0
    spot: bool = False
    do_not_disrupt: bool = False
    grace_seconds: int = 30
    pool: str | None = None

    @property
    def op_tags(self) -> dict[str, Any]:
        """Return the step tags: the profile's name, and what dagster-k8s makes a pod from."""
        return {
            "plateful/profile": self.name,
            PENDING_TAG: str(self.pending_seconds),
            "dagster-k8s/config": {
                "container_config": self._container(),
                "pod_spec_config": self._pod(),
                "pod_template_spec_metadata": self._metadata(),
                "job_spec_config": {
                    "backoff_limit": 0,
                    "active_deadline_seconds": self.deadline_seconds,
                    "ttl_seconds_after_finished": KEEP_SECONDS,
                },
            },
        }

    def _container(self) -> dict[str, Any]:
        reserved = {"cpu": self.cpu, "memory": self.memory, "ephemeral-storage": self.disk}
        capped = {"memory": self.memory, "ephemeral-storage": self.disk}
        if self.gpu:
            capped["nvidia.com/gpu"] = str(self.gpu)
        image = PodSettings.load().image(self.image)
        return {
            **({} if image is None else {"image": image}),
            "resources": {"requests": reserved, "limits": capped},
            "env": [
                {"name": name, "value": value}
                for name, value, wanted in (
                    ("HOME", TMP, True),
                    ("PLATEFUL_WEIGHT_CACHE", f"{CACHE}/weights", self.cache),
                )
                if wanted
            ],
            "volume_mounts": [
                {"name": "tmp", "mount_path": TMP},
                *([{"name": "cache", "mount_path": CACHE}] if self.cache else []),
            ],
            "security_context": {
                "run_as_non_root": True,
                "run_as_user": USER,
                "run_as_group": USER,
                "privileged": False,
                "allow_privilege_escalation": False,
                "read_only_root_filesystem": True,
                "capabilities": {"drop": ["ALL"]},
                "seccomp_profile": {"type": "RuntimeDefault"},
            },
        }

    def _pod(self) -> dict[str, Any]:
        taints = [("plateful.io/spot", self.spot), ("nvidia.com/gpu", bool(self.gpu))]
        lost = [f"node.kubernetes.io/{state}" for state in ("not-ready", "unreachable")]
        capacity = "spot" if self.spot else "on-demand"
        return {
            "node_selector": {"plateful.io/pool": self.name, "plateful.io/capacity": capacity},
            "tolerations": [
                *(_toleration(key, "NoSchedule") for key, wanted in taints if wanted),
                *({**_toleration(key, "NoExecute"), "toleration_seconds": LOST_NODE_SECONDS} for key in lost),
            ],
            "priority_class_name": self.priority,
            "restart_policy": "Never",
            "termination_grace_period_seconds": self.grace_seconds,
            "security_context": {"fs_group": USER, "run_as_non_root": True},
            "volumes": [
                {"name": "tmp", "empty_dir": {"size_limit": "4Gi"}},
                *([{"name": "cache", **self._cache()}] if self.cache else []),
            ],
        }

    def _cache(self) -> dict[str, Any]:
        """The node's folder, which outlives the pod, where GPU nodes have one (deploy/node-cache).

        `Directory`: a pod waits for the folder, which root makes there for USER, and never makes it itself.
        """
        folder = PodSettings.load().node_cache
        if self.gpu and folder is not None:
            return {"host_path": {"path": folder, "type": "Directory"}}
        return {"empty_dir": {"size_limit": self.cache}}

    def _metadata(self) -> dict[str, Any]:
        labels = {"plateful.io/profile": self.name}
        if not self.do_not_disrupt:
            return {"labels": labels}
        stay = {
            "karpenter.sh/do-not-disrupt": "true",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        }
        return {"labels": labels, "annotations": stay}


def _toleration(key: str, effect: str) -> dict[str, Any]:
    return {"key": key, "operator": "Exists", "effect": effect}


CPU_SMALL = ComputeProfile(
    "cpu-small",
    cpu="1",
    # The CLIP that gates and judge look through, and a country's tables.
    memory="4Gi",
    disk="14Gi",
    cache="8Gi",
    # Its steps take minutes; tidying nodes up can wait.
    do_not_disrupt=True,
    priority="plateful-cpu",
    pending_seconds=600,
    deadline_seconds=3600,
    # Once: what fails twice is no lost node.
    retry_policy=dg.RetryPolicy(max_retries=1, delay=2),
)
GPU_RENDER = ComputeProfile(
    "gpu-render",
    image="gpu",
    cpu="3",
    memory="24Gi",
    gpu=1,
    disk="46Gi",
    # SDXL, its compiled kernels, and a second model for escalation.
    cache="40Gi",
    spot=True,
    # A shard that is moved loads its model again.
    do_not_disrupt=True,
    priority="plateful-render",
    # A GPU node takes 3-8 min to start and to pull its image.
    pending_seconds=1200,
    # 5,000 candidates at 2.3 s each on an L4 are 3.2 h.
    deadline_seconds=21_600,
    # A batch ends within it.
    grace_seconds=60,
    # Two cover a spot node lost twice in a row; a shard is idempotent.
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    pool="gpu-render",
)
GPU_TRAIN = ComputeProfile(
    "gpu-train",
    image="gpu",
    cpu="6",
    memory="48Gi",
    gpu=1,
    disk="86Gi",
    cache="80Gi",
    # A fine-tune of hours is not started again because a spot node went.
    do_not_disrupt=True,
    priority="plateful-train",
    pending_seconds=1800,
    deadline_seconds=86_400,
    grace_seconds=120,
    retry_policy=dg.RetryPolicy(max_retries=1, delay=30),
    pool="gpu-train",
)
PROFILES = (CPU_SMALL, GPU_RENDER, GPU_TRAIN)
