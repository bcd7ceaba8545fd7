"""How many nodes a volume needs, what that costs, and which shard size is cheapest."""

from dataclasses import dataclass
from math import ceil

from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.constants import Constants
from benchmarks.capacity.outcome import Outcome

SHARD_SIZES = (125, 250, 500, 1000, 2000, 5000)
# Costs closer than this are the same: prices move by more in a month. The shorter median wait then decides.
SAME_COST = 0.05


@dataclass(frozen=True)
class Plan:
    """One volume on one device with one recipe: nodes, money, waits."""

    images: int
    recipe: str
    device: str
    spot: bool
    shard_size: int
    nodes: int
    outcome: Outcome
    usd_a_day: float

    @property
    def row(self) -> dict[str, float | int | str | bool]:
        """Return the plan as one row of the result file."""
        done = self.outcome
        return {
            "images_a_day": self.images,
            "recipe": self.recipe,
            "device": self.device,
            "spot": self.spot,
            "shard_size": self.shard_size,
            "nodes": self.nodes,
            "usd_a_day": round(self.usd_a_day, 2),
            "usd_per_1000_images": round(1000 * self.usd_a_day / self.images, 3),
            "wait_p50_hours": round(done.wait(0.5), 2),
            "wait_p95_hours": round(done.wait(0.95), 2),
            "gpu_idle_share": round(done.idle_share, 4),
            "preemptions": done.preemptions,
            "lost_images": done.lost_images,
            "lost_share": round(done.lost_images / self.images, 6),
            "failed_runs": done.failed_runs,
            "shards": done.shards,
        }


def simulate(
    constants: Constants,
    images: int,
    *,
    recipe: str,
    device: str,
    shard_size: int,
    nodes: int,
    spot: bool = True,
    preemptions_an_hour: float | None = None,
    seed: int = 0,
) -> Plan:
    """Run one day on at most `nodes` nodes.

    Args:
        constants: the model's.
        images: pictures asked for in the day.
        recipe: key of `recipes` in constants.yaml.
        device: key of the price table.
        shard_size: most candidates a shard.
        nodes: most nodes, of one GPU each.
        spot: whether nodes are spot, with their price and preemptions.
        preemptions_an_hour: in place of the file's, for spot.
        seed: of demand and cluster.
    """
    rate = (
        constants.value("node", "preemptions_an_hour") if preemptions_an_hour is None else preemptions_an_hour
    )
    cluster = Cluster(
        constants.timings(rate if spot else 0.0),
        constants.seconds_per_image(recipe, device),
        shard_size,
        nodes,
        seed,
    )
    outcome = cluster.bring_in(constants.day(images, seed))
    share = constants.value("node", "spot_price_share") if spot else 1.0
    cost = outcome.node_hours * constants.prices.rows[device].usd_per_hour * share
    return Plan(images, recipe, device, spot, shard_size, nodes, outcome, cost)


def smallest(
    constants: Constants, images: int, *, recipe: str, device: str, shard_size: int, spot: bool
) -> Plan:
    """Return the plan with the fewest nodes whose p95 wait is within the target.

    Where no number of nodes meets it (a shard alone takes longer), the plan with a node for every shard.
    """
    target = constants.value("target", "p95_wait_hours")

    def plan(nodes: int) -> Plan:
        return simulate(
            constants, images, recipe=recipe, device=device, shard_size=shard_size, nodes=nodes, spot=spot
        )

    low = max(1, ceil(images * constants.seconds_per_image(recipe, device) / 86_400 / 2))
    high = ceil(images / shard_size) + constants.document["demand"]["countries"]["value"]
    high = max(low, min(high, 16 * low + 16))
    best = plan(high)
    if best.outcome.wait(0.95) > target:
        return best
    while low < high:
        middle = (low + high) // 2
        tried = plan(middle)
        if tried.outcome.wait(0.95) <= target:
            best, high = tried, middle
        else:
            low = middle + 1
    return best


def choose(plans: list[Plan], target: float) -> Plan:
    """Return the cheapest plan within the target p95 wait (hours); of equal costs the one with least wait."""
    fitting = [plan for plan in plans if plan.outcome.wait(0.95) <= target] or plans
    cheapest = min(plan.usd_a_day for plan in fitting)
    same = [plan for plan in fitting if plan.usd_a_day <= cheapest * (1 + SAME_COST)]
    return min(same, key=lambda plan: (plan.outcome.wait(0.5), plan.shard_size))
