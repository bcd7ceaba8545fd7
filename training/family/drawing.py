"""Drawing one plate for the corpus; free of torch, so that drawing processes start at once."""

import time
from typing import Any

import numpy as np

from training.family.recipe import Plates

# A wrong ingredient is drawn under a caption that denies it: evidence for tests, poison for training.
UNTRUE = ("wrong_ingredient",)
Record = dict[str, Any]


def plan(settings: Plates, index: int) -> dict[str, Any]:
    """What plate number `index` shows: archetypes in turn, a random background, sometimes a defect."""
    from training.plates import ARCHETYPES, BACKGROUNDS, DEFECTS

    rng = np.random.default_rng([settings.first_seed, index])
    flaws = [name for name in DEFECTS if name not in UNTRUE]
    flaw = (str(rng.choice(flaws)), float(rng.uniform(0.4, 1.0)))
    defects = (flaw,) if rng.random() < settings.defect_share else ()
    return {
        "seed": settings.first_seed + index,
        "archetype": list(ARCHETYPES)[index % len(ARCHETYPES)],
        "background": str(rng.choice(BACKGROUNDS)),
        "defects": defects,
    }


def draw(order: dict[str, Any], px: int) -> tuple[np.ndarray, Record]:
    """One plate: its picture (px, px, 3) uint8 and its record."""
    from training.plates import ARCHETYPES, captions, render, sample_plate

    plate = sample_plate(
        order["seed"], archetype=order["archetype"], background=order["background"], defects=order["defects"]
    )
    phrase = ARCHETYPES[plate.archetype].phrase
    texts = [*captions(plate), phrase, f"{phrase} on a {plate.background} background"]
    record = {
        **order,
        "defects": [name for name, _ in plate.defects],
        "vessel": plate.vessel,
        "ingredients": list(plate.ingredients),
        "captions": list(dict.fromkeys(texts)),
    }
    return render(plate, px).image, record


def draw_chunk(job: tuple[Plates, int, range]) -> tuple[range, np.ndarray, list[Record], float]:
    """Draw a range of plates: the range, pictures (n, px, px, 3) uint8, records, and CPU seconds spent."""
    settings, px, indices = job
    began = time.process_time()
    pictures, records = zip(*(draw(plan(settings, i), px) for i in indices), strict=True)
    return indices, np.stack(pictures), list(records), time.process_time() - began
