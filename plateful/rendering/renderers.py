"""Model version -> renderer: the one place that knows which module renders for which provider."""

from plateful.errors import ConfigError
from plateful.models.versions import ModelVersion
from plateful.rendering.renderer import Renderer


def open_renderer(version: ModelVersion) -> Renderer:
    """Return the process's renderer of a model version; weights are loaded once.

    Raises:
        ConfigError: nothing here renders for its provider.
        ModelError: its weights cannot be loaded.
    """
    # Imported here: each brings a library that takes seconds to load.
    if version.entry.family in ("sd3", "flux"):
        from plateful.rendering.flow_renderer import get_flow_renderer

        return get_flow_renderer(version)
    if version.entry.provider == "diffusers":
        from plateful.rendering.diffusers_renderer import get_renderer

        return get_renderer(version)
    # Hosted providers join here.
    raise ConfigError(
        f"model {version.model!r}: provider {version.entry.provider!r} has no renderer",
        fix="use a model of provider diffusers; `plateful models` lists them",
    )
