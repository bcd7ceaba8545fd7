"""Model version -> renderer: the one place that knows which module renders for which provider."""

from functools import lru_cache

from plateful.models.versions import ModelVersion
from plateful.rendering.renderer import Renderer
from plateful.settings import secret
from plateful.stores.lake import Lake


def open_renderer(version: ModelVersion, lake: Lake, memory: float | None = None) -> Renderer:
    """Return a renderer of a model version; the weights of our own are loaded once per process.

    Args:
        version: model version.
        lake: keeps the journal of a hosted model's paid calls.
        memory: GiB of weights that the process keeps loaded; None = a share of the device's memory.

    Raises:
        ConfigError: the key of a hosted model is not in the environment.
        ModelError: its weights cannot be loaded, or are alone over the memory; its compile cache is not ours.
    """
    # Imported here: each brings libraries that take seconds to load.
    if version.entry.provider == "diffusers":
        from plateful.rendering.pool import get_renderer

        _load_compiled(version, lake)
        return get_renderer(version, memory)
    from plateful.rendering.hosted_renderer import HostedRenderer

    return HostedRenderer(version, lake)


@lru_cache(maxsize=8)
def _load_compiled(version: ModelVersion, lake: Lake) -> None:
    """Load what was compiled for a model on this kind of device, once, before anything is compiled."""
    _, profile = version.own
    key = secret("compile_cache_key") if profile.compiled else None
    if key is None:
        return
    import torch

    from plateful.rendering.warming import load

    load(version, lake, key, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
