"""`plateful render`: one request, its receipt, and files that nobody publishes."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from plateful.environments import Settings, open_adapters
from plateful.models.catalog import CATALOG_FILE
from plateful.vision.image_io import encode_png, open_image
from tests.cli.conftest import Plateful
from tests.plateful.rendering.money import purse
from tests.plateful.rendering.tiny_families import FAMILIES, build_tiny, small_entry
from tests.tiny_ip_adapter import add_ip_adapter


def test_a_request_is_rendered_found_again_and_replayed_elsewhere(
    settings: Settings, plateful: Plateful, tmp_path: Path
) -> None:
    asked = ("render", "--prompt", "a pizza", "--steps", "2", "--seed", "5", "--n", "2", "--json")
    done = plateful(*asked, "--out", str(tmp_path / "a")).json
    assert done["receipt"]["steps"] == {"requested": 2, "effective": 4, "status": "clamped"}
    assert [(p["status"], p["seed"]) for p in done["pictures"]] == [("rendered", 5), ("rendered", 6)]
    assert done["team"] == "default" and done["usd"] == sum(p["usd"] for p in done["pictures"]) > 0
    assert plateful("costs", "--json").json["by_country"] == {"trial": round(done["usd"] * 1_000_000)}
    again = plateful(*asked, "--out", str(tmp_path / "a")).json
    assert ([p["status"] for p in again["pictures"]], again["usd"]) == (["found", "found"], 0)
    assert {p["path"] for p in again["pictures"]} == {str(path) for path in (tmp_path / "a").iterdir()}
    table = plateful(*asked[:-1], "--out", str(tmp_path / "a")).out
    assert "clamped" in table and "nothing is published" in table
    assert not open_adapters(settings).lake.root.exists()


def test_a_request_over_budget_is_refused_and_nothing_is_rendered(
    settings: Settings, plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    purse(tmp_path, limit=0.01)
    path = tmp_path / "budgets.yaml"
    monkeypatch.setenv("PLATEFUL_BUDGETS", str(path))
    asked = ("render", "--prompt", "a pizza", "--n", "2", "--steps", "4")
    done = plateful(*asked)
    assert (done.status, (settings.home / "renders").exists()) == (2, False)
    assert "team 'default' has spent 0.000000 USD of its 0.010000 USD" in done.err
    assert "2 pictures of plateful-tiny, about 0.020000 USD, are not paid for" in done.err
    assert "raise its daily_limit in" in done.err
    path.write_text(path.read_text().replace("daily_limit: 0.01", "daily_limit: null"))
    assert "team meat paid 0.020000 USD" in plateful(*asked, "--team", "meat").out
    assert plateful("costs", "--json").json["by_team"] == {"meat": 20_000}


def test_a_photo_is_edited_by_a_candidate_model(
    settings: Settings, plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = yaml.safe_load(CATALOG_FILE.read_text())["plateful-tiny"] | {"status": "candidate"}
    entry["profiles"] = {"standard": entry["profiles"]["standard"] | {"steps": 4}}
    entry["profiles"]["draft"] = entry["profiles"]["standard"] | {"vae": "tiny"}
    entry |= {"tiers": {"preview": "draft", "production": "standard"}, "narrowed": {}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"house": entry}))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(tmp_path / "own.yaml"))
    rng = np.random.default_rng(1)
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    photo.write_bytes(encode_png(rng.integers(0, 256, (140, 150, 3), dtype=np.uint8)))
    mask.write_bytes(encode_png(np.pad(np.full((60, 60), 255, np.uint8), ((40, 40), (45, 45)))))
    edit = ("render", "--model", "house", "--prompt", "a pizza", "--init", str(photo), "--mask", str(mask))
    done = plateful(*edit, "--quality", "preview", "--strength", "0.5", "--json").json
    assert done["model"] == "house-draft"
    assert done["receipt"]["quality"]["effective"] == "draft"
    assert (done["receipt"]["strength"]["status"], done["receipt"]["route"]["effective"]) == (
        "honoured",
        "inpaint",
    )
    assert Path(done["pictures"][0]["path"]).parent == settings.home / "renders"


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_reference_image_steers_where_there_is_an_adapter_and_is_dropped_elsewhere(
    plateful: Plateful, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    add_ip_adapter(build_tiny(family, tmp_path / "weights" / family), "ip_adapter")
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({family: small_entry(family)}))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(tmp_path / "own.yaml"))
    monkeypatch.setenv("PLATEFUL_WEIGHTS", str(tmp_path / "weights"))
    dishes = [tmp_path / "dark.png", tmp_path / "bright.png"]
    for dish, shade in zip(dishes, (40, 230), strict=True):
        dish.write_bytes(encode_png(np.full((50, 60, 3), shade, np.uint8)))
    asked = ("render", "--prompt", "a pizza", "--seed", "5", "--json")
    steered = (*asked, "--model", f"{family}-ip-adapter")
    done = [plateful(*steered, "--reference", str(dish)).json for dish in dishes]
    without = plateful(*steered).json
    assert [each["receipt"]["reference_image"]["status"] for each in done] == ["honoured"] * 2
    assert "reference_image" not in without["receipt"]
    pictures = [Path(each["pictures"][0]["path"]).read_bytes() for each in (*done, without)]
    assert len({open_image(picture).tobytes() for picture in pictures}) == 3
    plain = (*asked, "--model", family, "--reference", str(dishes[0]))
    dropped = plateful(*plain).json
    assert dropped["receipt"]["reference_image"]["status"] == "dropped"
    assert np.array_equal(
        open_image(Path(dropped["pictures"][0]["path"]).read_bytes()), open_image(pictures[2])
    )
    strict = plateful(*plain, "--strict")
    assert (strict.status, "strict request: reference_image" in strict.err) == (2, True)


@pytest.mark.usefixtures("settings")
def test_mistakes_are_one_line_and_nothing_is_written(plateful: Plateful, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for arguments, problem in (
        (("--size", "512", "--strict"), "strict request: size = '512' would be clamped to 128"),
        (("--size", "wide"), "'wide'"),
        (("--n", "0"), "'n' = 0"),
        (("--quality", "best"), "'quality' = 'best'"),
        (("--init", "absent.jpg"), "absent.jpg cannot be read: No such file"),
        (("--model", "dall-e"), "'dall-e' is not in the catalog"),
        (("--model", "sdxl"), "weights folder 'sdxl' is absent"),
        (("--mask", __file__), "a mask came without an init image"),
        (("--reference", __file__), "not JPEG, PNG or WebP"),
    ):
        done = plateful("render", "--prompt", "a pizza", "--out", str(out), *arguments)
        assert (done.status, problem in done.err) == (2, True), done.err
    assert not out.exists()
