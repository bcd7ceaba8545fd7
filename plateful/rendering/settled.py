"""Which requests need no new candidates: those with a live or waiting image."""

from collections.abc import Mapping, Sequence

import polars as pl

from plateful.rendering.task import RenderTask

SETTLED = ("approved", "pending_review")


def settled_requests(
    tasks: Sequence[RenderTask],
    known: pl.DataFrame,
    decided: pl.DataFrame | None,
    published: pl.DataFrame,
    generations: Mapping[str, int],
) -> set[str]:
    """Return the request ids to leave alone, whatever the model or template is now.

    A request is settled when its subject has a live image of it, or one waiting for a decision, and
    no explicit regeneration is still to be carried out. One whose every candidate was lost is not.

    Args:
        tasks: all wanted candidates.
        known: GENERATED_CANDIDATES rows that exist.
        decided: REVIEW_DECISIONS of the last materialization, None when there was none.
        published: PUBLISHED_IMAGES rows of the country.
        generations: subject -> regenerations asked for so far.
    """
    owner = dict(known.select("candidate_id", "request_id").iter_rows())
    live = published.filter(pl.col("status") == "live")["candidate_id"]
    settled = {owner[candidate] for candidate in live if candidate in owner}
    if decided is not None:
        settled |= set(decided.filter(pl.col("status").is_in(SETTLED))["request_id"])
    return settled.intersection(owner.values()) - _to_regenerate(tasks, known, generations)


def _to_regenerate(
    tasks: Sequence[RenderTask], known: pl.DataFrame, generations: Mapping[str, int]
) -> set[str]:
    """Requests whose newest generation has no candidate yet."""
    newest = dict(known.group_by("request_id").agg(pl.col("attempt").max()).iter_rows())
    return {
        task.request_id
        for task in tasks
        if generations.get(task.subject, 0) > 0 and newest.get(task.request_id, -1) < task.attempt
    }
