"""Detectors by profile: the real Grounding DINO classes on micro weights, refusals, and names of masks."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from plateful.errors import ConfigError, ModelError
from plateful.models.digests import write_digests
from plateful.vision.detectors import GroundingDinoProfile, detector_method, load_profiles, open_detector
from plateful.vision.grounding_dino import GroundingDinoDetector, method
from plateful.vision.masks import SaliencyDetector
from tests.plateful.vision.tiny_dino import build_tiny_dino

PHOTO = cv2.resize(np.random.default_rng(2).integers(0, 256, (9, 12, 3), dtype=np.uint8), (200, 150))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("weights")
    build_tiny_dino(made / "grounding-dino")
    return made


@pytest.fixture
def shipped() -> GroundingDinoProfile:
    profile = load_profiles()["grounding-dino"]
    assert isinstance(profile, GroundingDinoProfile)
    return profile


def test_the_box_becomes_a_mask_inside_it(root: Path, shipped: GroundingDinoProfile) -> None:
    sure = shipped.model_copy(update={"threshold": 0.01, "text_threshold": 0.001})
    detector = GroundingDinoDetector.load(root / "grounding-dino", sure)
    box = detector.surest_box(PHOTO)
    assert box is not None
    assert all(0 <= share <= 1 for share in box)
    found = detector.find(PHOTO)
    assert found.status == "ok"
    assert found.mask is not None
    rows, columns = np.nonzero(found.mask)
    x0, y0, x1, y1 = (share * side for share, side in zip(box, (200, 150) * 2, strict=True))
    assert x0 - 2 <= columns.min() <= columns.max() <= x1 + 2
    assert y0 - 2 <= rows.min() <= rows.max() <= y1 + 2
    assert np.array_equal(detector.find(PHOTO).mask, found.mask)


def test_what_is_not_sure_enough_is_no_dish(root: Path, shipped: GroundingDinoProfile) -> None:
    unsure = shipped.model_copy(update={"threshold": 0.99})
    found = GroundingDinoDetector.load(root / "grounding-dino", unsure).find(PHOTO)
    assert found.mask is None
    assert found.status == "no_dish_found"
    assert GroundingDinoDetector.load(root / "grounding-dino", shipped).find(PHOTO[:20]).status == "too_small"


def test_a_profile_is_a_name(root: Path) -> None:
    assert isinstance(open_detector("saliency", root), SaliencyDetector)
    assert isinstance(open_detector("grounding-dino", root), GroundingDinoDetector)
    with pytest.raises(
        ConfigError, match=r"detector 'yolo'.*PLATEFUL_DETECTOR to one of saliency, grounding"
    ):
        open_detector("yolo", root)


def test_other_weights_or_settings_name_other_masks(
    root: Path, tmp_path: Path, shipped: GroundingDinoProfile
) -> None:
    folder = root / "grounding-dino"
    named = detector_method("grounding-dino", root)
    assert named == method(folder, shipped)
    assert named != detector_method("saliency", root)
    assert named != method(folder, shipped.model_copy(update={"threshold": 0.3}))
    (tmp_path / "config.json").write_text("{}")
    write_digests(tmp_path)
    assert named != method(tmp_path, shipped)


def test_weights_that_nobody_recorded_or_that_changed_are_refused(
    tmp_path: Path, shipped: GroundingDinoProfile
) -> None:
    with pytest.raises(ModelError, match=r"no recorded Grounding DINO.*plateful.models.digests"):
        detector_method("grounding-dino", tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    write_digests(tmp_path)
    with pytest.raises(ModelError, match="Grounding DINO folder"):
        GroundingDinoDetector.load(tmp_path, shipped)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="is not the recorded file"):
        GroundingDinoDetector.load(tmp_path, shipped)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="can run code"):
        GroundingDinoDetector.load(tmp_path, shipped)


@pytest.mark.parametrize("text", ["a: {kind: yolo}", "a: {kind: grounding_dino, folder: ../x}", "- a"])
def test_a_malformed_profile_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "detectors.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"detectors file detectors\.yaml"):
        load_profiles(path)
