"""Build and load compile caches: what torch has compiled for a model version on this kind of device."""

import logging
from dataclasses import dataclass

import torch

from plateful.errors import ConfigError, ModelError, PlatefulError
from plateful.models.parameters import translate
from plateful.models.versions import ModelVersion
from plateful.rendering.compile_cache import CacheKey, fetch, sizes_of, store
from plateful.rendering.compiling import missing_compiler
from plateful.rendering.renderer import Renderer
from plateful.rendering.task import RenderTask
from plateful.stores.lake import Lake

_LOG = logging.getLogger(__name__)
PROMPT = "a plate of food"


@dataclass(frozen=True)
class Cache:
    """A cache that was built or loaded: its key, bytes, torch's kinds of entries with counts, whether new."""

    key: CacheKey
    bytes: int
    entries: dict[str, int]
    new: bool


def cache_key(version: ModelVersion, place: torch.device) -> CacheKey:
    """Return the key of a model version's cache on a device of this machine."""
    if place.type == "cuda":
        major, minor = torch.cuda.get_device_capability(place)
        device = f"{torch.cuda.get_device_name(place)}, {major}.{minor}"
    else:
        device = f"{place.type}, {torch.backends.cpu.get_cpu_capability()}"
    return CacheKey(version.digest, device, torch.__version__, sizes_of(version))


def build(version: ModelVersion, renderer: Renderer, lake: Lake, secret: str, place: torch.device) -> Cache:
    """Render one batch of every size, compiled, and store what torch compiled for it.

    Args:
        version: model version with a compiled profile.
        renderer: its renderer, on `place`; nothing of another model was compiled in this process.
        lake: keeps the cache.
        secret: signs it.
        place: the device.

    Raises:
        ConfigError: its profile is not compiled, there is no compiler, or the secret is too short.
        ModelError: torch returned nothing to keep.
    """
    require_compiled(version, place)
    for size in sizes_of(version):
        done = renderer.render([_task(version, size)], {}, {})
        if isinstance(done[0], PlatefulError):
            raise done[0]
    saved = torch.compiler.save_cache_artifacts()
    if saved is None:
        raise ModelError(
            f"model {version.model!r}: torch kept nothing of what it compiled",
            fix="unset TORCHINDUCTOR_FORCE_DISABLE_CACHES, and see that its cache folder can be written",
        )
    artifacts, info = saved
    key = cache_key(version, place)
    new = store(key, artifacts, lake, secret)
    return Cache(key, len(artifacts), _counts(info), new)


def load(version: ModelVersion, lake: Lake, secret: str, place: torch.device) -> Cache | None:
    """Hand torch the cache of a model version, verified, before anything is compiled; None = none was built.

    Raises:
        ConfigError: the secret is too short.
        ModelError: the cache is not what was signed, or torch cannot read it.
    """
    key = cache_key(version, place)
    artifacts = fetch(key, lake, secret)
    if artifacts is None:
        _LOG.info("no compile cache for %s on %s: compiling here", version.name, key.device)
        return None
    info = torch.compiler.load_cache_artifacts(artifacts)
    if info is None:
        raise ModelError(
            f"compile cache {key.index}: torch {torch.__version__} cannot read it",
            fix="delete the index and build the cache again",
        )
    return Cache(key, len(artifacts), _counts(info), False)


def require_compiled(version: ModelVersion, place: torch.device) -> None:
    """Return when a model version can be compiled here.

    Raises:
        ConfigError: its profile is not compiled, or there is no compiler.
    """
    _, profile = version.own
    if not profile.compiled:
        raise ConfigError(
            f"model {version.model!r}: profile {profile.name!r} is not compiled, there is nothing to keep",
            fix="write compiled: true into the profile in the catalog, or name a model whose profile has it",
        )
    missing = missing_compiler(place)
    if missing:
        raise ConfigError(
            f"torch.compile cannot work for {place.type}: {missing}",
            fix="install a C++ compiler (g++), or build the cache in the GPU image, which has one",
        )


def _counts(info: torch.compiler._cache.CacheInfo) -> dict[str, int]:
    return {kind: len(keys) for kind, keys in sorted(info.artifacts.items())}


def _task(version: ModelVersion, size: str) -> RenderTask:
    _, profile = version.own
    asked = {"prompt": PROMPT, "seed": 0, "size": int(size) if size.isdecimal() else size}
    done = translate(asked, version.entry, profile.name).effective
    parameters = {name: done[name] for name in ("size", "steps", "cfg_scale")}
    return RenderTask(
        candidate_id="0" * 64,
        request_id="compile-cache",
        country="",
        subject="",
        attempt=0,
        seed=0,
        model=version.model,
        model_version=version.digest,
        prompt=PROMPT,
        negative_prompt="",
        parameters=parameters,
        receipt={},
        route="text_to_image",
    )
