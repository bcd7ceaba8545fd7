"""Labelled pictures of the synthetic plates.

python -m training.plates.gallery OUT.png            every archetype on every background, then the defects
python -m training.plates.gallery --showcase docs/plates.jpg   one page for a README
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.plates.banner import PALETTES, render_banner
from training.plates.geometry import RGB
from training.plates.plate import Plate, sample_plate
from training.plates.render import render
from training.plates.vocabulary import ARCHETYPES, BACKGROUNDS, CAMERAS, CONTRADICTIONS, DEFECTS, HELD_OUT

_LABEL, _GAP, _PAPER = 16, 4, 250
# Labels of known dishes, of held-out ones, of defects.
_INK, _KEPT, _FLAW = (52, 46, 42), (0, 110, 96), (186, 40, 30)
_ADS = (
    ("noodle_soup", ("egg", "spring onion", "beef"), "Slow broth, fast lunch", "Noodles from 11 to 3", "NEW"),
    ("pizza", ("tomato", "basil", "olives"), "Straight from the oven", "Two for one on Tuesdays", "2 FOR 1"),
    ("donut", ("strawberry", "sprinkles"), "Something sweet", "Fresh every morning at 8", "SUMMER"),
)


def labelled(image: np.ndarray, label: str, ink: RGB = _INK) -> np.ndarray:
    """The picture with its label below, cut to what fits."""
    height, width = image.shape[:2]
    page = Image.new("RGB", (width + _GAP, height + _LABEL + _GAP), (_PAPER,) * 3)
    page.paste(Image.fromarray(image), (0, 0))
    font = ImageFont.load_default(11)
    while label and font.getlength(label) > width:
        label = label[:-1]
    ImageDraw.Draw(page).text((1, height + 2), label, ink, font)
    return np.asarray(page)


def tiled(cells: list[np.ndarray], columns: int) -> np.ndarray:
    """Equal cells in rows of `columns`, the last row filled up with paper."""
    cells = cells + [np.full_like(cells[0], _PAPER)] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[k : k + columns], 1) for k in range(0, len(cells), columns)])


def gallery(size: int = 128, seed: int = 5, columns: int = 10) -> np.ndarray:
    """uint8 RGB grid: archetypes x backgrounds with both cameras, last the defects at 0.4 and 0.9."""
    cells = []
    for i, name in enumerate(ARCHETYPES):
        for j, background in enumerate(BACKGROUNDS):
            plate = sample_plate(
                seed + 97 * i + j, archetype=name, background=background, camera=CAMERAS[j % 2]
            )
            cells.append(labelled(render(plate, size).image, f"{name}: {plate.ingredients[0]}"))
    for i, defect in enumerate(DEFECTS):
        for strength in (0.4, 0.9):
            plate = sample_plate(seed + 31 * i, defects=((defect, strength),))
            cells.append(labelled(render(plate, size).image, f"{defect} {strength}"))
    return tiled(cells, columns)


def showcase(size: int = 128, columns: int = 9) -> np.ndarray:
    """uint8 RGB page: every archetype once, held-out dishes, defects, masks, a banner in every palette."""
    cells = [_dish(name, i, size, _INK) for i, name in enumerate(ARCHETYPES)]
    cells += [_dish(name, i, size, _KEPT) for i, name in enumerate(HELD_OUT)]
    cells += [_flawed(name, i, size) for i, name in enumerate(DEFECTS) if name not in CONTRADICTIONS]
    asked = sample_plate(31, archetype="donut", ingredients=("strawberry", "sprinkles"), camera="top")
    asked = replace(asked, count=3, vessel="white plate", background="slate")
    cells.append(labelled(render(asked, size).image, "as asked for", _FLAW))
    for name in CONTRADICTIONS:
        broken = replace(asked, defects=((name, 0.4),))
        cells.append(labelled(render(broken, size).image, name.replace("_", " "), _FLAW))
    cells.append(labelled(_painted_instances(_fullest("pizza", 2), size), "instance masks", _INK))
    page = tiled(cells, columns)
    width = page.shape[1] // len(PALETTES) - _GAP
    banners = [_ad(palette, ad, width) for palette, ad in zip(PALETTES, _ADS, strict=True)]
    row = np.concatenate(banners, 1)
    rest = ((0, 0), (0, page.shape[1] - row.shape[1]), (0, 0))
    return np.concatenate([page, np.pad(row, rest, constant_values=_PAPER)])


def _fullest(archetype: str, index: int) -> Plate:
    """The first of a run of seeds that carries three ingredients."""
    plates = (
        sample_plate(
            97 * index + k,
            archetype=archetype,
            background=BACKGROUNDS[index % len(BACKGROUNDS)],
            camera=CAMERAS[index % len(CAMERAS)],
        )
        for k in range(50)
    )
    return next(plate for plate in plates if len(plate.ingredients) == 3)


def _dish(archetype: str, index: int, size: int, ink: RGB) -> np.ndarray:
    return labelled(render(_fullest(archetype, index), size).image, archetype.replace("_", " "), ink)


def _flawed(defect: str, index: int, size: int) -> np.ndarray:
    plate = sample_plate(5 + 31 * index, defects=((defect, 0.6),))
    return labelled(render(plate, size).image, defect.replace("_", " "), _FLAW)


def _ad(palette: str, ad: tuple[str, tuple[str, ...], str, str, str], width: int) -> np.ndarray:
    archetype, ingredients, headline, tagline, badge = ad
    plate = sample_plate(3, archetype=archetype, ingredients=ingredients, camera="top", vessel="dark bowl"
                         if "soup" in archetype else "white plate")  # fmt: skip
    made = render_banner(
        plate, headline=headline, tagline=tagline, badge=badge, palette=palette, size=(width, width // 2)
    )
    return labelled(made.image, f"banner: {palette}", _INK)


def _painted_instances(plate: Plate, size: int) -> np.ndarray:
    """The picture under one colour an instance."""
    done = render(plate, size, instances=True)
    image = done.image.copy()
    for k, one in enumerate(done.instances):
        hue = np.array([[[(k * 67) % 180, 190, 240]]], np.uint8)
        colour = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0]
        image[one.mask] = image[one.mask] * 0.35 + colour * 0.65
    return image


def main() -> None:
    """Write the gallery, or the showcase, to the path given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.plates.gallery")
    parser.add_argument("path", type=Path)
    parser.add_argument("--showcase", action="store_true")
    asked = parser.parse_args()
    page = Image.fromarray(showcase() if asked.showcase else gallery())
    # As JPEG the showcase is 0.3 MB; a PNG of that size has 256 colours and shows bands.
    page.save(asked.path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
