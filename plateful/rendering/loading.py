"""Model folders -> loaded diffusers components, on a device and in the profile's precision."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from plateful.errors import ConfigError, ModelError
from plateful.models.versions import ModelVersion
from plateful.rendering.references import ENCODER, load_adapter

LORA_FILE = "pytorch_lora_weights.safetensors"
# Pipeline classes whose UNet, text encoders and autoencoder the renderer drives.
FAMILIES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")
# What a pipeline of FAMILIES would load to look at pictures; ours has its own gates.
_ABSENT = {"StableDiffusionPipeline": {"safety_checker": None, "requires_safety_checker": False}}


def load_pipeline(version: ModelVersion, place: torch.device) -> Any:  # noqa: ANN401 - any diffusers pipeline
    """Load a model version's components as the diffusers pipeline that its folder names.

    Raises:
        ModelError: the folder holds a pipeline of another family, or no IP-Adapter that fits it.
        ConfigError: the profile's scheduler is not in diffusers.
    """
    quiet()
    folder, profile = version.own
    family = pipeline_class(folder / "pipeline")
    local = {"dtype": getattr(torch, profile.dtype), "local_files_only": True, "use_safetensors": True}
    parts: dict[str, Any] = dict(_ABSENT.get(family, {}))
    if profile.vae == "tiny":
        parts["vae"] = AutoencoderTiny.from_pretrained(folder / "tiny_vae", **local)
    pipeline = getattr(diffusers, family).from_pretrained(folder / "pipeline", **parts, **local)
    if profile.adapter is not None:
        merge_lora(pipeline, folder / profile.adapter)
    if profile.ip_adapter is not None:
        load_adapter(pipeline, folder / profile.ip_adapter)
    return prepared(pipeline, profile.scheduler, place)


def merge_lora(pipeline: Any, folder: Path) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Add a LoRA to a pipeline's weights: a picture costs what it costs without one.

    Raises:
        ModelError: its layers are named in two ways.
    """
    layers = {name.rsplit(".", 2)[-2] for name in _header(folder / LORA_FILE)}
    if {"lora_A", "down"} <= layers:
        # diffusers takes the first layer's way for all, and skips the others without a word.
        raise ModelError(
            f"LoRA {folder.name!r} of {folder.parent.name!r} names layers both lora_A and lora.down",
            fix="save it again with all layers named as peft does (lora_A, lora_B)",
        )
    pipeline.load_lora_weights(
        str(folder), weight_name=LORA_FILE, local_files_only=True, use_safetensors=True
    )
    pipeline.fuse_lora(components=["unet" if hasattr(pipeline, "unet") else "transformer"])
    pipeline.unload_lora_weights()


def prepared(pipeline: Any, scheduler: str, place: torch.device) -> Any:  # noqa: ANN401 - any diffusers pipeline
    """Return a pipeline on a device with the profile's scheduler, ready to infer.

    Raises:
        ModelError: its UNet does not take the 4 latent channels alone.
        ConfigError: the scheduler is not in diffusers.
    """
    pipeline = pipeline.to(place)
    channels, made = pipeline.unet.config.in_channels, pipeline.vae.config.latent_channels
    if channels != made:
        raise ModelError(
            f"the UNet takes {channels} channels, its autoencoder makes {made}",
            fix="use a model of the text-to-image kind; it inpaints too",
        )
    if scheduler != "shipped":
        pipeline.scheduler = scheduler_class(scheduler).from_config(pipeline.scheduler.config)
    # SDXL's own autoencoder overflows in float16 (bfloat16 is fine), so it alone is widened.
    if pipeline.vae.dtype == torch.float16 and getattr(pipeline.vae.config, "force_upcast", False):
        pipeline.vae = pipeline.vae.float()
    return pipeline


def pipeline_class(folder: Path) -> str:
    """Return the pipeline class that a folder's model_index.json names.

    Raises:
        ModelError: it is not one that the renderer drives.
    """
    name = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).get("_class_name")
    if name not in FAMILIES:
        raise ModelError(
            f"pipeline folder {folder.parent.name!r} holds a {name}",
            fix=f"the renderer drives {' and '.join(FAMILIES)}",
        )
    return name


def scheduler_class(name: str) -> Any:  # noqa: ANN401 - any diffusers scheduler class
    """Return a diffusers scheduler class by name; raises ConfigError when there is none."""
    found = getattr(diffusers, name, None) if name.endswith("Scheduler") else None
    if found is None:
        raise ConfigError(
            f"scheduler {name!r} is not in diffusers",
            fix="write 'shipped' or a diffusers class such as DDIMScheduler in the serving profile",
        )
    return found


def loaded_bytes(version: ModelVersion) -> int:
    """Return the bytes that a version's weights take once loaded, from the headers of its files."""
    folder, profile = version.own
    parts = [part for part in (folder / "pipeline").iterdir() if part.is_dir()]
    if profile.vae == "tiny":
        parts = [part for part in parts if part.name != "vae"] + [folder / "tiny_vae"]
    if profile.ip_adapter is not None:
        parts += [folder / profile.ip_adapter, folder / profile.ip_adapter / ENCODER]
    files = [file for part in parts for file in part.glob("*.safetensors")]
    return sum(map(_elements, files)) * getattr(torch, profile.dtype).itemsize


def _elements(file: Path) -> int:
    return sum(torch.Size(fields["shape"]).numel() for fields in _header(file).values())


def _header(file: Path) -> dict[str, Any]:
    """Return the tensors that a safetensors file names: eight bytes of length, then JSON."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return {name: fields for name, fields in header.items() if name != "__metadata__"}


def weight_bytes(pipeline: Any) -> int:  # noqa: ANN401 - any diffusers pipeline
    """Return the bytes of a loaded pipeline's weights."""
    parts = (part for part in pipeline.components.values() if isinstance(part, torch.nn.Module))
    tensors = (tensor for part in parts for tensor in (*part.parameters(), *part.buffers()))
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def free_cache(place: torch.device) -> None:
    """Give a GPU's cached blocks back."""
    if place.type == "cuda":
        torch.cuda.empty_cache()


def quiet() -> None:
    """Keep both libraries' progress bars and advice off the terminal."""
    for log in (diffusers_logging, transformers_logging):
        log.set_verbosity_error()
        log.disable_progress_bar()
