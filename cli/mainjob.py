"""The main job from the command line: Dagster runs, then counts from the tables they wrote."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import uuid4

import dagster as dg
import polars as pl

from cli.console import Stages, progress_bars
from cli.execution import JobRun, RunFailedError, check_country, open_instance, run_job
from jobs.batches import batch_tags
from plateful.countries import COUNTRIES
from plateful.environments import Adapters, Settings, open_adapters, open_feed, utc_now
from plateful.errors import FeedError, PlatefulError
from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion, model_version, resolve_model
from plateful.products.feed import ProductFeed
from plateful.reporting.cards import REPORT_TABLES, CountryTables
from plateful.reporting.report import write_report
from plateful.reporting.summary import CountrySummary, summarise_country, summary_json

COUNTED_TABLES = (*REPORT_TABLES, "products", "products_without_images")


@dataclass(frozen=True)
class Outcome:
    """What became of several countries: `summary.json` of those done, and the error of each other one."""

    summary: dict
    failed: Mapping[str, PlatefulError]

    def raise_for_failed(self) -> None:
        """Raise one error for all countries that failed, if any did.

        Raises:
            PlatefulError: the failed country's own, or RunFailedError naming all.
        """
        if len(self.failed) == 1:
            raise next(iter(self.failed.values()))
        if self.failed:
            texts = "; ".join(f"{code}: {error.message}" for code, error in self.failed.items())
            raise RunFailedError(
                f"{len(self.failed)} countries failed: {texts}",
                fix="mend what is named and run the same command again; what was made is kept",
            )


def run_countries(settings: Settings, countries: Sequence[str] | None, *, backfill: bool = False) -> Outcome:
    """Run the main job for countries of the settings' feed; one that fails does not stop the others.

    Args:
        settings: where and what.
        countries: country codes; None = all of the feed.
        backfill: tag the runs as one backfill.

    Raises:
        ConfigError: an unknown country.
        FeedError: the feed cannot be read, or has no row of a country.
    """
    feed = open_feed(settings.feed)
    codes = _present(feed, countries)
    tags = {"plateful/backfill": uuid4().hex[:8]} if backfill else {}
    with open_instance(settings) as instance, progress_bars() as bars:
        summaries, failed = _run_each(settings, instance, feed, codes, tags, bars)
    whole = countries is None and not failed
    return Outcome(_summary(settings, feed, summaries, whole_feed=whole), failed)


def run_evaluation(settings: Settings) -> pl.DataFrame:
    """Evaluate the model in use and return the leaderboard."""
    with open_instance(settings) as instance, progress_bars() as bars:
        _evaluate(settings, instance, bars)
    return open_adapters(settings).lake.read_table("model_leaderboard", None)


def run_demo(settings: Settings) -> tuple[Outcome, Path]:
    """Run every country, evaluate the model, write `demo/summary.json` and `demo/report.html`.

    Returns:
        What became of the countries, and the report's path.
    """
    feed = open_feed(settings.feed)
    with open_instance(settings) as instance, progress_bars() as bars:
        summaries, failed = _run_each(settings, instance, feed, _present(feed, None), {}, bars)
        _evaluate(settings, instance, bars)
    summary = _summary(settings, feed, summaries, whole_feed=not failed)
    done = [each.country for each in summaries]
    folder = settings.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    adapters = open_adapters(settings)
    report = write_report(
        folder / "report.html",
        summary,
        [CountryTables(code, COUNTRIES[code].name, _tables(adapters, code)) for code in done],
        read_image=adapters.lake.get_image,
        generated_at=utc_now(),
        feed_rejects=feed.unassigned(),
        hosted=_hosted(settings),
    )
    return Outcome(summary, failed), report


def _hosted(settings: Settings) -> ModelVersion | None:
    """Return the catalog's first hosted model that could serve, to show a request's receipt of it."""
    for entry in load_catalog(settings.catalog).values():
        if entry.endpoint and entry.licence.allowed and entry.status != "retired":
            return model_version(entry, settings.weight_root)
    return None


def _present(feed: ProductFeed, countries: Sequence[str] | None) -> list[str]:
    """Return the countries to run; each must be known and have rows."""
    there = feed.countries()
    chosen = there if countries is None else list(dict.fromkeys(check_country(code) for code in countries))
    absent = [code for code in chosen if code not in there]
    if absent:
        raise FeedError(
            f"feed {feed.path!r} has no row of {', '.join(absent)}",
            fix=f"use one of its countries: {', '.join(there)}",
        )
    return chosen


def _run_each(
    settings: Settings,
    instance: dg.DagsterInstance,
    feed: ProductFeed,
    codes: Sequence[str],
    tags: dict[str, str],
    bars: Stages,
) -> tuple[list[CountrySummary], dict[str, PlatefulError]]:
    done, failed = [], {}
    for code in codes:
        try:
            done.append(_run_country(settings, instance, feed, code, tags, bars))
        except PlatefulError as error:
            failed[code] = error
            bars.say(f"{code}: failed: {error.message}")
    return done, failed


def _run_country(
    settings: Settings,
    instance: dg.DagsterInstance,
    feed: ProductFeed,
    country: str,
    tags: dict[str, str],
    bars: Stages,
) -> CountrySummary:
    bars.say(f"{country}: running")
    started = time.monotonic()
    done = run_job(
        "render_country", instance, settings, partition=country, tags={**tags, **batch_tags(feed, country)}
    )
    summary = _summarise(settings, instance, country, done)
    bars.say(
        f"{country}: {summary.products} products, {summary.without_images} without images, "
        f"{summary.rendered_now} rendered now, {summary.published} published, "
        f"{summary.pending_review} waiting ({time.monotonic() - started:.1f} s)"
    )
    return summary


def _evaluate(settings: Settings, instance: dg.DagsterInstance, bars: Stages) -> JobRun:
    version = resolve_model(settings.model, weights_root=settings.weight_root, catalog=settings.catalog).name
    bars.say(f"evaluating {version}")
    instance.add_dynamic_partitions("model_version", [version])
    run_job("evaluate_model", instance, settings, partition=version)
    return run_job("refresh_leaderboard", instance, settings, partition=None)


def _tables(adapters: Adapters, country: str) -> dict[str, pl.DataFrame]:
    return {name: adapters.lake.read_table(name, country) for name in COUNTED_TABLES}


def _rows_in(instance: dg.DagsterInstance, country: str) -> int:
    """Rows that the run itself found in the feed, which may have changed since."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey("products"), asset_partitions=[country])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    made = cast("dg.AssetMaterialization", record.asset_materialization)
    return int(str(made.metadata["rows_in"].value))


def _summarise(
    settings: Settings, instance: dg.DagsterInstance, country: str, done: JobRun
) -> CountrySummary:
    tables = _tables(open_adapters(settings), country)
    candidates = tables["generated_candidates"]
    return summarise_country(
        country,
        _rows_in(instance, country),
        tables["rejects"],
        tables["products"],
        tables["products_without_images"],
        tables["review_decisions"],
        candidates,
        tables["accepted_candidates"],
        prompts=tables["prompts"],
        published=tables["published_images"],
        refused=tables["refused_images"],
        rendered_now=candidates.filter((pl.col("run_id") == done.run_id) & (pl.col("status") == "ok")).height,
        seconds=done.seconds,
    )


def _summary(
    settings: Settings, feed: ProductFeed, summaries: Sequence[CountrySummary], *, whole_feed: bool
) -> dict:
    unassigned = feed.unassigned().height
    rows = sum(feed.rows_in(country) for country in feed.countries())
    return summary_json(
        summaries,
        model=settings.model,
        model_version=resolve_model(
            settings.model, weights_root=settings.weight_root, catalog=settings.catalog
        ).digest,
        feed_rows_in=rows + unassigned,
        rows_without_country=unassigned,
        whole_feed=whole_feed,
    )
