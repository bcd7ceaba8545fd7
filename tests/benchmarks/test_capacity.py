"""The capacity model: work is conserved, limits hold, and money follows work."""

from dataclasses import replace

import pytest

from benchmarks.capacity.cluster import Cluster
from benchmarks.capacity.constants import Constants
from benchmarks.capacity.demand import RunRequest, one_day
from benchmarks.capacity.outcome import Outcome, Timings
from benchmarks.capacity.plans import SHARD_SIZES, choose, simulate, smallest

CALM = Timings(
    node_start=100,
    node_spread=0,
    node_prepare=50,
    idle_release=60,
    pod_start=40,
    run_start=10,
    rerun=300,
    preemptions_an_hour=0,
    max_retries=2,
    batch=8,
    batches_lost=2,
)
STORMY = replace(CALM, preemptions_an_hour=2.0)


def _day(images: int = 20_000) -> list[RunRequest]:
    return one_day(images, countries=20, nightly_share=0.5, batches=4, exponent=1.0, seed=3)


def _outcome(timings: Timings, size: int = 250, nodes: int = 10, images: int = 20_000) -> Outcome:
    return Cluster(timings, 2.0, size, nodes, seed=1).bring_in(_day(images))


@pytest.mark.parametrize("images", [1, 7, 999, 20_000])
def test_a_day_asks_for_every_image_once(images: int) -> None:
    assert sum(request.images for request in _day(images)) == images


@pytest.mark.parametrize("timings", [CALM, STORMY])
@pytest.mark.parametrize("size", [8, 250, 5000])
def test_every_image_is_published_however_often_nodes_are_lost(timings: Timings, size: int) -> None:
    done = _outcome(timings, size, images=5_000)
    assert done.images == 5_000
    assert done.useful_hours == pytest.approx(5_000 * 2.0 / 3600)
    assert done.active[-1][1] == 0


def test_without_preemption_nothing_is_lost() -> None:
    done = _outcome(CALM)
    assert (done.lost_images, done.preemptions, done.failed_runs) == (0, 0, 0)


def test_a_preemption_loses_at_most_two_batches() -> None:
    done = _outcome(STORMY)
    assert done.preemptions > 20
    assert 0 < done.lost_images <= done.preemptions * STORMY.batch * STORMY.batches_lost


def test_nodes_never_exceed_their_limit_and_work_never_exceeds_their_hours() -> None:
    for nodes in (1, 3, 10):
        done = _outcome(STORMY, nodes=nodes)
        assert 1 <= done.peak_nodes <= nodes
        assert done.useful_hours <= done.node_hours
        assert 0 <= done.idle_share < 1


def test_one_node_alone_takes_start_pod_and_pictures() -> None:
    done = Cluster(CALM, 2.0, 250, 1).bring_in([RunRequest(0.0, 0, 500)])
    seconds = CALM.run_start + CALM.node_start + CALM.node_prepare + 2 * CALM.pod_start + 500 * 2.0
    assert done.wait(1.0) == pytest.approx(seconds / 3600)
    assert done.node_hours == pytest.approx((seconds - CALM.run_start + CALM.idle_release) / 3600)


def test_runs_of_one_country_follow_one_another() -> None:
    done = Cluster(CALM, 2.0, 250, 9).bring_in([RunRequest(0.0, 0, 250), RunRequest(0.0, 0, 250)])
    first, second = sorted(hours for hours, _ in done.waits)
    assert second >= first + (CALM.run_start + CALM.pod_start + 500) / 3600 - 1e-9


def test_more_nodes_never_wait_longer() -> None:
    waits = [_outcome(CALM, nodes=nodes).wait(0.95) for nodes in (1, 2, 4, 8, 16)]
    assert waits == sorted(waits, reverse=True)


def test_cost_grows_with_images_and_with_seconds_an_image() -> None:
    constants = Constants()

    def usd(images: int, recipe: str = "sdxl-4-steps") -> float:
        return simulate(constants, images, recipe=recipe, device="L4", shard_size=500, nodes=20).usd_a_day

    costs = [usd(images) for images in (5_000, 10_000, 20_000, 40_000)]
    assert costs == sorted(costs)
    assert usd(20_000, "sdxl-4-steps") < usd(20_000, "sdxl-cut-off-cached") < usd(20_000, "sdxl-20-steps")


def test_large_shards_use_up_their_retries_where_small_ones_do_not() -> None:
    small, large = (_outcome(STORMY, size, images=40_000) for size in (100, 5_000))
    assert small.failed_runs < large.failed_runs


def test_the_smallest_plan_meets_the_target_and_one_node_less_does_not() -> None:
    constants = Constants()
    target = constants.value("target", "p95_wait_hours")
    plan = smallest(constants, 50_000, recipe="sdxl-20-steps", device="L4", shard_size=500, spot=False)
    assert plan.outcome.wait(0.95) <= target
    fewer = simulate(
        constants,
        50_000,
        recipe="sdxl-20-steps",
        device="L4",
        shard_size=500,
        nodes=plan.nodes - 1,
        spot=False,
    )
    assert fewer.outcome.wait(0.95) > target


def test_the_choice_is_within_the_target_and_near_the_cheapest() -> None:
    constants = Constants()
    plans = [
        smallest(constants, 100_000, recipe="sdxl-20-steps", device="L4", shard_size=size, spot=True)
        for size in SHARD_SIZES
    ]
    best = choose(plans, 6.0)
    fitting = [plan for plan in plans if plan.outcome.wait(0.95) <= 6.0]
    assert best in fitting
    assert best.usd_a_day <= 1.05 * min(plan.usd_a_day for plan in fitting)


def test_equal_seeds_give_equal_figures() -> None:
    assert _outcome(STORMY) == _outcome(STORMY)


def test_every_constant_names_its_source() -> None:
    for section in Constants().document.values():
        for name, entry in section.items():
            assert entry.keys() == {"value", "source"}, name
            assert len(entry["source"]) > 15, name
