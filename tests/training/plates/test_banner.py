"""Banners: slots, dish and type keep out of each other's way."""

from typing import Any

import numpy as np
import pytest

from training.plates import Banner, render_banner, sample_plate
from training.plates.banner import PALETTES


def _banner(archetype: str = "pizza", **changes: Any) -> Banner:
    words = {"headline": "Straight from the oven", "tagline": "Two for one on Tuesdays", "palette": "basil"}
    return render_banner(sample_plate(5, archetype=archetype), **(words | changes))


@pytest.mark.parametrize("size", [(256, 128), (240, 160), (512, 170)])
@pytest.mark.parametrize("archetype", ["pizza", "cold_drink", "tacos", "nasi_lemak"])
def test_slots_lie_inside_and_beside_the_dish(archetype: str, size: tuple[int, int]) -> None:
    made = _banner(archetype, size=size)
    width, height = size
    assert made.image.shape == (height, width, 3) and made.image.dtype == np.uint8
    assert made.dish_mask.shape == (height, width) and made.dish_mask.mean() > 0.08
    assert [slot.name for slot in made.slots] == ["badge", "headline", "tagline"]
    below = 0.0
    for slot in made.slots:
        x0, y0, x1, y1 = slot.box
        assert 0 <= x0 < x1 < made.dish_box[0] and below <= y0 < y1 <= 1
        below = y1


@pytest.mark.parametrize("palette", PALETTES)
def test_type_stands_in_its_slots_and_nowhere_else(palette: str) -> None:
    written, empty = _banner(palette=palette), _banner(palette=palette, text=False)
    changed = (written.image != empty.image).any(2)
    for slot in written.slots:
        x0, y0, x1, y1 = (round(v * s) for v, s in zip(slot.box, (256, 128, 256, 128), strict=True))
        spot = changed[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1]
        assert spot.mean() > 0.05
        spot[:] = False
    assert not changed.any()
    assert all(slot.text for slot in written.slots) and not any(slot.text for slot in empty.slots)
    assert [slot.box for slot in written.slots] == [slot.box for slot in empty.slots]


def test_banners_are_deterministic_and_palettes_differ() -> None:
    assert np.array_equal(_banner().image, _banner().image)
    corners = {tuple(_banner(palette=name).image[2, 2]) for name in PALETTES}
    assert len(corners) == len(PALETTES) == 3


def test_empty_words_leave_their_slot_empty() -> None:
    assert np.array_equal(_banner(headline="", tagline=" ", badge="").image, _banner(text=False).image)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"palette": "mud"}, "unknown palette"),
        ({"headline": "Onlyoneendlesslylongwordthatnobodycouldeverreadonabanner" * 2}, "does not fit"),
        ({"size": (128, 128)}, "3:2"),
    ],
)
def test_what_makes_no_banner_is_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _banner(**wrong)


def test_a_flawed_plate_is_refused() -> None:
    with pytest.raises(ValueError, match="without defects"):
        render_banner(
            sample_plate(5, defects=(("blur", 0.5),)), headline="A", tagline="B", palette="berry"
        )  # fmt: skip
