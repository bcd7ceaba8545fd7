"""`plateful compare`: models side by side on a sample, or two evaluated versions by a paired test."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import polars as pl
import polars.selectors as cs
import typer

from cli import console
from cli.metrics import delivering
from cli.options import Json, Team
from cli.paying import open_purse
from eval_sets import load_eval_set
from plateful import progress
from plateful.budgets.price import MICRO, dollars
from plateful.environments import Settings, load_settings, open_adapters, open_feed, utc_now
from plateful.errors import ConfigError, ContractError, ModelError
from plateful.evaluation.comparison import compare as compare_scores
from plateful.evaluation.sample import load_sample
from plateful.evaluation.side_by_side import METRICS, PARTITION, Bench, Column, Comparison, compare_models
from plateful.evaluation.stages import STAGES
from plateful.models.catalog import CatalogEntry, load_catalog, served_names
from plateful.models.versions import resolve_model
from plateful.rendering.renderers import open_renderer
from plateful.stores import Lake
from plateful.teams import check_team

TWO_FORMS = "give --models a,b,c --set SAMPLE, or two evaluated versions as the leaderboard names them"
Version = Annotated[str | None, typer.Argument(help="Model version, as the leaderboard names it.")]


def compare(
    base: Version = None,
    candidate: Version = None,
    models: Annotated[str | None, typer.Option(help="Catalog names, separated by commas.")] = None,
    sample: Annotated[
        str | None, typer.Option("--set", help="plates_v1:20, feed:SG:20, or a .yaml or .csv of prompts.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the page; default below PLATEFUL_HOME.")] = None,
    team: Team = None,
    as_json: Json = False,
) -> None:
    """Compare models on a sample, side by side; or two evaluated versions, item by item on equal seeds.

    With --models and --set: equal prompts and seeds for all, seconds by stage, cost, what is in the pictures,
    one HTML page, MLflow. Candidates of the catalog can be tried; nothing is published.
    """
    if models is not None and sample is not None and base is None:
        names = [name.strip() for name in models.split(",") if name.strip()]
        _show_models(names, sample, out, team, as_json)
    elif base and candidate and all(option is None for option in (models, sample, out, team)):
        _show_versions(base, candidate, as_json)
    else:
        raise ConfigError("plateful compare does not know what to compare", fix=TWO_FORMS)


def _show_versions(base: str, candidate: str, as_json: bool) -> None:
    frame = compare_versions(load_settings(), base, candidate)
    if as_json:
        console.print_json(frame.to_dicts())
        return
    console.print_table(
        f"{candidate} against {base}", frame.columns, frame.with_columns(cs.float().round(4)).rows()
    )


def compare_versions(settings: Settings, base: str, candidate: str) -> pl.DataFrame:
    """Compare two versions' scores in MLflow; see `plateful.evaluation.comparison.compare`.

    Raises:
        StoreError: a version is not in MLflow.
        ContractError: they were not scored on one eval set, by the same gates and judge.
    """
    tracking = open_adapters(settings).tracking
    one, other = tracking.scores(base), tracking.scores(candidate)
    for name in sorted(one.made_with | other.made_with):
        values = [str(scores.made_with.get(name)) for scores in (one, other)]
        if values[0] != values[1]:
            raise ContractError(
                f"{one.version} and {other.version} were scored with different {name}s: "
                f"{values[0][:24]} and {values[1][:24]}",
                fix="run `plateful evaluate` for both with the same PLATEFUL_CLIP",
            )
    return compare_scores(one.scores, other.scores)


def _show_models(names: list[str], spec: str, out: Path | None, team: str | None, as_json: bool) -> None:
    from plateful.reporting.side_by_side import write_side_by_side
    from plateful.tracking.comparisons import EXPERIMENT, ComparisonTracking

    settings = load_settings()
    adapters = open_adapters(settings)
    served = served_names(load_catalog(settings.catalog))
    entries = {name: entry for name, (entry, _) in served.items()}
    started = time.perf_counter()
    sample = load_sample(spec, feed=partial(open_feed, settings.feed), eval_set=load_eval_set)
    spent = time.perf_counter() - started
    folder = out or settings.home / "comparisons" / sample.digest[:12]
    folder = folder.expanduser().resolve()
    with console.progress_bars() as bars, delivering(settings):
        bars.say(f"comparing {len(names)} models on {sample.prompts.height} prompts")
        bench = _bench(settings, adapters.lake, folder, check_team(team or settings.team))
        comparison = compare_models(names, entries, sample, bench, spent)
    page = write_side_by_side(
        folder / "comparison.html", comparison, read_image=adapters.lake.get_image, generated_at=utc_now()
    )
    tracking = ComparisonTracking(
        settings.tracking, settings.tracking_artifacts, ui_url=settings.mlflow_url, experiment=EXPERIMENT
    )
    document = {
        "sample": sample.name,
        "sample_digest": sample.digest,
        "items": sample.prompts.height,
        "team": bench.team,
        "usd": sum(column.cost for column in comparison.columns) / MICRO,
        "models": [column.summary() for column in comparison.columns],
        "paired": comparison.paired.to_dicts(),
        "page": str(page),
        "mlflow": tracking.log(comparison, page),
    }
    (folder / "comparison.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        console.print_json(document)
    else:
        _print(document)
    _print_closing(comparison, entries, document)
    _raise_for_failed(comparison.failed)


def _bench(settings: Settings, lake: Lake, folder: Path, team: str) -> Bench:
    from resources.models import ScoringResource
    from resources.stores import S3Config

    return Bench(
        resolve=partial(
            resolve_model, weights_root=settings.weight_root, catalog=settings.catalog, trial=True
        ),
        open_renderer=partial(open_renderer, lake=lake, memory=settings.model_memory),
        scoring=ScoringResource(
            clip=settings.clip, weight_cache=str(settings.weight_cache), s3=S3Config.of(settings)
        ),
        lake=lake,
        team=team,
        purse=open_purse(settings, PARTITION),
        folder=folder,
        clock=utc_now,
        run_id=f"compare-{uuid4().hex[:8]}",
        on_progress=lambda model, done, total: progress.report(f"compare {model}", done, total),
    )


def _print(document: dict[str, Any]) -> None:
    title = f"{document['items']} prompts of {document['sample']}"
    seconds = {f"{stage} s/picture": stage for stage in STAGES} | {"load s": "load"}
    timed = ["pictures", "failed", *seconds, "usd_now", "usd_per_1000", "usd_per_1000_passed"]
    for what, columns in (("seconds and cost", timed), ("in the pictures", [*METRICS, "distance"])):
        rows = []
        for model in document["models"]:
            known = {**model, **{name: model["seconds"].get(stage) for name, stage in seconds.items()}}
            cells = [None if model["problem"] else _rounded(known[column]) for column in columns]
            rows.append([model["model"], *cells])
        console.print_table(f"{title}: {what}", ["model", *columns], rows)
    if document["paired"]:
        names = list(document["paired"][0])
        cells = [[_rounded(row[name]) for name in names] for row in document["paired"]]
        console.print_table("Against the first, item by item (95 % intervals)", names, cells)


def _print_closing(
    comparison: Comparison, entries: dict[str, CatalogEntry], document: dict[str, Any]
) -> None:
    say = partial(console.err.print, markup=False, highlight=False, soft_wrap=True)
    cost = sum(column.cost for column in comparison.columns)
    say(f"\nCost:    team {document['team']} paid {dollars(cost)} for what was rendered now")
    say(f"Page:    {document['page']}\nMLflow:  {document['mlflow']['all']}")
    working = [column.model for column in comparison.columns if not column.problem]
    for name in working:
        pin = f"PLATEFUL_MODEL={name}"
        if entries[name].status != "validated":
            pin += f", after `status: validated` for {entries[name].id} in the catalog"
        say(f"Pin:     {pin}")


def _raise_for_failed(failed: tuple[Column, ...]) -> None:
    problems = [column.problem for column in failed if column.problem]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise ModelError(
            f"{len(problems)} models could not be compared: {'; '.join(each.message for each in problems)}",
            fix="mend what is named and run the same command again; what was made is kept",
        )


def _rounded(value: Any) -> Any:  # noqa: ANN401 - any table value
    return round(value, 4) if isinstance(value, float) else value
