"""What the simulated cluster is told, and what it reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Seconds that everything around rendering takes, and what preemption costs."""

    node_start: float
    node_spread: float
    node_prepare: float
    idle_release: float
    pod_start: float
    run_start: float
    rerun: float
    preemptions_an_hour: float
    max_retries: int
    batch: int
    batches_lost: int


@dataclass(frozen=True)
class Outcome:
    """What became of the requests.

    Attributes:
        images: pictures rendered and published.
        waits: (hours from request to publication, pictures) per run.
        node_hours: paid hours of nodes.
        useful_hours: hours in which pictures were rendered that were kept.
        lost_images: pictures rendered and lost by preemption.
        failed_runs: shards that used up their retries, each failing its run.
        active: (hour, nodes) whenever the number changed.
    """

    images: int
    waits: tuple[tuple[float, int], ...]
    node_hours: float
    useful_hours: float
    lost_images: int
    preemptions: int
    failed_runs: int
    shards: int
    active: tuple[tuple[float, int], ...]

    @property
    def idle_share(self) -> float:
        """Share of the paid hours in which no kept picture was rendered."""
        return 1 - self.useful_hours / self.node_hours if self.node_hours else 0.0

    @property
    def peak_nodes(self) -> int:
        """Most nodes at one time."""
        return max((nodes for _, nodes in self.active), default=0)

    def wait(self, share: float) -> float:
        """Return the hours within which a share of the pictures is published."""
        left = share * self.images
        for hours, images in sorted(self.waits):
            left -= images
            if left <= 0:
                return hours
        return 0.0
