"""The fidelity contract of a request, and the rubric that asks a judge about each of its lines.

A line is what the picture must or must not show, with the record's field it comes from. `required` lines
decide the verdict. Not required in this version: ingredients (the tiny judge tells dishes apart, not
toppings), background (ours, not the record's), people, animals and text (the safety gates decide on them with
detectors and OCR). A dish that the judge cannot know gets the claim `shows_unknown_dish` with
`provable: false`: a person must look at it. Questions are worded as the embedded model's captions are, since
that is what its judge has learnt to read.
"""

from dataclasses import dataclass
from typing import Any

from plateful.prompts.vocabulary import Dish, dishes, excluded_by_diet, undeclared_allergens

MAX_RIVALS = 3
_FLAWS = {"people": "with a person", "animals": "with an animal", "text": "with a text overlay"}
_ASKS = {
    "must_show": "Does the picture show",
    "must_not_show": "Is the picture free of",
    "background": "Is the background",
}


@dataclass(frozen=True)
class Scene:
    """What one prompt shows; `dish` is None when unknown, `vessel` reads 'on a white plate'."""

    dish: Dish | None
    name: str
    ingredients: tuple[str, ...]
    vessel: str
    background: str
    backgrounds: tuple[str, ...]

    @property
    def article(self) -> str:
        """The dish as a prompt opens: 'a pizza', 'pasta'."""
        return self.dish.article if self.dish else self.name

    @property
    def phrase(self) -> str:
        """The dish as questions name it: 'pizza'."""
        return self.dish.phrase if self.dish else self.name

    def carrying(self, ingredient: str) -> str:
        """The dish with one ingredient: 'pizza with ham'."""
        return f"{self.phrase} with {ingredient}"


def contract_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rubric's lines.

    Each is {question, positive, negatives, kind, claim, subject, field, required, provable}.

    Args:
        scene: what the prompt shows.
        record: the product, for its dietary claims and allergens.
    """
    return [
        _dish_line(scene),
        *_ingredient_lines(scene),
        *_diet_lines(scene, record),
        *_allergen_lines(scene, record),
        *_clean_lines(),
        _background_line(scene),
    ]


def promises(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the contract itself: what is promised, without how a judge asks."""
    return [
        {k: line[k] for k in ("kind", "claim", "subject", "field", "required", "provable")} for line in lines
    ]


def _line(
    kind: str,
    claim: str,
    subject: str,
    field: str,
    texts: tuple[str, list[str]],
    *,
    required: bool,
    provable: bool = True,
) -> dict[str, Any]:
    return {
        "question": f"{_ASKS[kind]} {subject}?",
        "positive": texts[0],
        "negatives": texts[1],
        "kind": kind,
        "claim": claim,
        "subject": subject,
        "field": field,
        "required": required,
        "provable": provable,
    }


def _dish_line(scene: Scene) -> dict[str, Any]:
    texts = (
        f"a photo of {scene.phrase}",
        [f"a photo of {d.phrase}" for d in dishes().values() if d is not scene.dish],
    )
    known = scene.dish is not None
    claim = "shows_dish" if known else "shows_unknown_dish"
    return _line("must_show", claim, scene.phrase, "name", texts, required=True, provable=known)


def _rivals(scene: Scene, barred: list[str], *, base: bool = False) -> list[str]:
    """Ingredients that the dish could carry and this one does not: what a wrong picture shows."""
    pool = scene.dish.exclusive if scene.dish and base else scene.dish.ingredients if scene.dish else ()
    return [i for i in pool if i not in scene.ingredients and i not in barred][:MAX_RIVALS]


def _ingredient_lines(scene: Scene) -> list[dict[str, Any]]:
    lines = []
    for ingredient in scene.ingredients:
        base = scene.dish is not None and ingredient in scene.dish.exclusive
        texts = scene.carrying(ingredient), [scene.carrying(r) for r in _rivals(scene, [], base=base)]
        lines.append(_line("must_show", "shows_ingredient", ingredient, "ingredients", texts, required=False))
    return lines


def _diet_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """One line: nothing that the diet rules out and this dish often carries; required, as it misleads."""
    barred = excluded_by_diet(record["dietary"])
    seen = [i for i in (scene.dish.ingredients if scene.dish else ()) if i in barred][:2]
    plain = list(scene.ingredients) or _rivals(scene, barred)
    if not seen or not plain:
        return []
    texts = scene.carrying(" and ".join(seen)), [scene.carrying(i) for i in plain]
    return [_line("must_not_show", "keeps_diet", " or ".join(seen), "dietary", texts, required=True)]


def _allergen_lines(scene: Scene, record: dict[str, Any]) -> list[dict[str, Any]]:
    """No visible sign of an allergen that the record's declaration leaves out."""
    lines = []
    for shows in undeclared_allergens(record["allergens"]).values():
        seen = [
            i
            for i in (scene.dish.ingredients if scene.dish else ())
            if i in shows and i not in scene.ingredients
        ]
        plain = list(scene.ingredients) or _rivals(scene, shows)
        if seen and plain:
            texts = scene.carrying(seen[0]), [scene.carrying(i) for i in plain]
            lines.append(
                _line("must_not_show", "hides_no_allergen", seen[0], "allergens", texts, required=False)
            )
    return lines


def _clean_lines() -> list[dict[str, Any]]:
    return [
        _line(
            "must_not_show",
            f"no_{what}",
            what,
            "policy",
            (f"a photo of food, {flaw}", ["a photo of food"]),
            required=False,
        )
        for what, flaw in _FLAWS.items()
    ]


def _background_line(scene: Scene) -> dict[str, Any]:
    texts = [f"{scene.phrase} on a {b} background" for b in (scene.background, *scene.backgrounds)]
    negatives = [text for text in texts if text != texts[0]]
    return _line(
        "background", "keeps_background", scene.background, "template", (texts[0], negatives), required=False
    )
