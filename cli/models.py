"""`plateful models`: what the catalog holds."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cli import console
from cli.options import Json
from plateful.environments import load_settings
from plateful.models.catalog import CatalogEntry, load_catalog, served_names
from plateful.models.listing import brief, capability_text, model_details, model_rows, price_text

app = typer.Typer(help="The models that can be asked for by name.")

COLUMNS = ("name", "provider", "licence", "status", "tier", "profile", "price", "capabilities")


@app.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the models that can be asked for by name; `show ID` tells everything about one."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    catalog = load_catalog(settings.catalog)
    rows = model_rows(catalog)
    if as_json:
        console.print_json(rows)
        return
    cells = [_cells(row, *served) for row, served in zip(rows, served_names(catalog).values(), strict=True)]
    console.print_table(f"{len(rows)} models, {settings.model} in use", COLUMNS, cells)


def _cells(row: dict[str, Any], entry: CatalogEntry, profile: str) -> list[str]:
    shown = {
        **row,
        "licence": row["licence"] + ("" if row["commercial_use"] else " (not commercial)"),
        "profile": profile + (" (default)" if profile == entry.profile else ""),
        "price": price_text(entry.price),
        "capabilities": brief(entry.capabilities_of(profile)),
    }
    return [shown[column] for column in COLUMNS]


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Catalog id, or <id>-<profile>.")],
    as_json: Json = False,
) -> None:
    """Show everything about one model: licence gate, profiles, capabilities, weights, defaults."""
    settings = load_settings()
    catalog = load_catalog(settings.catalog)
    details = model_details(name, catalog, settings.weight_root)
    if as_json:
        console.print_json(details)
        return
    entry = catalog[details["id"]]
    spoken = {each: capability_text(c) for each, c in entry.capabilities_of(details["profile"]).items()}
    narrowed = {
        profile: {each: capability_text(c) for each, c in own.items()}
        for profile, own in entry.narrowed.items()
    }
    shown = details | {"price": price_text(entry.price), "capabilities": spoken, "narrowed": narrowed}
    rows = [row for topic, value in shown.items() for row in _lines(topic, value)]
    console.print_table(name, ["topic", "", "value"], rows)


def _lines(topic: str, value: Any) -> Iterator[tuple[str, str, str]]:  # noqa: ANN401 - any JSON value
    """Flatten one topic to (topic, part, value) rows; the topic stands on its first row alone."""
    if not isinstance(value, Mapping):
        if value is not None:
            yield topic, "", _text(value)
        return
    for number, (name, each) in enumerate(value.items()):
        yield topic if number == 0 else "", name, _text(each)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
