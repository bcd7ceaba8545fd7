"""The fidelity contract of a request, and the rubric that asks a judge about each of its lines.

A line is what the picture must or must not show, with the record's field it comes from. `required` lines decide the verdict.
Not required in this version: ingredients (the tiny judge tells dishes apart, not toppings), background (ours, not the record's),
people, creatures and text (the safety gates decide on them with detectors and OCR).
A dish that the judge cannot know gets a line with `provable: false`: it stands for review by a person.
"""

from dataclasses import dataclass
from typing import Any

from plateful.prompts.vocabulary import Dish, dishes, excluded_by_diet, undeclared_allergens

MAX_RIVALS = 3


@dataclass(frozen=True)
class Scene:
    """What one prompt shows: the dish (None when unknown), its name, ingredients, vessel phrase and background of the request."""

    dish: Dish | None
    name: str
    ingredients: tuple[str, ...]
    vessel: str
    background: str
    backgrounds: tuple[str, ...]

    @property
    def article(self) -> str:
        """The dish with its article as captions have it."""
        return self.dish.article if self.dish else self.name


def contract_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rubric's lines: {question, positive, negatives, kind, claim, field, required, provable}.

    Args:
        scene: what the prompt shows.
        record: the product, for its dietary claims and allergens.
    """
    return [
        _dish_line(scene),
        *_ingredient_lines(scene),
        *_diet_lines(scene, record),
        *_allergen_lines(scene, record),
        *_clean_lines(scene),
        _background_line(scene),
    ]


def claims(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the contract itself: what is promised, without how a judge asks."""
    return [{k: line[k] for k in ("kind", "claim", "field", "required", "provable")} for line in lines]


def _line(
    kind: str, claim: str, field: str, positive: str, negatives: list[str], *, required: bool, provable: bool = True
) -> dict[str, Any]:
    asks = {"must_show": "Does the picture show", "must_not_show": "Is the picture free of", "background": "Is the background"}
    return {
        "question": f"{asks[kind]} {claim}?",
        "positive": positive,
        "negatives": negatives,
        "kind": kind,
        "claim": claim,
        "field": field,
        "required": required,
        "provable": provable,
    }


def _dish_line(scene: Scene) -> dict[str, Any]:
    others = [f"a photo of {d.article}" for d in dishes().values() if d is not scene.dish]
    return _line(
        "must_show", scene.article, "name", f"a photo of {scene.article}", others, required=True, provable=scene.dish is not None
    )


def _with(scene: Scene, ingredient: str) -> str:
    return f"{scene.dish.phrase if scene.dish else scene.name} with {ingredient}"


def _rivals(scene: Scene, barred: set[str]) -> list[str]:
    """Ingredients that the dish could carry and this one does not: what a wrong picture would show instead."""
    pool = scene.dish.ingredients if scene.dish else ()
    return [i for i in pool if i not in scene.ingredients and i not in barred][:MAX_RIVALS]


def _ingredient_lines(scene: Scene) -> list[dict[str, Any]]:
    rivals = [_with(scene, r) for r in _rivals(scene, set())]
    if not rivals:
        return []
    return [_line("must_show", i, "ingredients", _with(scene, i), rivals, required=False) for i in scene.ingredients]


def _diet_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """One line: no ingredient that the diet rules out and that this dish often carries. Required, since it misleads."""
    barred = excluded_by_diet(record["dietary"])
    seen = [i for i in (scene.dish.ingredients if scene.dish else ()) if i in barred][:2]
    plain = list(scene.ingredients) or _rivals(scene, set(barred))
    if not seen or not plain:
        return []
    positive, negatives = _with(scene, " and ".join(seen)), [_with(scene, i) for i in plain]
    return [_line("must_not_show", " or ".join(seen), "dietary", positive, negatives, required=True)]


def _allergen_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """No visible sign of an allergen that the record's declaration leaves out."""
    lines = []
    for shows in undeclared_allergens(record["allergens"]).values():
        seen = [i for i in (scene.dish.ingredients if scene.dish else ()) if i in shows and i not in scene.ingredients]
        plain = list(scene.ingredients) or _rivals(scene, set(shows))
        if seen and plain:
            negatives = [_with(scene, i) for i in plain]
            lines.append(_line("must_not_show", seen[0], "allergens", _with(scene, seen[0]), negatives, required=False))
    return lines


def _clean_lines(scene: Scene) -> list[dict[str, Any]]:
    clean = [f"{scene.article} {scene.vessel} on a {scene.background} background"]
    flaws = {"people": "with a person", "animals": "with an animal", "text": "with a text overlay"}
    return [
        _line("must_not_show", what, "policy", f"a photo of {scene.article}, {flaw}", clean, required=False)
        for what, flaw in flaws.items()
    ]


def _background_line(scene: Scene) -> dict[str, Any]:
    def on(background: str) -> str:
        return f"{scene.article} {scene.vessel} on a {background} background"

    others = [on(b) for b in scene.backgrounds if b != scene.background]
    return _line("background", scene.background, "template", on(scene.background), others, required=False)
