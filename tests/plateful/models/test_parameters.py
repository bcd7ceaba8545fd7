"""The receipt: every requested parameter is honoured, clamped, emulated or dropped, and says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateful.errors import ConfigError
from plateful.models.catalog import load_catalog
from plateful.models.parameters import effective_parameters

ENTRY = load_catalog()["plateful-tiny"]
NUMBERS = st.integers(-1000, 10_000) | st.floats(-1e6, 1e6)
REQUESTS = st.dictionaries(
    st.sampled_from(["size", "steps", "cfg_scale", "strength"]), NUMBERS | st.none()
) | st.fixed_dictionaries({"style": st.text(max_size=10), "sampler": st.text(max_size=5)})


@given(REQUESTS, st.booleans())
def test_no_parameter_vanishes_and_every_value_is_one_the_model_takes(requested: dict, inpaint: bool) -> None:
    effective, receipt = effective_parameters(requested, ENTRY, prompt="a bowl", inpaint=inpaint)
    assert {name for name, value in requested.items() if value is not None} <= receipt.keys()
    assert effective["size"] == 128
    assert 4 <= effective["steps"] <= 50
    assert 1.5 <= effective["cfg_scale"] <= 12
    assert ("strength" in effective) == inpaint
    for name, line in receipt.items():
        assert line["effective"] == effective.get(name, line["effective"])
        if line["status"] == "honoured":
            assert line["requested"] == line["effective"]


@pytest.mark.parametrize(
    ("requested", "name", "line"),
    [
        ({}, "steps", {"requested": None, "effective": 12, "status": "default"}),
        ({"steps": 30}, "steps", {"requested": 30, "effective": 30, "status": "honoured"}),
        ({"steps": 500}, "steps", {"requested": 500, "effective": 50, "status": "clamped"}),
        ({"size": 1024}, "size", {"requested": 1024, "effective": 128, "status": "clamped"}),
        ({"style": "Rustic"}, "style", {"requested": "Rustic", "effective": "Rustic", "status": "emulated"}),
        ({"style": "anime"}, "style", {"requested": "anime", "effective": None, "status": "dropped"}),
        ({"strength": 0.5}, "strength", {"requested": 0.5, "effective": None, "status": "dropped"}),
    ],
)
def test_receipt_lines(requested: dict, name: str, line: dict) -> None:
    _, receipt = effective_parameters(requested, ENTRY, prompt="pizza, rustic style", inpaint=False)
    assert receipt[name] == line


def test_one_json_form_per_value() -> None:
    whole, _ = effective_parameters({"cfg_scale": 4, "steps": 12.0}, ENTRY, prompt="", inpaint=False)
    assert repr(whole) == repr({"size": 128, "steps": 12, "cfg_scale": 4.0})


@pytest.mark.parametrize("value", ["many", True, [18]])
def test_a_value_that_is_no_number_is_named(value: object) -> None:
    with pytest.raises(ConfigError, match="'steps'"):
        effective_parameters({"steps": value}, ENTRY, prompt="", inpaint=False)
