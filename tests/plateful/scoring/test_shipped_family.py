"""The thresholds fit the shipped CLIP: clean plates pass, drawn persons are found."""

import pytest

from plateful.models.versions import WEIGHTS_ROOT
from plateful.scoring.scorer import Scorer
from plateful.vision.clip import TinyClip
from tests.plateful.scoring.rates import failure_shares, plates


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(TinyClip.load(WEIGHTS_ROOT / "plateful-tiny/clip"))


def test_clean_plates_pass_all_gates(scorer: Scorer) -> None:
    shares = failure_shares(scorer, plates(24))
    assert shares["any"] <= 0.125, shares


def test_drawn_persons_are_found(scorer: Scorer) -> None:
    assert failure_shares(scorer, plates(12, ("person", 0.9))).get("people", 0) >= 0.4
