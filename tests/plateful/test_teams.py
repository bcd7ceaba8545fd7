"""Team names: one rule, wherever a team is named."""

from pathlib import Path

import pytest
import yaml

from plateful.budgets.policy import DEFAULT_POLICY, load_budgets
from plateful.environments import load_settings
from plateful.errors import ConfigError
from plateful.models.request import image_request
from plateful.prompts.teams import templates_of
from plateful.teams import check_team


def accepted(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether settings, budgets, templates, requests and the check itself take a name."""

    def in_settings() -> object:
        monkeypatch.setenv("PLATEFUL_TEAM", name)
        return load_settings()

    def in_budgets() -> object:
        policy = yaml.safe_load(DEFAULT_POLICY.read_text())
        policy["teams"][name] = policy["teams"]["default"]
        (folder / "budgets").write_text(yaml.safe_dump(policy))
        return load_budgets(folder / "budgets")

    def in_templates() -> object:
        if "/" not in name and "\x00" not in name:
            (folder / f"{name}.yaml").write_text("menu-item: {size: 512}")
        return templates_of(name, folder)["menu-item"].size

    doors = (
        in_settings, in_budgets, in_templates, lambda: image_request(model="m", prompt="p", team=name),
        lambda: check_team(name),
    )  # fmt: skip
    taken = []
    for door in doors:
        try:
            door()
        except ConfigError:
            taken.append(False)
        else:
            taken.append(True)
    return taken


@pytest.mark.parametrize("name", ["default", "Fleisch-Theke", "acme.eu", "team_7", "Türkiye", "x" * 64])
def test_a_name_is_taken_everywhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted(name, tmp_path, monkeypatch) == [True] * 5


@pytest.mark.parametrize("name", ["", "two words", "../acme", "acme\n", "x" * 65])
def test_a_name_is_taken_nowhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted(name, tmp_path, monkeypatch) == [False] * 5


def test_a_wrong_name_is_told_with_the_rule() -> None:
    with pytest.raises(ConfigError, match=r"team 'two words' is no team name -> use letters, digits, `_`"):
        check_team("two words")
    with pytest.raises(ConfigError, match="request parameter 'team' = 'two words'"):
        image_request(model="m", prompt="p", team="two words")
