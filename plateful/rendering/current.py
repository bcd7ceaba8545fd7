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

    A record may change without changing its prompt. Its pixels, and so its candidate ids, stay the same then, and the
    rows go over to the new request.

    Args:
        lake: holds the manifest.
        country: partition.
        tasks: all wanted candidates of the current requests.
        quarantined: request ids still in quarantine; quarantined rows of others are left out, to be tried again.
    """
    planned = pl.DataFrame(
        {"candidate_id": [t.candidate_id for t in tasks], "planned": [t.request_id for t in tasks]},
        schema={"candidate_id": pl.String, "planned": pl.String},
    )
    rows = known_candidates(lake, country)
    columns = rows.columns
    rows = rows.join(planned, on="candidate_id", how="left").with_columns(
        request_id=pl.coalesce("planned", "request_id")
    )
    wanted = pl.col("request_id").is_in(planned["planned"].unique().implode())
    usable = (pl.col("status") == "ok") | pl.col("request_id").is_in(list(quarantined))
    return rows.filter(wanted & usable).select(columns).sort("subject", "attempt", "candidate_id")
