"""The judge answers each line; what cannot be answered fails by name and stops nobody else's row."""

import json

import numpy as np
import pytest

from plateful.judging.judge import Judge
from plateful.tables import TABLES

SIDE = 4


class AxisClip:
    """A CLIP whose texts and pictures lie on axes: 'pizza' is axis 0, and so on."""

    digest = "axis"
    temperature = 10.0
    words = ("pizza", "soup", "wood", "person")

    def embed_images(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.stack([np.eye(SIDE, dtype=np.float32)[int(a[0, 0, 0])] for a in arrays])

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([np.eye(SIDE, dtype=np.float32)[self.words.index(t)] for t in texts])


def line(
    positive: str, *negatives: str, kind: str = "must_show", required: bool = True, **more: object
) -> dict:
    return {
        "question": f"is there {positive}?", "positive": positive, "negatives": list(negatives), "kind": kind,
        "claim": f"{kind}:{positive}", "field": "name", "required": required, **more,
    }  # fmt: skip


def shows(word: str) -> np.ndarray:
    return np.full((2, 2, 3), AxisClip.words.index(word), np.uint8)


@pytest.fixture
def judge() -> Judge:
    return Judge(AxisClip())  # type: ignore[arg-type]


def verdict(judge: Judge, word: str, rubric: object) -> dict:
    text = rubric if isinstance(rubric, str) else json.dumps(rubric)
    frame = judge.judge(["c"], [shows(word)], [text])
    assert dict(frame.schema) == TABLES["judge_verdicts"].schema
    return frame.row(0, named=True)


def test_what_is_shown_passes(judge: Judge) -> None:
    row = verdict(
        judge, "pizza", [line("pizza", "soup", "wood"), line("person", "pizza", kind="must_not_show")]
    )
    assert row["passed"]
    assert row["failures"] == []
    assert row["fidelity"] > 0.99
    answers = json.loads(row["answers"])
    assert {"question", "field", "kind", "score", "passed"} <= set(answers[0])
    assert [a["passed"] for a in answers] == [True, True]


def test_failures_name_the_claim(judge: Judge) -> None:
    row = verdict(
        judge, "person", [line("pizza", "soup", "person"), line("person", "pizza", kind="must_not_show")]
    )
    assert not row["passed"]
    assert row["failures"] == ["must_show:pizza", "must_not_show:person"]


def test_optional_lines_lower_fidelity_only(judge: Judge) -> None:
    row = verdict(
        judge, "pizza", [line("pizza", "soup"), line("wood", "pizza", kind="background", required=False)]
    )
    assert row["passed"]
    assert row["fidelity"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("rubric", "failure"),
    [
        ([], "rubric_empty"),
        ("not json", "rubric_malformed"),
        ("null", "rubric_malformed"),
        ([{"question": "?"}], "rubric_malformed"),
        ([line("pizza", "soup", kind="must_sing")], "rubric_malformed"),
    ],
)
def test_unanswerable_rubrics_fail(judge: Judge, rubric: object, failure: str) -> None:
    row = verdict(judge, "pizza", rubric)
    assert row["failures"] == [failure]
    assert row["fidelity"] == 0
    assert not row["passed"]


def test_a_line_without_alternatives_is_never_a_yes(judge: Judge) -> None:
    row = verdict(judge, "pizza", [line("pizza"), line("pizza", "soup")])
    assert row["failures"] == ["must_show:pizza"]
    row = verdict(judge, "pizza", [line("pizza", required=False), line("pizza", "soup")])
    assert row["passed"]
    assert row["fidelity"] > 0.99
    assert verdict(judge, "pizza", [line("pizza", required=False)])["failures"] == ["nothing_proved"]


def test_what_no_sentence_can_prove_is_left_to_a_person(judge: Judge) -> None:
    row = verdict(judge, "soup", [line("pizza", "soup", provable=False), line("soup", "pizza")])
    assert row["passed"]
    assert row["fidelity"] > 0.99
    assert [a["provable"] for a in json.loads(row["answers"])] == [False, True]


def test_one_bad_rubric_stops_no_other(judge: Judge) -> None:
    good = json.dumps([line("pizza", "soup")])
    frame = judge.judge(["a", "b"], [shows("pizza")] * 2, ["{", good])
    assert frame["passed"].to_list() == [False, True]


def test_embeddings_stand_in_for_pictures(judge: Judge) -> None:
    rubric = json.dumps([line("soup", "pizza")])
    frame = judge.judge(["a"], None, [rubric], embeddings=AxisClip().embed_images([shows("soup")]))
    assert frame["passed"].to_list() == [True]


def test_empty_batch(judge: Judge) -> None:
    assert judge.judge([], None, [], embeddings=np.zeros((0, SIDE), np.float32)).height == 0
