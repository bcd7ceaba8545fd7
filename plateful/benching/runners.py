"""Running a rung: the plain diffusers call, or our renderer, on components that rungs share."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plateful.benching.random_models import random_config, random_pipeline
from plateful.benching.rungs import Rung
from plateful.errors import RenderError
from plateful.evaluation.items import EvalItem
from plateful.identity import content_hash, seed_for
from plateful.models.catalog import load_catalog
from plateful.models.profile import ServingProfile
from plateful.models.versions import ModelVersion
from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.loading import load_pipeline, prepared
from plateful.rendering.task import RenderTask

PARTITION = "bench"
Runner = Callable[[Sequence[RenderTask]], list[np.ndarray]]
# (profile) -> pipeline with the profile's dtype and autoencoder, its scheduler as shipped.
LoadParts = Callable[[ServingProfile], Any]


class Runners:
    """Builds one runner a rung; components of equal precision, autoencoder and adapter are loaded once.

    Args:
        base: model version that the rungs vary, with weights of its own.
        load: loads components.
        device: torch device; default the first GPU, else the CPU.
        threads: CPU threads of every rung; default one per core.

    Raises:
        ModelError: the model is hosted.
    """

    def __init__(
        self, base: ModelVersion, load: LoadParts, device: str | None = None, threads: int | None = None
    ) -> None:
        self.base = base
        _, self.profile = base.own
        self.threads = threads or len(os.sched_getaffinity(0))
        self.place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._load = load
        self._parts: dict[tuple[str, str, str | None], Any] = {}
        self._renderers: dict[str, DiffusersRenderer] = {}

    def version(self, rung: Rung) -> ModelVersion:
        """Return the base version with a rung's profile."""
        digest = content_hash({"base": self.base.digest, "rung": rung.profile.model_dump()})
        base = self.base
        return ModelVersion(
            model=base.model, digest=digest, folder=base.folder, profile=rung.profile, entry=base.entry
        )

    def distilled(self) -> ServingProfile | None:
        """Return the model's preview profile, if it has one with an adapter."""
        name = self.base.entry.tiers.get("preview")
        found = self.base.entry.profiles.get(name) if name else None
        return found if isinstance(found, ServingProfile) and found.adapter else None

    def run(self, rung: Rung, tasks: Sequence[RenderTask]) -> list[np.ndarray]:
        """Render tasks as the rung says -> uint8 RGB pictures.

        Raises:
            RenderError: a picture failed.
        """
        torch.set_num_threads(self.threads)
        if rung.plain:
            return _plain_call(self._pipeline(rung), tasks)
        results = self.renderer(rung).render(tasks, {}, {})
        if self.place.type == "cuda":
            torch.cuda.synchronize(self.place)
        failed = next((result for result in results if isinstance(result, RenderError)), None)
        if failed is not None:
            raise failed
        return [result for result in results if isinstance(result, np.ndarray)]

    def renderer(self, rung: Rung) -> DiffusersRenderer:
        """Return a rung's renderer."""
        version = self.version(rung)
        if version.digest not in self._renderers:
            pipeline = self._pipeline(rung)
            self._renderers[version.digest] = DiffusersRenderer(
                version, str(self.place), self.threads, pipeline=pipeline
            )
        return self._renderers[version.digest]

    def tasks(self, rung: Rung, items: Sequence[EvalItem], count: int) -> list[RenderTask]:
        """Return `count` tasks over the items in turn; seeds are the same for every rung."""
        return [_task(items[n % len(items)], n // len(items), self.version(rung)) for n in range(count)]

    def _pipeline(self, rung: Rung) -> Any:  # noqa: ANN401 - any diffusers pipeline
        key = (rung.profile.dtype, rung.profile.vae, rung.profile.adapter)
        if key not in self._parts:
            self._parts[key] = self._load(rung.profile).to(self.place)
        # A pipeline of its own, for rungs differ in their scheduler, around the same components.
        shared = self._parts[key]
        options = {"requires_safety_checker": False} if "safety_checker" in shared.components else {}
        return prepared(type(shared)(**shared.components, **options), rung.profile.scheduler, self.place)


def weights_of(version: ModelVersion) -> LoadParts:
    """Load components from a model version's folder."""

    def load(profile: ServingProfile) -> Any:  # noqa: ANN401 - any diffusers pipeline
        shipped = profile.model_copy(update={"scheduler": "shipped"})
        whole = ModelVersion(
            model=version.model,
            digest=version.digest,
            folder=version.folder,
            profile=shipped,
            entry=version.entry,
        )
        return load_pipeline(whole, torch.device("cpu"))

    return load


def random_version(name: str, config: dict[str, Any] | None = None) -> tuple[ModelVersion, LoadParts]:
    """Return a version with random weights of an official configuration, and what loads it."""
    chosen = config or random_config(name)
    entry = next(iter(load_catalog().values()))
    fields = {
        "steps": 20,
        "vae": "kl",
        "dtype": "bfloat16",
        "batch": 8,
        "scheduler": "EulerDiscreteScheduler",
    }
    profile = ServingProfile.model_validate(
        {"name": "standard", "cfg_scale": chosen["cfg_scale"], "size": chosen["size"], **fields}
    )
    digest = content_hash({"random": name, "config": chosen})
    version = ModelVersion(model=name, digest=digest, folder=Path(name), profile=profile, entry=entry)

    def load(profile: ServingProfile) -> Any:  # noqa: ANN401 - any diffusers pipeline
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = getattr(torch, profile.dtype)
        return random_pipeline(chosen, tiny_vae=profile.vae == "tiny", dtype=dtype, device=device)

    return version, load


def _plain_call(pipeline: Any, tasks: Sequence[RenderTask]) -> list[np.ndarray]:  # noqa: ANN401 - any diffusers pipeline
    """Call diffusers' own pipeline prompt by prompt, as the reference system began."""
    pipeline.set_progress_bar_config(disable=True)
    pictures = []
    for task in tasks:
        image = pipeline(
            prompt=task.prompt,
            negative_prompt=task.negative_prompt or None,
            num_inference_steps=task.parameters["steps"],
            guidance_scale=task.parameters["cfg_scale"],
            height=task.parameters["size"],
            width=task.parameters["size"],
            generator=torch.Generator("cpu").manual_seed(task.seed),
            output_type="np",
        ).images[0]
        pictures.append((image * 255).round().astype(np.uint8))
    return pictures


def _task(item: EvalItem, attempt: int, version: ModelVersion) -> RenderTask:
    return RenderTask(
        candidate_id=content_hash([version.digest, item.item_id, attempt]),
        request_id=content_hash(item.item_id),
        country=PARTITION,
        subject=item.item_id,
        attempt=attempt,
        seed=seed_for(PARTITION, item.item_id, attempt),
        model=version.model,
        model_version=version.digest,
        prompt=item.prompt,
        negative_prompt="",
        parameters=version.profile.parameters(),
        receipt={},
        route="text_to_image",
        rubric=item.rubric,
    )
