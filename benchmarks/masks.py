"""How well the default detector finds dishes: intersection over union with the exact masks of plates.

Run `python -m benchmarks.masks`; it writes `benchmarks/results/masks.json`, {metric: {value, low, high, n}},
95 % intervals. The plates are of seeds that no setting was chosen on. The mask asked for is the dish with its
vessel: that is what stands free of the table, and another dish may need another shape of vessel. Bar: mean
IoU >= 0.80. `food_alone` compares the same masks with the food without its vessel, for information.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.non_dishes import NON_DISHES, draw
from plateful.models.versions import WEIGHTS_ROOT
from plateful.scoring.scorer import Scorer
from plateful.vision.clip import TinyClip
from plateful.vision.masks import SaliencyDetector
from training.family.figures import Figure, mean, share
from training.plates import Rendered, render, sample_plate
from training.plates.render import single_threaded

RESULTS = Path(__file__).resolve().parent / "results" / "masks.json"
CLIP = WEIGHTS_ROOT / "plateful-tiny" / "clip"
FIRST_SEED = 1_700_000
PLATES = 200
# Poor photos are what gets repainted: as many plates with each of these, at middling strength.
DEFECTS = (
    "blur",
    "motion",
    "under_exposed",
    "over_exposed",
    "colour_cast",
    "tiny_subject",
    "off_centre",
    "crop",
)
DEFECT_PLATES = 16
STRENGTH = 0.5
SIZE = 128
# Pictures of each kind, and plates, that are looked at for a dish.
LOOKED_AT = 10


def overlap(found: np.ndarray | None, truth: np.ndarray) -> float:
    """Intersection over union of a mask uint8 (H, W) and the truth, bool (H, W); 0 without a mask."""
    if found is None:
        return 0.0
    inside = found > 0
    return float((inside & truth).sum() / max(1, (inside | truth).sum()))


def plates(count: int, *, start: int = FIRST_SEED, defect: str | None = None) -> list[Rendered]:
    """Draw `count` held-out plates, clean or with one defect."""
    planted = () if defect is None else ((defect, STRENGTH),)
    return [render(sample_plate(start + i, defects=planted), SIZE) for i in range(count)]


def dish(plate: Rendered) -> np.ndarray:
    """The dish with its vessel, bool (H, W)."""
    return plate.food_mask | plate.vessel_mask


def overlaps(drawn: Sequence[Rendered], truth: Callable[[Rendered], np.ndarray] = dish) -> np.ndarray:
    """IoU of the default detector on each plate, (n,)."""
    detector = SaliencyDetector()
    return np.array([overlap(detector.find(plate.image).mask, truth(plate)) for plate in drawn])


def figures() -> dict[str, Figure]:
    """Measure everything."""
    drawn = plates(PLATES)
    scores = overlaps(drawn)
    found = {
        "mean_iou": mean(scores),
        "below_half": share(scores < 0.5),
        "food_alone": mean(overlaps(drawn, lambda plate: plate.food_mask)),
    }
    kinds: dict[str, list[float]] = defaultdict(list)
    for plate, score in zip(drawn, scores, strict=True):
        kinds[f"background {plate.plate.background}"].append(score)
        kinds[f"camera {plate.plate.camera}"].append(score)
        kinds[f"vessel {plate.plate.vessel}"].append(score)
    found |= {kind: mean(np.array(values)) for kind, values in sorted(kinds.items())}
    for defect in DEFECTS:
        found[f"defect {defect}"] = mean(
            overlaps(plates(DEFECT_PLATES, start=FIRST_SEED + PLATES, defect=defect))
        )
    return found | refusals()


def refusals() -> dict[str, Figure]:
    """Share that is not repainted: of pictures without a dish, by kind, and of plates."""
    scorer, detector = Scorer(TinyClip.load(CLIP)), SaliencyDetector()

    def refused(arrays: Sequence[np.ndarray]) -> Figure:
        return share(np.array([bool(scorer.foreign(a)) or detector.find(a).mask is None for a in arrays]))

    seeds = range(FIRST_SEED, FIRST_SEED + LOOKED_AT)
    kinds = {f"refused {kind}": refused([draw(kind, seed) for seed in seeds]) for kind in NON_DISHES}
    return {"refused dish": refused([plate.image for plate in plates(3 * LOOKED_AT)])} | kinds


def main() -> None:
    """Measure, print and write."""
    single_threaded()
    result = {name: figure.rounded() for name, figure in figures().items()}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
