"""Manifests and settings name the same things; container files copy what exists, and no weights."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from plateful.production import REQUIRED, check_production, secrets, variable
from plateful.settings import Environment, Settings
from tests.deploy.manifests import DEPLOY, ROOT, named, objects

# Read elsewhere than in Settings: by dagster.yaml (resources/instance.py) and the compute profiles.
INSTANCE = {"PLATEFUL_NAMESPACE", "PLATEFUL_CPU_IMAGE", "PLATEFUL_GPU_IMAGE", "PLATEFUL_LOG_BUCKET"}
IMAGES = ("cpu", "gpu")


def _given() -> dict[str, str]:
    return named("ConfigMap", "plateful-settings")["data"]


def _secret_keys() -> set[str]:
    (secret,) = [one for one in objects("ExternalSecret") if one["metadata"]["name"] == "plateful-secrets"]
    return {entry["secretKey"] for entry in secret["spec"]["data"]}


def test_every_variable_of_ours_is_a_setting() -> None:
    known = {variable(name) for name in Settings.model_fields} | INSTANCE
    ours = {name for name in _given() if name.startswith("PLATEFUL_")} | _secret_keys()
    assert ours <= known
    text = (ROOT / "resources" / "instance.py").read_text() + (
        ROOT / "plateful" / "production.py"
    ).read_text()
    for name in INSTANCE:
        assert name in text or name.removeprefix("PLATEFUL_").lower() in text


def test_every_setting_that_production_needs_is_there() -> None:
    assert {variable(name) for name in REQUIRED} <= _given().keys()


def test_the_settings_load_as_production(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _given().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLATEFUL_LEDGER_PASSWORD", "example")
    settings = Settings()
    assert settings.env is Environment.PRODUCTION
    check_production(settings)


def test_secrets_are_settings_that_are_secret_and_stand_nowhere_else() -> None:
    assert _secret_keys() <= {variable(name) for name in secrets(Settings)}
    assert not _secret_keys() & _given().keys()


def test_keys_that_are_files_are_mounted_where_the_settings_look() -> None:
    path = Path(_given()["PLATEFUL_SNOWFLAKE_PRIVATE_KEY_FILE"])
    (exporter,) = named("Deployment", "metrics-exporter")["spec"]["template"]["spec"]["containers"]
    assert str(path.parent) in {mount["mountPath"] for mount in exporter["volumeMounts"]}
    made = {one["metadata"]["name"]: one for one in objects("ExternalSecret")}["plateful-snowflake-key"]
    assert path.name in {entry["secretKey"] for entry in made["spec"]["data"]}


def _lines(image: str) -> list[str]:
    text = (DEPLOY / "images" / f"{image}.Containerfile").read_text()
    return text.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("image", IMAGES)
def test_container_files_say_that_they_were_not_built_here(image: str) -> None:
    assert _lines(image)[0] == "# not built here: no container engine on the build machine. " + (
        "tests/deploy checks what can be checked without one."
    )


@pytest.mark.parametrize("image", IMAGES)
def test_container_files_end_as_an_ordinary_user(image: str) -> None:
    users = [line for line in _lines(image) if line.startswith("USER ")]
    assert users == ["USER 10001:10001"]
    assert _lines(image)[-1] == users[0]


@pytest.mark.parametrize("image", IMAGES)
def test_requirements_are_installed_as_set_up_does(image: str) -> None:
    flags = "--no-deps --require-hashes"
    assert flags in (ROOT / "setup.sh").read_text()
    (install,) = [line for line in _lines(image) if "pip install" in line]
    assert flags in install
    assert "requirements.txt" in install


@pytest.mark.parametrize("image", IMAGES)
def test_bases_are_pinned_and_build_tools_stay_behind(image: str) -> None:
    bases = [line for line in _lines(image) if line.startswith("FROM ")]
    assert len(bases) == 2
    assert bases[0].endswith(" AS build")
    assert all(re.search(r"python:3\.11\.\d+-slim", base) for base in bases)


def _ignored() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_copied_exists_and_is_in_the_context(image: str) -> None:
    allowed = {line.removeprefix("!") for line in _ignored() if line.startswith("!")}
    assert _ignored()[0] == "*"
    copied = [
        line.split()[1:-1] for line in _lines(image) if line.startswith("COPY ") and "--from" not in line
    ]
    sources = {source for line in copied for source in line}
    assert sources == allowed
    for source in sources:
        assert (ROOT / source).exists(), source


@pytest.mark.parametrize("image", IMAGES)
def test_every_package_that_the_code_location_loads_is_copied(image: str) -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "examples"}
    copied = {line.split()[1] for line in _lines(image) if line.startswith("COPY ") and "--from" not in line}
    assert packages <= copied


def test_no_weights_are_in_an_image() -> None:
    ignored = _ignored()
    assert "plateful/models/weights" in ignored
    assert ignored.index("plateful/models/weights") > ignored.index("!plateful")
    assert "**/*.safetensors" in ignored
    outside = [
        path
        for name in ("plateful", "training", "eval_sets")
        for path in (ROOT / name).rglob("*.safetensors")
        if not path.is_relative_to(ROOT / "plateful" / "models" / "weights")
    ]
    assert outside == []


def test_files_that_the_deployment_documents_name_exist() -> None:
    for document in ("README.md", "RUNBOOK.md"):
        text = (DEPLOY / document).read_text()
        named_files = set(
            re.findall(r"`((?:deploy|benchmarks|resources|plateful|docs)/[\w./-]+\.\w+)`", text)
        )
        assert len(named_files) >= 4, document
        absent = [name for name in named_files if not (ROOT / name).exists()]
        assert absent == [], document
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (DEPLOY / target).exists(), target


def _commands(document: str) -> set[tuple[str, ...]]:
    text = (DEPLOY / document).read_text()
    return {tuple(found.split()) for found in re.findall(r"`plateful ([a-z][a-z -]*[a-z])", text)}


@pytest.mark.parametrize("document", ["README.md", "RUNBOOK.md"])
def test_every_command_that_the_documents_name_exists(document: str) -> None:
    command: Any = typer.main.get_command(app)
    for words in _commands(document):
        first = command.commands.get(words[0])
        # Comes with the metrics.
        if first is None and words[0] == "metrics" and not (ROOT / "cli" / "metrics.py").exists():
            continue
        assert first is not None, words
        if hasattr(first, "commands") and len(words) > 1:
            assert words[1] in first.commands, words
    assert len(_commands(document)) >= 4


def test_the_runbooks_table_is_the_capacity_models() -> None:
    results = json.loads((ROOT / "benchmarks" / "results" / "capacity.json").read_text())
    text = (DEPLOY / "RUNBOOK.md").read_text()
    rows = [*results["chosen"], *results["on_demand"], *results["other_recipes"], results["reference_system"]]
    for row in rows:
        start = f"| {row['images_a_day']:,} | {row['recipe']}, {row['device']} "
        figures = f"| {row['nodes']:,} | {row['shard_size']:,} | {row['usd_a_day']:,.0f} |"
        assert any(line.startswith(start) and figures in line for line in text.splitlines()), row
