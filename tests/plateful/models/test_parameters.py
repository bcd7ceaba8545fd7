"""The receipt: every requested parameter is honoured, clamped, emulated, dropped or recorded, and says so."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateful.errors import ConfigError
from plateful.models.capabilities import canonical_size
from plateful.models.catalog import load_catalog, served_names
from plateful.models.parameters import translate
from plateful.models.request import ImageRequest, image_request

CATALOG = load_catalog()
ENTRY = CATALOG["plateful-tiny"]
NUMBERS = st.integers(-1000, 10_000) | st.floats(-1e6, 1e6)
SIZES = st.integers(1, 4096) | st.tuples(st.integers(1, 4096), st.integers(1, 4096)).map(
    lambda sides: f"{sides[0]}x{sides[1]}"
)
WORDS = st.text("abcdef ghij", min_size=1, max_size=12).filter(str.strip)
REQUESTS = st.fixed_dictionaries(
    {"prompt": WORDS},
    optional={
        "size": SIZES,
        "steps": NUMBERS,
        "cfg_scale": NUMBERS,
        "strength": NUMBERS,
        "n": st.integers(1, 64),
        "seed": st.integers(0, 2**63 - 1),
        "style": WORDS,
        "negative_prompt": WORDS,
        "quality": st.sampled_from(["preview", "production"]),
        "init_image": st.just("a" * 64),
        "reference_image": st.just("b" * 64),
        "application": st.sampled_from(["menu-item", "editorial-banner"]),
        "team": WORDS,
        "sampler": WORDS,
    },
)


@given(st.sampled_from(sorted(served_names(CATALOG))), REQUESTS, st.booleans())
def test_no_parameter_vanishes_and_every_value_is_one_the_model_takes(
    name: str, asked: dict[str, Any], masked: bool
) -> None:
    entry, profile = served_names(CATALOG)[name]
    request = {**asked, "model": name}
    if masked and "init_image" in asked:
        request["mask"] = "c" * 64
    done = translate(request, entry, profile)
    assert request.keys() <= done.receipt.keys()
    capabilities = entry.capabilities_of(profile)
    for parameter, value in done.effective.items():
        if parameter in capabilities and parameter != "style":
            assert capabilities[parameter].accepts(value), (parameter, value)
    for parameter, line in done.receipt.items():
        if line["status"] == "honoured" and parameter not in ("quality", "size", "model", "style"):
            assert line["requested"] == line["effective"]
        if line["status"] in ("honoured", "clamped", "default") and parameter in capabilities:
            assert done.effective[parameter] == line["effective"]
        if line["status"] == "dropped":
            assert line["reason"]
            assert parameter not in done.effective
        if line["status"] == "emulated":
            assert str(line["requested"]).lower() in done.effective["prompt"].lower()


@given(REQUESTS)
def test_translating_what_came_out_changes_nothing(asked: dict[str, Any]) -> None:
    once = translate({k: v for k, v in asked.items() if k not in ("style", "sampler", "team")}, ENTRY)
    again = translate(once.effective, ENTRY)
    assert again.effective == once.effective
    assert {line["status"] for line in again.strict().receipt.values()} <= {"honoured", "default"}


@pytest.mark.parametrize(
    ("requested", "name", "line"),
    [
        ({}, "steps", {"requested": None, "effective": 12, "status": "default"}),
        ({"steps": 30}, "steps", {"requested": 30, "effective": 30, "status": "honoured"}),
        ({"steps": 500}, "steps", {"requested": 500, "effective": 50, "status": "clamped"}),
        ({"size": 1024}, "size", {"requested": 1024, "effective": 128, "status": "clamped"}),
        ({"size": "128x128"}, "size", {"requested": "128x128", "effective": 128, "status": "honoured"}),
        ({"team": "grocery"}, "team", {"requested": "grocery", "effective": "grocery", "status": "recorded"}),
    ],
)
def test_receipt_lines(requested: dict, name: str, line: dict) -> None:
    done = translate({"prompt": "pizza", **requested}, ENTRY)
    assert done.receipt[name] == line


@pytest.mark.parametrize(
    ("prompt", "style", "said"),
    [("pizza, rustic light", "Rustic", "pizza, rustic light"), ("pizza", "anime", "pizza, anime")],
)
def test_a_style_without_a_parameter_is_said_once(prompt: str, style: str, said: str) -> None:
    done = translate({"prompt": prompt, "style": style}, ENTRY)
    assert done.effective["prompt"] == said
    assert done.receipt["style"]["status"] == "emulated"


def test_what_is_said_in_the_prompt_is_said_without_blanks_around_it() -> None:
    asked = {"prompt": "pizza", "style": " rustic ", "negative_prompt": "hands. "}
    done = translate(asked, CATALOG["gpt-image"])
    assert done.effective["prompt"] == "pizza, rustic. Do not show: hands.."
    assert done.receipt["style"]["requested"] == "rustic"


@pytest.mark.parametrize(
    ("asked", "effective"),
    [(1000, 1024), ("1920x1080", "1344x768"), ("1080x1920", "768x1344"), ("1200x1000", "1152x896")],
)
def test_a_size_goes_to_the_bucket_of_its_shape(asked: int | str, effective: int | str) -> None:
    assert translate({"size": asked}, CATALOG["sdxl"]).effective["size"] == effective


def test_an_application_has_defaults_of_its_own() -> None:
    done = translate({"application": "editorial-banner"}, CATALOG["sdxl"])
    assert done.effective["size"] == "1344x768"
    assert done.receipt["application"]["status"] == "honoured"
    asked = translate({"application": "editorial-banner", "size": 1024}, CATALOG["sdxl"])
    assert asked.effective["size"] == 1024


def test_a_model_without_guidance_has_no_negative_prompt() -> None:
    done = translate({"cfg_scale": 7, "negative_prompt": "people"}, CATALOG["sdxl-lightning"])
    assert done.receipt["cfg_scale"]["status"] == "clamped"
    assert done.receipt["negative_prompt"]["status"] == "dropped"
    assert "negative_prompt" not in done.effective


def test_strength_needs_a_picture_and_a_mask_too() -> None:
    line = translate({"strength": 0.5}, ENTRY).receipt["strength"]
    assert (line["status"], line["reason"]) == ("dropped", "there is no init image")
    with pytest.raises(ConfigError, match="mask came without an init image"):
        translate({"mask": "a"}, ENTRY)
    assert translate({"init_image": "a"}, ENTRY).effective["strength"] == 0.9


def test_quality_is_a_profile_of_our_own_models() -> None:
    for profile, asked in (("standard", "production"), ("fast", "preview")):
        line = translate({"quality": asked}, CATALOG["sdxl"], profile).receipt["quality"]
        assert line == {"requested": asked, "effective": profile, "status": "honoured"}
    assert (
        translate({"quality": "production"}, CATALOG["sdxl"], "fast").receipt["quality"]["status"]
        == "dropped"
    )


def test_strict_refuses_and_names_every_change() -> None:
    done = translate({"prompt": "soup", "size": 1024, "steps": 500, "sampler": "x"}, ENTRY)
    with pytest.raises(
        ConfigError, match=r"size = 1024.*clamped to 128.*steps = 500.*sampler = 'x'.*dropped"
    ):
        done.strict()
    assert translate({"prompt": "soup", "size": 128}, ENTRY).strict().effective["size"] == 128


def test_one_json_form_per_value() -> None:
    whole = translate({"cfg_scale": 4, "steps": 12.0}, ENTRY).effective
    assert repr(whole) == repr({"size": 128, "steps": 12, "cfg_scale": 4.0})


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", "many"), ("steps", True), ("steps", [18]), ("cfg_scale", math.nan), ("size", "big"),
     ("size", 0), ("size", "1x2x3"), ("size", -4), ("size", True), ("size", "128x0")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_named(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"'{name}'"):
        translate({name: value}, ENTRY)


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 0), ("n", 65), ("seed", -1), ("strength", 2), ("prompt", ""), ("sampler", "x"),
     ("quality", "best"), ("cfg_scale", math.inf), ("prompt", "x" * 5000)],
)  # fmt: skip
def test_a_malformed_request_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"'{field}'"):
        image_request(**{"model": "plateful-tiny", "prompt": "soup", field: value})


def test_a_request_in_the_unified_protocol_gets_a_line_per_parameter() -> None:
    request = image_request(
        model="plateful-tiny", prompt="soup", negative_prompt="text", style="daylight", seed=3
    )
    done = translate(request.asked(), ENTRY)
    assert done.receipt.keys() >= request.asked().keys()
    assert {name for name in ImageRequest.model_fields if name not in request.asked()} >= {"size", "mask"}
    assert canonical_size(done.effective["size"]) == 128
