"""Text is found and read on plates; expected text is recognised as such."""

import cv2
import numpy as np
import pytest

from plateful.vision.ocr import TextReader, TextRegion, is_expected, legibility, normalised, unexpected


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def region(text: str) -> TextRegion:
    return TextRegion(text, 0.9, 0.9, (0, 0, 10, 5), 0.01, 2.0)


def test_written_words_are_read_where_they_stand(reader: TextReader, clean: list) -> None:
    picture = clean[0].image.copy()
    for ink, thick in (((255, 255, 255), 3), ((0, 0, 0), 1)):
        cv2.putText(picture, "GRILL HOUSE", (6, 118), cv2.FONT_HERSHEY_DUPLEX, 0.6, ink, thick, cv2.LINE_AA)
    found = [r for r in reader.regions(picture) if r.letters == "grillhouse"]
    assert len(found) == 1
    x0, y0, x1, y1 = found[0].box
    assert x0 < 20 < 110 < x1
    assert 95 < y0 < 105 < 118 < y1 < 128
    assert found[0].aspect > 3


def test_an_empty_picture_has_no_text(reader: TextReader) -> None:
    assert reader.regions(np.full((128, 128, 3), 200, np.uint8)) == []


def test_a_bowl_is_not_read_as_a_letter(reader: TextReader) -> None:
    bowl = np.full((128, 128, 3), 90, np.uint8)
    cv2.circle(bowl, (64, 64), 50, (250, 250, 250), 8)
    assert reader.regions(bowl) == []


def test_normalised_folds_width_case_and_punctuation() -> None:
    assert normalised("ＳＡＬＥ! 50 %") == "sale50"


@pytest.mark.parametrize(
    ("text", "expected", "fine"),
    [
        ("Pizzeria", "Pizzeria Roma", True),
        ("PIZZERLA", "Pizzeria Roma", True),
        ("美味", "本店美味", True),
        ("SALE", "Pizzeria Roma", False),
        ("ro", None, False),
        ("", "Roma", False),
        ("x", "", False),
    ],
)
def test_expected_text_is_contained_or_nearly(text: str, expected: str | None, fine: bool) -> None:
    assert is_expected(text, expected) is fine
    assert bool(unexpected([region(text)], expected)) is not fine


def test_round_look_alikes_are_one_shape() -> None:
    assert region("0OC8").shapes == 1
    assert region("WwM").shapes == 1
    assert region("Chef").shapes == 3


@pytest.mark.parametrize(
    ("read", "expected", "share"),
    [
        (["LUNCH MENU"], "Lunch menu", 1.0),
        (["MENU", "lunch"], "Lunch menu", 1.0),
        (["LUNCH"], "Lunch menu", 5 / 9),
        (["LUNCH", "LUNCH"], "Lunch menu", 5 / 9),
        (["L", "U", "N"], "Lunch menu", 0.0),
        ([], "Lunch menu", 0.0),
        (["anything"], "!", 1.0),
    ],
)
def test_legibility_is_the_share_of_expected_letters_that_can_be_read(
    read: list[str], expected: str, share: float
) -> None:
    assert legibility([region(text) for text in read], expected) == pytest.approx(share)
