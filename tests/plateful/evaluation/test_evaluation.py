"""Eval pictures and scores: rendered once, failures counted, strata with intervals."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from plateful.errors import ContractError, RenderError
from plateful.evaluation.comparison import compare
from plateful.evaluation.images import eval_arrays, render_eval
from plateful.evaluation.items import EvalItem
from plateful.evaluation.scores import score_eval, summarise, wilson
from plateful.judging.judge import Judge
from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.task import RenderTask
from plateful.scoring.scorer import Scorer
from plateful.stores.lake import Lake
from plateful.tables import EVAL_IMAGES, EVAL_SCORES
from plateful.vision.clip import TinyClip

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DISHES, BACKGROUNDS = ("pizza", "burger", "curry"), ("wood", "slate")


def _item(dish: str, background: str) -> EvalItem:
    line = {
        "question": "dish?",
        "positive": dish,
        "negatives": [d for d in DISHES if d != dish],
        "kind": "must_show",
        "claim": "shows_dish",
        "field": "name",
        "required": True,
    }
    prompt = f"{dish} on a {background} background"
    return EvalItem(f"{dish}-{background}", dish, dish, background, prompt, json.dumps([line]))


ITEMS = [_item(dish, background) for dish in DISHES for background in BACKGROUNDS]


class Painter:
    """A renderer whose pictures carry the item's number in the first pixel; some items it cannot paint."""

    device = "cpu"

    def __init__(self, digest: str = "d" * 64, cannot: Sequence[str] = ()) -> None:
        entry = load_catalog()["plateful-tiny"]
        self.version = ModelVersion("plateful-tiny", digest, entry.profile_named(), entry, Path("nowhere"))
        self.cannot, self.painted = cannot, 0

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        return [list(tasks[start : start + 4]) for start in range(0, len(tasks), 4)]

    def render(self, tasks: Sequence[RenderTask], *_: object) -> list[np.ndarray | RenderError]:
        return [self._paint(task) for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        return own_bill(result)

    def _paint(self, task: RenderTask) -> np.ndarray | RenderError:
        if task.subject in self.cannot:
            return RenderError("not finite", fix="none")
        self.painted += 1
        picture = np.full((128, 128, 3), 120, np.uint8)
        picture[0, 0] = next(n for n, item in enumerate(ITEMS) if item.item_id == task.subject)
        return picture


class SeeingClip(TinyClip):
    """Texts are fixed random directions; a picture lies between its item's dish and its whole prompt."""

    temperature = 20.0
    digest = "seeing"

    def __init__(self, mistakes: dict[str, str] | None = None) -> None:
        self._mistakes = mistakes or {}

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        seeds = [list(text.encode()) for text in texts]
        rows = np.stack([np.random.default_rng(seed).normal(size=256) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed_images(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        items = [ITEMS[int(array[0, 0, 0])] for array in arrays]
        rows = [self.embed_texts([self._mistakes.get(i.item_id, i.phrase), i.prompt]).sum(0) for i in items]
        return np.stack([row / np.linalg.norm(row) for row in rows])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def rendered(lake: Lake, painter: Painter) -> pl.DataFrame:
    return render_eval(ITEMS, painter, lake, clock=lambda: NOON, run_id="run")


def scored(lake: Lake, images: pl.DataFrame, clip: TinyClip) -> pl.DataFrame:
    return score_eval(ITEMS, images, eval_arrays(lake, images), clip, Scorer(clip), Judge(clip))


def test_a_second_call_renders_nothing_and_a_new_version_all(lake: Lake) -> None:
    first, again, other = Painter(), Painter(), Painter("e" * 64)
    images = rendered(lake, first)
    assert images.schema == EVAL_IMAGES.empty().schema
    assert images["item_id"].to_list() == [item.item_id for item in ITEMS]
    assert images.equals(rendered(lake, again)) and (first.painted, again.painted) == (6, 0)
    newer = rendered(lake, other)
    assert newer["seed"].equals(images["seed"]), "models compare on equal seeds"
    assert not set(newer["candidate_id"]) & set(images["candidate_id"])


def test_right_pictures_score_and_a_wrong_one_counts(lake: Lake) -> None:
    images = rendered(lake, Painter())
    scores = scored(lake, images, SeeingClip(mistakes={"pizza-wood": "burger"}))
    assert scores.schema == EVAL_SCORES.empty().schema
    assert scores["archetype_correct"].to_list() == [False, True, True, True, True, True]
    assert scores["background_correct"].all()
    assert scores["fidelity"][1] > 0.9 > 0.5 > scores["fidelity"][0]
    metrics = summarise(scores)
    assert metrics["archetype_accuracy"] == pytest.approx(5 / 6)
    assert metrics["by_stratum/pizza/archetype_accuracy"] == 0.5
    assert metrics["by_stratum/burger/items"] == 2
    assert metrics["archetype_accuracy_low"] < 5 / 6 < metrics["archetype_accuracy_high"]


def test_a_picture_that_failed_counts_against_the_model(lake: Lake) -> None:
    images = rendered(lake, Painter(cannot=["curry-slate"]))
    assert images.filter(pl.col("status") == "quarantined")["item_id"].to_list() == ["curry-slate"]
    last = scored(lake, images, SeeingClip()).row(-1, named=True)
    assert (last["archetype_correct"], last["fidelity"], last["quality"], last["safe"]) == (
        False,
        0.0,
        0.0,
        False,
    )


def test_missing_images_or_pictures_are_named(lake: Lake) -> None:
    images = rendered(lake, Painter())
    clip = SeeingClip()
    with pytest.raises(ContractError, match="5 rows for 6 items"):
        scored(lake, images.head(5), clip)
    with pytest.raises(ContractError, match="6 eval pictures are not given"):
        score_eval(ITEMS, images, {}, clip, Scorer(clip), Judge(clip))
    with pytest.raises(ContractError, match="empty"):
        summarise(EVAL_SCORES.empty())


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_wilson_interval(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def _scores(right: Sequence[bool], fidelity: float) -> pl.DataFrame:
    return EVAL_SCORES.frame(
        [
            {
                "item_id": f"item-{n}",
                "stratum": "pizza",
                "candidate_id": f"c{n}",
                "archetype_correct": hit,
                "background_correct": True,
                "fidelity": fidelity + 0.01 * (n % 3),
                "quality": 0.5,
                "safe": True,
            }
            for n, hit in enumerate(right)
        ]
    )


def test_a_paired_comparison_tells_a_rise_from_chance() -> None:
    base, better = _scores([n % 2 == 0 for n in range(40)], 0.4), _scores([n % 5 > 0 for n in range(40)], 0.5)
    rows = {row["metric"]: row for row in compare(base, better).iter_rows(named=True)}
    assert set(rows) == {
        "archetype_accuracy",
        "background_accuracy",
        "safe_share",
        "fidelity",
        "quality",
    }
    risen, same = rows["archetype_accuracy"], rows["background_accuracy"]
    assert (risen["base"], risen["candidate"], risen["items"]) == (0.5, 0.8, 40)
    assert risen["difference"] == pytest.approx(0.3) and risen["low"] < 0.3 < risen["high"]
    # 16 items rose and 4 fell: McNemar's exact p is 0.0118.
    assert risen["p_value"] == pytest.approx(0.0118, abs=0.006)
    assert rows["fidelity"]["p_value"] < 0.001 and rows["fidelity"]["low"] > 0.09
    assert (same["difference"], same["p_value"]) == (0, 1)
    backwards = compare(better, base.sample(fraction=1, shuffle=True, seed=1))
    assert backwards["difference"].to_list() == pytest.approx([-row["difference"] for row in rows.values()])


def test_versions_on_other_items_do_not_compare() -> None:
    with pytest.raises(ContractError, match="3 and 4 eval scores have 3 items in common"):
        compare(_scores([True] * 3, 0.5), _scores([True] * 4, 0.5))
