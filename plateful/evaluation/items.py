"""Eval items: one description to render and the questions its picture is asked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EvalItem:
    """One frozen description.

    Attributes:
        item_id: unique within its set.
        stratum: archetype by name; results are given per stratum.
        phrase: the archetype in words, as captions name it.
        background: background asked for.
        prompt: description to render.
        rubric: the judge's questions, JSON as in PROMPTS.rubric.
    """

    item_id: str
    stratum: str
    phrase: str
    background: str
    prompt: str
    rubric: str


@dataclass(frozen=True)
class EvalSet:
    """A frozen set of items; `digest` is sha256 over the file that holds them."""

    name: str
    items: tuple[EvalItem, ...]
    digest: str
