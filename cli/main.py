"""The `plateful` command: run the main job, review, evaluate, and look after what failed."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import bench, compile_cache, console, maintenance, models, review, stopping, weights
from cli.comparing import compare
from cli.costs import costs
from cli.doctor import doctor
from cli.options import Candidates, Feed, Json
from cli.render import render
from cli.templates import templates
from plateful.environments import Settings, load_settings
from plateful.errors import ConfigError, PlatefulError, StoreError
from plateful.stores.objects import disk_is_full

if TYPE_CHECKING:
    from cli.mainjob import Outcome

app = typer.Typer(
    help="Give every menu product an image that may be shown.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(review.app, name="review")
app.add_typer(models.app, name="models")
app.add_typer(weights.app, name="weights")
app.add_typer(bench.bench, name="bench")
app.add_typer(compile_cache.app, name="compile-cache")
app.add_typer(maintenance.quarantine, name="quarantine")
for _command in (
    compare,
    render,
    costs,
    doctor,
    templates,
    maintenance.replay,
    maintenance.regenerate,
    maintenance.instance,
):
    app.command()(_command)


def main() -> None:
    """Run the command; an error of ours is one line and exit status 2."""
    sys.exit(_run())


def command() -> None:
    """Run `main` and leave without tearing the interpreter down.

    duckdb 2.0's bindings print a screenful of leak reports when Python unloads them; nothing of ours is
    pending then.
    """
    try:
        main()
    except SystemExit as stop:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 1)


def _run() -> int:
    with stopping.own_terminal() as terminal:
        try:
            with stopping.signals_raise():
                app()
        except stopping.Stopped as stop:
            stopping.end_children()
            terminal.show_cursor()
            terminal.print(
                f"plateful: stopped by {stop}; what was made is kept, run the same command to go on"
            )
            return stop.status
        except PlatefulError as error:
            _say(error)
            return 2
        except Exception as error:
            # Dagster's own storage can meet the full disk as well as ours, and knows no PlatefulError.
            if not disk_is_full(error):
                raise
            fix = "free space and run the same command again; what was made is kept"
            _say(StoreError(f"the disk of {load_settings().home} is full", fix=fix))
            return 2
    return 0


def _say(error: PlatefulError) -> None:
    console.err.print(f"plateful: {error.message}\n  fix: {error.fix}", markup=False, highlight=False)


def chosen_settings(feed: str | None, candidates: int | None = None) -> Settings:
    """Return the environment's settings with a command's own choices on top."""
    settings = load_settings()
    changes: dict[str, object] = {}
    if feed is not None:
        changes["feed"] = feed if "://" in feed else str(Path(feed).expanduser().resolve())
    if candidates is not None:
        changes["candidates"] = candidates
    return settings.model_copy(update=changes)


@app.command()
def run(
    country: Annotated[list[str], typer.Option(help="Country code; repeat for several.")],
    feed: Feed = None,
    candidates: Candidates = None,
    as_json: Json = False,
) -> None:
    """Run the main job for countries of a feed: products in, published images out."""
    from cli.mainjob import run_countries

    settings = chosen_settings(feed, candidates)
    done = run_countries(settings, country)
    _finish(done, as_json)


@app.command()
def backfill(
    countries: Annotated[str, typer.Option(help="Country codes, separated by commas, or `all` of the feed.")],
    feed: Feed = None,
    candidates: Candidates = None,
    as_json: Json = False,
) -> None:
    """Backfill several countries, one run each, as the Dagster UI does."""
    from cli.mainjob import run_countries

    settings = chosen_settings(feed, candidates)
    chosen = None if countries == "all" else [code for code in countries.split(",") if code.strip()]
    if chosen == []:
        raise ConfigError(f"--countries {countries!r} names none", fix="write codes as in SG,DE, or `all`")
    done = run_countries(settings, chosen, backfill=True)
    _finish(done, as_json)


@app.command()
def demo(candidates: Candidates = None, as_json: Json = False) -> None:
    """Run the main job on every country of the feed, evaluate the model, and write the report."""
    from cli.mainjob import run_demo

    settings = chosen_settings(None, candidates)
    done, report = run_demo(settings)
    _show(done, as_json)
    console.err.print(f"\nReport:  {report}\nSummary: {report.with_name('summary.json')}")
    console.err.print("Next:    make dev opens the Dagster UI and MLflow on this state")
    done.raise_for_failed()


@app.command()
def evaluate(as_json: Json = False) -> None:
    """Evaluate the model in use on the frozen eval set and refresh the leaderboard."""
    from cli.mainjob import run_evaluation

    leaderboard = run_evaluation(chosen_settings(None))
    if as_json:
        console.print_json(leaderboard.to_dicts())
        return
    columns = [
        "model",
        "model_version",
        "items",
        "archetype_accuracy",
        "background_accuracy",
        "fidelity",
        "quality",
    ]
    console.print_table("Model leaderboard", columns, leaderboard.select(columns).rows())


def _finish(done: "Outcome", as_json: bool) -> None:
    """Show what was done; a run of nothing but failures prints its error alone."""
    if done.summary["countries"]:
        _show(done, as_json)
    done.raise_for_failed()


def _show(done: "Outcome", as_json: bool) -> None:
    summary = done.summary
    if as_json:
        console.print_json(summary)
        return
    keys = [key for key in summary["total"] if key != "seconds"]
    named = {**summary["countries"], "total": summary["total"]}
    rows = [
        [code, *(counts[key] for key in keys), round(sum(counts["seconds"].values()), 1)]
        for code, counts in named.items()
    ]
    title = f"{summary['model']} {summary['model_version'][:12]}"
    console.print_table(title, ["country", *keys, "seconds"], rows)
