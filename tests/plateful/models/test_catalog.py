"""Model versions: digests cover weights and profile, and nothing altered or unsafe is loaded."""

import contextlib
import json
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from plateful.errors import ConfigError, ModelError, PlatefulError
from plateful.models.catalog import CATALOG_FILE, load_catalog, served_names
from plateful.models.profile import ServingProfile
from plateful.models.versions import model_version, resolve_model
from tests.tiny_family import build_tiny_family

WEIGHT = "plateful-tiny/pipeline/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    build_tiny_family(tmp_path / "plateful-tiny")
    return tmp_path


def test_the_same_weights_have_the_same_digest_wherever_they_are(tmp_path: Path) -> None:
    roots = [tmp_path / "a", tmp_path / "b"]
    for root in roots:
        build_tiny_family(root / "plateful-tiny")
    first, second = (resolve_model("plateful-tiny", root) for root in roots)
    assert first == second
    assert first.folder != second.folder
    assert first.name == f"plateful-tiny-{first.digest[:12]}"


def test_every_field_of_the_serving_profile_is_in_the_digest(weights: Path) -> None:
    entry = load_catalog()["plateful-tiny"]
    run = entry.profile_named()
    changes = {
        "name": "other", "scheduler": "DDIMScheduler", "steps": 19, "cfg_scale": 4.5, "size": 64,
        "vae": "tiny", "dtype": "bfloat16", "batch": 3, "adapter": "preview", "cfg_share": 0.5,
        "cache_interval": 3, "compiled": True, "ip_adapter": "ip_adapter", "reference_scale": 0.5,
    }  # fmt: skip
    assert changes.keys() == run.model_dump().keys()
    profiles = [run, *(run.model_copy(update={k: v}) for k, v in changes.items())]
    digests = {model_version(entry, weights, p).digest for p in profiles}
    assert len(digests) == len(profiles)


def test_a_field_that_is_not_set_is_not_in_the_digest(weights: Path) -> None:
    entry = load_catalog()["plateful-tiny"]
    run = entry.profile_named()
    assert isinstance(run, ServingProfile)
    assert run.adapter is None
    version = model_version(entry, weights)

    class Later(ServingProfile):
        """A release that knows one more optional field."""

        guidance_rescale: float | None = None

    fields = run.model_dump()
    for profile in (Later(**fields), Later(**{k: v for k, v in fields.items() if v is not None})):
        assert model_version(entry, weights, profile) == version
    rescaled = Later(**fields, guidance_rescale=0.7)
    assert model_version(entry, weights, rescaled) != version


def test_an_unknown_name_lists_the_known_ones(weights: Path) -> None:
    with pytest.raises(ConfigError, match=r"'dall-e'.*plateful-tiny"):
        resolve_model("dall-e", weights)


def test_absent_weights_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="make models"):
        resolve_model("plateful-tiny", tmp_path)


def test_altered_weights_are_refused_even_after_a_good_load(weights: Path) -> None:
    resolve_model("plateful-tiny", weights)
    path = weights / WEIGHT
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ModelError, match=r"diffusion_pytorch_model\.safetensors.*not the recorded file"):
        resolve_model("plateful-tiny", weights)


def test_missing_weights_are_refused(weights: Path) -> None:
    (weights / WEIGHT).unlink()
    with pytest.raises(ModelError, match="is missing"):
        resolve_model("plateful-tiny", weights)


@pytest.mark.parametrize("name", ["extra.safetensors", "config.json"])
def test_unrecorded_files_are_refused(weights: Path, name: str) -> None:
    (weights / "plateful-tiny" / name).write_text("{}")
    with pytest.raises(ModelError, match="is not recorded"):
        resolve_model("plateful-tiny", weights)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "unet.ckpt", "model.pt", "modeling.py"])
def test_formats_that_run_code_are_refused_even_when_recorded(weights: Path, name: str) -> None:
    folder = weights / "plateful-tiny"
    (folder / name).write_bytes(b"")
    record = folder / "digests.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), name: "0" * 64}))
    with pytest.raises(ModelError, match=f"{name}.*can run code"):
        resolve_model("plateful-tiny", weights)


