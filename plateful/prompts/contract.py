"""The fidelity contract of a request, and the rubric that asks a judge about each of its lines.

A line is what the picture must show, must not show or may say, with the product and the record's field it
comes from. `required` lines decide: the judge fails a picture on those that it can prove, and the approval
policy leaves a picture with one that it cannot prove (`provable: false`) to a person. Not required:
ingredients (the tiny judge tells dishes apart, not toppings), background (ours, not the record's), people,
animals and text (the safety gates decide on them with detectors and OCR).

Not provable by the embedded judge, and why:
- a dish that it has no word for (`shows_unknown_dish`): required;
- a count (`shows_count`): CLIP does not count. Required, as four dumplings are not six; few records have one;
- a form (`shows_form`): no caption says boneless. Required where the form is what is bought (raw cuts, which
  people decide on anyway); elsewhere it is asked for whoever can answer and decides nothing;
- every product of a group: it has learnt one dish per picture;
- free areas of a layout: nothing measures them yet.

Questions are worded as the embedded model's captions are, since that is what its judge has learnt to read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from plateful.prompts.details import Count, Form
from plateful.prompts.scene import Scene, Served
from plateful.prompts.vocabulary import NUMBERS, dishes, excluded_by_diet, undeclared_allergens

Line = dict[str, Any]
MAX_RIVALS = 3
# The kind of dish that is bought by its form.
RAW = "raw_meat"
_FLAWS = {"people": "with a person", "animals": "with an animal", "text": "with a text overlay"}
_ASKS = {
    "must_show": "Does the picture show {}?",
    "must_not_show": "Is the picture free of {}?",
    "background": "Is the background {}?",
}
_PROMISED = ("kind", "claim", "subject", "field", "product", "required", "provable")


def contract_lines(scene: Scene, layout: Mapping[str, Mapping[str, Any]] | None = None) -> list[Line]:
    """Return the rubric's lines.

    Each is {question, positive, negatives, kind, claim, subject, field, product, required, provable}; `field`
    is a column of the product's record, `template` or `policy`, `product` is null for the last two.

    Args:
        scene: what the prompt shows.
        layout: area -> {box, text}; areas with a text must be left free.
    """
    about = _grouped_lines if scene.is_group else _product_lines
    lines = [line for served in scene.served for line in about(served)]
    return [*lines, *_clean_lines(), _background_line(scene), *_free_lines(scene, layout or {})]


def sayings(expected_text: str | None, layout: Mapping[str, Mapping[str, Any]], product: str) -> list[Line]:
    """Return which text the finished picture may carry, a contract line each, or one that it may carry none.

    OCR answers these, so they are in the contract and not in the rubric.
    """
    said = {} if expected_text is None else {expected_text: ("says", "expected_text")}
    for area in layout.values():
        if area["text"]:
            said.setdefault(area["text"], ("says_in_layout", area["field"]))
    named = said or {"nothing": ("says_nothing", "expected_text")}
    return [
        _promise("may_say", claim, text, field, product, required=True, provable=True)
        for text, (claim, field) in named.items()
    ]


def missing_products(products: Sequence[str], lead: str, claim: str) -> list[Line]:
    """Return contract lines for related products that the picture cannot show; a person must know of them."""
    return [
        _promise("must_show", claim, product, "related_products", lead, required=True, provable=False)
        for product in products
    ]


def promises(lines: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return the contract itself: what is promised, without how a judge asks."""
    return [{name: line[name] for name in _PROMISED} for line in lines]


def _promise(
    kind: str, claim: str, subject: str, field: str, product: str | None, *, required: bool, provable: bool
) -> Line:
    values = (kind, claim, subject, field, product, required, provable)
    return dict(zip(_PROMISED, values, strict=True))


def _line(
    kind: str,
    claim: str,
    subject: str,
    field: str,
    texts: tuple[str, list[str]],
    *,
    product: str | None = None,
    required: bool = False,
    provable: bool = True,
) -> Line:
    return {
        "question": _ASKS[kind].format(subject),
        "positive": texts[0],
        "negatives": texts[1],
        **_promise(kind, claim, subject, field, product, required=required, provable=provable),
    }


def _product_lines(served: Served) -> list[Line]:
    lines = [_dish_line(served), *_ingredient_lines(served), *_diet_lines(served), *_allergen_lines(served)]
    lines += [_count_line(served, served.count)] if served.count else []
    lines += [_form_line(served, form) for form in served.forms]
    return [{**line, "product": served.product_id} for line in lines]


def _grouped_lines(served: Served) -> list[Line]:
    """As alone, but nothing is proved, and toppings are its own: a ham pizza may stand by a vegan salad."""
    lines = []
    for line in _product_lines(served):
        own = line["claim"] in ("shows_ingredient", "keeps_diet", "hides_no_allergen")
        subject = served.carrying(line["subject"]) if own else line["subject"]
        asked = {"subject": subject, "question": _ASKS[line["kind"]].format(subject), "provable": False}
        lines.append({**line, **asked})
    return lines


