"""Settings reach the resources."""

from pathlib import Path

import pytest
import yaml

from plateful.budgets.policy import DEFAULT_POLICY
from plateful.environments import Settings, load_settings, open_adapters
from plateful.errors import ConfigError
from plateful.models.catalog import CATALOG_FILE
from resources.budgets import BudgetResource
from resources.environment import build_resources
from resources.tracking import TrackingResource


def test_links_lead_to_where_mlflow_is_open(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"mlflow_url": "http://127.0.0.1:5999"})
    resource = build_resources(elsewhere)["tracking"]
    assert isinstance(resource, TrackingResource)
    assert resource.open().ui_url == open_adapters(elsewhere).tracking.ui_url == "http://127.0.0.1:5999"


def test_team_and_budget_policy_are_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "budgets.yaml"
    own.write_bytes(DEFAULT_POLICY.read_bytes())
    monkeypatch.setenv("PLATEFUL_TEAM", "meat")
    monkeypatch.setenv("PLATEFUL_BUDGETS", str(own))
    resource = build_resources(load_settings())["budgets"]
    assert isinstance(resource, BudgetResource)
    assert (resource.team, resource.open().file) == ("meat", own)
    # A policy names the models of the installation's own catalog.
    models = yaml.safe_load(CATALOG_FILE.read_text())
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(yaml.safe_dump({**models, "house": models["plateful-tiny"]}))
    policy = yaml.safe_load(own.read_text())
    policy["prices"]["house"] = {"per_image": 0.01, "why": "what our own machines cost"}
    own.write_text(yaml.safe_dump(policy))
    monkeypatch.setenv("PLATEFUL_CATALOG", str(catalog))
    resource = build_resources(load_settings())["budgets"]
    assert isinstance(resource, BudgetResource)
    assert "house" in resource.open().prices
    monkeypatch.setenv("PLATEFUL_TEAM", "meat and fish")
    with pytest.raises(ConfigError, match="PLATEFUL_TEAM='meat and fish'"):
        load_settings()
