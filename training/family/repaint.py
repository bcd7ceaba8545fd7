"""Repainting: the food of a plate made into another dish, as the main job does with a vendor's poor photo."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionInpaintPipeline
from PIL import Image

from training.family.examiner import examine
from training.family.figures import Figure, mean, share
from training.family.measures import Family
from training.family.session import Session
from training.plates import ARCHETYPES, Plate, render, sample_plate, scene_caption

# Around the food, so that its shadow goes with it.
MARGIN_PX = 5
STRENGTH = 0.9


@dataclass(frozen=True)
class Repaint:
    """A picture (px, px, 3) uint8, the mask (px, px) bool to repaint, and the plate that it shall show."""

    image: np.ndarray
    mask: np.ndarray
    wanted: Plate


def orders(first_seed: int, count: int, px: int) -> list[Repaint]:
    """Plates whose food shall become another dish that the same vessel carries; deterministic."""
    found: list[Repaint] = []
    for seed in range(first_seed, first_seed + count):
        plate = sample_plate(seed)
        rng = np.random.default_rng([seed, 31])
        others = [
            k.name for k in ARCHETYPES.values() if plate.vessel in k.vessels and k.name != plate.archetype
        ]
        if not others:
            continue
        wanted = sample_plate(
            seed, archetype=str(rng.choice(others)), vessel=plate.vessel, background=plate.background
        )
        done = render(plate, px)
        kernel = np.ones((2 * MARGIN_PX + 1,) * 2, np.uint8)
        mask = cv2.dilate(done.food_mask.astype(np.uint8), kernel).astype(bool)
        found.append(Repaint(done.image, mask, wanted))
    return found


def repaint(session: Session, family: Family, asked: list[Repaint]) -> list[np.ndarray]:
    """Pictures (px, px, 3) uint8 as diffusers' inpainting returns them, before anything is pasted back."""
    pipeline = StableDiffusionInpaintPipeline(**family.pipeline.components, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    card, px, made = session.recipe.card, session.recipe.picture_px, []
    for number, order in enumerate(asked):
        out = pipeline(
            scene_caption(order.wanted),
            image=Image.fromarray(order.image),
            mask_image=Image.fromarray(order.mask.astype(np.uint8) * 255),
            height=px,
            width=px,
            num_inference_steps=card.steps,
            guidance_scale=card.guidance,
            strength=STRENGTH,
            generator=torch.Generator().manual_seed(card.first_seed + number),
            output_type="np",
        ).images[0]
        made.append((out * 255).round().astype(np.uint8))
    return made


def grades(session: Session, family: Family, asked: list[Repaint]) -> dict[str, Figure]:
    """How often the repainted plate shows the new dish, and how well the rest of the picture is kept."""
    made = repaint(session, family, asked)
    seen = examine(session, np.stack(made)).archetypes
    hits = [found == order.wanted.archetype for found, order in zip(seen, asked, strict=True)]
    kept = [_psnr(new[~order.mask], order.image[~order.mask]) for new, order in zip(made, asked, strict=True)]
    return {
        "inpaint_archetype_accuracy": share(np.array(hits)),
        "inpaint_kept_psnr_db": mean(np.array(kept)),
    }


def _psnr(made: np.ndarray, true: np.ndarray) -> float:
    error = ((made.astype(np.float32) - true.astype(np.float32)) ** 2).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-3)))
