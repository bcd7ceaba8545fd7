"""The export: trained parts become fp16 safetensors folders that diffusers and transformers load as any."""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from plateful.errors import ModelError
from training.family.autoencoder import load_latents, load_tiny, load_vae
from training.family.checkpoint import digest, read_state
from training.family.clip import PIXEL_MEAN, PIXEL_STD, load_clip
from training.family.denoiser import load_unet, shipped_scheduler
from training.family.preview import save_preview
from training.family.session import Session, write_json
from training.family.tokenizer import load_tokenizer

MAX_SHARD = "15MB"
# The repository may carry 30 MB of weights.
MAX_TOTAL_BYTES = 30_000_000
NOT_WEIGHTS = ("MODEL_CARD.md", "grid.png", "failures.png", "preview.png", "training.json", "digests.json")
# Parts that grade the family and are not of it.
EXAM = ("exam_data", "examiner")


def export(session: Session) -> Path:
    """Write the family into the session's out folder, replacing it in one rename; return the folder.

    Raises:
        ModelError: a part is untrained or was trained on others than these, or the folder would be larger
            than the repository may carry.
    """
    check_fit(session)
    draft = session.out.with_name(f".{session.out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    clip, _ = load_clip(session)
    tokenizer = load_tokenizer(session)
    _pipeline(session, clip, tokenizer).save_pretrained(draft / "pipeline", max_shard_size=MAX_SHARD)
    _, scale, _ = load_latents(session)
    load_tiny(session, scale).to("cpu", torch.float16).save_pretrained(
        draft / "tiny_vae", max_shard_size=MAX_SHARD
    )
    clip.to("cpu", torch.float16).save_pretrained(draft / "clip", max_shard_size=MAX_SHARD)
    _processor(session, tokenizer).save_pretrained(draft / "clip")
    # Interim exports show where the UNet is going; the preview follows once that UNet is distilled.
    if distilled(session):
        save_preview(session, clip.config.text_config.hidden_size, draft / "preview")
    for folder in (draft / "pipeline" / "tokenizer", draft / "clip"):
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(session.folder("tokenizer") / name, folder / name)
    digests = digests_of(draft)
    _check_size(draft)
    write_json(draft / "digests.json", digests)
    write_json(draft / "training.json", training_facts(session))
    _swap(draft, session.out)
    return session.out


def check_fit(session: Session) -> None:
    """Make sure that the trained parts belong together.

    Raises:
        ModelError: an autoencoder or UNet was trained on another CLIP or latent space than the one at hand.
    """
    tiny, clip = (digest(session.folder(part)) for part in ("tiny_vae", "clip"))
    wanted = {"latents": tiny, "autoencoder": tiny, "CLIP": clip}
    for part in ("vae", "unet"):
        for name, source in read_state(session.folder(part)).inputs.items():
            if wanted.get(name, source) != source:
                raise ModelError(
                    f"part {part!r} was trained with another {name} than the one in {session.work}",
                    fix=f"delete {session.folder(part)} and run `python -m training.family` again",
                )


def distilled(session: Session) -> bool:
    """Whether the preview was distilled from the UNet at hand."""
    return read_state(session.folder("preview")).inputs.get("UNet") == digest(session.folder("unet"))


def _pipeline(session: Session, clip: CLIPModel, tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    _, scale, _ = load_latents(session)
    text_encoder = clip.text_model
    return StableDiffusionPipeline(
        vae=load_vae(session, scale).to("cpu", torch.float16),
        text_encoder=text_encoder.to("cpu", torch.float16),
        tokenizer=tokenizer,
        unet=load_unet(session, clip.config.text_config.hidden_size).to("cpu", torch.float16),
        scheduler=shipped_scheduler(session.recipe.parts.unet.scheduler),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def _processor(session: Session, tokenizer: CLIPTokenizer) -> CLIPProcessor:
    px = session.recipe.picture_px
    images = CLIPImageProcessor(
        size={"shortest_edge": px},
        crop_size={"height": px, "width": px},
        image_mean=PIXEL_MEAN,
        image_std=PIXEL_STD,
    )
    return CLIPProcessor(images, tokenizer)


def training_facts(session: Session) -> dict[str, Any]:
    """Which machine trained the parts, how long, and from which commit; the card adds what it measures."""
    notes = session.notes()
    remarks, wall = notes.pop("remarks", {}), notes.pop("wall", {}).get("minutes", 0.0)
    parts = {name: notes[name] for name in notes if name not in EXAM}
    machines = {part["machine"] for part in parts.values() if "machine" in part}
    return {
        "name": session.recipe.name,
        "machine": "; ".join(sorted(machines)),
        "minutes_unit": "CPU minutes over all threads, wall minutes where a GPU computes",
        "minutes": round(sum(part.get("minutes", 0.0) for part in parts.values()), 1),
        "wall_minutes": round(wall, 1),
        "recipe_sha256": session.recipe.digest,
        "parts": parts,
        "remarks": list(remarks.values()),
    }


def digests_of(folder: Path) -> dict[str, str]:
    """sha256 of every weight and configuration file, by path relative to `folder`."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if name not in NOT_WEIGHTS
    }


def _check_size(folder: Path) -> None:
    total = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    if total > MAX_TOTAL_BYTES:
        raise ModelError(
            f"the weights in {folder} take {total / 1e6:.1f} MB, the limit is {MAX_TOTAL_BYTES / 1e6} MB",
            fix="make the networks in the recipe smaller",
        )


def _swap(draft: Path, out: Path) -> None:
    """Put `draft` in the place of `out`; a kill in between leaves one of the two whole beside it."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.exists():
        os.replace(out, old)
    os.replace(draft, out)
    shutil.rmtree(old, ignore_errors=True)
