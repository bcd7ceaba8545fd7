"""`plateful metrics`: what runs, stages, queues and money do, on screen or for Prometheus."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer

from cli import console
from cli.instance import open_instance
from cli.options import Json
from plateful.environments import Settings, load_settings
from plateful.metrics.declared import SHARDS_LEFT
from plateful.metrics.delivery import Delivery, outlet
from plateful.metrics.exporter import Key
from plateful.metrics.figures import Figures, stage_rows
from plateful.metrics.watching import open_exporter, run_samples, serving
from resources.dead_runs import run_is_finished

app = typer.Typer(help="Figures of runs, queues and money.", no_args_is_help=True)


@contextmanager
def delivering(settings: Settings) -> Iterator[None]:
    """Hand over what a command measures outside of any run."""
    outgoing = outlet(settings.metrics_gateway, settings.home, "command")
    with Delivery(outgoing, lambda line: console.err.print(line, markup=False, highlight=False)):
        yield


@app.command()
def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Default PLATEFUL_METRICS_PORT; 0 = a free one.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 in a container.")] = "127.0.0.1",
) -> None:
    """Serve /metrics for Prometheus until stopped: leases, budgets, costs, queues, quarantine."""
    settings = load_settings()
    with open_instance(settings) as instance:
        exporter = open_exporter(settings, console.err.print, partial(run_is_finished, instance))
        with serving(exporter, host, settings.metrics_port if port is None else port) as served:
            console.err.print(f"http://{host}:{served}/metrics", markup=False, highlight=False)
            threading.Event().wait()


@app.command()
def show(as_json: Json = False) -> None:
    """Show stage percentiles, reject rates, queues and money as they are now."""
    settings = load_settings()
    with open_instance(settings) as instance:
        exporter = open_exporter(settings, console.err.print, partial(run_is_finished, instance))
        readings = exporter.readings()
    figures = Figures.of(run_samples(settings))
    gauges = [_row(key, value) for key, value in readings.items() if value or key[0] == SHARDS_LEFT]
    if as_json:
        console.print_json(
            {"stages": stage_rows(figures), "reject_rates": figures.reject_rates(), "gauges": gauges}
        )
        return
    stages = stage_rows(figures)
    columns = ["stage", "items", "p50", "p95", "p99", "seconds"]
    console.print_table("Stages, seconds an item", columns, [list(row.values()) for row in stages])
    rates = [[name, f"{share:.1%}"] for name, share in figures.reject_rates().items()]
    console.print_table("Rejections, share of the judged", ["reason", "share"], rates)
    told = [[row["metric"], _labels(row["labels"]), row["value"]] for row in gauges]
    console.print_table("Now", ["metric", "of", "value"], told)


def _row(key: Key, value: float) -> dict[str, Any]:
    metric, values = key
    return {
        "metric": metric.name,
        "labels": dict(zip(metric.label_names, values, strict=True)),
        "value": round(value, 6),
    }


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(labels.values())
