"""`plateful weights`: publish sets of weights to the bucket, and bring them to this node."""

from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.options import Json
from plateful.environments import Settings, load_settings
from plateful.errors import ConfigError
from plateful.models.versions import WEIGHTS_ROOT

app = typer.Typer(
    help="Weights in the bucket: published by digest, fetched once per node.", no_args_is_help=True
)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="SET...", help="Folders of weights; default: the model in use's."),
]
Source = Annotated[Path, typer.Option("--from", help="Local folder in which the sets lie.")]
Target = Annotated[
    str | None, typer.Option("--to", help="s3://bucket/prefix; default: PLATEFUL_WEIGHTS.", metavar="URI")
]


@app.command()
def push(
    names: Names = None, source: Source = WEIGHTS_ROOT, to: Target = None, as_json: Json = False
) -> None:
    """Publish sets of weights, each file verified first; what is there already is not sent again."""
    from plateful.models.weight_store import publish

    settings = load_settings()
    address = (to or _bucket(settings)).rstrip("/")
    rows = []
    for name in names or [_set_in_use(settings)]:
        uri = f"{address}/{name}"
        rows.append({"set": name, "uri": uri, "digest": publish(source / name, uri, settings.s3)})
    _show("published", rows, as_json)


@app.command()
def pull(names: Names = None, as_json: Json = False) -> None:
    """Fetch sets of weights into this node's folder of them, verified; prints where they lie."""
    from plateful.models.weight_store import fetch

    settings = load_settings()
    address = _bucket(settings)
    rows = []
    for name in names or [_set_in_use(settings)]:
        folder = fetch(f"{address}/{name}", None, settings.weight_cache, settings.s3)
        rows.append({"set": name, "folder": str(folder), "digest": folder.name})
    _show("here", rows, as_json)


def _bucket(settings: Settings) -> str:
    if settings.weights_url is None:
        raise ConfigError(
            f"PLATEFUL_WEIGHTS={settings.weights} is a folder on this machine",
            fix="set PLATEFUL_WEIGHTS=s3://bucket/prefix",
        )
    return settings.weights_url


def _set_in_use(settings: Settings) -> str:
    from plateful.models.catalog import load_catalog, served_names

    names = served_names(load_catalog(settings.catalog))
    weights = names[settings.model][0].weights if settings.model in names else None
    if weights is None:
        raise ConfigError(f"model {settings.model!r} has no weights of its own", fix="name a set of weights")
    return weights.folder


def _show(done: str, rows: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        console.print_json(rows)
        return
    columns = list(rows[0])
    console.print_table(
        f"{len(rows)} sets {done}", columns, [[row[each] for each in columns] for row in rows]
    )
