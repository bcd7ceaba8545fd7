"""Drawing one plate for the corpus; free of torch, so that drawing processes start at once."""

import hashlib
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from training.family.recipe import Plates

if TYPE_CHECKING:
    from training.plates import Plate

# A tenth of the combinations is held out; this far apart, the seeds of redrawn plates never meet.
REDRAW = 100_000_000
Record = dict[str, Any]


def plan(settings: Plates, index: int) -> dict[str, Any]:
    """What plate number `index` shows: archetypes in turn, a random background, sometimes a defect."""
    from training.plates import ARCHETYPES, BACKGROUNDS, CONTRADICTIONS, DEFECTS

    rng = np.random.default_rng([settings.first_seed, index])
    # Contradictions are drawn under a caption that denies them: evidence for tests, poison for training.
    flaws = [name for name in DEFECTS if name not in CONTRADICTIONS]
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
    kind = ARCHETYPES[plate.archetype]
    phrase = kind.phrase
    texts = [*captions(plate), phrase, f"{phrase} on a {plate.background} background"]
    record = {
        **order,
        "defects": [name for name, _ in plate.defects],
        "vessel": plate.vessel,
        "ingredients": list(plate.ingredients),
        "garnish": plate.garnish,
        "captions": list(dict.fromkeys(texts)),
    }
    return render(plate, px).image, record


def seen_plate(order: dict[str, Any]) -> "Plate":
    """The plate of an order, redrawn until its combination is one that training may see."""
    from training.plates import held_out, sample_plate

    words = {name: order[name] for name in ("archetype", "background", "defects")}
    plates = (sample_plate(order["seed"] + k * REDRAW, **words) for k in itertools.count())
    return next(plate for plate in plates if not held_out(plate))


def renderer_digest(px: int) -> str:
    """sha256 over one drawn plate of each archetype and of each defect: pixels and records."""
    from training.plates import ARCHETYPES, BACKGROUNDS, DEFECTS

    flaws, grounds = itertools.cycle(DEFECTS), itertools.cycle(BACKGROUNDS)
    found = hashlib.sha256()
    for seed, (kind, ground) in enumerate(zip(ARCHETYPES, grounds, strict=False)):
        for defects in ((), ((next(flaws), 0.6),)):
            try:
                image, record = draw(
                    {"seed": seed, "archetype": kind, "background": ground, "defects": defects}, px
                )
            except ValueError:
                continue  # a defect that this archetype cannot show
            found.update(image.tobytes())
            found.update(json.dumps(record, sort_keys=True).encode())
    return found.hexdigest()


def draw_chunk(job: tuple[Plates, int, range]) -> tuple[range, np.ndarray, list[Record], float]:
    """Draw a range of plates: the range, pictures (n, px, px, 3) uint8, records, and CPU seconds spent."""
    settings, px, indices = job
    began = time.process_time()
    pictures, records = zip(*(draw(plan(settings, i), px) for i in indices), strict=True)
    return indices, np.stack(pictures), list(records), time.process_time() - began
