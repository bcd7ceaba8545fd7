"""Scores of benchmarked pictures: the gates' quality and the judge's fidelity."""

from collections.abc import Sequence

import numpy as np

from plateful.evaluation.items import EvalItem
from plateful.judging.judge import Judge
from plateful.scoring.scorer import Scorer
from plateful.vision.clip import TinyClip


class QualityScores:
    """Scores pictures as the pipeline does.

    Args:
        clip: CLIP of the gates.
        scorer: `quality`: composition, exposure, sharpness, colour.
        judge: `fidelity`: the rubric's questions, answered.
    """

    def __init__(self, clip: TinyClip, scorer: Scorer, judge: Judge) -> None:
        self._clip, self.scorer, self.judge = clip, scorer, judge

    def __call__(self, items: Sequence[EvalItem], pictures: Sequence[np.ndarray]) -> dict[str, list[float]]:
        """Return score by name -> one value in [0, 1] a picture."""
        ids = [str(number) for number in range(len(pictures))]
        embeddings = self._clip.embed_images(pictures)
        rubrics = [item.rubric for item in items]
        return {
            "quality": self.scorer.quality(ids, pictures)["quality"].to_list(),
            "fidelity": self.judge.judge(ids, pictures, rubrics, embeddings=embeddings)["fidelity"].to_list(),
        }
