"""Label values: closed lists, so that no feed, prompt or failure can make new series.

What is not in its list counts as `other`. Lists that only an installation knows (its teams, models and
providers) are capped instead: the first so many values that a process meets keep their names.
"""

from collections.abc import Callable
from dataclasses import dataclass

from plateful.countries import COUNTRIES

OTHER = "other"

# In the order of a picture's way. `draw` is denoising and decoding in one, as flow pipelines do them.
STAGES = (
    "plan", "text_encode", "denoise", "decode", "draw", "store",
    "score_embed", "score_safety", "score_quality", "score_judge", "publish",
)  # fmt: skip
STEPS = (
    "products", "products_without_images", "translated_products", "prompts", "inpainting_masks",
    "plan_shards", "render_shard", "collect", "safety_scores", "quality_scores", "judge_verdicts",
    "accepted_candidates", "review_decisions", "published_images", "eval_images", "eval_scores",
    "model_leaderboard", "judge_calibration", "cost_report", "image_experiments",
)  # fmt: skip
GATES = ("safety", "quality", "fidelity")
_SAFETY = ("text", "people", "creatures")
_QUALITY = (
    "no_subject", "position", "margins", "blur", "under_exposed", "over_exposed", "low_contrast",
    "under_saturated", "over_saturated",
)  # fmt: skip
_FIDELITY = (
    "shows_dish", "shows_unknown_dish", "shows_ingredient", "shows_count", "shows_form", "shows_product",
    "keeps_diet", "keeps_background", "hides_no_allergen", "leaves_room", "says", "says_in_layout",
    "says_nothing", "no_people", "no_animals", "no_text", "nothing_proved", "rubric_malformed",
    "rubric_empty",
)  # fmt: skip
CALL_FAILURES = (
    "connect_failed", "rate_limited", "unavailable", "reply_lost", "provider_failed", "in_progress",
    "content_refused", "bad_request", "bad_reply", "picture_unreachable", "bad_credentials", "no_quota",
    "no_such_model",
)  # fmt: skip
QUARANTINES = (
    "render_failed", "not_scored", "init_image_unreadable", "reference_image_unreadable", "strength_too_low",
    "size_not_square", "not_finite", "wrong_shape", "not_asked", "stored_image_unreadable", "picture_lost",
    "picture_broken", "wrong_size", *CALL_FAILURES,
)  # fmt: skip
REASONS = tuple(dict.fromkeys((*_SAFETY, *_QUALITY, *_FIDELITY, *QUARANTINES)))
RETIREMENTS = (
    "left_feed", "real_photo", "rejected_by_person", "record_changed", "replaced", "safety", "quality",
    "fidelity", "missing_score",
)  # fmt: skip


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        name: as Prometheus sees it.
        values: the closed list; None = open, held down by `cap`.
        cap: how many values of an open list keep their names.
    """

    name: str
    values: frozenset[str] | None
    cap: int = 0

    @property
    def most(self) -> int:
        """How many values the label can have, `other` included."""
        return 1 + (self.cap if self.values is None else len(self.values))

    def bounded(self, kept: set[str]) -> Callable[[str], str]:
        """Return what maps any text to a value of the label; `kept` remembers an open list's."""

        def value(text: str) -> str:
            if self.values is not None:
                return text if text in self.values else OTHER
            if text not in kept and len(kept) >= self.cap:
                return OTHER
            kept.add(text)
            return text

        return value


def closed(name: str, *values: str) -> Label:
    """Return a label with a closed list of values."""
    return Label(name, frozenset(values))


STAGE = closed("stage", *STAGES)
STEP = closed("step", *STEPS)
ENDED = closed("outcome", "success", "failure")
GATE = closed("gate", "render", *GATES)
JUDGED_BY = closed("gate", *GATES)
VERDICT = closed("verdict", "passed", "failed")
REASON = closed("reason", *REASONS)
RETIRED_BECAUSE = closed("reason", *RETIREMENTS)
BECAME = closed("outcome", "rendered", "recovered", "quarantined", "unscored", "unpaid")
CALL_ENDED = closed("outcome", "ok", *CALL_FAILURES)
COUNTRY = closed("country", *COUNTRIES)
IMAGE_STATUS = closed("status", "live", "retired")
SOURCE = closed("source", "ledger", "lake", "steps", "gateway")
# Catalogs have tens of models, installations tens of teams; applications are five.
MODEL = Label("model", None, cap=48)
TEAM = Label("team", None, cap=64)
APPLICATION = Label("application", None, cap=8)
PROVIDER = Label("provider", None, cap=16)
