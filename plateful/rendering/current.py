"""The candidates of the current requests: what was ever rendered for them, by any model and in any run."""

from collections.abc import Collection, Sequence

import polars as pl

from plateful.rendering.manifest import known_candidates
from plateful.rendering.task import RenderTask
from plateful.stores import Lake


def current_candidates(
    lake: Lake, country: str, tasks: Sequence[RenderTask], quarantined: Collection[str]
) -> pl.DataFrame:
    """Return the GENERATED_CANDIDATES rows of the planned requests, in order of subject and attempt.

    Args:
        lake: holds the manifest.
        country: partition.
        tasks: all wanted candidates of the current requests.
        quarantined: request ids still in quarantine; quarantined rows of others are left out, to be tried
            again.
    """
    requests = list({task.request_id for task in tasks})
    wanted = pl.col("request_id").is_in(requests)
    usable = (pl.col("status") == "ok") | pl.col("request_id").is_in(list(quarantined))
    return known_candidates(lake, country).filter(wanted & usable).sort("subject", "attempt", "candidate_id")
