"""The examiner: a residual network, unlike any part of the family, that reads plates; it grades renders.

It is trained on plates with seeds of its own and is never shipped: what the family's own CLIP says about
renders that the same CLIP steered proves little.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from training.family.checkpoint import load
from training.family.clip import pixels
from training.family.corpus import load_corpus
from training.family.loop import fit
from training.family.session import Session
from training.plates import ARCHETYPES, BACKGROUNDS

BATCH = 64
DATA = "exam_data"


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm around a shortcut."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width_in, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Conv2d(width_in, width, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, width_in, h, w) -> (N, width, h / stride, w / stride)."""
        return F.relu(self.body(x) + self.shortcut(x))


class Examiner(nn.Module):
    """Pictures (N, 3, px, px) in [-1, 1] -> logits of archetypes, backgrounds and ingredients."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.labels = {
            "archetype": list(ARCHETYPES),
            "background": list(BACKGROUNDS),
            "ingredients": sorted({name for kind in ARCHETYPES.values() for name in kind.ingredients}),
        }
        stem = [
            nn.Conv2d(3, widths[0], 3, 2, 1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        stages = [Residual(a, b, 2) for a, b in itertools.pairwise(widths)]
        self.trunk = nn.Sequential(*stem, *stages)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * widths[-1], len(words)) for name, words in self.labels.items()}
        )

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (N, number of words) by label."""
        seen = self.trunk(images)
        pooled = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        return {name: head(pooled) for name, head in self.heads.items()}


class ExamLearner:
    """Cross-entropy on archetype and background, binary on ingredients; pictures vary as renders do."""

    def __init__(self, session: Session) -> None:
        self.session, self.count = session, session.batch_of(session.recipe.parts.examiner)
        torch.manual_seed(session.recipe.parts.examiner.seed)
        self.corpus = load_corpus(session, DATA)
        examiner = Examiner(session.recipe.parts.examiner.model["widths"])
        self.models = nn.ModuleDict({"examiner": examiner})
        self.inputs = {"plates": self.corpus.source}
        self.truth = {
            name: torch.tensor([words.index(record[name]) for record in self.corpus.records])
            for name, words in examiner.labels.items()
            if name != "ingredients"
        }
        known = {word: place for place, word in enumerate(examiner.labels["ingredients"])}
        self.shown = torch.zeros(len(self.corpus.records), len(known))
        for row, record in enumerate(self.corpus.records):
            words = {*record["ingredients"], record["garnish"], *ARCHETYPES[record["archetype"]].implicit}
            self.shown[row, [known[word] for word in words if word in known]] = 1

    def loss(self, rng: np.random.Generator, fraction: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:  # noqa: ARG002
        """One batch of altered plates."""
        picked = np.sort(rng.choice(len(self.corpus.records), self.count))
        images = np.stack([altered(self.corpus.images[i], rng) for i in picked])
        device = self.session.device
        out = self.models["examiner"](pixels(images, device))
        kinds, grounds = (self.truth[name][picked].to(device) for name in ("archetype", "background"))
        # Times 20: few of some 90 ingredients are set, so their mean is small beside the others.
        extras = F.binary_cross_entropy_with_logits(out["ingredients"].float(), self.shown[picked].to(device))
        loss = F.cross_entropy(out["archetype"].float(), kinds) + F.cross_entropy(
            out["background"].float(), grounds
        )
        return loss + 20 * extras, {"archetype": (out["archetype"].argmax(1) == kinds).float().mean()}


def altered(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A plate as a model might draw it: mirrored, softened, noisier, lighter or darker, other in colour."""
    made = image[:, ::-1] if rng.random() < 0.5 else image
    if rng.random() < 0.6:
        made = cv2.GaussianBlur(np.ascontiguousarray(made), (0, 0), rng.uniform(0.4, 2.0))
    gain, shift = rng.uniform(0.85, 1.15, 3), rng.uniform(-14, 14)
    noise = rng.normal(0, rng.uniform(0, 7), made.shape)
    return np.clip(made * gain + shift + noise, 0, 255).astype(np.uint8)


def train_examiner(session: Session) -> None:
    """Train the examiner until its budget is spent."""
    fit(session, "examiner", ExamLearner(session))


@dataclass(frozen=True)
class Marks:
    """What the examiner saw: the likeliest archetypes and backgrounds, and ingredient logits (N, words)."""

    archetypes: list[str]
    backgrounds: list[str]
    ingredients: np.ndarray
    words: list[str]


def examine(session: Session, images: np.ndarray) -> Marks:
    """Look at (N, px, px, 3) uint8 pictures.

    Raises:
        ModelError: the examiner is not trained.
    """
    examiner = Examiner(session.recipe.parts.examiner.model["widths"])
    load(session.folder("examiner"), nn.ModuleDict({"examiner": examiner}))
    examiner.to(session.device).eval()
    labels = examiner.labels
    with torch.no_grad():
        parts = [
            examiner(pixels(images[i : i + BATCH], session.device)) for i in range(0, len(images), BATCH)
        ]
    logits = {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in labels}
    named = {name: [labels[name][i] for i in logits[name].argmax(1)] for name in ("archetype", "background")}
    return Marks(named["archetype"], named["background"], logits["ingredients"], labels["ingredients"])
