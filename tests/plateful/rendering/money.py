"""A purse on a real ledger, for renders by hand."""

from pathlib import Path

import yaml

from plateful.budgets.policy import DEFAULT_POLICY, load_budgets
from plateful.environments import open_ledger
from plateful.ledger import Unleased
from plateful.models.catalog import load_catalog
from plateful.rendering.budgeted import Purse

CENT = 10_000
WHY = "because this test says so"


def purse(folder: Path, limit: float | None = None, model: str = "plateful-tiny") -> Purse:
    """Return the default team's money: a cent a picture, whichever of a model's names it has."""
    policy = yaml.safe_load(DEFAULT_POLICY.read_text())
    policy["teams"]["default"]["daily_limit"] = limit
    policy["prices"][model] = {"per_image": 0.01, "why": WHY}
    path = folder / "budgets.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(policy))
    entry = load_catalog()[model]
    book = open_ledger(f"sqlite:///{folder}/ledger.db").budgets
    return Purse(book, load_budgets(path), Unleased("trial", "by hand"), lambda _: entry)


def money(one: Purse) -> tuple[int, int]:
    """Return what the default team has spent and holds today, in micro-USD."""
    today = one.book.team_day("default")
    return today.spent, today.reserved
