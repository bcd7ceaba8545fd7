"""Picture grids and their size limits."""

import base64
import re

import numpy as np
import pytest

from plateful.errors import ImageError
from plateful.reporting.contact_sheet import contact_sheet_markdown, grid, grid_png
from plateful.vision.image_io import open_image
from tests.plateful.reporting.pictures import drawing

NOISE = np.random.default_rng(5).integers(0, 255, (128, 128, 3), dtype=np.uint8)


def test_markdown_holds_one_picture_within_the_limit() -> None:
    plates = [drawing("pizza", 1), drawing("salad", 2)] * 30
    text = contact_sheet_markdown(plates, [f"dish {i}" for i in range(60)])
    assert len(text) <= 90_000
    found = re.fullmatch(r"!\[contact sheet\]\(data:image/webp;base64,([^)]+)\)", text)
    assert found and open_image(base64.b64decode(found[1])).shape[2] == 3


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    text = contact_sheet_markdown([NOISE] * 200, ["x"] * 200, max_bytes=30_000)
    assert len(text) <= 30_000
    assert re.search(r"\n\n\d+ of 200 shown$", text)


def test_grid_keeps_pictures_in_order_and_shape() -> None:
    red, blue = (np.full((40, 80, 3), c, np.uint8) for c in ((255, 0, 0), (0, 0, 255)))
    sheet = grid([red, blue], ["a very long caption that cannot fit", "b"], cell=80, columns=2)
    assert sheet.shape == (80 + 15 + 12, 2 * 86 + 6, 3)
    assert tuple(sheet[46, 46]) == (255, 0, 0) and tuple(sheet[46, 132]) == (0, 0, 255)
    assert open_image(grid_png([red], ["a"])).shape[2] == 3


@pytest.mark.parametrize("labels", [[], ["a", "b"]])
def test_wrong_number_of_labels_is_refused(labels: list[str]) -> None:
    with pytest.raises(ImageError, match=r"of 1 pictures and \d labels"):
        grid([NOISE], labels)
    with pytest.raises(ImageError, match=r"of 1 pictures and \d labels"):
        contact_sheet_markdown([NOISE], labels)


def test_no_pictures_or_no_room_is_refused() -> None:
    with pytest.raises(ImageError, match="0 pictures"):
        contact_sheet_markdown([], [])
    with pytest.raises(ImageError, match="does not fit"):
        contact_sheet_markdown([NOISE], ["x"], max_bytes=100)
