"""What every asset carries in the UI, and what every materialization reports."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from plateful.errors import PlatefulError
from plateful.metrics.figures import Figures, stage_table
from plateful.rendering.pictures import load_arrays
from plateful.reporting.contact_sheet import contact_sheet_markdown
from plateful.reporting.overlays import mask_overlays
from plateful.stores import Lake
from resources.compute import CPU_SMALL, ComputeProfile
from resources.metrics import measured
from resources.stores import table_columns

Context = dg.AssetExecutionContext | dg.OpExecutionContext
OWNERS = ["team:content-platform"]
# Pictures on a contact sheet: enough to judge a batch at a glance, few enough to stay under 100 kB.
SHEET_PICTURES = 32


def table_asset(
    group: str,
    *,
    name: str | None = None,
    description: str | None = None,
    partitions: dg.PartitionsDefinition | None,
    kinds: Sequence[str] = ("polars", "parquet"),
    profile: ComputeProfile = CPU_SMALL,
    deps: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare an asset that is one table of `plateful.tables`, by default named like the function."""

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        table = name or getattr(function, "__name__")  # noqa: B009 - a Callable need not have one
        return dg.asset(
            name=table,
            description=description,
            group_name=group,
            partitions_def=partitions,
            kinds=set(kinds),
            owners=OWNERS,
            deps=list(deps),
            op_tags=profile.op_tags,
            pool=profile.pool,
            retry_policy=profile.retry_policy,
            metadata={"dagster/column_schema": table_columns(table)},
        )(measured(table)(function))

    return declare


def report(
    context: Context, frame: pl.DataFrame, **extra: dg.MetadataValue | int | float | str
) -> dict[str, Any]:
    """Return metadata: rows, delta to the previous materialization, a preview, and `extra`."""
    previous = _previous_rows(context)
    return {
        "dagster/row_count": frame.height,
        **({} if previous is None else {"rows_delta": frame.height - previous}),
        "preview": dg.MetadataValue.md(preview(frame)),
        **extra,
    }


def performance(figures: Figures, pictures: int, seconds: float) -> dict[str, Any]:
    """Return metadata of the work itself: throughput, stage percentiles, GPU memory, reject rates.

    Args:
        figures: of all shards.
        pictures: rendered by them.
        seconds: that they took, one after another.
    """
    rates = [f"| {name} | {share:.1%} |" for name, share in figures.reject_rates().items()]
    peak = {"gpu_peak_memory_bytes": int(figures.gpu_peak)} if figures.gpu_peak else {}
    return {
        **({"images_per_second": round(pictures / seconds, 3)} if pictures and seconds else {}),
        "stage_seconds": dg.MetadataValue.md(stage_table(figures)),
        "reject_rates": dg.MetadataValue.md("\n".join(["| reason | share |", "| --- | ---: |", *rates])),
        **peak,
    }


def counts(values: pl.Series, heading: str) -> dg.MetadataValue:
    """Return a table of how often each value occurs (lists are counted by element), most frequent first."""
    flat = values.explode() if isinstance(values.dtype, pl.List) else values
    table = flat.drop_nulls().value_counts(sort=True, name="count")
    rows = [f"| {_cell(value)} | {count} |" for value, count in table.iter_rows()]
    return dg.MetadataValue.md("\n".join([f"| {heading} | count |", "| --- | ---: |", *rows]))


def contact_sheet(lake: Lake, labels: Mapping[str, str]) -> dg.MetadataValue:
    """Return a small inline picture of candidates, given candidate id -> label; tells what it had to skip."""
    chosen = list(labels.items())[:SHEET_PICTURES]
    arrays, captions = [], []
    for candidate, label in chosen:
        # Metadata must not fail a step: whoever needs the picture reports it.
        with suppress(PlatefulError):
            arrays += load_arrays(lake, [candidate])
            captions.append(label)
    return _sheet(arrays, captions, len(chosen) - len(arrays))


def overlay_sheet(lake: Lake, masks: pl.DataFrame) -> dg.MetadataValue:
    """Return a small inline picture of INPAINTING_MASKS on their photos, each photo once."""
    photos = masks.filter(pl.col("mask_sha256").is_not_null())["photo_sha256"].n_unique()
    overlays = list(mask_overlays(masks, lake, SHEET_PICTURES))
    skipped = min(photos, SHEET_PICTURES) - len(overlays)
    return _sheet([array for _, array in overlays], [label for label, _ in overlays], skipped)


def _sheet(arrays: Sequence[np.ndarray], captions: Sequence[str], skipped: int) -> dg.MetadataValue:
    sheet = contact_sheet_markdown(arrays, captions) if arrays else "no pictures"
    return dg.MetadataValue.md(f"{sheet}\n\n{skipped} skipped: lost or unreadable" if skipped else sheet)


def preview(frame: pl.DataFrame, rows: int = 5) -> str:
    """Return the first rows as a Markdown table, long cells cut."""
    head = frame.head(rows)
    lines = ["| " + " | ".join(head.columns) + " |", "|" + " --- |" * head.width]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in head.iter_rows()]
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= 60 else text[:57] + "..."


def _previous_rows(context: Context) -> int | None:
    partitions = [context.partition_key] if context.has_partition_key else None
    key = (
        context.asset_key if isinstance(context, dg.AssetExecutionContext) else context.asset_key_for_output()
    )
    events = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=partitions), limit=1
    )
    last = events.records[0].asset_materialization if events.records else None
    value = last.metadata.get("dagster/row_count") if last else None
    return value.value if isinstance(value, dg.IntMetadataValue) else None
