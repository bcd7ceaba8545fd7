"""Drawing one plate for the corpus; free of torch, so that drawing processes start at once."""

import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from training.family.recipe import Plates

if TYPE_CHECKING:
    from training.plates import Plate

# Drawn under a caption that denies them: evidence for tests, poison for training.
UNTRUE = ("wrong_ingredient", "missing_ingredient", "wrong_count")
# A tenth of the combinations is held out; this far apart, the seeds of redrawn plates never meet.
REDRAW = 100_000_000
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
    from training.plates import ARCHETYPES, captions, render

    plate = seen_plate(order)
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


def seen_plate(order: dict[str, Any]) -> "Plate":
    """The plate of an order, redrawn until its combination is one that training may see."""
    from training.plates import held_out, sample_plate

    words = {name: order[name] for name in ("archetype", "background", "defects")}
    plates = (sample_plate(order["seed"] + k * REDRAW, **words) for k in itertools.count())
    return next(plate for plate in plates if not held_out(plate))


def draw_chunk(job: tuple[Plates, int, range]) -> tuple[range, np.ndarray, list[Record], float]:
    """Draw a range of plates: the range, pictures (n, px, px, 3) uint8, records, and CPU seconds spent."""
    settings, px, indices = job
    began = time.process_time()
    pictures, records = zip(*(draw(plan(settings, i), px) for i in indices), strict=True)
    return indices, np.stack(pictures), list(records), time.process_time() - began
