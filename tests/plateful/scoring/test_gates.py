"""Gates as pure functions: ramps, evidence of text, people, composition; a missing signal never passes."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from plateful.errors import ConfigError
from plateful.scoring.gates import evidence, quality_verdict, safety_verdict
from plateful.scoring.thresholds import Ramp, Thresholds, load_thresholds, numbers
from plateful.scoring.verdict import Verdict
from plateful.vision.measures import Measures
from plateful.vision.ocr import TextRegion
from plateful.vision.saliency import Subject

LIMITS = load_thresholds()
NOBODY = {"face": 0.0, "profile": 0.0, "body": 0.0, "cat": 0.0}
PLAIN = {"person": -3.0, "hand": -3.0, "animal": -3.0}
GOOD = Measures(
    sharpness=0.3,
    brightness=0.5,
    shadow=0.2,
    highlight=0.9,
    dark=0.0,
    bright=0.0,
    contrast=0.7,
    saturation=0.2,
    vivid=0.0,
)


def region(text: str, reading: float = 0.95, area: float = 0.03, aspect: float = 2.0) -> TextRegion:
    return TextRegion(text, reading, 0.8, (0, 0, 10, 5), area, aspect)


def subject(x0: float, y0: float, x1: float, y1: float) -> Subject:
    return Subject(np.full((8, 8), 255, np.uint8), (x0, y0, x1, y1), (x1 - x0) * (y1 - y0))


def safe(regions: list[TextRegion], expected: str | None = None, seen: dict = NOBODY, clip: dict = PLAIN):  # noqa: ANN201
    profile = LIMITS.candidate
    return safety_verdict(regions, expected, seen, clip, profile.text, profile.people)


@pytest.mark.parametrize(
    ("value", "score"), [(0.2, 0.5), (0.4, 1.0), (0.9, 1.0), (0.3, 0.75), (0.1, 0.25), (-1.0, 0.0)]
)
def test_ramp(value: float, score: float) -> None:
    assert Ramp(fail=0.2, good=0.4, reason="a reason of some length").score(value) == pytest.approx(score)


def test_falling_ramp() -> None:
    ramp = Ramp(fail=0.6, good=0.2, reason="a reason of some length")
    assert ramp.score(0.1) == 1
    assert ramp.score(0.6) == 0.5
    assert ramp.score(0.9) < 0.5


def test_every_number_has_a_reason_and_reasons_do_not_count() -> None:
    reworded = LIMITS.model_copy(
        update={"candidate": LIMITS.candidate.model_copy(update={"text": LIMITS.candidate.text.model_copy()})}
    )
    assert reworded.digest == LIMITS.digest
    assert "reason" not in str(numbers(LIMITS.candidate))


@pytest.mark.parametrize(
    "change", [{"sharpness": None}, {"taste": {"value": 1.0, "reason": "there is no such score"}}]
)
def test_quality_weighs_exactly_its_scores(tmp_path: Path, change: dict) -> None:
    values = LIMITS.model_dump(mode="json")
    weights = values["candidate"]["quality"]["weights"]
    assert weights.keys() | {"quality"} == quality_verdict(GOOD, None, LIMITS.candidate.quality).scores.keys()
    values["candidate"]["quality"]["weights"] = {k: v for k, v in (weights | change).items() if v}
    path = tmp_path / "thresholds.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match=f"weights.{next(iter(change))}"):
        load_thresholds(path)


def test_bad_thresholds_are_one_clear_error(tmp_path) -> None:  # noqa: ANN001
    path = tmp_path / "thresholds.yaml"
    path.write_text("candidate: {}\n")
    with pytest.raises(ConfigError, match=r"thresholds\.yaml"):
        load_thresholds(path)
    changed = LIMITS.model_dump(mode="json")
    changed["candidate"]["quality"]["offset"]["fail"] = 0.5
    assert Thresholds.model_validate(changed).digest != LIMITS.digest


@pytest.mark.parametrize(
    ("found", "is_text"),
    [
        (region("SALE"), True),
        (region("FRESH", reading=0.8), True),
        (region("KG"), True),
        (region("O", reading=0.99), False),
        (region("0O8", reading=0.9), False),
        (region("888", area=0.3), False),
        (region("福", reading=0.97), False),
        (region("", reading=0.0, aspect=3.5), True),
        (region("0o0", reading=0.3, aspect=3.5), False),
        (region("", reading=0.0, aspect=1.2), False),
    ],
)
def test_what_counts_as_text(found: TextRegion, is_text: bool) -> None:
    assert (evidence(found, LIMITS.candidate.text) > LIMITS.candidate.text.evidence.fail) is is_text
    assert ("text" in safe([found]).verdict.failures) is is_text


def test_expected_text_is_subtracted() -> None:
    result = safe([region("PIZZERIA"), region("ROMA")], "Pizzeria Roma")
    assert result.verdict.passed
    assert result.found_text is None
    result = safe([region("PIZZERIA"), region("HALF PRICE")], "Pizzeria Roma")
    assert result.verdict.failures == ("text",)
    assert result.found_text == "HALF PRICE"


@pytest.mark.parametrize(
    ("seen", "clip", "failures"),
    [
        ({"face": 9.0}, {}, ("people",)),
        ({"cat": 9.0}, {}, ("creatures",)),
        ({}, {"person": 4.0}, ("people",)),
        ({}, {"hand": 4.0}, ("people",)),
        ({}, {"animal": 4.0}, ("creatures",)),
        ({"face": 1.0, "cat": 1.0}, {}, ()),
    ],
)
def test_people_and_creatures(seen: dict, clip: dict, failures: tuple) -> None:
    assert safe([], None, NOBODY | seen, PLAIN | clip).verdict.failures == failures


@pytest.mark.parametrize(
    ("seen", "sure", "score"),
    [({}, True, 0.5), ({"face": 2.0}, True, 0.0), ({"face": 2.0}, False, 0.8), ({"face": 9.0}, False, 0.2)],
)
def test_clip_fails_a_photo_only_where_a_detector_stirs(seen: dict, sure: bool, score: float) -> None:
    photo = LIMITS.photo
    clip = dict.fromkeys(PLAIN, 9.0) if sure else PLAIN
    verdict = safety_verdict([], None, NOBODY | seen, clip, photo.text, photo.people).verdict
    assert verdict.scores["people"] == pytest.approx(score, abs=0.05)
    assert ("people" in verdict.failures) is (score < 0.5)
    assert verdict.scores["creatures"] >= 0.5


def test_a_missing_detector_is_an_error_not_a_pass() -> None:
    with pytest.raises(KeyError):
        safe([], None, {})


def test_good_picture_passes_with_all_scores() -> None:
    verdict = quality_verdict(GOOD, subject(0.15, 0.15, 0.85, 0.85), LIMITS.candidate.quality)
    assert verdict.passed
    assert set(verdict.scores) == {
        "position", "margins", "sharpness", "exposure", "contrast", "saturation", "quality"
    }  # fmt: skip
    assert verdict.scores["quality"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"sharpness": 0.003}, "blur"),
        ({"highlight": 0.3}, "under_exposed"),
        ({"dark": 0.6}, "under_exposed"),
        ({"shadow": 0.8}, "over_exposed"),
        ({"bright": 0.7}, "over_exposed"),
        ({"contrast": 0.1}, "low_contrast"),
        ({"saturation": 0.0}, "under_saturated"),
        ({"vivid": 0.6}, "over_saturated"),
    ],
)
def test_each_measure_has_its_name(changes: dict, failure: str) -> None:
    spoiled = Measures(**(GOOD.__dict__ | changes))
    assert quality_verdict(spoiled, subject(0.15, 0.15, 0.85, 0.85), LIMITS.candidate.quality).failures == (
        failure,
    )


@pytest.mark.parametrize(
    ("found", "failures"),
    [
        (subject(0.45, 0.2, 0.95, 0.8), ("position",)),
        (subject(0.0, 0.0, 1.0, 1.0), ("margins",)),
        (subject(0.4, 0.4, 0.6, 0.6), ("margins",)),
        (None, ("no_subject",)),
    ],
)
def test_composition(found: Subject | None, failures: tuple) -> None:
    verdict = quality_verdict(GOOD, found, LIMITS.candidate.quality)
    assert verdict.failures == failures
    if found is None:
        assert verdict.scores["position"] == verdict.scores["margins"] == 0


def test_a_verdict_cannot_contradict_itself() -> None:
    with pytest.raises(ValueError, match="contradicts"):
        Verdict(True, ("blur",))
    with pytest.raises(ValueError, match="contradicts"):
        Verdict(False)
    assert Verdict.of(("blur",), {}).passed is False
    with pytest.raises(TypeError):
        Verdict(True, (), {"a": 1.0}).scores["a"] = 2.0  # type: ignore[index]
