"""OpenCV detectors: quiet on plates, and run only where asked."""

import numpy as np

from plateful.vision.people import DETECTORS, detect


def test_only_what_is_asked_is_run(clean: list) -> None:
    assert set(detect(clean[0].image, ("face", "body"), side=160)) == {"face", "body"}


def test_flat_pictures_have_nobody() -> None:
    assert set(detect(np.full((128, 96, 3), 120, np.uint8), DETECTORS, side=160).values()) == {0.0}


def test_clean_plates_are_quiet(clean: list) -> None:
    faces = [detect(plate.image, ("face",), side=160)["face"] for plate in clean]
    assert np.mean(np.array(faces) >= 6) <= 0.05
