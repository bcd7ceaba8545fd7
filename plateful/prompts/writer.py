"""prompts: one render request per translated product, written by its application's template.

Menu text is data: what reaches a prompt is words of the vocabulary, or for a dish that nobody knows its own
name cut down to letters, digits and spaces.
"""

import re
from typing import Any

import polars as pl

from plateful.errors import ConfigError
from plateful.identity import canonical_json, request_id, sha256_hex
from plateful.prompts.contract import Scene, contract_lines, promises
from plateful.prompts.templates import Template, load_templates
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
from plateful.tables import DEFAULT_TEAM, PROMPTS

# The captions carry one to three ingredients, and CLIP reads 77 tokens.
MAX_INGREDIENTS, MAX_NAME, MAX_PROMPT = 3, 60, 400
BACKGROUNDS = ("wood", "marble", "slate", "linen", "warm neutral")
_ON = ("plate", "board", "leaf", "sheet", "tray")


def write_prompts(
    translated: pl.DataFrame, templates: dict[str, Template] | None = None, *, team: str = DEFAULT_TEAM
) -> pl.DataFrame:
    """Write one request per product.

    Args:
        translated: TRANSLATED_PRODUCTS frame.
        templates: by application; the shipped ones by default.
        team: who pays.

    Returns:
        PROMPTS frame, in order.

    Raises:
        ConfigError: a product's application has no template.
    """
    chosen = templates or load_templates()
    return PROMPTS.frame(
        [
            {**_request(row, _template(row["application"], chosen)), "team": team}
            for row in translated.iter_rows(named=True)
        ]
    )


def _template(application: str, templates: dict[str, Template]) -> Template:
    if application not in templates:
        raise ConfigError(
            f"application {application!r} has no prompt template",
            fix=f"use one of {', '.join(sorted(templates))}",
        )
    return templates[application]


def _request(row: dict[str, Any], template: Template) -> dict[str, Any]:
    scene = scene_of(row, template)
    lines = contract_lines(scene, row)
    parameters = dict(template.parameters) | (
        {"strength": template.strength} if row["route"] == "inpaint" else {}
    )
    return {
        "request_id": request_id(row["country"], row["product_id"], row["application"], row["record_hash"]),
        "country": row["country"],
        "subject": row["product_id"],
        "product_ids": [row["product_id"]],
        "application": row["application"],
        "template": template.name,
        "prompt": prompt_of(scene, template),
        "negative_prompt": template.negative,
        "parameters": canonical_json(parameters),
        "contract": canonical_json(promises(lines)),
        "rubric": canonical_json(lines),
        "expected_text": row["expected_text"],
        "route": row["route"],
        "photo_sha256": row["photo_sha256"],
        "record_hash": row["record_hash"],
    }


def scene_of(row: dict[str, Any], template: Template) -> Scene:
    """Decide what the picture of one translated product shows."""
    name = safe_words(row["name_en"])
    match = find_dish(name)
    dish = dishes()[template.dish] if template.dish else match.dish if match else None
    background = template.backgrounds[int(sha256_hex(row["vendor_id"])[:8], 16) % len(template.backgrounds)]
    return Scene(
        dish=dish,
        name=name or "dish",
        ingredients=tuple(_ingredients(row, name, dish, match)),
        vessel=_vessel(dish, template),
        background=background,
        backgrounds=BACKGROUNDS,
    )


def prompt_of(scene: Scene, template: Template) -> str:
    """Fill the template with a scene."""
    text = template.fill(
        {
            "dish": scene.article,
            "ingredients": _listed(scene.ingredients),
            "vessel": scene.vessel,
            "background": scene.background,
            "lighting": template.lighting,
            "camera": template.camera,
        }
    )
    return text[:MAX_PROMPT]


def safe_words(text: str) -> str:
    """Cut a name down to lower-case letters, digits and single spaces, at most 60 characters."""
    plain = " ".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower()))
    return plain if len(plain) <= MAX_NAME else plain[:MAX_NAME].rpartition(" ")[0] or plain[:MAX_NAME]


def _ingredients(row: dict[str, Any], name: str, dish: Dish | None, match: Match | None) -> list[str]:
    """Ingredients from name, what it implies, and record, as far as the dish can carry them."""
    if dish is None:
        return []
    implied = implied_ingredients(name, match.phrase) if match and match.dish is dish else []
    listed = [i for text in row["ingredients_en"] if is_shown(text) for i in find_ingredients(text)]
    described = find_ingredients(row["description_en"] or "") if not listed else []
    barred = set(excluded_by_diet(row["dietary"]))
    wanted = dict.fromkeys([*find_ingredients(name), *implied, *listed, *described])
    fitting = [i for i in wanted if i in dish.ingredients and i not in barred]
    bases = [i for i in fitting if i in dish.exclusive][:1]
    return [*bases, *(i for i in fitting if i not in dish.exclusive)][:MAX_INGREDIENTS]


def _vessel(dish: Dish | None, template: Template) -> str:
    own = dish.vessels if dish else (template.default_vessel,)
    vessel = next((v for v in template.vessels if v in own), own[0])
    return f"{'on' if vessel.endswith(_ON) else 'in'} a {vessel}"


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
