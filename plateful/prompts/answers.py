"""What a language model may answer: a prompt that names what the record has, and nothing else.

Every word must be the record's, the template's, or one of the plain words of answers.yaml, so whatever the
model invents is found, known to the vocabulary or not. A fault is a name that the UI counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plateful.identity import content_hash
from plateful.prompts.scene import Served, slots_of
from plateful.prompts.vocabulary import excluded_by_diet, find_ingredients, undeclared_allergens, words_of
from plateful.prompts.writers import MAX_PROMPT, Brief

_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.'-")
_FIELDS = ("name", "name_en", "description_en", "category", "cuisine")
# Faults are told to the model and to people: enough words to see what is wrong.
_SHOWN = 5


class Answer(BaseModel):
    """The schema of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT, description="the prompt, plain English")


@dataclass(frozen=True)
class Fault:
    """Why an answer is refused."""

    reason: str
    detail: str


@lru_cache(maxsize=1)
def _words() -> dict[str, list[str]]:
    return yaml.safe_load(Path(__file__).with_name("answers.yaml").read_text(encoding="utf-8"))


def rules_version() -> str:
    """Return 8 hex digits over the schema and the word lists."""
    return content_hash([Answer.model_json_schema(), _words(), sorted(_SIGNS)])[:8]


def parse_answer(text: str) -> Answer | Fault:
    """Read an answer's JSON."""
    try:
        return Answer.model_validate_json(text)
    except ValidationError as fault:
        first = fault.errors()[0]
        reason = "answer_too_long" if first["type"] == "string_too_long" else "answer_malformed"
        return Fault(reason, first["msg"][:200])


def fault_of(prompt: str, brief: Brief) -> Fault | None:
    """Return the first rule that a prompt breaks, None when it keeps the contract."""
    if not _SIGNS.issuperset(prompt):
        strange = sorted(set(prompt) - _SIGNS)[:_SHOWN]
        return Fault("not_plain_text", f"only letters, digits, spaces and , . ' - are allowed, not {strange}")
    said = words_of(prompt)
    banned = [word for word in dict.fromkeys(said) if word in _words()["banned"]]
    if banned:
        return Fault("banned_word", _some(banned))
    return _barred(prompt, brief) or _invented(said, brief) or _missing(prompt, said, brief)


def _barred(prompt: str, brief: Brief) -> Fault | None:
    """Diets and allergens rule out for a whole picture what any of its products may not have."""
    named = find_ingredients(prompt)
    for served in brief.scene.served:
        own = {i for one in brief.scene.served if one is not served for i in one.ingredients}
        against = [i for i in named if i in excluded_by_diet(list(served.dietary)) and i not in own]
        if against:
            return Fault("breaks_diet", f"{_some(against)}: {', '.join(served.dietary)}")
        signs = {i for shows in undeclared_allergens(list(served.allergens)).values() for i in shows}
        against = [i for i in named if i in signs and i not in {*own, *served.ingredients}]
        if against:
            return Fault("shows_undeclared_allergen", _some(against))
    return None


def _invented(said: list[str], brief: Brief) -> Fault | None:
    allowed = _stems([*_words()["plain"], *_brief_words(brief)])
    strange = [word for word in dict.fromkeys(said) if word.removesuffix("s") not in allowed]
    return Fault("not_in_record", _some(strange)) if strange else None


def _brief_words(brief: Brief) -> list[str]:
    slots = slots_of(brief.scene, brief.template).values()
    texts = [*slots, brief.template.style, *(served.phrase for served in brief.scene.served)]
    for row in brief.products:
        texts += [row[field] or "" for field in _FIELDS]
        texts += row["ingredients_en"]
    return [word for text in texts for word in words_of(text)]


def _missing(prompt: str, said: list[str], brief: Brief) -> Fault | None:
    stems, named = _stems(said), find_ingredients(prompt)
    for served in brief.scene.served:
        if not any(names and _stems(words_of(names)) <= stems for names in _names(served)):
            return Fault("misses_dish", served.phrase)
        missing = [i for i in served.ingredients if i not in named]
        if missing:
            return Fault("misses_ingredient", _some(missing))
    return None


def _names(served: Served) -> tuple[str, ...]:
    return served.phrase, served.match, served.name


def _stems(words: Iterable[str]) -> set[str]:
    return {word.removesuffix("s") for word in words}


def _some(words: list[str]) -> str:
    return ", ".join(words[:_SHOWN])
