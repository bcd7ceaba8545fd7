"""Eval pictures -> EVAL_SCORES, and scores -> metrics with Wilson intervals, by stratum and in total."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
import polars as pl

from plateful.errors import ContractError
from plateful.evaluation.items import EvalItem
from plateful.judging.judge import Judge
from plateful.scoring.scorer import Scorer
from plateful.tables import EVAL_SCORES
from plateful.vision.clip import TinyClip

Z95 = 1.959964  # two-sided 95 % of the normal distribution
SHARES = {
    "archetype_accuracy": "archetype_correct",
    "background_accuracy": "background_correct",
    "safe_share": "safe",
}
MEANS = ("fidelity", "quality")


def score_eval(
    items: Sequence[EvalItem],
    images: pl.DataFrame,
    arrays: Mapping[str, np.ndarray],
    clip: TinyClip,
    scorer: Scorer,
    judge: Judge,
) -> pl.DataFrame:
    """Score one picture per item -> EVAL_SCORES, in the order of `items`.

    A picture that could not be rendered counts as wrong, unsafe and 0: left out, it would flatter the model.

    Args:
        items: all items of the set; their strata and backgrounds are the alternatives CLIP chooses among.
        images: EVAL_IMAGES of the model version.
        arrays: candidate id -> uint8 RGB picture, for the images of status ok.
        clip: names dish and background.
        scorer: safety and quality.
        judge: fidelity.

    Raises:
        ContractError: images are not exactly one per item, or a picture is missing.
    """
    by_item = {row["item_id"]: row for row in images.iter_rows(named=True)}
    if images.height != len(by_item) or set(by_item) != {item.item_id for item in items}:
        raise ContractError(
            f"eval_images has {images.height} rows for {len(items)} items",
            fix="materialize eval_images again",
        )
    shown = [item for item in items if by_item[item.item_id]["status"] == "ok"]
    ids = [by_item[item.item_id]["candidate_id"] for item in shown]
    absent = [candidate for candidate in ids if candidate not in arrays]
    if absent:
        raise ContractError(
            f"{len(absent)} eval pictures are not given, the first is {absent[0][:12]}",
            fix="load every picture of eval_images whose status is ok",
        )
    scored = _scored(items, shown, ids, [arrays[candidate] for candidate in ids], clip, scorer, judge)
    rows = [
        _row(item, by_item[item.item_id]["candidate_id"], scored.get(item.item_id, FAILED)) for item in items
    ]
    return EVAL_SCORES.frame(rows)


FAILED = {
    "archetype_correct": False,
    "background_correct": False,
    "fidelity": 0.0,
    "quality": 0.0,
    "safe": False,
}


def _row(item: EvalItem, candidate: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    return {"item_id": item.item_id, "stratum": item.stratum, "candidate_id": candidate, **scores}


def _scored(
    items: Sequence[EvalItem],
    shown: Sequence[EvalItem],
    ids: Sequence[str],
    arrays: Sequence[np.ndarray],
    clip: TinyClip,
    scorer: Scorer,
    judge: Judge,
) -> dict[str, dict[str, Any]]:
    embeddings = clip.embed_images(arrays)
    safety = scorer.safety(ids, arrays, [None] * len(ids), embeddings=embeddings)["passed"]
    quality = scorer.quality(ids, arrays)["quality"]
    fidelity = judge.judge(ids, arrays, [item.rubric for item in shown], embeddings=embeddings)["fidelity"]
    dishes = _named(clip, embeddings, {item.stratum: item.phrase for item in items})
    backgrounds = sorted({item.background for item in items})
    return {
        item.item_id: {
            "archetype_correct": dishes[i] == item.stratum,
            "background_correct": _background(clip, embeddings[i : i + 1], item, backgrounds)
            == item.background,
            "fidelity": fidelity[i],
            "quality": quality[i],
            "safe": safety[i],
        }
        for i, item in enumerate(shown)
    }


def _named(clip: TinyClip, embeddings: np.ndarray, texts: Mapping[str, str]) -> list[str]:
    """Return the name whose text each picture (n, d) fits best."""
    names = list(texts)
    best = clip.zero_shot(None, list(texts.values()), embeddings=embeddings).argmax(1)
    return [names[index] for index in best]


def _background(clip: TinyClip, embedding: np.ndarray, item: EvalItem, backgrounds: Sequence[str]) -> str:
    # Worded with the dish, as captions word it: the question is the background, whatever the dish looks like.
    return _named(clip, embedding, {b: f"{item.phrase} on a {b} background" for b in backgrounds})[0]


def summarise(scores: pl.DataFrame) -> dict[str, float]:
    """Return metrics by name: `items`, shares with `_low` and `_high` (95 % Wilson), means.

    The same for each stratum stand below `by_stratum/<stratum>/`.

    Raises:
        ContractError: no scores.
    """
    if scores.is_empty():
        raise ContractError("eval_scores is empty", fix="materialize eval_images and eval_scores first")
    metrics = _metrics(scores)
    for (stratum,), part in sorted(scores.partition_by("stratum", as_dict=True).items()):
        metrics |= {f"by_stratum/{stratum}/{name}": value for name, value in _metrics(part).items()}
    return metrics


def _metrics(scores: pl.DataFrame) -> dict[str, float]:
    metrics = {"items": float(scores.height)}
    for name, column in SHARES.items():
        hits = int(scores[column].sum())
        low, high = wilson(hits, scores.height)
        metrics |= {name: hits / scores.height, f"{name}_low": low, f"{name}_high": high}
    return metrics | {name: float(scores[name].to_numpy().mean()) for name in MEANS}


def wilson(hits: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Return the Wilson score interval of a share: (low, high) within [0, 1]; trials >= 1.

    Source: E. B. Wilson (1927), Journal of the American Statistical Association 22.
    """
    share, square = hits / trials, z * z / trials
    centre = (share + square / 2) / (1 + square)
    half = z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
    return max(0.0, centre - half), min(1.0, centre + half)
