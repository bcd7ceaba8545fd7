"""The ablation ladder's rungs: serving profiles, each with one more thing than the one before."""

from dataclasses import dataclass
from typing import Any

from plateful.models.profile import ServingProfile

# As the reference system began.
FIRST = {"scheduler": "DDIMScheduler", "dtype": "float32", "vae": "kl", "batch": 1}
_PLAIN = dict.fromkeys(
    ("cfg_share", "cache_interval", "compiled", "adapter", "ip_adapter", "reference_scale")
)


@dataclass(frozen=True)
class Speedups:
    """What the upper rungs use.

    Attributes:
        first_steps: of the rungs below that: as many as the reference system began with.
        scheduler: of the rung with fewer steps; `shipped` is the model's own.
        steps: of that rung.
        batch: pictures evaluated at once.
        cfg_share: share of the steps with guidance.
        cache_interval: deep layers are evaluated at every so many steps.
        compiled: whether there is a rung with torch.compile; on a CPU it takes minutes to compile.
        distilled: the model's profile with a distilled adapter, if it has one: the last rung, in place of
            guidance, fewer steps and cache.
    """

    scheduler: str = "shipped"
    first_steps: int = 50
    steps: int = 10
    batch: int = 16
    cfg_share: float = 0.5
    cache_interval: int = 2
    compiled: bool = True
    distilled: ServingProfile | None = None


@dataclass(frozen=True)
class Rung:
    """One rung. `plain` is diffusers' own pipeline, called prompt by prompt."""

    name: str
    what: str
    profile: ServingProfile
    plain: bool = False


def first_rung(profile: ServingProfile, steps: int = 50) -> Rung:
    """Return the baseline of a model: the plain diffusers call."""
    name = f"fp32-{steps}-steps"
    what = f"diffusers' pipeline, one prompt a call, fp32, {steps} DDIM steps, full CFG, AutoencoderKL"
    fields = {**FIRST, **_PLAIN, "steps": steps, "name": name}
    return Rung(name, what, profile.model_copy(update=fields), plain=True)


def half_rung(first: Rung) -> Rung:
    """Return the second rung: the own loop in bfloat16."""
    return _next(first, "half-precision", "bfloat16, own loop", {"dtype": "bfloat16"})


def upper_rungs(below: Rung, speedups: Speedups) -> list[Rung]:
    """Return the rungs from batching to caching, each on top of the one before."""
    s = speedups
    steps = f"{s.steps} steps, scheduler {s.scheduler}"
    added: list[tuple[str, str, dict[str, Any]]] = [
        ("batch", f"batches of {s.batch} across prompts", {"batch": s.batch}),
        ("tiny-vae", "tiny autoencoder", {"vae": "tiny"}),
        ("cfg-cut-off", f"guidance in the first {s.cfg_share:.0%} of the steps", {"cfg_share": s.cfg_share}),
        ("fewer-steps", steps, {"scheduler": s.scheduler, "steps": s.steps}),
        ("compile", "torch.compile", {"compiled": True}),
        ("cache", f"DeepCache, interval {s.cache_interval}", {"cache_interval": s.cache_interval}),
    ]
    rungs = [below]
    for name, what, changes in added:
        if name == "compile" and not s.compiled:
            continue
        rungs.append(_next(rungs[-1], name, what, changes))
    if s.distilled is not None:
        own = {field: getattr(s.distilled, field) for field in ("adapter", "scheduler", "steps", "cfg_scale")}
        what = f"distilled adapter, {s.distilled.steps} {s.distilled.scheduler} steps without guidance"
        rungs.append(_next(rungs[-1], "distilled", what, {**_PLAIN, **own}))
    return rungs[1:]


def without_compile(rung: Rung) -> Rung:
    """Return a rung run eager: for what stands above a compile rung that gains nothing."""
    return Rung(rung.name, rung.what, rung.profile.model_copy(update={"compiled": None}), rung.plain)


def _next(below: Rung, name: str, what: str, changes: dict[str, Any]) -> Rung:
    return Rung(name, what, below.profile.model_copy(update={**changes, "name": name}))
