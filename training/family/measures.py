"""What the model card reports: measured by this program on fresh plates and on the family's own renders."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline
from transformers import CLIPModel, CLIPProcessor

from plateful.errors import ModelError
from training.family.clip import pixels
from training.family.examiner import Marks
from training.family.figures import Figure, auc, mean, resampled
from training.family.preview import FILE as PREVIEW_FILE
from training.family.recipe import Recipe
from training.family.session import Session
from training.plates import ARCHETYPES, BACKGROUNDS, DEFECT_WORDS, Plate, sample_plate
from training.plates import render as draw_plate

BATCH = 32


@dataclass(frozen=True)
class Family:
    """The exported models, loaded from their folders in float32; `preview` has the LoRA in its UNet."""

    pipeline: StableDiffusionPipeline
    preview: StableDiffusionPipeline
    tiny_vae: AutoencoderTiny
    clip: CLIPModel
    processor: CLIPProcessor


def load_family(session: Session) -> Family:
    """Load what was exported, as any user would.

    Raises:
        ModelError: the weights have no preview; they are older than the exam.
    """
    out, place = session.out, session.device
    if not (out / "preview").is_dir():
        raise ModelError(f"the weights in {out} have no preview to examine", fix="run `make models` first")
    pipeline, preview = (
        StableDiffusionPipeline.from_pretrained(out / "pipeline", dtype=torch.float32).to(place)
        for _ in range(2)
    )
    preview.load_lora_weights(out / "preview", weight_name=PREVIEW_FILE)
    preview.scheduler = DDIMScheduler.from_config(preview.scheduler.config)
    return Family(
        pipeline,
        preview,
        AutoencoderTiny.from_pretrained(out / "tiny_vae", dtype=torch.float32).to(place),
        CLIPModel.from_pretrained(out / "clip", dtype=torch.float32).to(place).eval(),
        CLIPProcessor.from_pretrained(out / "clip"),
    )


def flawed_plates(recipe: Recipe) -> tuple[np.ndarray, list[str | None]]:
    """Plates of each defect and as many without: (N, px, px, 3) uint8, and the defect of each.

    Their seeds are the card's, which training never saw.
    """
    made, flaws = [], []
    for flaw in (None, *DEFECT_WORDS):
        for index in range(recipe.card.plates_per_defect):
            seed = recipe.card.first_seed + len(made)
            strength = 0.4 + 0.6 * index / recipe.card.plates_per_defect
            plate = sample_plate(seed, defects=((flaw, strength),) if flaw else ())
            made.append(draw_plate(plate, recipe.picture_px).image)
            flaws.append(flaw)
    return np.stack(made), flaws


@torch.no_grad()
def embed_images(family: Family, images: np.ndarray) -> torch.Tensor:
    """Unit embeddings (N, d) of (N, px, px, 3) uint8 pictures."""
    parts = [
        family.clip.get_image_features(pixels(images[i : i + BATCH], family.clip.device)).pooler_output
        for i in range(0, len(images), BATCH)
    ]
    return torch.nn.functional.normalize(torch.cat(parts), dim=-1)


@torch.no_grad()
def embed_texts(family: Family, texts: list[str]) -> torch.Tensor:
    """Unit embeddings (N, d) of texts."""
    tokens = family.processor.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    found = family.clip.get_text_features(**tokens.to(family.clip.device)).pooler_output
    return torch.nn.functional.normalize(found, dim=-1)


def choose(family: Family, images: torch.Tensor, texts: list[list[str]]) -> np.ndarray:
    """Zero-shot: for each image embedding the row of `texts` (averaged over its wordings) that fits best."""
    classes = torch.stack(
        [torch.nn.functional.normalize(embed_texts(family, row).mean(0), dim=0) for row in texts]
    )
    return (images @ classes.T).argmax(1).cpu().numpy()


def read_plates(family: Family, images: np.ndarray, plates: list[Plate]) -> Marks:
    """Zero-shot: the dish and background that fit each picture best, and how far each ingredient fits.

    An ingredient's score is that of 'dish with it' less that of the dish alone, for the dish asked for.
    """
    embeds = embed_images(family, images)
    kinds = {name: [kind.phrase, f"a photo of {kind.phrase}"] for name, kind in ARCHETYPES.items()}
    grounds = {name: [f"on a {name} background", f", {name} background"] for name in BACKGROUNDS}
    words = sorted({word for kind in ARCHETYPES.values() for word in kind.ingredients})
    scores = np.zeros((len(plates), len(words)))
    for name, kind in ARCHETYPES.items():
        rows = [i for i, plate in enumerate(plates) if plate.archetype == name]
        if not rows:
            continue
        texts = embed_texts(family, [kind.phrase, *(f"{kind.phrase} with {i}" for i in kind.ingredients)])
        gains = (embeds[rows] @ (texts[1:] - texts[:1]).T).cpu().numpy()
        scores[np.ix_(rows, [words.index(word) for word in kind.ingredients])] = gains
    dishes, backgrounds = (
        [list(texts)[i] for i in choose(family, embeds, list(texts.values()))] for texts in (kinds, grounds)
    )
    return Marks(dishes, backgrounds, scores, words)


def defect_areas(family: Family, images: np.ndarray, flaws: list[str | None]) -> dict[str, Figure]:
    """Each defect told from pictures without any, as an AUC; n counts both kinds."""
    embeds, found = embed_images(family, images), {}
    for flaw, words in DEFECT_WORDS.items():
        flawed, plain = embed_texts(family, [f"a photo of food, {words}", "a photo of food"])
        rows = [i for i, one in enumerate(flaws) if one in (None, flaw)]
        scores = (embeds[rows] @ (flawed - plain)).cpu().numpy()
        truth = np.array([flaws[i] == flaw for i in rows])
        found[f"clip_{flaw}_auc"] = resampled(
            lambda picked, s=scores, t=truth: auc(s[picked], t[picked]), len(rows)
        )
    return found


@torch.no_grad()
def reconstruct(vae: AutoencoderKL | AutoencoderTiny, images: np.ndarray) -> np.ndarray:
    """Encode and decode (N, px, px, 3) uint8 pictures; returns the same shape and type."""
    made = []
    for i in range(0, len(images), BATCH):
        code = vae.encode(pixels(images[i : i + BATCH], vae.device))
        latents = code.latents if isinstance(vae, AutoencoderTiny) else code.latent_dist.mean
        out = vae.decode(latents).sample.clamp(-1, 1)
        made.append(((out + 1) * 127.5).round().permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8))
    return np.concatenate(made)


def psnr(made: np.ndarray, true: np.ndarray) -> Figure:
    """Mean peak signal-to-noise ratio over pictures, in dB."""
    error = ((made.astype(np.float32) - true.astype(np.float32)) ** 2).mean((1, 2, 3))
    return mean(10 * np.log10(255**2 / np.maximum(error, 1e-3)))


def render(family: Family, recipe: Recipe, prompts: list[str], *, preview: bool = False) -> np.ndarray:
    """Render prompts through the real pipeline, one seed each: (N, px, px, 3) uint8."""
    pipeline = family.preview if preview else family.pipeline
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for first in range(0, len(prompts), BATCH):
        batch = prompts[first : first + BATCH]
        seeds = [torch.Generator().manual_seed(recipe.card.first_seed + first + i) for i in range(len(batch))]
        out = pipeline(
            batch,
            num_inference_steps=recipe.parts.preview.steps if preview else recipe.card.steps,
            guidance_scale=1.0 if preview else recipe.card.guidance,
            generator=seeds,
            output_type="np",
        ).images
        made.append((out * 255).round().astype(np.uint8))
    return np.concatenate(made)
