"""The budget policy: what is shipped, a company's own file, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from plateful.budgets.policy import DEFAULT_POLICY, BudgetPolicy, TeamBudget, load_budgets
from plateful.errors import ConfigError
from plateful.models.catalog import load_catalog

WHY = "because this test says so"
TINY = load_catalog()["plateful-tiny"]


def written(tmp_path: Path, *, teams: dict[str, Any] | None = None, **changes: Any) -> BudgetPolicy:
    shipped = yaml.safe_load(DEFAULT_POLICY.read_text())
    rules = {
        "default": {"daily_limit": 1, "over_budget": ["defer"], "why": WHY},
        **{name: {"over_budget": ["stop"], "why": WHY, **rule} for name, rule in (teams or {}).items()},
    }
    path = tmp_path / "budgets.yaml"
    path.write_text(yaml.safe_dump({**shipped, "teams": rules, **changes}))
    return load_budgets(path, {"plateful-tiny": TINY, "cheap": TINY.model_copy(update={"id": "cheap"})})


def test_the_shipped_policy_limits_every_team_and_prices_the_embedded_model() -> None:
    policy = load_budgets()
    assert policy.team("default") == TeamBudget("default", 25_000_000, (), stops=False)
    assert policy.team("anybody") == TeamBudget("anybody", 25_000_000, (), stops=False)
    price = policy.price(TINY)
    assert price.per_second is not None
    assert price.per_second > 0


def test_a_company_s_own_file(tmp_path: Path) -> None:
    policy = written(
        tmp_path,
        teams={
            "fish": {"daily_limit": 12.34, "over_budget": ["cheap", "plateful-tiny", "defer"]},
            "meat": {"daily_limit": None},
            "none": {"daily_limit": 0},
        },
    )
    assert policy.team("fish") == TeamBudget("fish", 12_340_000, ("cheap", "plateful-tiny"), stops=False)
    assert policy.team("meat") == TeamBudget("meat", None, (), stops=True)
    assert policy.team("none").limit == 0
    assert policy.team("unlisted") == TeamBudget("unlisted", 1_000_000, (), stops=False)
    assert policy.file == tmp_path / "budgets.yaml"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teams": {"fish": {"daily_limit": -0.01}}}, r"teams\.fish\.daily_limit = -0\.01"),
        ({"teams": {"fish": {"daily_limit": float("nan")}}}, r"daily_limit = nan"),
        ({"teams": {"fish": {"daily_limit": "much"}}}, "daily_limit = 'much'"),
        ({"teams": {"fish": {}}}, "daily_limit"),
        ({"teams": {"fish": {"daily_limit": 1, "over_budget": ["cheap"]}}}, "end with defer or stop"),
        ({"teams": {"fish": {"daily_limit": 1, "over_budget": ["stop", "defer"]}}}, "end with defer or stop"),
        ({"teams": {"fish": {"daily_limit": 1, "over_budget": []}}}, "over_budget"),
        ({"teams": {"fish": {"daily_limit": 1, "over_budget": ["sdxxl", "stop"]}}}, "'sdxxl' is not in"),
        ({"teams": {"fish": {"daily_limit": 1, "why": ""}}}, "why"),
        ({"currency": "EUR"}, "currency = 'EUR'"),
        ({"prices": {"plateful-tiny": {"per_second": -1, "why": WHY}}}, "per_second = -1"),
        ({"prices": {"sdxxl": {"per_second": 1, "why": WHY}}}, "'sdxxl' is not in the catalog"),
        ({"hold_minutes": {"value": 0, "why": WHY}}, "hold_minutes.value = 0"),
        ({"monthly": 3}, "monthly"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_place_and_value(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        written(tmp_path, **change)
    assert "budgets.yaml" in raised.value.message or "catalog" in raised.value.message


def test_a_file_without_the_default_team_or_without_yaml(tmp_path: Path) -> None:
    path = tmp_path / "budgets.yaml"
    shipped = yaml.safe_load(DEFAULT_POLICY.read_text())
    path.write_text(yaml.safe_dump({**shipped, "teams": {"fish": shipped["teams"]["default"]}}))
    with pytest.raises(ConfigError, match="teams need a 'default'"):
        load_budgets(path)
    path.write_text("teams: [")
    with pytest.raises(ConfigError, match=r"budgets\.yaml"):
        load_budgets(path)
    path.write_text("")
    with pytest.raises(ConfigError, match="the file = None"):
        load_budgets(path)
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_budgets(tmp_path / "absent.yaml")
