"""What one picture shows: its products, each as a dish with ingredients, on one surface and background.

Menu text is data: what reaches a scene is words of the vocabulary, or for a dish that nobody knows its own
name cut down to letters, digits and spaces.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plateful.errors import ConfigError
from plateful.identity import sha256_hex
from plateful.prompts.details import Count, Form, count_of, forms_of
from plateful.prompts.templates import Template
from plateful.prompts.vocabulary import (
    Dish,
    Match,
    dishes,
    excluded_by_diet,
    find_dish,
    find_ingredients,
    implied_ingredients,
    is_shown,
)

# The captions carry one to three ingredients, and CLIP reads 77 tokens; products of a group share them.
MAX_INGREDIENTS, MAX_GROUP_INGREDIENTS, MAX_NAME = 3, 2, 60
# Those of the captions: the embedded judge can tell these apart, and no others.
BACKGROUNDS = ("wood", "marble", "slate", "linen", "warm neutral")
_ON = ("plate", "board", "leaf", "sheet", "tray")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Served:
    """One product in a scene; `dish` is None when unknown, `match` is the phrase of the name that told it.

    `fields` is ingredient -> the record's field that tells it.
    """

    product_id: str
    dish: Dish | None
    match: str
    name: str
    ingredients: tuple[str, ...]
    fields: Mapping[str, str]
    dietary: tuple[str, ...]
    allergens: tuple[str, ...]
    count: Count | None
    forms: tuple[Form, ...]

    @property
    def opening(self) -> str:
        """The dish as a prompt opens: 'a pizza', 'pasta', 'six dumplings'."""
        if self.dish is None:
            return self.name
        return (self.count and self.dish.counted(self.count.number)) or self.dish.article

    @property
    def phrase(self) -> str:
        """The dish as questions name it: 'pizza'."""
        return self.dish.phrase if self.dish else self.name

    def carrying(self, ingredient: str) -> str:
        """The dish with one ingredient: 'pizza with ham'."""
        return f"{self.phrase} with {ingredient}"

    @property
    def described(self) -> str:
        """The dish with its ingredients: 'a pizza with tomato and basil'."""
        return f"{self.opening} with {listed(self.ingredients)}" if self.ingredients else self.opening


@dataclass(frozen=True)
class Scene:
    """What one prompt shows, its lead product first; `vessel` reads 'on a white plate'."""

    served: tuple[Served, ...]
    vessel: str
    background: str
    # What the background must be told from: those of the captions, or none where its own is not one of them.
    backgrounds: tuple[str, ...]

    @property
    def lead(self) -> Served:
        """The product whose picture it is."""
        return self.served[0]

    @property
    def is_group(self) -> bool:
        """Whether it shows several products."""
        return len(self.served) > 1


def scene_of(products: Sequence[Row], template: Template, *, background: str | None = None) -> Scene:
    """Decide what the picture of products shows.

    Args:
        products: TRANSLATED_PRODUCTS rows, the lead first, at least one.
        template: of their application.
        background: the vendor's own choice of the template's when None.

    Raises:
        ConfigError: the template pins a dish that the vocabulary does not have.
    """
    most = MAX_INGREDIENTS if len(products) == 1 else MAX_GROUP_INGREDIENTS
    served = tuple(_served(row, template, most) for row in products)
    own = background or _vendors(products[0]["vendor_id"], template.backgrounds)
    return Scene(
        served=served,
        vessel=_vessel(served[0].dish if len(served) == 1 else None, template),
        background=own,
        backgrounds=BACKGROUNDS if own in BACKGROUNDS else (),
    )


def slots_of(scene: Scene, template: Template) -> dict[str, str]:
    """Return the value of every slot of a template."""
    return {
        "dish": scene.lead.opening,
        "ingredients": listed(scene.lead.ingredients),
        "dishes": template.between.join(served.described for served in scene.served),
        **setting_of(scene, template),
    }


def setting_of(scene: Scene, template: Template) -> dict[str, str]:
    """Return the slots that are not about products: vessel, background, lighting, camera."""
    return {
        "vessel": scene.vessel,
        "background": scene.background,
        "lighting": template.lighting,
        "camera": template.camera,
    }


def safe_words(text: str) -> str:
    """Cut a name down to lower-case letters, digits and single spaces, at most 60 characters."""
    plain = " ".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower()))
    return plain if len(plain) <= MAX_NAME else plain[:MAX_NAME].rpartition(" ")[0] or plain[:MAX_NAME]


def listed(words: Sequence[str]) -> str:
    """Join words as a caption does: 'tomato, mozzarella and basil'."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def _vendors(vendor: str, backgrounds: Sequence[str]) -> str:
    return backgrounds[int(sha256_hex(vendor)[:8], 16) % len(backgrounds)]


def _served(row: Row, template: Template, most: int) -> Served:
    name = safe_words(row["name_en"])
    match = find_dish(name)
    dish = _pinned(template) or (match.dish if match else None)
    own = match.phrase if match and match.dish is dish else ""
    fields = _ingredients(row, name, dish, match)
    return Served(
        product_id=row["product_id"],
        dish=dish,
        match=own,
        name=name or "dish",
        ingredients=tuple(fields)[:most],
        fields=fields,
        dietary=tuple(row["dietary"]),
        allergens=tuple(row["allergens"]),
        count=count_of(row, dish, own),
        forms=forms_of(row),
    )


def _pinned(template: Template) -> Dish | None:
    if template.dish is None:
        return None
    if template.dish not in dishes():
        raise ConfigError(
            f"template {template.name!r}: dish = {template.dish!r} is unknown",
            fix=f"use one of {', '.join(dishes())}, or null to let names decide",
        )
    return dishes()[template.dish]


def _ingredients(row: Row, name: str, dish: Dish | None, match: Match | None) -> dict[str, str]:
    """Ingredients from name, what it implies, and record, as far as the dish carries them -> their field."""
    if dish is None:
        return {}
    implied = implied_ingredients(name, match.phrase) if match and match.dish is dish else []
    stated = [i for text in row["ingredients_en"] if is_shown(text) for i in find_ingredients(text)]
    described = find_ingredients(row["description_en"] or "") if not stated else []
    barred = set(excluded_by_diet(row["dietary"]))
    told = {"name": [*find_ingredients(name), *implied], "ingredients": stated, "description": described}
    wanted: dict[str, str] = {}
    for field, found in told.items():
        for ingredient in found:
            wanted.setdefault(ingredient, field)
    fitting = [i for i in wanted if i in dish.ingredients and i not in barred]
    bases = [i for i in fitting if i in dish.exclusive][:1]
    return {i: wanted[i] for i in (*bases, *(i for i in fitting if i not in dish.exclusive))}


def _vessel(dish: Dish | None, template: Template) -> str:
    """The template's first vessel that suits the dish; an unknown dish and a group take the default one."""
    own = dish.vessels if dish else (template.default_vessel,)
    vessel = next((v for v in template.vessels if v in own), own[0])
    return f"{'on' if vessel.endswith(_ON) else 'in'} a {vessel}"
