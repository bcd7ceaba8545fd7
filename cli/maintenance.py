"""Commands for what needs a second look: replay, regenerate, quarantine."""

from functools import partial
from typing import Annotated

import typer

from cli import console
from cli.execution import check_country, open_instance
from cli.options import By, Candidate, Country, Json
from plateful.environments import load_settings, open_adapters
from plateful.models.catalog import load_catalog
from plateful.prompts.groups import leads
from plateful.stores import Lake
from resources.instance import production_yaml

quarantine = typer.Typer(help="Requests that could not be rendered.", no_args_is_help=True)


def replay(candidate: Candidate, country: Country) -> None:
    """Render a stored candidate again with its own model and compare pixels; verify a hosted one's file."""
    from plateful.rendering.pool import get_renderer
    from plateful.rendering.replay import replay_or_verify

    settings = load_settings()
    result = replay_or_verify(
        candidate,
        check_country(country),
        open_adapters(settings).lake,
        catalog=load_catalog(settings.catalog),
        weights=settings.weight_root,
        open_renderer=partial(get_renderer, memory=settings.model_memory),
    )
    same = "identical" if result.identical else "DIFFERENT"
    if result.hosted:
        console.out.print(
            f"{same} to what was recorded; {result.rendered_on} is hosted: its pictures are verified, not "
            "rendered again",
            soft_wrap=True,
        )
        console.out.print(f"recorded {result.stored_sha}\nstored   {result.replayed_sha}")
    else:
        console.out.print(f"{same} on {result.device}")
        console.out.print(f"stored   {result.stored_sha}\nreplayed {result.replayed_sha}")
    if not result.identical:
        raise typer.Exit(1)


def regenerate(
    country: Country,
    product: Annotated[str, typer.Option(help="Product id.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why new candidates are wanted.")] = "asked for",
) -> None:
    """Ask for new candidates of a product; the next run of its country renders them."""
    from plateful.errors import StoreError

    adapters, code = open_adapters(load_settings()), check_country(country)
    known = adapters.lake.read_table("products_without_images", code)["product_id"]
    if product not in known:
        raise StoreError(
            f"{code} has no product {product!r} that needs an image",
            fix="list them in products_without_images",
        )
    generation = adapters.ledger.request_regeneration(
        code, _subject(adapters.lake, code, product), by, reason
    )
    console.out.print(
        f"{code} {product}: generation {generation}; run `plateful run --country {code}` to render it"
    )


def _subject(lake: Lake, country: str, product: str) -> str:
    """Return what is regenerated for a product: itself, or the group that it leads."""
    if not lake.has_table("prompts", country):
        return product
    subjects = {lead: subject for subject, lead in leads(lake.read_table("prompts", country)).items()}
    return subjects.get(product, product)


@quarantine.command("list")
def list_(country: Country, as_json: Json = False) -> None:
    """List quarantined requests with their reasons."""
    settings = load_settings()
    items = open_adapters(settings).ledger.quarantined(check_country(country), settings.max_attempts)
    if as_json:
        console.print_json(items)
        return
    console.print_table(f"{len(items)} quarantined", ["request_id", "reason"], list(items.items()))


@quarantine.command("replay")
def replay_quarantined(
    country: Country, request: Annotated[str | None, typer.Option(help="One request id; default all.")] = None
) -> None:
    """Let quarantined requests be tried again by the next run of their country."""
    code = check_country(country)
    freed = open_adapters(load_settings()).ledger.clear_failures(code, request)
    console.out.print(f"{freed} requests of {code} will be tried again; run `plateful run --country {code}`")


def instance(
    production: Annotated[
        bool, typer.Option(help="Print production's dagster.yaml; sets nothing up.")
    ] = False,
) -> None:
    """Print the Dagster home folder after making sure that it is set up."""
    if production:
        print(production_yaml(), end="")
        return
    with open_instance(load_settings()):
        print(load_settings().dagster_home)
