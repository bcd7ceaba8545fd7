"""Nodes and cost of 100 k, 1 M and 10 M images a day, and the shard size: `python -m benchmarks.capacity`.

Writes `benchmarks/results/capacity.json` and `docs/capacity.png`, and prints the runbook's table. A model, no
measurement: constants and their sources are in constants.yaml. Same seed, same figures.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.capacity.constants import Constants
from benchmarks.capacity.picture import draw
from benchmarks.capacity.plans import SHARD_SIZES, Plan, choose, simulate, smallest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "capacity.json"
PICTURE = ROOT / "docs" / "capacity.png"
VOLUMES = (100_000, 1_000_000, 10_000_000)
RECIPE, DEVICE = "sdxl-cut-off-cached", "L4"
# Other recipes and devices at one volume, to see what the best shard size follows.
OTHERS = (
    ("reference-food-system", "L4"),
    ("sdxl-20-steps", "L4"),
    ("sdxl-4-steps", "L4"),
    ("sdxl-cut-off-cached", "H100"),
)
COLUMNS = (
    "images a day",
    "recipe, device",
    "nodes",
    "shard",
    "USD a day",
    "USD per 1,000",
    "wait p50 / p95 (h)",
    "GPU idle",
    "lost",
)
RATES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)


def sweep(constants: Constants, images: int, recipe: str, device: str) -> list[Plan]:
    """Return the plan of each shard size, on spot nodes."""
    return [
        smallest(constants, images, recipe=recipe, device=device, shard_size=size, spot=True)
        for size in SHARD_SIZES
    ]


def main() -> None:
    """Simulate, print and write."""
    constants = Constants()
    target = constants.value("target", "p95_wait_hours")
    volumes = {images: sweep(constants, images, RECIPE, DEVICE) for images in VOLUMES}
    chosen = {images: choose(plans, target) for images, plans in volumes.items()}
    on_demand = [
        smallest(constants, p.images, recipe=RECIPE, device=DEVICE, shard_size=p.shard_size, spot=False)
        for p in chosen.values()
    ]
    others = [sweep(constants, 1_000_000, recipe, device) for recipe, device in OTHERS]
    reference = smallest(
        constants, 100_000, recipe="reference-food-system", device="L4", shard_size=500, spot=False
    )
    preempted = [
        simulate(
            constants,
            1_000_000,
            recipe=RECIPE,
            device=DEVICE,
            shard_size=size,
            nodes=60,
            preemptions_an_hour=rate,
        )
        for size in (500, 1000, 5000)
        for rate in RATES
    ]
    document: dict[str, Any] = {
        "what": "simulation with the constants below; spot nodes unless a row says otherwise",
        "constants": constants.document,
        "prices": {
            "source": constants.prices.source,
            "date": constants.prices.date,
            "mfu": constants.prices.mfu,
        },
        "chosen": [_chosen(constants, plan) for plan in chosen.values()],
        "on_demand": [plan.row for plan in on_demand],
        "shard_sizes": [plan.row for plans in volumes.values() for plan in plans],
        "other_recipes": [_chosen(constants, choose(plans, target)) for plans in others],
        "other_recipes_shard_sizes": [plan.row for plans in others for plan in plans],
        "reference_system": reference.row,
        "preemption_sensitivity": [
            {"preemptions_an_hour": rate, **plan.row} for plan, rate in zip(preempted, RATES * 3, strict=True)
        ],
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw(volumes, chosen, preempted, RATES, PICTURE)
    print(_table([*document["chosen"], *document["on_demand"], *document["other_recipes"], reference.row]))


def _chosen(constants: Constants, plan: Plan) -> dict[str, Any]:
    minutes = plan.shard_size * constants.seconds_per_image(plan.recipe, plan.device) / 60
    return plan.row | {"shard_minutes": round(minutes, 1)}


def _table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        kind = f"{row['recipe']}, {row['device']} {'spot' if row['spot'] else 'on demand'}"
        waits = f"{row['wait_p50_hours']:.1f} / {row['wait_p95_hours']:.1f}"
        money = f"{row['usd_a_day']:,.0f} | {row['usd_per_1000_images']:.2f}"
        lines.append(
            f"| {row['images_a_day']:,} | {kind} | {row['nodes']:,} | {row['shard_size']:,} "
            f"| {money} | {waits} | {row['gpu_idle_share']:.0%} | {row['lost_share']:.2%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
