"""How `plates_v1` was made: every archetype of the synthetic plates on every background, in captions' words.

`python -m eval_sets.plates NAME` writes a new set beside the frozen ones and prints the digest to pin. The
frozen file is what is loaded; this program only tells where it came from.
"""

import sys
from pathlib import Path
from typing import Any

from eval_sets.loader import FOLDER
from plateful.identity import canonical_json, sha256_hex

# Far from the seeds that the training corpus counts up from.
FIRST_SEED = 880_000_000
OTHER_INGREDIENTS = 4


def make_set() -> list[dict[str, Any]]:
    """Return the items of a set, archetype by archetype, each on every background."""
    from training.plates import ARCHETYPES, BACKGROUNDS

    pairs = [(name, background) for name in ARCHETYPES for background in BACKGROUNDS]
    return [_item(FIRST_SEED + index, *pair) for index, pair in enumerate(pairs)]


def _item(seed: int, archetype: str, background: str) -> dict[str, Any]:
    from training.plates import ARCHETYPES, captions, sample_plate

    plate = sample_plate(seed, archetype=archetype, background=background)
    scene = f" on a {background} background"
    return {
        "item_id": f"{archetype}-{background.replace(' ', '_')}",
        "stratum": archetype,
        "phrase": ARCHETYPES[archetype].phrase,
        "background": background,
        # The first caption that names the scene: dish, ingredients, vessel and background.
        "prompt": next(caption for caption in captions(plate) if scene in caption),
        "rubric": [
            _dish(archetype),
            _ingredient(archetype, plate.ingredients),
            _background(archetype, background),
        ],
    }


def _dish(archetype: str) -> dict[str, Any]:
    from training.plates import ARCHETYPES

    others = [kind.phrase for name, kind in ARCHETYPES.items() if name != archetype]
    phrase = ARCHETYPES[archetype].phrase
    return {
        "question": f"Does the picture show {phrase}?",
        "positive": f"a photo of {phrase}",
        "negatives": [f"a photo of {other}" for other in others],
        "kind": "must_show",
        "claim": "shows_dish",
        "field": "name",
        "required": True,
    }


def _ingredient(archetype: str, chosen: tuple[str, ...]) -> dict[str, Any]:
    """Ask for the first ingredient against the archetype's others that are not in the picture."""
    from training.plates import ARCHETYPES

    kind = ARCHETYPES[archetype]
    pool = kind.exclusive if chosen[0] in kind.exclusive else kind.ingredients
    others = [name for name in pool if name not in chosen][:OTHER_INGREDIENTS]
    return {
        "question": f"Does the {kind.phrase} show {chosen[0]}?",
        "positive": f"{kind.phrase} with {chosen[0]}",
        "negatives": [f"{kind.phrase} with {other}" for other in others],
        "kind": "must_show",
        "claim": "shows_ingredient",
        "field": "ingredients",
        "required": False,
    }


def _background(archetype: str, background: str) -> dict[str, Any]:
    from training.plates import ARCHETYPES, BACKGROUNDS

    phrase = ARCHETYPES[archetype].phrase
    return {
        "question": f"Is the background {background}?",
        "positive": f"{phrase} on a {background} background",
        "negatives": [f"{phrase} on a {other} background" for other in BACKGROUNDS if other != background],
        "kind": "background",
        "claim": "background",
        "field": "template",
        "required": False,
    }


def write_set(name: str, folder: Path = FOLDER) -> str:
    """Write a set as `<name>.jsonl`; return its digest. An existing file is not overwritten.

    Raises:
        FileExistsError: that name is taken.
    """
    text = "".join(canonical_json(item) + "\n" for item in make_set())
    with (folder / f"{name}.jsonl").open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return sha256_hex(text)


if __name__ == "__main__":
    print(write_set(sys.argv[1]))
