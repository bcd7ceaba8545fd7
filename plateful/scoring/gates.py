"""From the signals of one picture to its verdict: pure functions over raw values and a profile's thresholds.

A signal that is missing (no subject found) is a failure with a name, never a pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plateful.scoring.thresholds import (
    GATE,
    Detector,
    PeopleSettings,
    QualitySettings,
    Ramp,
    Sentence,
    TextSettings,
)
from plateful.scoring.verdict import Verdict
from plateful.vision.measures import Measures
from plateful.vision.ocr import TextRegion, unexpected
from plateful.vision.saliency import Subject


@dataclass(frozen=True)
class SafetyVerdict:
    """Verdict over text, people and creatures, and the unexpected text that was read (None when none)."""

    verdict: Verdict
    found_text: str | None


def safety_verdict(
    regions: Sequence[TextRegion],
    expected: str | None,
    seen: Mapping[str, float],
    clip: Mapping[str, float],
    text: TextSettings,
    people: PeopleSettings,
) -> SafetyVerdict:
    """Judge one picture's text, people and creatures.

    Args:
        regions: all text regions found.
        expected: text that the picture may carry.
        seen: strength of the strongest hit by OpenCV detector.
        clip: CLIP's signals by sentence, in logits.
        text: thresholds of the text gate.
        people: thresholds of the people and creature gates.
    """
    counted = unexpected(regions, expected)
    strongest = max((evidence(r, text) for r in counted), default=0.0)
    floor = people.uncorroborated.value
    scores = {
        "text": text.evidence.score(strongest),
        "people": _unseen(people.person_detectors, seen, people.person_sentences, clip, floor),
        "creatures": _unseen(people.creature_detectors, seen, people.creature_sentences, clip, floor),
    }
    failing = [r.text or "(unreadable)" for r in counted if is_text(r, text)]
    return SafetyVerdict(Verdict.of(_below(scores), scores), " / ".join(failing) or None)


def is_text(region: TextRegion, settings: TextSettings) -> bool:
    """Whether a region fails the gate, if it is not expected."""
    return settings.evidence.score(evidence(region, settings)) < GATE


def evidence(region: TextRegion, settings: TextSettings) -> float:
    """How surely a region is text, 0..1.

    Two ways to be text: letters that were read with confidence, enough of them and different enough; or a
    long line, whatever was read, because recognition knows few scripts and detection knows them all.
    """
    count = len(region.letters)
    variety = min(1.0, (region.shapes + 0.5 * (count - 1)) / settings.letters.value) if count else 0.0
    legible = 0.0 if region.area > settings.letter_area.value * max(count, 1) else region.reading * variety
    is_line = region.aspect >= settings.line_aspect.value and region.shapes != 1
    return max(legible, settings.line.value if is_line else 0.0)


def quality_verdict(measures: Measures, subject: Subject | None, settings: QualitySettings) -> Verdict:
    """Judge composition and photographic quality; scores hold the columns of quality_scores."""
    limits = settings
    composition, failures = _composition(subject, limits)
    lit = {
        "under_exposed": min(limits.dim.score(measures.highlight), limits.dark.score(measures.dark)),
        "over_exposed": min(limits.glare.score(measures.shadow), limits.bright.score(measures.bright)),
    }
    colour = {
        "under_saturated": limits.dull.score(measures.saturation),
        "over_saturated": limits.garish.score(measures.vivid),
    }
    sharpness = limits.sharpness.score(measures.sharpness)
    contrast = limits.contrast.score(measures.contrast)
    failures += _below({"blur": sharpness, **lit, "low_contrast": contrast, **colour})
    scores = {
        **composition,
        "sharpness": sharpness,
        "exposure": min(lit.values()),
        "contrast": contrast,
        "saturation": min(colour.values()),
    }
    weights = {name: setting.value for name, setting in limits.weights}
    weighted = sum(weights[name] * score for name, score in scores.items())
    scores["quality"] = weighted / sum(weights.values())
    return Verdict.of(failures, scores)


def subject_offset(subject: Subject) -> float:
    """Distance of the subject's middle from the picture's, in shares of its side."""
    x, y = subject.centre
    return ((x - 0.5) ** 2 + (y - 0.5) ** 2) ** 0.5


def subject_margin(subject: Subject) -> float:
    """Smallest distance of the subject's box from the frame, in shares of the side; 0 = it touches."""
    x0, y0, x1, y1 = subject.box
    return min(x0, y0, 1 - x1, 1 - y1)


def _composition(
    subject: Subject | None, limits: QualitySettings
) -> tuple[dict[str, float], tuple[str, ...]]:
    if subject is None:
        return {"position": 0.0, "margins": 0.0}, ("no_subject",)
    scores = {
        "position": limits.offset.score(subject_offset(subject)),
        "margins": min(limits.margin.score(subject_margin(subject)), limits.smallest.score(subject.extent)),
    }
    return scores, _below(scores)


def _unseen(
    detectors: Mapping[Detector, Ramp],
    seen: Mapping[str, float],
    sentences: Mapping[Sentence, Ramp],
    clip: Mapping[str, float],
    floor: float,
) -> float:
    """Score of nobody being there: the lowest signal; CLIP's not under `floor` while no detector stirs."""
    detected = min(ramp.score(seen[name]) for name, ramp in detectors.items())
    told = min(ramp.score(clip[name]) for name, ramp in sentences.items())
    stirred = any(seen[name] > 0 for name in detectors)
    return min(detected, told if stirred else max(told, floor))


def _below(scores: dict[str, float]) -> tuple[str, ...]:
    return tuple(name for name, score in scores.items() if score < GATE)
