"""plateful templates: what is in effect, and where each value comes from."""

from pathlib import Path

import pytest

from plateful.prompts.templates import FIELDS, load_templates
from tests.cli.conftest import Plateful


@pytest.fixture
def teams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of team files, acme's with one field."""
    (tmp_path / "acme.yaml").write_text("menu-item: {lighting: neon light}\n")
    monkeypatch.setenv("PLATEFUL_TEAM_TEMPLATES", str(tmp_path))
    return tmp_path


def test_every_application_and_field_is_listed(plateful: Plateful) -> None:
    documents = plateful("templates", "--json").json
    assert [one["application"] for one in documents] == sorted(load_templates())
    assert all(list(one["fields"]) == list(FIELDS) for one in documents)
    table = plateful("templates").out
    assert all(application in table for application in load_templates())


def test_values_say_which_file_they_come_from(plateful: Plateful, teams: Path) -> None:
    (document,) = plateful("templates", "menu-item", "--team", "acme", "--json").json
    assert document["fields"]["lighting"] == {"value": "neon light", "from": str(teams / "acme.yaml")}
    assert document["fields"]["camera"]["from"] == "plateful/prompts/templates/menu-item.yaml"
    assert document["template"].startswith("menu-item@1+acme.")
    assert "neon light" in plateful("templates", "menu-item", "--team", "acme").out
    assert plateful("templates", "menu-item", "--json").json[0]["template"] == "menu-item@1"


def test_the_team_of_the_environment_is_the_default(
    plateful: Plateful, teams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATEFUL_TEAM", "acme")
    (document,) = plateful("templates", "menu-item", "--json").json
    assert document["fields"]["lighting"]["from"] == str(teams / "acme.yaml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("menu-itm",), "application 'menu-itm' has no prompt template"),
        (("--team", "nobody"), "team 'nobody' has no file"),
        (("--team", "../x"), "no team name"),
    ],
)
def test_mistakes_are_one_line(
    arguments: tuple[str, ...], message: str, plateful: Plateful, teams: Path
) -> None:
    assert teams.is_dir()
    done = plateful("templates", *arguments)
    assert (done.status, message in done.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WRITER", "oracle", "PLATEFUL_WRITER='oracle' is no writer profile"),
        ("WRITER_URL", "ftp://x", "endpoint.url"),
        ("TEAM", "nobody", "team 'nobody' has no file"),
        ("TEAM_TEMPLATES", "/none", "'/none' does not exist"),
    ],
)
def test_unknown_settings_stop_every_command(
    name: str, value: str, message: str, plateful: Plateful, teams: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert teams.is_dir()
    if name == "WRITER_URL":
        monkeypatch.setenv("PLATEFUL_WRITER", "llm")
    monkeypatch.setenv(f"PLATEFUL_{name}", value)
    done = plateful("instance")
    assert (done.status, message in done.err) == (2, True)
