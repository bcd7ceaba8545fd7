"""The scorer: arrays in, rows of safety_scores and quality_scores out; the same gates for vendor photos.

Called in the render shard on the pictures in memory, and by the gate assets for what is still missing. Rows
are keyed by candidate and scorer version, so a new threshold needs no new rendering.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import polars as pl

from plateful.identity import asked_version, content_hash
from plateful.scoring.gates import SafetyVerdict, is_text, quality_verdict, safety_verdict
from plateful.scoring.thresholds import Profile, Thresholds, load_thresholds
from plateful.scoring.verdict import Verdict
from plateful.tables import TABLES
from plateful.vision import ocr, people
from plateful.vision.clip import TinyClip
from plateful.vision.measures import GATED_SIDE, fitted, measure
from plateful.vision.saliency import find_subject

# Raise when the code of vision/ or scoring/ decides differently on the same thresholds.
CODE_VERSION = 2


def scorer_version(clip_digest: str, thresholds: Thresholds | None = None) -> str:
    """Return the version of the scorer on a CLIP, without loading it."""
    limits = thresholds or load_thresholds()
    return content_hash([CODE_VERSION, limits.digest, clip_digest, ocr.PACKAGE, f"opencv-{cv2.__version__}"])[
        :16
    ]


class Scorer:
    """Safety and quality of pictures.

    Args:
        clip: tiny CLIP, one of the signals for people and creatures.
        thresholds: the shipped ones by default.
        threads: onnxruntime's threads for OCR.
    """

    def __init__(self, clip: TinyClip, thresholds: Thresholds | None = None, *, threads: int = 2) -> None:
        self.clip = clip
        self._thresholds = thresholds or load_thresholds()
        self._reader = ocr.TextReader(threads=threads)
        self.version = scorer_version(clip.digest, self._thresholds)

    def safety(
        self,
        ids: Sequence[str],
        arrays: Sequence[np.ndarray],
        expected_texts: Sequence[str | None],
        *,
        embeddings: np.ndarray | None = None,
    ) -> pl.DataFrame:
        """Gate candidates on text, people and creatures -> SAFETY_SCORES.

        Args:
            ids: candidate ids, n.
            arrays: uint8 RGB pictures, n.
            expected_texts: text that each picture may carry, None for none, n.
            embeddings: rows of `clip.embed_images(arrays)`, when the caller has them.
        """
        signals = self._clip_signals(arrays, embeddings)
        each = zip(ids, arrays, expected_texts, signals, strict=True)
        rows = [
            _safety_row(i, asked_version(self.version, e), self._safety(a, e, s, self._profile(a)))
            for i, a, e, s in each
        ]
        return TABLES["safety_scores"].frame(rows)

    def quality(self, ids: Sequence[str], arrays: Sequence[np.ndarray]) -> pl.DataFrame:
        """Gate candidates on composition and photographic measures -> QUALITY_SCORES."""
        limits = self._thresholds.candidate.quality
        each = zip(ids, arrays, strict=True)
        verdicts = [(i, quality_verdict(measure(a), find_subject(a), limits)) for i, a in each]
        return TABLES["quality_scores"].frame([_quality_row(i, self.version, v) for i, v in verdicts])

    def photo(self, array: np.ndarray) -> Verdict:
        """Gate one vendor photo with the photo thresholds; no text is expected on it."""
        profile = self._thresholds.photo
        safety = self._safety(array, None, self._clip_signals([array], None)[0], profile).verdict
        quality = quality_verdict(measure(array), find_subject(array), profile.quality)
        return Verdict.of(safety.failures + quality.failures, {**safety.scores, **quality.scores})

    def foreign(self, array: np.ndarray) -> tuple[str, ...]:
        """Name what a vendor photo shows that no dish is: `text` (a logo, a sign, a menu), people, creatures.

        It would stay outside the mask, so such a photo is not repainted.
        """
        profile = self._thresholds.photo
        array = fitted(array, GATED_SIDE)
        regions = self._regions(array, profile)
        # Only what counts as text at the gate: a row of sushi covers 40 % of a plate and reads "8888".
        share = sum(region.area for region in regions if is_text(region, profile.text))
        written = ("text",) if share > self._thresholds.dish.text_share.value else ()
        signals = self._clip_signals([array], None)[0]
        safety = self._judged(array, regions, None, signals, profile).verdict
        return written + tuple(name for name in safety.failures if name != "text")

    def _profile(self, array: np.ndarray) -> Profile:
        """Thresholds by size: a larger picture than the candidates' were measured on is looked at as a photo.

        It is a vendor's scene around a repainted dish, with small print and small faces.
        """
        limits = self._thresholds
        return limits.photo if max(array.shape[:2]) > limits.candidate.text.side.value else limits.candidate

    def _clip_signals(
        self, arrays: Sequence[np.ndarray], embeddings: np.ndarray | None
    ) -> list[dict[str, float]]:
        rows = self.clip.embed_images(arrays) if embeddings is None else embeddings
        signals = people.clip_signals(self.clip, rows)
        return [{name: float(values[i]) for name, values in signals.items()} for i in range(len(rows))]

    def _safety(
        self, array: np.ndarray, expected: str | None, told: dict[str, float], profile: Profile
    ) -> SafetyVerdict:
        return self._judged(array, self._regions(array, profile), expected, told, profile)

    def _regions(self, array: np.ndarray, profile: Profile) -> list[ocr.TextRegion]:
        text = profile.text
        return self._reader.regions(array, side=int(text.side.value), min_detection=text.min_detection.value)

    def _judged(
        self,
        array: np.ndarray,
        regions: Sequence[ocr.TextRegion],
        expected: str | None,
        told: dict[str, float],
        profile: Profile,
    ) -> SafetyVerdict:
        limits = profile.people
        seen = people.detect(array, limits.detectors, side=int(limits.side.value))
        return safety_verdict(regions, expected, seen, told, profile.text, limits)


def _safety_row(candidate: str, version: str, result: SafetyVerdict) -> dict:
    verdict = result.verdict
    return {
        "candidate_id": candidate,
        "scorer_version": version,
        **verdict.scores,
        "found_text": result.found_text,
        "passed": verdict.passed,
        "failures": list(verdict.failures),
    }


def _quality_row(candidate: str, version: str, verdict: Verdict) -> dict:
    return {
        "candidate_id": candidate,
        "scorer_version": version,
        **verdict.scores,
        "passed": verdict.passed,
        "failures": list(verdict.failures),
    }
