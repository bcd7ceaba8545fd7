"""Model version -> renderer: the one place that knows which module renders for which provider."""

from plateful.errors import ConfigError
from plateful.models.versions import ModelVersion
from plateful.rendering.renderer import Renderer


def open_renderer(version: ModelVersion, memory: float | None = None) -> Renderer:
    """Return the process's renderer of a model version; weights are loaded once.

    Args:
        version: model version.
        memory: GiB of weights that the process keeps loaded; None = a share of the device's memory.

    Raises:
        ConfigError: nothing here renders for its provider.
        ModelError: its weights cannot be loaded, or are alone over the memory.
    """
    if version.entry.provider == "diffusers":
        # Imported here: it brings libraries that take seconds to load.
        from plateful.rendering.pool import get_renderer

        return get_renderer(version, memory)
    # Hosted providers join here.
    raise ConfigError(
        f"model {version.model!r}: provider {version.entry.provider!r} has no renderer",
        fix="use a model of provider diffusers; `plateful models` lists them",
    )
