"""Caption variants of a plate: from a terse menu name to the whole scene, in lowercase ASCII."""

from pathlib import Path

import numpy as np
import yaml

from training.plates.plate import Plate
from training.plates.vocabulary import EVERY_ARCHETYPE

DEFECT_WORDS = {
    "text": "with a text overlay",
    "logo": "with a logo",
    "person": "with a person",
    "hand": "with a hand",
    "creature": "with an animal",
    "crop": "cropped",
    "off_centre": "off centre",
    "tiny_subject": "tiny in the picture",
    "huge_subject": "too close",
    "collage": "collage",
    "blur": "blurry",
    "motion": "motion blur",
    "under_exposed": "underexposed",
    "over_exposed": "overexposed",
    "colour_cast": "with a colour cast",
}
_LIGHT_WORDS = {"warm": "warm light", "daylight": "daylight", "soft": "soft light"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PLURALS = {
    "skewers": "grilled skewers",
    "fried_eggs": "fried eggs",
    "dumplings": "dumplings",
    "sushi": "pieces of sushi",
    "tacos": "tacos",
    "donut": "donuts",
    "ice_cream": "scoops of ice cream",
    "pancakes": "pancakes",
}
_MASS = {
    "curry",
    "pasta",
    "sushi",
    "ice_cream",
    "raw_meat",
    "fried_rice",
    "stir_fried_noodles",
    "coffee",
    "fried_chicken",
    "fries",
    "tacos",
    "skewers",
    "fried_eggs",
    "dumplings",
    "pancakes",
    "bread",
    "nasi_lemak",
    "roti_canai",
    "tibs",
    "baklava",
    "whole_prawns",
}
# Words of menu names, or whole names, that promise an ingredient or a count.
_IMPLIED: dict[str, str] = {
    word: ingredient
    for ingredient, words in yaml.safe_load(Path(__file__).with_name("menu_words.yaml").read_text()).items()
    for word in words
}
_COUNTED = {"two": 2, "trio": 3}
_ON = ("plate", "board", "leaf", "sheet", "tray")


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _vessel(vessel: str) -> str:
    preposition = "on" if vessel.endswith(_ON) else "in"
    return f"{preposition} {_an(vessel)}"


def _an(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _article(name: str, phrase: str) -> str:
    return phrase if name in _MASS else _an(phrase)


def _menu_name(plate: Plate, rng: np.random.Generator) -> str:
    """A real menu name that promises nothing the plate lacks, mostly led by an ingredient it does not say."""
    promised = {
        name: {_IMPLIED[w] for w in (name, *name.split()) if w in _IMPLIED}
        for name in EVERY_ARCHETYPE[plate.archetype].menu_names
    }
    honest = [
        name
        for name, promise in promised.items()
        if promise <= set(plate.ingredients)
        and all(_COUNTED.get(word, plate.count) == plate.count for word in name.split())
    ]
    name = str(rng.choice(honest))
    alone = bool(promised[name]) or rng.random() < 0.3
    return name if alone else f"{plate.ingredients[0]} {name}"


def _subject(plate: Plate) -> str:
    phrase = EVERY_ARCHETYPE[plate.archetype].phrase
    if plate.count is not None:
        if plate.count == 1:
            return {"fried_eggs": "one fried egg", "ice_cream": "one scoop of ice cream"}.get(
                plate.archetype, f"one {phrase}"
            )
        return f"{_NUMBERS[plate.count]} {_PLURALS[plate.archetype]}"
    return _article(plate.archetype, phrase)


def scene_caption(plate: Plate) -> str:
    """Everything but light, camera and defects, as a prompt template writes it."""
    scene = f"{_vessel(plate.vessel)} on a {plate.background} background"
    return f"{_subject(plate)} with {_listed(plate.ingredients)} {scene}{_extra(plate)}"


def _extra(plate: Plate) -> str:
    garnish = f", garnished with {plate.garnish}" if plate.garnish else ""
    return garnish + (", steaming" if plate.steam else "")


def captions(plate: Plate) -> tuple[str, ...]:
    """5 to 8 captions, short to long, deterministic in the plate; defects are named in the longer ones.

    Planted contradictions are never named: the caption is what was asked for.
    """
    rng = np.random.default_rng([plate.seed, 21])
    kind = EVERY_ARCHETYPE[plate.archetype]
    first, every = plate.ingredients[0], _listed(plate.ingredients)
    menu = _menu_name(plate, rng)
    flaws = ", ".join(DEFECT_WORDS[name] for name, _ in plate.defects if name in DEFECT_WORDS)
    tail = f", {flaws}" if flaws else ""
    scene = f"{_vessel(plate.vessel)} on a {plate.background} background"
    view = f"{plate.camera} view"
    subject = _subject(plate)
    made = [
        f"{first} {kind.phrase}",
        menu + tail,
        f"{kind.phrase} with {every}{tail}",
        f"{kind.phrase} with {every} {_vessel(plate.vessel)}{tail}",
        f"{menu}, {every}, {plate.background} background{tail}",
        scene_caption(plate) + tail,
        f"{subject} with {every} {scene}, {_LIGHT_WORDS[plate.lighting]}, {view}{_extra(plate)}{tail}",
    ]
    if flaws:
        made.append(f"a photo of {subject}, {flaws}")
    return tuple(dict.fromkeys(made))