def test_documents_beside_the_weights_do_not_change_the_version(weights: Path) -> None:
    before = resolve_model("plateful-tiny", weights)
    (weights / "plateful-tiny" / "MODEL_CARD.md").write_text("# card")
    assert resolve_model("plateful-tiny", weights) == before


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("profiles", {"standard": {"vae": "huge"}}, "profiles.standard"),
        ("provider", "ftp", "provider"),
        ("provider", "openai", ".*weights and a family, a hosted one an endpoint"),
        ("price", {"per_image": -1}, "price.per_image"),
        ("profile", "fastest", ".*'fastest' is not among its profiles"),
        ("tiers", {"preview": "draft"}, ".*'draft' is not among its profiles"),
        ("defaults", {"strength": 0.1}, ".*default strength = 0.1"),
        ("applications", {"menu-item": {"size": 96}}, ".*default size = 96"),
        ("capabilities", {"steps": {"kind": "range", "low": 9, "high": 3}}, "capabilities.steps"),
        (
            "capabilities",
            {"reference_image": {"kind": "boolean", "supported": True}},
            ".*takes reference images without naming an ip_adapter",
        ),
        ("status", "live", "status"),
        ("weights", {"hub": "https://evil.example/x"}, "weights.hub"),
        ("weights", {"sha256": "abc"}, "weights.sha256"),
    ],
)
def test_a_malformed_entry_names_entry_and_field(
    tmp_path: Path, field: str, value: object, named: str
) -> None:
    raw = yaml.safe_load(CATALOG_FILE.read_text())
    entry = raw["plateful-tiny"]
    entry[field] = {**entry.get(field, {}), **value} if isinstance(value, dict) else value
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError, match=rf"'plateful-tiny': {named}"):
        load_catalog(path)


@pytest.mark.parametrize(
    ("model", "profile", "named"),
    [
        ("sdxl", {"ip_adapter": "ip_adapter", "reference_scale": 0.5}, "'standard' names an ip_adapter and"),
        ("sdxl", {"ip_adapter": "ip_adapter"}, "profiles.standard.*come together"),
        ("flux1-schnell", {"ip_adapter": "ip_adapter", "reference_scale": 0.5}, "which family flux has not"),
    ],
)
def test_a_profile_and_its_capabilities_agree_on_reference_images(
    tmp_path: Path, model: str, profile: dict, named: str
) -> None:
    raw = yaml.safe_load(CATALOG_FILE.read_text())
    raw[model]["profiles"]["standard"] |= profile
    if model == "flux1-schnell":
        raw[model]["capabilities"]["reference_image"] = {"kind": "boolean", "supported": True}
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError, match=rf"'{model}': .*{named}"):
        load_catalog(path)


def test_two_entries_that_answer_to_one_name_are_refused(tmp_path: Path) -> None:
    raw = yaml.safe_load(CATALOG_FILE.read_text())
    raw["sd15-fast"] = raw["sd15"]
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigError, match="'sd15' and 'sd15-fast' both answer to 'sd15-fast'"):
        load_catalog(path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file"),
        (b"a: [", "cannot be read: while parsing"),
        (b"\xff", "cannot be read: 'utf-8' codec"),
        (b"- sdxl", "is list, not a mapping of model ids"),
        (b"", "is NoneType, not a mapping"),
        (b"sdxl: fast", "'sdxl' is str, not a mapping"),
    ],
)
def test_a_file_that_is_no_catalog_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "own.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as error:
        load_catalog(path)
    assert str(path) in str(error.value)


def test_a_company_has_its_own_catalog(tmp_path: Path, weights: Path) -> None:
    raw = yaml.safe_load(CATALOG_FILE.read_text())
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"house-style": raw["plateful-tiny"]}))
    assert resolve_model("house-style", weights, catalog=path).model == "house-style"
    with pytest.raises(ConfigError, match="'plateful-tiny' is not in the catalog -> use one of house-style"):
        resolve_model("plateful-tiny", weights, catalog=path)


def test_a_profile_is_a_name_of_its_own() -> None:
    names = served_names(load_catalog())
    entry, profile = names["sdxl-fast"]
    assert (entry.id, profile, entry.served_name(profile)) == ("sdxl", "fast", "sdxl-fast")
    assert names["sdxl"] == (entry, "standard")


@pytest.mark.parametrize(
    ("name", "trial", "problem"),
    [
        ("sdxl", False, "'sdxl' is candidate, only validated models serve"),
        ("sdxl", True, "weights folder 'sdxl' is absent"),
        ("sd35-medium", True, "licence 'Stability-Community' does not allow commercial use"),
    ],
)
def test_status_and_licence_are_gates(tmp_path: Path, name: str, trial: bool, problem: str) -> None:
    with pytest.raises(PlatefulError, match=problem):
        resolve_model(name, tmp_path, trial=trial)


def test_a_waived_licence_is_allowed() -> None:
    licence = load_catalog()["sd35-medium"].licence
    assert not licence.allowed
    assert licence.model_copy(update={"waiver": "legal, 2026-11-01: revenue below 1 M USD"}).allowed


def test_other_weights_than_the_pinned_ones_are_refused(weights: Path) -> None:
    entry = load_catalog()["plateful-tiny"]
    record = (weights / "plateful-tiny" / "digests.json").read_bytes()
    assert entry.weights is not None
    for digest, fits in ((sha256(record).hexdigest(), True), ("0" * 64, False)):
        pinned = entry.model_copy(update={"weights": entry.weights.model_copy(update={"sha256": digest})})
        with contextlib.nullcontext() if fits else pytest.raises(ModelError, match="catalog pins"):
            assert model_version(pinned, weights) == model_version(entry, weights)
