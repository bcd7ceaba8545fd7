"""A step whose pod is told to go is tried again on another node.

Dagster takes SIGTERM for a person's wish: it fails the step, whatever its retry policy says. In a pod of its
own it is the cluster that wants the node back, unless the run is being canceled.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

# A spot node taken away five times in a row is a market without nodes.
MAX_PREEMPTIONS = 5


@contextmanager
def tried_again_elsewhere(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Turn SIGTERM to a step's own pod into a retry; a run that is being canceled ends."""
    try:
        yield
    except dg.DagsterExecutionInterruptedError as told:
        if not _has_own_pod() or _is_ending(context):
            raise
        context.log.warning("The step's pod was told to go; the step is tried again in another one.")
        raise dg.RetryRequested(max_retries=MAX_PREEMPTIONS) from told


def _has_own_pod() -> bool:
    # dagster-k8s sets it in a step's pod; a run worker, whose steps share its process, has none.
    return "DAGSTER_RUN_STEP_KEY" in os.environ


def _is_ending(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> bool:
    run = context.instance.get_run_by_id(context.run_id)
    return run is None or run.is_finished or run.status is dg.DagsterRunStatus.CANCELING
