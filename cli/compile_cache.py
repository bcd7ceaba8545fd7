"""`plateful compile-cache`: compiled kernels of a model, built once per kind of device, kept in the lake."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.options import Json
from plateful.environments import Settings, load_settings, open_adapters
from plateful.errors import ConfigError
from plateful.models.versions import resolve_model

if TYPE_CHECKING:
    from plateful.rendering.warming import Cache

app = typer.Typer(help="Compiled kernels, built once per kind of device.", no_args_is_help=True)

Model = Annotated[str, typer.Option(help="Catalog model whose profile has compiled: true.")]
Device = Annotated[str | None, typer.Option(help="Torch device; default the first GPU, else the CPU.")]


@app.command()
def build(model: Model, device: Device = None, as_json: Json = False) -> None:
    """Compile a model for this machine's device by rendering every size once, and store the result."""
    import torch

    from plateful.rendering import warming
    from plateful.rendering.renderers import open_renderer

    settings, secret, place = _asked(device)
    version = resolve_model(model, weights_root=settings.weight_root, catalog=settings.catalog)
    warming.require_compiled(version, torch.device(place))
    lake = open_adapters(settings).lake
    renderer = open_renderer(version, lake, settings.model_memory)
    _show(warming.build(version, renderer, lake, secret, torch.device(place)), as_json)


@app.command()
def pull(model: Model, device: Device = None, as_json: Json = False) -> None:
    """Verify a model's cache for this machine's device and put it into torch's own cache folder."""
    import torch

    from plateful.rendering import warming

    settings, secret, place = _asked(device)
    version = resolve_model(model, weights_root=settings.weight_root, catalog=settings.catalog)
    done = warming.load(version, open_adapters(settings).lake, secret, torch.device(place))
    if done is None:
        key = warming.cache_key(version, torch.device(place))
        raise ConfigError(
            f"no compile cache of {version.name} for {key.device}, torch {key.torch}",
            fix=f"run `plateful compile-cache build --model {model}` on such a device",
        )
    _show(done, as_json)


def _asked(device: str | None) -> tuple[Settings, str, str]:
    import torch

    settings = load_settings()
    if settings.compile_cache_key is None:
        raise ConfigError(
            "PLATEFUL_COMPILE_CACHE_KEY is not set: compile caches are code, and are signed with it",
            fix="set it to one secret wherever caches are built and loaded, e.g. from `openssl rand -hex 32`",
        )
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return settings, settings.compile_cache_key.get_secret_value(), place


def _show(cache: "Cache", as_json: bool) -> None:
    own = {"bytes": cache.bytes, "entries": cache.entries, "new": cache.new}
    shown: dict[str, Any] = {**asdict(cache.key), **own}
    if as_json:
        console.print_json(shown)
        return
    console.print_table(cache.key.index, ["", "value"], list(shown.items()))
