"""Draw the sample feed's vendor photos from examples/photos.yaml with the synthetic plates.

The CSV files are written by hand; this makes the pictures that they name, the same bytes on every run:

    .venv/bin/python -m examples.make_feed
"""

import io
import unicodedata
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageDraw

from training.plates import render, sample_plate

HERE = Path(__file__).resolve().parent
PHOTOS = HERE / "feed" / "photos"
# Wide enough for every gate's measures, and the whole folder stays near 1 MB.
SIZE, QUALITY = 256, 88
# Strong enough that a person sees at a glance why the photo is unfit.
DEFECT_STRENGTH = {"blur": 1.0, "text": 0.9, "person": 0.9}


def photo(dish: str, ingredients: list[str], seed: int, defect: str | None = None) -> np.ndarray:
    """Draw one photo: uint8 RGB (256, 256, 3)."""
    defects = ((defect, DEFECT_STRENGTH[defect]),) if defect else ()
    plate = sample_plate(seed, archetype=dish, ingredients=tuple(ingredients), defects=defects)
    return render(plate, SIZE).image


def placeholder() -> np.ndarray:
    """Draw the grey picture that a shop system shows where it has none: uint8 RGB (256, 256, 3)."""
    image = Image.new("RGB", (SIZE, SIZE), (225, 225, 228))
    draw = ImageDraw.Draw(image)
    draw.ellipse((58, 58, 198, 198), outline=(170, 170, 176), width=8)
    draw.line((70, 70, 186, 186), fill=(170, 170, 176), width=8)
    return np.asarray(image)


def encode(array: np.ndarray, suffix: str) -> bytes:
    """Encode as the file's ending says: jpg, webp, or gif."""
    buffer = io.BytesIO()
    kind = {".jpg": "JPEG", ".webp": "WEBP", ".gif": "GIF"}[suffix]
    Image.fromarray(array).save(buffer, kind, quality=QUALITY)
    return buffer.getvalue()


def make(folder: Path = PHOTOS) -> list[Path]:
    """Write every photo into a folder and return the files.

    Besides the drawn ones: the shared placeholder, a JPEG cut off in the middle, and a GIF that calls itself
    .jpg.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = yaml.safe_load((HERE / "photos.yaml").read_text(encoding="utf-8"))
    files = {}
    for name, spec in listed.items():
        # Composed letters on disk, decomposed ones in the CSV files: as when a feed passes through a Mac.
        files[unicodedata.normalize("NFC", name)] = encode(photo(**spec), Path(name).suffix)
    files["coming-soon.jpg"] = encode(placeholder(), ".jpg")
    whole = encode(photo("rice_bowl", ["egg"], 11), ".jpg")
    files["sg-cut-off.jpg"] = whole[: len(whole) // 2]
    files["br-animated.jpg"] = encode(photo("salad", ["tomato"], 12), ".gif")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


if __name__ == "__main__":
    made = make()
    print(f"{len(made)} photos, {sum(p.stat().st_size for p in made) / 1e6:.2f} MB in {PHOTOS}")
