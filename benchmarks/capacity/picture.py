"""The capacity model as one picture of four panels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.capacity.plans import SHARD_SIZES, Plan

COLOURS = ("#2a6f97", "#c1662c", "#5b8c5a")
INK, MUTED = "#222222", "#8a8a8a"


def draw(
    volumes: Mapping[int, Sequence[Plan]],
    chosen: Mapping[int, Plan],
    preempted: Sequence[Plan],
    rates: Sequence[float],
    path: Path,
) -> None:
    """Draw cost and wait over shard size, a day of the middle volume, and what preemption costs.

    Args:
        volumes: images a day -> one plan a shard size.
        chosen: images a day -> the plan chosen.
        preempted: plans by shard size, then by rate.
        rates: preemptions an hour and node.
        path: PNG to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style: dict[Any, Any] = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
    }
    style |= {"axes.titleweight": "bold", "axes.titlelocation": "left", "axes.edgecolor": MUTED}
    with pyplot.rc_context(style):
        figure, ((cost, wait), (day, lost)) = pyplot.subplots(2, 2, figsize=(11, 7.6))
        _over_size(cost, volumes, chosen, "usd_per_1000_images", "Cost of 1,000 images (USD, spot)")
        _over_size(wait, volumes, chosen, "wait_p50_hours", "Median wait until published (hours)")
        _day(day, list(chosen.values())[len(chosen) // 2])
        _lost(lost, preempted, rates)
        first = next(iter(chosen.values()))
        figure.suptitle(
            f"Capacity model: {first.recipe} on {first.device} nodes of one GPU, 95 % published within 6 h",
            x=0.01,
            ha="left",
            fontsize=13,
            color=INK,
        )
        figure.tight_layout(rect=(0, 0, 1, 0.97), h_pad=2.5, w_pad=2.5)
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def _over_size(
    axes: Any,  # noqa: ANN401 - matplotlib's types are partial
    volumes: Mapping[int, Sequence[Plan]],
    chosen: Mapping[int, Plan],
    value: str,
    title: str,
) -> None:
    for colour, (images, plans) in zip(COLOURS, volumes.items(), strict=True):
        rows = [plan.row for plan in plans]
        axes.plot(
            SHARD_SIZES, [row[value] for row in rows], "o-", color=colour, ms=4, label=f"{images:,} a day"
        )
        row = chosen[images].row
        axes.plot(row["shard_size"], row[value], "o", ms=11, mfc="none", mec=colour, mew=1.8)
    axes.set_xscale("log")
    axes.set_xticks(SHARD_SIZES, [f"{size:,}" for size in SHARD_SIZES])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("candidates a shard (ring: chosen)")
    axes.set_title(title)
    axes.legend(frameon=False)


def _day(axes: Any, plan: Plan) -> None:  # noqa: ANN401 - matplotlib's types are partial
    hours = [hour for hour, _ in plan.outcome.active]
    axes.fill_between(
        hours, [nodes for _, nodes in plan.outcome.active], step="post", color=COLOURS[1], alpha=0.75, lw=0
    )
    axes.axvline(3, color=MUTED, lw=1, ls=":")
    axes.annotate(
        "nightly runs",
        (3, 1.0),
        (3.3, 0.99),
        xycoords=("data", "axes fraction"),
        textcoords=("data", "axes fraction"),
        va="top",
        color=MUTED,
    )
    axes.set_xlim(0, max(hours))
    axes.set_ylim(0, plan.nodes * 1.15)
    axes.set_xticks(range(0, int(max(hours)) + 1, 3))
    axes.set_xlabel("hour of the day (UTC)")
    axes.set_title(f"Nodes through a day of {plan.images:,} images (at most {plan.nodes})")


def _lost(axes: Any, plans: Sequence[Plan], rates: Sequence[float]) -> None:  # noqa: ANN401 - as above
    for number, colour in enumerate(COLOURS):
        own = plans[number * len(rates) : (number + 1) * len(rates)]
        base = own[0].usd_a_day
        extra = [100 * (plan.usd_a_day / base - 1) for plan in own]
        axes.plot(
            [100 * rate for rate in rates],
            extra,
            "o-",
            ms=4,
            color=colour,
            label=f"shards of {own[0].shard_size:,}",
        )
        axes.annotate(
            f"{own[-1].outcome.failed_runs} failed runs",
            (100 * rates[-1], extra[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            color=colour,
            fontsize=9,
        )
    axes.set_xlim(right=140 * rates[-1])
    axes.set_xticks([100 * rate for rate in rates if rate != 0.02])
    axes.set_xlabel("preemptions an hour and 100 nodes")
    axes.set_title("Cost that preemption adds (%), 1,000,000 a day")
    axes.legend(frameon=False, loc="upper left")
