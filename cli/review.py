"""`plateful review`: the queue of images that wait for a person."""

from typing import Annotated

import typer

from cli import console
from cli.execution import check_country, open_instance, run_job
from plateful.environments import load_settings, open_adapters, utc_now
from plateful.review import queue

app = typer.Typer(help="Look at waiting images; approve or reject them. Publishing follows.", no_args_is_help=True)

Country = Annotated[str, typer.Option(help="Country code.")]
Candidate = Annotated[str, typer.Argument(help="Candidate id, or its first characters.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of a table.")]
Reason = Annotated[str, typer.Option(help="Why; shown to whoever asks later.")]
By = Annotated[str, typer.Option(help="Who decides.", envvar="USER")]
Publish = Annotated[bool, typer.Option(help="Run publishing at once instead of leaving it to the sensor.")]


@app.command("list")
def list_(country: Country, as_json: Json = False) -> None:
    """List the images that wait."""
    adapters = open_adapters(load_settings())
    waiting = [item.row() for item in queue.pending(check_country(country), adapters.lake, adapters.ledger)]
    if as_json:
        console.print_json(waiting)
        return
    columns = ["candidate_id", "subject", "name", "prompt", "fidelity", "quality", "reasons"]
    console.print_table(f"{len(waiting)} waiting", columns, [[item[c] for c in columns] for item in waiting])


@app.command()
def show(candidate: Candidate, country: Country, as_json: Json = False) -> None:
    """Show everything about one candidate, and where its picture is."""
    adapters = open_adapters(load_settings())
    item = queue.show(candidate, check_country(country), adapters.lake, adapters.ledger)
    if as_json:
        console.print_json(item)
        return
    console.print_table(candidate, ["field", "value"], list(item.items()))


@app.command()
def approve(
    candidate: Candidate, country: Country, by: By, reason: Reason = "approved", publish: Publish = True
) -> None:
    """Approve a waiting image; it is published."""
    _decide(candidate, country, "approved", by, reason, publish)


@app.command()
def reject(candidate: Candidate, country: Country, by: By, reason: Annotated[str, typer.Option(help="Why.")], publish: Publish = True) -> None:
    """Reject an image with a reason; a live one is retired, the next best takes its place in the queue."""
    _decide(candidate, country, "rejected", by, reason, publish)


def _decide(candidate: str, country: str, decision: str, by: str, reason: str, publish: bool) -> None:
    settings = load_settings()
    adapters, code = open_adapters(settings), check_country(country)
    act = queue.approve if decision == "approved" else queue.reject
    made = act(candidate, code, adapters.lake, adapters.ledger, by=by, reason=reason, clock=utc_now)
    console.err.print(f"{made.candidate_id[:12]} {decision} by {by}", markup=False)
    if publish:
        with open_instance(settings) as instance:
            run_job("publish_country", instance, partition=code)
        console.err.print(f"{code} published")
