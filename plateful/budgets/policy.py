"""The budget policy: limits per team and day, what happens beyond them, and prices; one YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from plateful.budgets.price import Dollars, Price, micro_dollars
from plateful.errors import ConfigError
from plateful.models.catalog import CatalogEntry, load_catalog, served_names
from plateful.teams import DEFAULT_TEAM, TeamName

DEFAULT_POLICY = Path(__file__).parent / "policy.yaml"
DEFER, STOP = "defer", "stop"
Why = Annotated[str, Field(min_length=15)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Number(_Strict):
    value: float = Field(gt=0, le=86_400, allow_inf_nan=False)
    why: Why


class OwnPrice(Price):
    """A price that replaces the catalog's, and why."""

    why: Why


class _Team(_Strict):
    daily_limit: Dollars | None
    over_budget: tuple[str, ...] = Field(min_length=1)
    why: Why

    @field_validator("over_budget")
    @classmethod
    def _ends(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        *models, last = chain
        if last not in (DEFER, STOP) or {DEFER, STOP} & set(models) or len(set(models)) < len(models):
            raise ValueError(f"name models, each once, and end with {DEFER} or {STOP}")
        return chain


@dataclass(frozen=True)
class TeamBudget:
    """What one team may spend in a UTC day.

    Attributes:
        team: who pays.
        limit: micro-USD a day, None = no limit.
        cheaper: catalog ids to go on with over budget, in order.
        stops: whether the run fails then, instead of leaving the rest to a later one.
    """

    team: str
    limit: int | None
    cheaper: tuple[str, ...]
    stops: bool


class BudgetPolicy(_Strict):
    """Everything that decides what may be spent."""

    currency: Literal["USD"]
    teams: dict[TeamName, _Team]
    prices: dict[str, OwnPrice] = {}
    assumed_seconds: _Number
    hold_minutes: _Number
    _file: Path = DEFAULT_POLICY

    @model_validator(mode="after")
    def _has_default(self) -> "BudgetPolicy":
        if DEFAULT_TEAM not in self.teams:
            raise ValueError(
                f"teams need a {DEFAULT_TEAM!r}, whose limits hold for teams that are not listed"
            )
        return self

    @property
    def file(self) -> Path:
        """Where the limits were read from, for messages."""
        return self._file

    @cached_property
    def hold(self) -> timedelta:
        """How long a reservation outlives its last renewal."""
        return timedelta(minutes=self.hold_minutes.value)

    def team(self, name: str) -> TeamBudget:
        """Return a team's budget; a team that is not listed has the default's limits for itself."""
        rule = self.teams.get(name, self.teams[DEFAULT_TEAM])
        limit = None if rule.daily_limit is None else micro_dollars(rule.daily_limit)
        return TeamBudget(name, limit, rule.over_budget[:-1], rule.over_budget[-1] == STOP)

    def price(self, entry: CatalogEntry) -> Price:
        """Return what a model costs: this file's price, else the catalog's."""
        return self.prices.get(entry.id) or entry.price


def load_budgets(
    path: Path = DEFAULT_POLICY, catalog: Mapping[str, CatalogEntry] | None = None
) -> BudgetPolicy:
    """Read and check a budget policy.

    Args:
        path: YAML file.
        catalog: models that it may name; those shipped by default.

    Raises:
        ConfigError: no such file, not YAML, a negative or unknown value, or a model that the catalog lacks.
    """
    try:
        policy = BudgetPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise ConfigError(
            f"budget policy {path}: {fault}", fix="point PLATEFUL_BUDGETS at a YAML file"
        ) from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"budget policy {path}: {place} = {first['input']!r}: {first['msg']}",
            fix="compare it with plateful/budgets/policy.yaml",
        ) from fault
    known = load_catalog() if catalog is None else catalog
    served = served_names(dict(known))
    cheaper = {name for team in policy.teams.values() for name in team.over_budget[:-1]}
    unknown = (cheaper - served.keys()) | (policy.prices.keys() - known.keys())
    if unknown:
        raise ConfigError(
            f"budget policy {path}: model {min(unknown)!r} is not in the catalog",
            fix=f"use one of {', '.join(served)}",
        )
    policy._file = path
    return policy
