"""The scorer on plates with planted defects: OCR and measures decide; the micro CLIP knows nothing."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from plateful.scoring.scorer import Scorer, scorer_version
from plateful.scoring.thresholds import Thresholds, load_thresholds
from plateful.tables import TABLES
from plateful.vision.clip import TinyClip
from plateful.vision.image_io import open_image
from training.plates import render, sample_plate

PHOTOS = Path(__file__).parents[4] / "shared/data/feeds/photos/howtocook"


def without_clip() -> Thresholds:
    """The shipped thresholds, with CLIP's part taken out: the micro CLIP's answers are noise."""
    values = load_thresholds().model_dump(mode="json")
    people = values["candidate"]["people"]
    for ramp in (*people["person_sentences"].values(), *people["creature_sentences"].values()):
        ramp.update(fail=200.0, good=100.0)
    return Thresholds.model_validate(values)


@pytest.fixture(scope="module")
def clip(weights: Path) -> TinyClip:
    return TinyClip.load(weights / "plateful-tiny" / "clip")


@pytest.fixture(scope="module")
def scorer(clip: TinyClip) -> Scorer:
    return Scorer(clip, without_clip())


def plates(count: int, defect: tuple[str, float] | None = None, start: int = 920_000) -> list[np.ndarray]:
    defects = () if defect is None else (defect,)
    return [render(sample_plate(start + i, defects=defects)).image for i in range(count)]


def ids(arrays: list) -> list[str]:
    return [f"c{i}" for i in range(len(arrays))]


def test_clean_plates_pass_every_gate(scorer: Scorer) -> None:
    arrays = plates(24)
    safety = scorer.safety(ids(arrays), arrays, [None] * 24)
    quality = scorer.quality(ids(arrays), arrays)
    assert dict(safety.schema) == TABLES["safety_scores"].schema
    assert dict(quality.schema) == TABLES["quality_scores"].schema
    assert safety["passed"].mean() >= 0.95
    assert quality["passed"].mean() >= 0.95
    assert set(safety["scorer_version"]) == set(quality["scorer_version"]) == {scorer.version}


@pytest.mark.parametrize("strength", [0.2, 0.8])
def test_planted_text_fails_and_is_reported(scorer: Scorer, strength: float) -> None:
    arrays = plates(8, ("text", strength))
    rows = scorer.safety(ids(arrays), arrays, [None] * 8)
    assert all("text" in failures for failures in rows["failures"])
    assert rows["found_text"].null_count() == 0
    assert not rows["passed"].any()


def test_expected_text_passes(scorer: Scorer) -> None:
    arrays = plates(8, ("text", 0.2))
    found = scorer.safety(ids(arrays), arrays, [None] * 8)["found_text"].to_list()
    rows = scorer.safety(ids(arrays), arrays, found)
    assert rows["text"].min() >= 0.5


@pytest.mark.parametrize(
    ("defect", "failures", "share"),
    [
        ("blur", {"blur"}, 1.0),
        ("under_exposed", {"under_exposed"}, 1.0),
        ("over_exposed", {"over_exposed", "low_contrast"}, 0.6),
        ("crop", {"margins", "position"}, 1.0),
        ("off_centre", {"position", "margins"}, 0.85),
        ("tiny_subject", {"margins"}, 0.85),
    ],
)
def test_planted_flaws_fail_by_name(scorer: Scorer, defect: str, failures: set[str], share: float) -> None:
    arrays = plates(8, (defect, 0.8))
    rows = scorer.quality(ids(arrays), arrays)
    caught = [bool(failures & set(named)) for named in rows["failures"]]
    assert np.mean(caught) >= share
    assert rows["quality"].mean() < scorer.quality(ids(arrays), plates(8))["quality"].mean()


def test_a_black_picture_fails_everything_measurable(scorer: Scorer) -> None:
    black = np.zeros((128, 128, 3), np.uint8)
    failures = set(scorer.quality(["c"], [black])["failures"][0])
    assert {"no_subject", "blur", "under_exposed", "low_contrast"} <= failures


def test_embeddings_are_used_when_given(scorer: Scorer, clip: TinyClip) -> None:
    arrays = plates(3)
    plain = scorer.safety(ids(arrays), arrays, [None] * 3)
    given = scorer.safety(ids(arrays), arrays, [None] * 3, embeddings=clip.embed_images(arrays))
    assert plain.equals(given)


def test_a_repainted_photo_is_read_at_the_size_of_a_photo(scorer: Scorer) -> None:
    photo = np.full((800, 1_200, 3), 235, np.uint8)
    cv2.circle(photo, (600, 400), 250, (150, 60, 30), -1)
    cv2.putText(
        photo, "www.kitchen-photos.example", (40, 780), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (60, 60, 60), 2
    )
    rows = scorer.safety(["c"], [photo], [None])
    assert "text" in rows["failures"][0]


def test_empty_batch(scorer: Scorer) -> None:
    assert scorer.safety([], [], []).height == 0
    assert scorer.quality([], []).height == 0


def test_version_follows_thresholds_and_model(clip: TinyClip, scorer: Scorer) -> None:
    assert Scorer(clip).version == scorer_version(clip.digest)
    assert Scorer(clip).version != scorer.version
    assert scorer_version("other") != scorer_version(clip.digest)


def test_vendor_photos_of_plates(scorer: Scorer) -> None:
    good = [render(sample_plate(930_000 + i), size=256).image for i in range(3)]
    assert all(scorer.photo(a).passed for a in good)
    for defect, failure in (("blur", "blur"), ("text", "text")):
        spoiled = [
            render(sample_plate(930_000 + i, defects=((defect, 0.6),)), size=256).image for i in range(3)
        ]
        assert all(failure in scorer.photo(a).failures for a in spoiled)


@pytest.mark.skipif(
    not PHOTOS.is_dir(), reason="the phone photos of shared/data/feeds are not on this machine"
)
def test_real_photos(scorer: Scorer) -> None:
    with (PHOTOS / "labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))[:12]
    verdicts = {row["file"]: scorer.photo(open_image((PHOTOS / row["file"]).read_bytes())) for row in rows}
    assert "text" in verdicts["9266da3b81.jpg"].failures
    failures = [name for verdict in verdicts.values() for name in verdict.failures]
    assert failures.count("people") == 0
    assert np.mean([not set(v.failures) - {"text"} for v in verdicts.values()]) >= 0.9
