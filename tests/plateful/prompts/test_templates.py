"""Templates: shipped ones speak the captions' words, teams override fields, mistakes are named."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.errors import ConfigError
from plateful.prompts.layout import Area
from plateful.prompts.scene import BACKGROUNDS, scene_of, setting_of
from plateful.prompts.teams import OVERRIDABLE, effective_templates, templates_of
from plateful.prompts.templates import Template, load_templates
from plateful.prompts.vocabulary import words_of
from plateful.prompts.writers import grammar_prompt
from tests.plateful.prompts.menu import product, translated
from training.plates import ARCHETYPES, CAMERAS, VESSELS, captions, render_banner, sample_plate
from training.plates import BACKGROUNDS as PLATE_BACKGROUNDS

SHIPPED = list(load_templates().values())


@pytest.mark.parametrize("template", SHIPPED, ids=lambda t: t.name)
def test_examples_are_what_the_template_writes(template: Template) -> None:
    for example in template.examples:
        rows = [product(application=template.application, **record) for record in example.products]
        scene = scene_of(
            translated(*rows).rows(named=True), template, background=example.setting["background"]
        )
        assert grammar_prompt(scene, template) == example.prompt
        assert setting_of(scene, template) == example.setting


@pytest.mark.parametrize("template", SHIPPED, ids=lambda t: t.name)
def test_templates_use_words_that_the_plates_have(template: Template) -> None:
    assert set(template.backgrounds) <= set(BACKGROUNDS) == set(PLATE_BACKGROUNDS)
    assert {*template.vessels, template.default_vessel} <= set(VESSELS)
    assert template.camera in CAMERAS
    assert template.lighting in ("warm light", "daylight", "soft light")
    assert template.style in template.lighting


def test_a_prompt_of_known_dishes_has_no_word_that_the_captions_lack() -> None:
    known = {
        word
        for name in ARCHETYPES
        for seed in range(12)
        for caption in captions(sample_plate(seed, archetype=name))
        for word in words_of(caption)
    }
    known |= {word for kind in ARCHETYPES.values() for name in kind.ingredients for word in words_of(name)}
    asked = {word for one in SHIPPED for example in one.examples for word in words_of(example.prompt)}
    assert asked - known == {"beside"}


def test_five_applications_are_there() -> None:
    assert set(load_templates()) == {
        "menu-item", "butcher-cuts", "lifestyle-carousel", "prepared-foods", "editorial-banner"
    }  # fmt: skip
    assert [one.application for one in SHIPPED if one.composes] == ["lifestyle-carousel"]


def test_the_banners_areas_are_those_of_the_drawn_banner() -> None:
    drawn = render_banner(sample_plate(3), headline="A", tagline="B", palette="basil")
    layout = load_templates()["editorial-banner"].layout
    assert {slot.name for slot in drawn.slots} == {name for name, area in layout.items() if area.text}
    for slot in drawn.slots:
        assert layout[slot.name].box == pytest.approx(slot.box, abs=0.02)
    x0, y0, x1, y1 = layout["dish"].box
    assert x0 <= drawn.dish_box[0] + 0.02
    assert y0 <= drawn.dish_box[1] + 0.02
    assert x1 >= drawn.dish_box[2] - 0.02
    assert y1 >= drawn.dish_box[3] - 0.02


def team_file(folder: Path, content: object, team: str = "acme") -> Path:
    path = folder / f"{team}.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_team_overrides_fields_and_every_value_names_its_file(tmp_path: Path) -> None:
    path = team_file(tmp_path, {"menu-item": {"lighting": "neon light", "size": 512, "cfg_scale": 6}})
    found = effective_templates("acme", tmp_path)
    mine = found["menu-item"]
    assert (mine.template.lighting, mine.template.size, mine.template.cfg_scale) == ("neon light", 512, 6.0)
    assert mine.template.camera == load_templates()["menu-item"].camera
    own = {name for name, source in mine.sources.items() if source == path}
    assert own == {"lighting", "size", "cfg_scale"}
    assert mine.sources["camera"].name == "menu-item.yaml"
    assert mine.sources["between"].name == "templates.py"
    assert re.fullmatch(r"menu-item@1\+acme\.[0-9a-f]{8}", mine.template.name)
    assert found["prepared-foods"].template is load_templates()["prepared-foods"]


def test_what_is_effective_is_decided_by_content_alone(tmp_path: Path) -> None:
    team_file(tmp_path, {"menu-item": {"size": 512}})
    first = templates_of("acme", tmp_path)["menu-item"]
    assert templates_of("acme", tmp_path)["menu-item"].name == first.name
    team_file(tmp_path, {"menu-item": {"size": 768}})
    assert templates_of("acme", tmp_path)["menu-item"].name != first.name


@pytest.mark.parametrize("field", OVERRIDABLE)
def test_every_field_can_be_overridden(field: str, tmp_path: Path) -> None:
    values = load_templates()["editorial-banner"].model_dump(mode="json")
    path = team_file(tmp_path, {"lifestyle-carousel": {field: values[field]}})
    found = effective_templates("acme", tmp_path)["lifestyle-carousel"]
    assert found.template.model_dump(mode="json")[field] == values[field]
    assert found.sources[field] == path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"menu-itm": {}}, "application 'menu-itm' is unknown -> use 'menu-item'"),
        ({"menu-item": {"lightning": "x"}}, "no field 'lightning' to override -> use 'lighting'"),
        ({"menu-item": {"version": 2}}, "menu-item has no field 'version' to override"),
        ({"menu-item": {"parts": ["{dish} for {team}"]}}, "slot 'team' is unknown; use dish"),
        ({"menu-item": {"parts": ["{dish"]}}, "malformed slot"),
        ({"menu-item": {"parts": ["{dish.__class__}"]}}, "malformed slot"),
        ({"menu-item": {"size": "large"}}, "size = 'large'"),
        ({"menu-item": {"cfg_scale": -1}}, "cfg_scale = '-1'"),
        ({"menu-item": {"backgrounds": []}}, "backgrounds = '\\[\\]'"),
        ({"menu-item": "x"}, "menu-item holds a str"),
        ({"menu-item": {"layout": {"a": {"box": [0, 0, 2, 1]}}}}, "layout.a.box.* between 0 and 1"),
        ({"menu-item": {"layout": {"a": {"box": [0, 0, 1, 1], "text": "{price}"}}}}, "text slot 'price'"),
        (
            {"menu-item": {"layout": {"a": {"box": [0, 0, 1, 1]}, "b": {"box": [0.5, 0.5, 1, 1]}}}},
            "areas 'a' and 'b' overlap",
        ),
        ("[1, 2]", "hold a list"),
        ("a: [", "cannot be read"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_teams_file_is_one_error_that_names_it(
    content: object, message: str, tmp_path: Path
) -> None:
    team_file(tmp_path, content)
    with pytest.raises(ConfigError, match=message) as raised:
        effective_templates("acme", tmp_path)
    assert "acme.yaml" in str(raised.value)


def test_teams_and_folders_that_are_not_there(tmp_path: Path) -> None:
    assert templates_of("default", tmp_path) == load_templates()
    assert templates_of("anyone") == load_templates()
    (tmp_path / "Meat.yaml").write_text("{}")
    with pytest.raises(ConfigError, match="team 'acme' has no file") as raised:
        effective_templates("acme", tmp_path)
    assert raised.value.fix == (
        f"write {tmp_path / 'acme.yaml'} ({{}} keeps every shipped field); teams with one: Meat"
    )
    with pytest.raises(ConfigError, match="does not exist"):
        effective_templates("acme", tmp_path / "none")
    with pytest.raises(ConfigError, match="no team name"):
        effective_templates("../acme", tmp_path)


def test_an_unknown_dish_in_a_teams_file_is_named(tmp_path: Path) -> None:
    team_file(tmp_path, {"menu-item": {"dish": "unicorn"}})
    row = translated(product()).rows(named=True)
    with pytest.raises(ConfigError, match="dish = 'unicorn' is unknown"):
        scene_of(row, templates_of("acme", tmp_path)["menu-item"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(max_size=300), st.integers(1, 80))
def test_layout_text_is_quoted_within_its_limit_and_never_read_for_slots(name: str, most: int) -> None:
    said = Area(box=(0, 0, 1, 1), text="{name}", most=most).filled({"name": name})
    assert said is None or 0 < len(said) <= most
    if len(name.strip()) <= most:
        assert (said or "") == name.strip()
