"""What the model card reports: measured by this program on fresh plates and on the family's own renders."""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL, AutoencoderTiny, LCMScheduler, StableDiffusionPipeline
from transformers import CLIPModel, CLIPProcessor

from training.family.clip import pixels
from training.family.drawing import Record, draw, plan
from training.family.figures import Figure, auc, mean, resampled, share
from training.family.preview import FILE as PREVIEW_FILE
from training.family.recipe import Recipe
from training.family.session import Session

BATCH = 32
# Worded as the longer captions word them; the gates use the same phrases.
DEFECT_TEXTS = {
    "text": "with a text overlay", "logo": "with a logo", "person": "with a person", "hand": "with a hand",
    "creature": "with an animal", "crop": "cropped", "off_centre": "off centre",
    "tiny_subject": "tiny in the picture", "huge_subject": "too close", "collage": "collage",
    "blur": "blurry",
    "motion": "motion blur", "under_exposed": "underexposed", "over_exposed": "overexposed",
    "colour_cast": "with a colour cast",
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """The exported models, loaded from their folders in float32; `preview` has the LoRA in its UNet."""

    pipeline: StableDiffusionPipeline
    preview: StableDiffusionPipeline
    tiny_vae: AutoencoderTiny
    clip: CLIPModel
    processor: CLIPProcessor


def load_family(session: Session) -> Family:
    """Load what was exported, as any user would."""
    out, place = session.out, session.device
    pipeline, preview = (
        StableDiffusionPipeline.from_pretrained(out / "pipeline", dtype=torch.float32).to(place)
        for _ in range(2)
    )
    preview.load_lora_weights(out / "preview", weight_name=PREVIEW_FILE)
    preview.scheduler = LCMScheduler.from_config(preview.scheduler.config)
    return Family(
        pipeline,
        preview,
        AutoencoderTiny.from_pretrained(out / "tiny_vae", dtype=torch.float32).to(place),
        CLIPModel.from_pretrained(out / "clip", dtype=torch.float32).to(place).eval(),
        CLIPProcessor.from_pretrained(out / "clip"),
    )


def fresh_plates(recipe: Recipe, count: int) -> tuple[np.ndarray, list[Record]]:
    """Plates from seeds that training never saw: (count, px, px, 3) uint8 and their records."""
    settings = recipe.parts.data.model_copy(update={"first_seed": recipe.card.first_seed})
    pictures, records = zip(*(draw(plan(settings, i), recipe.picture_px) for i in range(count)), strict=True)
    return np.stack(pictures), list(records)


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


def archetype_texts() -> dict[str, list[str]]:
    """For each archetype the phrases that name it."""
    from training.plates import ARCHETYPES

    return {name: [kind.phrase, f"a photo of {kind.phrase}"] for name, kind in ARCHETYPES.items()}


def background_texts(phrase: str = "") -> dict[str, list[str]]:
    """For each background the wordings that name it, about no dish or about `phrase`."""
    from training.plates import BACKGROUNDS

    return {
        name: [f"{phrase} on a {name} background".strip(), f"{phrase}, {name} background".strip(" ,")]
        for name in BACKGROUNDS
    }


def share_right(found: np.ndarray, names: list[str], truth: list[str]) -> Figure:
    """Share of `found` (indices into `names`) that equal `truth`."""
    return share(np.array([names[i] == wanted for i, wanted in zip(found, truth, strict=True)]))


def zero_shot(family: Family, images: np.ndarray, records: list[Record]) -> dict[str, Figure]:
    """Zero-shot accuracies on plates: archetype, background, and each defect as an AUC over all plates."""
    embeds = embed_images(family, images)
    found = {f"clip_{name}": value for name, value in _accuracies(family, embeds, records).items()}
    return found | _defect_areas(family, embeds, records)


def clean_zero_shot(family: Family, images: np.ndarray, records: list[Record]) -> dict[str, Figure]:
    """Zero-shot accuracies on plates without defects, which hide no dish and no background."""
    found = _accuracies(family, embed_images(family, images), records)
    return {f"clip_{name}_on_clean_plates": value for name, value in found.items()}


def _accuracies(family: Family, embeds: torch.Tensor, records: list[Record]) -> dict[str, Figure]:
    kinds, grounds = archetype_texts(), background_texts()
    found_kinds = choose(family, embeds, list(kinds.values()))
    found_grounds = choose(family, embeds, list(grounds.values()))
    return {
        "archetype_accuracy": share_right(found_kinds, list(kinds), [r["archetype"] for r in records]),
        "background_accuracy": share_right(found_grounds, list(grounds), [r["background"] for r in records]),
    }


def _defect_areas(family: Family, embeds: torch.Tensor, records: list[Record]) -> dict[str, Figure]:
    areas = {}
    for defect, words in DEFECT_TEXTS.items():
        flawed, plain = embed_texts(family, [f"a photo of food, {words}", "a photo of food"])
        scores = (embeds @ (flawed - plain)).cpu().numpy()
        has = np.array([defect in record["defects"] for record in records])
        if has.any():
            areas[f"clip_{defect}_auc"] = _area(scores, has)
    return areas


def own_clip(family: Family, images: np.ndarray, archetypes: list[str]) -> dict[str, Figure]:
    """How the family's own CLIP reads its renders; a smoke test, because its text tower steered them."""
    kinds = archetype_texts()
    found = choose(family, embed_images(family, images), list(kinds.values()))
    return {"archetype_accuracy_by_own_clip": share_right(found, list(kinds), archetypes)}


def _area(scores: np.ndarray, truth: np.ndarray) -> Figure:
    return resampled(lambda picked: auc(scores[picked], truth[picked]), len(scores))


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
            num_inference_steps=recipe.card.preview_steps if preview else recipe.card.steps,
            guidance_scale=1.0 if preview else recipe.card.guidance,
            generator=seeds,
            output_type="np",
        ).images
        made.append((out * 255).round().astype(np.uint8))
    return np.concatenate(made)
