"""The CLIP part: image and text towers trained contrastively, and on attributes the renderer knows."""

import re
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from training.family.checkpoint import digest, load
from training.family.corpus import Corpus, load_corpus
from training.family.drawing import Record
from training.family.loop import fit
from training.family.recipe import digest_of
from training.family.session import Session
from training.family.tokenizer import load_tokenizer
from training.plates import ARCHETYPES

# CLIP's own mean and deviation describe photos on the web; the family uses the range [-1, 1] throughout.
PIXEL_MEAN = PIXEL_STD = [0.5, 0.5, 0.5]
# Attribute heads start from a tenth of the contrastive temperature's final sharpness.
HEAD_SCALE = 10.0
LABELS = ("archetype", "background", "vessel", "ingredients", "defects")


def config_of(session: Session, tokenizer: CLIPTokenizer) -> CLIPConfig:
    """The recipe's sizes as a CLIP configuration, with the tokenizer's ids: pooling takes the end token."""
    sizes = session.recipe.parts.clip.model
    ids = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    width = {"projection_dim": sizes["projection_dim"]}
    return CLIPConfig(
        text_config={**sizes["text_config"], **ids, **width},
        vision_config={**sizes["vision_config"], "image_size": session.recipe.picture_px, **width},
        **width,
    )


def pixels(images: np.ndarray, device: torch.device) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def values_of(records: list[Record]) -> dict[str, list[str]]:
    """Every value each label takes in the corpus, sorted."""
    found: dict[str, set[str]] = {label: set() for label in LABELS}
    for record in records:
        for label in LABELS:
            found[label].update([record[label]] if isinstance(record[label], str) else record[label])
    return {label: sorted(values) for label, values in found.items()}


class ContrastiveLearner:
    """Symmetric InfoNCE whose targets spread over every image a caption is true of, plus attribute heads.

    The heads (linear on the shared embedding, used by both towers, dropped at export) make both towers carry
    what the renderer drew: a menu name says the archetype, a long caption background and ingredients too.
    """

    def __init__(self, session: Session, corpus: Corpus, tokenizer: CLIPTokenizer) -> None:
        torch.manual_seed(session.recipe.parts.clip.seed)
        self.session, self.corpus, self.tokenizer = session, corpus, tokenizer
        self.values = values_of(corpus.records)
        clip = CLIPModel(config_of(session, tokenizer))
        heads = nn.ModuleDict(
            {
                label: nn.Linear(clip.projection_dim, len(values))
                for label, values in self.values.items()
                if values
            }
        )
        self.models = nn.ModuleDict({"clip": clip, "heads": heads})
        self.inputs = {"plates": corpus.source, "vocabulary": digest_of(tokenizer.get_vocab())}
        self.known = [frozenset(record["captions"]) for record in corpus.records]

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch of (plate, one of its captions)."""
        size = min(self.session.batch_of(self.session.recipe.parts.clip), len(self.corpus.records))
        picked = np.sort(rng.choice(len(self.corpus.records), size, replace=False))
        records = [self.corpus.records[i] for i in picked]
        texts = [record["captions"][rng.integers(len(record["captions"]))] for record in records]
        device, clip = self.session.device, self.models["clip"]
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(device)
        out = clip(**tokens, pixel_values=pixels(self.corpus.images[picked], device))
        matches = torch.tensor(
            [[text in self.known[i] for text in texts] for i in picked], device=device
        ).float()
        scale = clip.logit_scale.clamp(max=4.6).exp()
        logits = scale * out.image_embeds.float() @ out.text_embeds.float().T
        contrast = (_spread(logits, matches) + _spread(logits.T, matches.T)) / 2
        by_image = self._attributes(out.image_embeds, records, None)
        by_text = self._attributes(out.text_embeds, records, texts)
        hits = matches.gather(1, logits.argmax(1, keepdim=True)).mean()
        return contrast + by_image + by_text, {
            "contrast": contrast.detach(),
            "image": by_image.detach(),
            "text": by_text.detach(),
            "hits": hits,
        }

    def _attributes(
        self, embeds: torch.Tensor, records: list[Record], texts: list[str] | None
    ) -> torch.Tensor:
        total = embeds.new_zeros(())
        for label, head in self.models["heads"].items():
            if label == "defects" and texts is not None:
                continue  # captions word defects freely; the contrastive loss ties them to the pictures
            logits = head(HEAD_SCALE * embeds).float()
            targets = torch.tensor(
                [
                    self._targets(label, r, t)
                    for r, t in zip(records, texts or [None] * len(records), strict=True)
                ],
                device=embeds.device,
            )
            if label in ("ingredients", "defects"):
                # Times 3: few of many values are set, so the mean over values is small beside the others.
                total = total + 3 * F.binary_cross_entropy_with_logits(logits, targets)
            else:
                shown = targets.sum(1)
                lost = (F.cross_entropy(logits, targets, reduction="none") * shown).sum()
                total = total + lost / shown.sum().clamp(min=1)
        return total / len(LABELS)

    def _targets(self, label: str, record: Record, text: str | None) -> list[float]:
        """1 for each value the plate has; with a text, only for those the text says (an archetype always)."""
        held = [record[label]] if isinstance(record[label], str) else record[label]
        if text is not None and label != "archetype":
            rest = text.replace(ARCHETYPES[record["archetype"]].phrase, " ")
            held = sorted(words_said(rest, self.values[label]) & set(held))
        return [float(value in held) for value in self.values[label]]


def words_said(text: str, values: list[str]) -> set[str]:
    """Those of `values` that a text says as whole words, longest first: an egg noodle says no egg."""
    said = set()
    for value in sorted(values, key=len, reverse=True):
        text, times = re.subn(rf"\b{re.escape(value.replace('_', ' '))}\b", "|", text)
        said |= {value} if times else set()
    return said


def _spread(logits: torch.Tensor, matches: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, matches / matches.sum(1, keepdim=True))


def train_clip(session: Session) -> None:
    """Train both towers until the budget is spent."""
    learner = ContrastiveLearner(session, load_corpus(session), load_tokenizer(session))
    counts = Counter(record["archetype"] for record in learner.corpus.records)
    print(f"[clip] {len(learner.corpus.records)} plates of {len(counts)} archetypes", flush=True)
    fit(session, "clip", learner)


def load_clip(session: Session) -> tuple[CLIPModel, str]:
    """The trained CLIP in evaluation mode, on the session's device, and the digest of its part."""
    models = nn.ModuleDict({"clip": CLIPModel(config_of(session, load_tokenizer(session)))})
    folder = session.folder("clip")
    load(folder, models)
    return models["clip"].to(session.device).eval().requires_grad_(False), digest(folder)
