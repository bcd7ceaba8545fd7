"""A request of the run as a hosted model would get it: the table's own translation, sent nowhere."""

import json
from pathlib import Path

import pytest

from plateful.models.catalog import load_catalog
from plateful.models.parameters import translate
from plateful.models.versions import WEIGHTS_ROOT, ModelVersion, model_version
from plateful.reporting.cards import Card, CountryTables, cards
from plateful.reporting.hosted_request import HostedRequest, hosted_request
from plateful.reporting.report import write_report
from plateful.reporting.thumbnails import Thumbnails
from tests.plateful.reporting.pictures import Pictures
from tests.plateful.reporting.sample import NOON, PARAMETERS, everything

HOSTED = [
    entry.id for entry in load_catalog().values() if entry.endpoint is not None and entry.status != "retired"
]


def hosted(model: str = "gpt-image") -> ModelVersion:
    return model_version(load_catalog()[model], WEIGHTS_ROOT)


def shown() -> list[tuple[CountryTables, Card]]:
    pictures = Pictures()
    _, countries = everything(pictures)
    joined = ((tables, cards(tables, pictures.get, Thumbnails(pictures.get), 100)) for tables in countries)
    return [(tables, card) for tables, made in joined for card in made]


def request(model: str = "gpt-image") -> HostedRequest:
    made = hosted_request(shown(), hosted(model))
    assert made is not None
    return made


@pytest.mark.parametrize("model", HOSTED)
def test_every_parameter_has_the_tables_own_line(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    version = hosted(model)
    assert version.entry.endpoint is not None
    monkeypatch.delenv(version.entry.endpoint.key, raising=False)
    made = request(model)
    prompt, seed = made.card.prompt, int({line.parameter: line.asked for line in made.lines}["seed"] or "")
    asked = {
        **PARAMETERS,
        "prompt": prompt["prompt"],
        "negative_prompt": prompt["negative_prompt"],
        "seed": seed,
        "init_image": "photo-CN-2",
        "mask": "mask-CN-2",
        "application": "menu-item",
    }
    done = translate(asked, version.entry)
    lines = {line.parameter: line for line in made.lines}
    assert lines.keys() == done.receipt.keys() | {"route"}
    for name, line in done.receipt.items():
        given = lines[name].hosted
        assert given is not None
        assert (given.status, given.reason) == (line["status"], line.get("reason"))
        assert (given.value is None) == (line["effective"] is None)
    assert made.prompt + made.added == done.effective["prompt"]


def test_both_models_stand_side_by_side_on_equal_seeds() -> None:
    made = request()
    lines = {line.parameter: line for line in made.lines}
    size, steps, seed = lines["size"], lines["steps"], lines["seed"]
    assert (made.model, made.rendered_by) == ("gpt-image", "plateful-tiny")
    assert size.rendered and size.hosted
    assert (size.asked, size.rendered.value, size.hosted.value, size.hosted.status) == (
        "128",
        "128",
        "1024",
        "clamped",
    )
    assert steps.rendered and steps.hosted
    assert (steps.rendered.status, steps.hosted.value, steps.hosted.status) == ("honoured", None, "dropped")
    assert seed.rendered and seed.asked == seed.rendered.value
    assert made.counts == {"honoured": 4, "clamped": 1, "emulated": 2, "dropped": 4, "recorded": 1}
    assert made.added == ", soft light. Do not show: text, logo, person, blurry."


def test_a_repainted_photo_comes_first_then_what_is_live() -> None:
    assert request().card.after is not None
    from_text = [(tables, card) for tables, card in shown() if card.after is None]
    made = hosted_request(from_text, hosted())
    assert made is not None and made.card.status == "published"
    assert hosted_request([], hosted()) is None


def test_the_page_says_that_nothing_was_sent_and_escapes_menu_text(tmp_path: Path) -> None:
    pictures = Pictures()
    summary, countries = everything(pictures)
    hostile = [
        CountryTables(
            tables.country,
            tables.name,
            {
                **tables.tables,
                "prompts": tables.tables["prompts"].with_columns(
                    prompt=tables.tables["prompts"]["prompt"] + " <img src=x onerror=alert(1)>"
                ),
            },
        )
        for tables in countries
    ]
    pages = [
        write_report(
            tmp_path / name, summary, hostile, read_image=pictures.get, generated_at=NOON, hosted=hosted()
        ).read_text(encoding="utf-8")
        for name in ("one.html", "two.html")
    ]
    assert pages[0] == pages[1]
    assert "What this request would become at gpt-image; nothing was sent" in pages[0]
    assert "<img src=x" not in pages[0] and "&lt;img src=x onerror=alert(1)&gt;" in pages[0]
    assert json.dumps(PARAMETERS["strength"]) in pages[0]
