"""`plateful review`: the queue of images that wait for a person."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli import console
from cli.execution import check_country, run_job
from cli.instance import open_instance
from cli.options import By, Candidate, Country, Json
from plateful.environments import load_settings, open_adapters, utc_now
from plateful.review import queue

app = typer.Typer(
    help="Look at waiting images; approve or reject them. Publishing follows.", no_args_is_help=True
)

Publish = Annotated[bool, typer.Option(help="Run publishing at once instead of leaving it to the sensor.")]
Revise = Annotated[bool, typer.Option(help="Overrule an earlier decision on this candidate.")]


@app.command("list")
def list_(country: Country, as_json: Json = False) -> None:
    """List the images that wait."""
    adapters = open_adapters(load_settings())
    waiting = [asdict(item) for item in queue.pending(check_country(country), adapters.lake, adapters.ledger)]
    if as_json:
        console.print_json(waiting)
        return
    columns = ["name", "application", "score", "reasons", "prompt"]
    rows = [[item["candidate_id"][:12], *(_cell(item[column]) for column in columns)] for item in waiting]
    console.print_table(f"{len(waiting)} waiting in {country}", ["candidate", *columns], rows)


@app.command()
def show(candidate: Candidate, country: Country, as_json: Json = False) -> None:
    """Show everything about one candidate, and where its picture is."""
    adapters = open_adapters(load_settings())
    found = queue.show(candidate, check_country(country), adapters.lake, adapters.ledger)
    parts = {name: part for name, part in asdict(found).items() if isinstance(part, dict)}
    picture = adapters.lake.image_path(found.candidate_id)
    if as_json:
        document = {**parts, "decisions": [asdict(d) for d in found.decisions], "picture": picture}
        console.print_json(document)
        return
    rows = [[name, key, _cell(value)] for name, part in parts.items() for key, value in part.items()]
    rows += [["decision", d.decision, f"{d.decided_by}: {d.reason}"] for d in found.decisions]
    console.print_table(picture, ["table", "column", "value"], rows)


@app.command()
def approve(
    candidate: Candidate,
    country: Country,
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "looks right",
    publish: Publish = True,
    revise: Revise = False,
) -> None:
    """Approve a waiting image; it is published."""
    _decide("approved", candidate, country, by=by, reason=reason, revise=revise, publish=publish)


@app.command()
def reject(
    candidate: Candidate,
    country: Country,
    by: By,
    reason: Annotated[str, typer.Option(help="What is wrong with the picture.")],
    publish: Publish = True,
    revise: Revise = False,
) -> None:
    """Reject an image with a reason; a live one is retired, the next best takes its place in the queue."""
    _decide("rejected", candidate, country, by=by, reason=reason, revise=revise, publish=publish)


def _decide(
    word: str, candidate: str, country: str, *, by: str, reason: str, revise: bool, publish: bool
) -> None:
    settings = load_settings()
    adapters, code = open_adapters(settings), check_country(country)
    act = queue.approve if word == "approved" else queue.reject
    made = act(
        candidate, code, adapters.lake, adapters.ledger, by=by, reason=reason, clock=utc_now, revise=revise
    )
    console.err.print(f"{made.candidate_id[:12]} {word} by {by}", markup=False)
    if publish:
        with open_instance(settings) as instance:
            run_job("publish_country", instance, settings, partition=code)
        console.err.print(f"{code}: publishing done")


def _cell(value: Any) -> object:  # noqa: ANN401 - any table value
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return round(value, 4) if isinstance(value, float) else value
