"""What the catalog holds, in rows and in words."""

from pathlib import Path

import pytest

from plateful.models.capabilities import Choice, Span, Switch
from plateful.models.catalog import CATALOG_FILE, Price, load_catalog, served_names
from plateful.models.listing import brief, capability_text, model_details, model_rows, price_text

CATALOG = load_catalog(CATALOG_FILE)


def test_every_served_name_has_a_row_with_its_own_capabilities() -> None:
    rows = {row["name"]: row for row in model_rows(CATALOG)}
    assert list(rows) == list(served_names(CATALOG))
    assert rows["sdxl-fast"]["default_profile"] == "standard" and rows["sdxl-fast"]["profile"] == "fast"
    assert rows["sdxl-lightning"]["capabilities"]["cfg_scale"] == {
        "kind": "enum",
        "values": (1.0,),
        "approximate": False,
    }
    assert (rows["sd35-medium"]["commercial_use"], rows["sd15"]["commercial_use"]) == (False, True)


def test_narrowed_capabilities_count_where_they_hold(tmp_path: Path) -> None:
    wide = CATALOG["sdxl"]
    narrow = wide.model_copy(update={"narrowed": {"fast": {"mask": Switch(kind="boolean", supported=False)}}})
    catalog = {"sdxl": narrow}
    rows = {row["name"]: row["capabilities"]["mask"]["supported"] for row in model_rows(catalog)}
    assert rows == {"sdxl": True, "sdxl-fast": False, "sdxl-reference": True, "sdxl-ip-adapter": True}
    assert model_details("sdxl", catalog, tmp_path)["narrowed"]["fast"]["mask"]["supported"] is False


def test_capabilities_in_one_line() -> None:
    assert brief(CATALOG["sdxl-lightning"].capabilities) == (
        "768-1344 px, 2-8 steps, cfg 1, init, mask, seed, lora"
    )
    assert brief(CATALOG["sdxl"].capabilities_of("ip-adapter")) == (
        "768-1344 px, 10-100 steps, cfg 1-20, negative, init, mask, reference, seed, lora, ip-adapter"
    )
    assert brief({"size": Switch(kind="boolean", supported=True)}) == "size free"
    assert brief({"seed": Switch(kind="boolean", supported=False)}) == ""


def test_capabilities_and_prices_in_words() -> None:
    assert capability_text(Span(kind="range", low=256, high=2048, step=64)) == "256 to 2048 in steps of 64"
    assert capability_text(Choice(kind="enum", values=("low", "high"))) == "low, high"
    emulated = Switch(kind="boolean", supported=False, emulated_by="prompt")
    assert capability_text(emulated) == "no, said in the prompt"
    assert price_text(Price(per_image=0.04)) == "0.04 USD/image"
    assert price_text(Price(per_second=0.000197)) == "0.71 USD/h"


@pytest.mark.parametrize(
    ("altered", "present", "verified", "problem"),
    [
        (None, True, True, None),
        ("alter", True, False, "not the recorded file"),
        ("remove", False, False, "absent"),
    ],
)
def test_weights_are_told_present_and_verified(
    tmp_path: Path, altered: str | None, present: bool, verified: bool, problem: str | None
) -> None:
    from tests.tiny_family import build_tiny_family

    if altered != "remove":
        build_tiny_family(tmp_path / "plateful-tiny")
    if altered == "alter":
        (tmp_path / "plateful-tiny/pipeline/model_index.json").write_text("{}")
    weights = model_details("plateful-tiny", CATALOG, tmp_path)["weights"]
    assert (weights["present"], weights["verified"]) == (present, verified)
    assert (problem is None) == ("problem" not in weights) and (problem or "") in weights.get("problem", "")


def test_the_licence_gate_says_why_it_is_open_or_closed(tmp_path: Path) -> None:
    entry = CATALOG["sd35-medium"]
    waived = entry.model_copy(
        update={"licence": entry.licence.model_copy(update={"waiver": "legal 7: below 1 M USD"})}
    )
    gates = [
        model_details("sd35-medium", {"sd35-medium": each}, tmp_path)["licence"]["gate"]
        for each in (entry, waived)
    ]
    assert gates[0].startswith("closed") and gates[1] == "open: waived (legal 7: below 1 M USD)"
