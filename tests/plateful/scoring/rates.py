"""How often the gates fire on plates with and without defects; the figures in thresholds.yaml come from here.

Run `python -m tests.plateful.scoring.rates` after new weights: it prints CLIP's quantiles on clean plates and
the share of every planted defect that each gate finds.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from plateful.scoring.scorer import Scorer
from plateful.vision.clip import TinyClip
from plateful.vision.people import clip_signals
from training.plates import DEFECTS, render, sample_plate

STRENGTHS = (0.2, 0.5, 0.9)


def plates(count: int, defect: tuple[str, float] | None = None, *, start: int = 970_000) -> list[np.ndarray]:
    """Draw `count` plates at 128 px, clean or with one defect."""
    defects = () if defect is None else (defect,)
    return [render(sample_plate(start + i, defects=defects)).image for i in range(count)]


def failure_shares(scorer: Scorer, arrays: Sequence[np.ndarray]) -> dict[str, float]:
    """Share of pictures that fail, by named failure, and `any`."""
    ids = [str(i) for i in range(len(arrays))]
    safety = scorer.safety(ids, arrays, [None] * len(ids))["failures"].to_list()
    quality = scorer.quality(ids, arrays)["failures"].to_list()
    both = [set(a) | set(b) for a, b in zip(safety, quality, strict=True)]
    counts = Counter(name for names in both for name in names)
    counts["any"] = sum(bool(names) for names in both)
    return {name: round(count / len(both), 3) for name, count in sorted(counts.items())}


def main() -> None:
    """Print quantiles and rates for the shipped weights."""
    from plateful.models.versions import WEIGHTS_ROOT

    clip = TinyClip.load(WEIGHTS_ROOT / "plateful-tiny/clip")
    clean = plates(300)
    for name, values in clip_signals(clip, clip.embed_images(clean)).items():
        print(
            name,
            "clean quantiles 50/95/98/99/99.5:",
            np.quantile(values, [0.5, 0.95, 0.98, 0.99, 0.995]).round(2),
        )
    scorer = Scorer(clip)
    print("clean", failure_shares(scorer, clean))
    for defect in DEFECTS:
        for strength in STRENGTHS:
            print(defect, strength, failure_shares(scorer, plates(30, (defect, strength))))


if __name__ == "__main__":
    main()