def _dish_line(served: Served) -> Line:
    others = [f"a photo of {d.phrase}" for d in dishes().values() if d is not served.dish]
    texts = f"a photo of {served.phrase}", others
    known = served.dish is not None
    claim = "shows_dish" if known else "shows_unknown_dish"
    return _line("must_show", claim, served.phrase, "name", texts, required=True, provable=known)


def _rivals(served: Served, barred: Sequence[str], *, base: bool = False) -> list[str]:
    """Ingredients that the dish could carry and this one does not: what a wrong picture shows."""
    dish = served.dish
    pool = () if dish is None else dish.exclusive if base else dish.ingredients
    return [i for i in pool if i not in served.ingredients and i not in barred][:MAX_RIVALS]


def _ingredient_lines(served: Served) -> list[Line]:
    lines = []
    for ingredient in served.ingredients:
        base = served.dish is not None and ingredient in served.dish.exclusive
        texts = served.carrying(ingredient), [served.carrying(r) for r in _rivals(served, [], base=base)]
        lines.append(_line("must_show", "shows_ingredient", ingredient, served.fields[ingredient], texts))
    return lines


def _diet_lines(served: Served) -> list[Line]:
    """One line: nothing that the diet rules out and this dish often carries; required, as it misleads."""
    barred = excluded_by_diet(list(served.dietary))
    seen = [i for i in (served.dish.ingredients if served.dish else ()) if i in barred][:2]
    plain = list(served.ingredients) or _rivals(served, barred)
    if not seen or not plain:
        return []
    texts = served.carrying(" and ".join(seen)), [served.carrying(i) for i in plain]
    return [_line("must_not_show", "keeps_diet", " or ".join(seen), "dietary", texts, required=True)]


def _allergen_lines(served: Served) -> list[Line]:
    """No visible sign of an allergen that the record's declaration leaves out."""
    lines = []
    for shows in undeclared_allergens(list(served.allergens)).values():
        carried = served.dish.ingredients if served.dish else ()
        seen = [i for i in carried if i in shows and i not in served.ingredients]
        plain = list(served.ingredients) or _rivals(served, shows)
        if seen and plain:
            texts = served.carrying(seen[0]), [served.carrying(i) for i in plain]
            lines.append(_line("must_not_show", "hides_no_allergen", seen[0], "allergens", texts))
    return lines


def _count_line(served: Served, count: Count) -> Line:
    """The number of pieces against numbers that it could be taken for."""
    many = served.dish.pieces.many if served.dish and served.dish.pieces else served.phrase
    texts = [
        f"a photo of {NUMBERS[n] if n < len(NUMBERS) else n} {many}"
        for n in (count.number, max(1, count.number - 2), count.number + 2)
    ]
    subject = f"{count.number} {many}"
    negatives = [text for text in texts[1:] if text != texts[0]]
    return _line(
        "must_show", "shows_count", subject, count.field, (texts[0], negatives), required=True, provable=False
    )


def _form_line(served: Served, form: Form) -> Line:
    """Cut or treatment. Raw meat is the one that captions know: it is a dish of its own."""
    bought = served.dish is not None and served.dish.key == RAW
    shown = bought and form.form == "raw"
    positive = f"a photo of {served.phrase}" if shown else f"a photo of {form.form} {served.phrase}"
    other = dishes()["steak"].phrase if shown else served.phrase
    return _line(
        "must_show",
        "shows_form",
        form.form,
        form.field,
        (positive, [f"a photo of {other}"]),
        required=bought,
        provable=shown,
    )


def _clean_lines() -> list[Line]:
    return [
        _line(
            "must_not_show", f"no_{what}", what, "policy", (f"a photo of food, {flaw}", ["a photo of food"])
        )
        for what, flaw in _FLAWS.items()
    ]


def _background_line(scene: Scene) -> Line:
    """Against the other backgrounds of the captions; a group's is not proved, nor one that no caption has."""
    texts = [f"{scene.lead.phrase} on a {b} background" for b in (scene.background, *scene.backgrounds)]
    negatives = [text for text in texts if text != texts[0]]
    provable = bool(negatives) and not scene.is_group
    return _line(
        "background",
        "keeps_background",
        scene.background,
        "template",
        (texts[0], negatives),
        provable=provable,
    )


def _free_lines(scene: Scene, layout: Mapping[str, Mapping[str, Any]]) -> list[Line]:
    """The text areas of a layout hold nothing that type would cover."""
    lines = []
    for name, area in layout.items():
        if area["text"]:
            x0, y0, x1, y1 = (round(share * 100) for share in area["box"])
            subject = f"food in the {name} area ({x0}-{x1} % across, {y0}-{y1} % down)"
            texts = f"{scene.lead.phrase} in the {name} area", []
            lines.append(
                _line(
                    "must_not_show", "leaves_room", subject, "template", texts, required=True, provable=False
                )
            )
    return lines
