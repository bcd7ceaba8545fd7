"""Caption variants of a plate: from a terse menu name to the whole scene, in lowercase ASCII."""

import numpy as np

from training.plates.plate import Plate
from training.plates.vocabulary import ARCHETYPES

_DEFECT_WORDS = {
    "text": "with a text overlay", "logo": "with a logo", "person": "with a person", "hand": "with a hand", "creature": "with an animal",
    "crop": "cropped", "off_centre": "off centre", "tiny_subject": "tiny in the picture", "huge_subject": "too close", "collage": "collage",
    "blur": "blurry", "motion": "motion blur", "under_exposed": "underexposed", "over_exposed": "overexposed",
    "colour_cast": "with a colour cast",
}  # fmt: skip
_LIGHT_WORDS = {"warm": "warm light", "daylight": "daylight", "soft": "soft light"}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PLURALS = {"skewers": "grilled skewers", "fried_eggs": "fried eggs", "dumplings": "dumplings", "sushi": "pieces of sushi", "tacos": "tacos",
            "donut": "donuts", "ice_cream": "scoops of ice cream", "pancakes": "pancakes"}  # fmt: skip
_MASS = {"curry", "pasta", "sushi", "ice_cream", "raw_meat", "fried_rice", "stir_fried_noodles", "coffee", "fried_chicken", "fries", "tacos",
         "skewers", "fried_eggs", "dumplings", "pancakes", "bread"}  # fmt: skip
# Words of menu names that promise an ingredient.
_IMPLIED = {
    "margherita": "tomato", "pepperoni": "pepperoni", "funghi": "mushroom", "prosciutto": "ham", "hawaii": "pineapple",
    "cheeseburger": "cheese", "bacon": "bacon", "chicken": "chicken", "veggie": "lettuce", "tonkotsu": "pork", "bo": "beef",
    "beef": "beef", "bolognese": "tomato sauce", "carbonara": "cream sauce", "pomodoro": "tomato sauce", "alfredo": "cream sauce",
    "arrabiata": "tomato sauce", "napoli": "tomato sauce", "ragu": "tomato sauce", "pesto": "pesto", "kimchi": "kimchi", "egg": "egg",
    "gyudon": "beef", "oyakodon": "chicken", "katsudon": "pork", "hainanese": "chicken", "fan": "pork", "tikka": "chicken",
    "butter": "chicken", "rendang": "lamb", "green": "spinach", "palak": "spinach", "red": "chilli", "lamb": "lamb", "chana": "chickpeas",
    "ayam": "chicken", "salmon": "salmon", "tekka": "tuna", "tuna": "tuna", "california": "avocado", "ribeye": "beef",
    "sirloin": "beef", "brisket": "beef", "marbled": "beef", "chops": "pork", "cutlet": "pork", "fillet": "chicken", "greek": "feta",
    "nicoise": "egg", "pastor": "pineapple", "carnitas": "pork", "fish": "prawn", "baja": "prawn", "asada": "beef", "birria": "beef",
    "pollo": "chicken", "falafel": "falafel", "yakitori": "chicken", "kofta": "lamb", "adana": "lamb", "english": "sausage",
    "shakshuka": "tomato", "menemen": "tomato", "garlic": "garlic", "simit": "sesame", "forest": "chocolate", "carrot": "carrot",
    "cream": "cream", "honey": "honey", "cappuccino": "milk", "latte": "milk", "white": "milk", "lait": "milk", "macchiato": "milk",
    "mocha": "chocolate", "espresso": "cinnamon", "matcha": "matcha", "mint": "mint", "ginger": "ginger", "lemon": "lemon",
    "orange": "orange", "lemonade": "lime", "bubble": "tapioca", "mango": "mango", "mojito": "mint", "milkshake": "strawberry",
    "tomato": "tomato", "pumpkin": "pumpkin", "mushroom": "mushroom", "lentil": "pumpkin", "mercimek": "pumpkin", "gazpacho": "tomato",
    "pea": "peas", "borscht": "tomato", "bisque": "tomato", "chowder": "mushroom", "corn": "corn", "ham": "ham", "club": "bacon", "blt": "bacon",
    "sando": "egg", "loaded": "cheese", "poutine": "cheese", "rot": "ketchup", "chili": "chilli", "glazed": "sugar", "broccoli": "broccoli",
    "tofu": "tofu", "pork": "pork", "pepper": "peppercorns", "congee": "spring onion", "jok": "egg", "chao": "spring onion",
    "blueberry": "blueberry", "banana": "banana", "buttermilk": "butter", "pineapple": "pineapple", "vegetable": "peas",
}  # fmt: skip
_ON = ("plate", "board", "leaf", "sheet", "tray")


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _vessel(vessel: str) -> str:
    preposition = "on" if vessel.endswith(_ON) else "in"
    article = "an" if vessel[0] in "aeiou" else "a"
    return f"{preposition} {article} {vessel}"


def _article(name: str, phrase: str) -> str:
    return phrase if name in _MASS else f"a {phrase}"


def _menu_name(plate: Plate, rng: np.random.Generator) -> str:
    """A real menu name that promises nothing the plate lacks; mostly led by the first ingredient unless the name says it."""
    promised = {
        name: {_IMPLIED[w] for w in name.split() if w in _IMPLIED}
        for name in ARCHETYPES[plate.archetype].menu_names
    }
    honest = [name for name, promise in promised.items() if promise <= set(plate.ingredients)]
    name = str(rng.choice(honest))
    alone = bool(promised[name]) or rng.random() < 0.3
    return name if alone else f"{plate.ingredients[0]} {name}"


def _subject(plate: Plate) -> str:
    phrase = ARCHETYPES[plate.archetype].phrase
    if plate.count is not None:
        if plate.count == 1:
            return {"fried_eggs": "one fried egg", "ice_cream": "one scoop of ice cream"}.get(
                plate.archetype, f"one {phrase}"
            )
        return f"{_NUMBERS[plate.count]} {_PLURALS[plate.archetype]}"
    return _article(plate.archetype, phrase)


def captions(plate: Plate) -> tuple[str, ...]:
    """5 to 8 captions, short to long, deterministic in the plate; defects are named in the longer ones.

    Planted contradictions (`wrong_ingredient`) are never named: the caption is what was asked for.
    """
    rng = np.random.default_rng([plate.seed, 21])
    kind = ARCHETYPES[plate.archetype]
    first, every = plate.ingredients[0], _listed(plate.ingredients)
    menu = _menu_name(plate, rng)
    flaws = ", ".join(_DEFECT_WORDS[name] for name, _ in plate.defects if name in _DEFECT_WORDS)
    tail = f", {flaws}" if flaws else ""
    scene = f"{_vessel(plate.vessel)} on a {plate.background} background"
    extra = (f", garnished with {plate.garnish}" if plate.garnish else "") + (
        ", steaming" if plate.steam else ""
    )
    view = f"{plate.camera} view"
    subject = _subject(plate)
    made = [
        f"{first} {kind.phrase}",
        menu + tail,
        f"{kind.phrase} with {every}{tail}",
        f"{kind.phrase} with {every} {_vessel(plate.vessel)}{tail}",
        f"{menu}, {every}, {plate.background} background{tail}",
        f"{subject} with {every} {scene}{extra}{tail}",
        f"{subject} with {every} {scene}, {_LIGHT_WORDS[plate.lighting]}, {view}{extra}{tail}",
    ]
    if flaws:
        made.append(f"a photo of {subject}, {flaws}")
    return tuple(dict.fromkeys(made))
