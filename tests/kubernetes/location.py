"""A small code location: an asset with dynamic steps, shaped like generated_candidates, in the real profiles.

What befalls a shard is decided by the cluster; here a shard named after a mishap only waits for it, once.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from resources.compute import CPU_SMALL, GPU_RENDER
from resources.pods import pod_executor
from resources.preemption import tried_again_elsewhere

CALM = ["calm_a", "calm_b"]
MISHAPS = ["preempted", "vanished", "out_of_memory"]
# As GPU_RENDER, but a test does not wait 20 min for a node.
HURRIED = replace(GPU_RENDER, pending_seconds=3)


@dg.op(out=dg.DynamicOut(str), tags=CPU_SMALL.op_tags)
def plan() -> Iterator[dg.DynamicOutput[str]]:
    """One shard per name."""
    for name in [*CALM, *MISHAPS]:
        yield dg.DynamicOutput(name, mapping_key=name)


@dg.op(tags=GPU_RENDER.op_tags, retry_policy=dg.RetryPolicy(max_retries=2), pool=GPU_RENDER.pool)
def render(context: dg.OpExecutionContext, shard: str) -> str:
    """Render a shard; the first try of one that a mishap is meant for waits for its end."""
    with tried_again_elsewhere(context):
        print(f"rendering {shard}", flush=True)
        if shard in MISHAPS and context.retry_number == 0:
            threading.Event().wait(120)
            raise dg.Failure(f"nothing happened to {shard}", allow_retries=False)
    return f"{shard} at try {context.retry_number}"


@dg.op(tags=CPU_SMALL.op_tags)
def collect(shards: list[str]) -> dg.Output[list[str]]:
    """Tell what became of each shard."""
    return dg.Output(sorted(shards), metadata={"shards": ", ".join(sorted(shards))})


@dg.graph_asset
def pictures() -> list[str]:
    """Plan, render, collect."""
    return collect(plan().map(render).collect())


@dg.asset(op_tags=HURRIED.op_tags, pool=HURRIED.pool)
def crowded_out() -> None:
    """No node takes its pod."""


@dg.asset_check(asset=pictures, op_tags=CPU_SMALL.op_tags)
def complete(pictures: list[str]) -> dg.AssetCheckResult:
    """Every shard is there once."""
    return dg.AssetCheckResult(passed=len(pictures) == len(CALM) + len(MISHAPS))


defs = dg.Definitions(
    assets=[pictures, crowded_out],
    asset_checks=[complete],
    jobs=[
        dg.define_asset_job("draw", selection=["pictures"]),
        dg.define_asset_job("crowd", selection=["crowded_out"]),
    ],
    executor=pod_executor,
)
