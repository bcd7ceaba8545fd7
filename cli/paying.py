"""Who pays for what a command renders by itself."""

from uuid import uuid4

from plateful.budgets.policy import load_budgets
from plateful.environments import Settings, open_ledger
from plateful.ledger import Unleased
from plateful.models.catalog import load_catalog, served_names
from plateful.rendering.budgeted import Purse


def open_purse(settings: Settings, place: str) -> Purse:
    """Return the money for renders by hand.

    Args:
        settings: ledger, budget policy and catalog.
        place: what stands for the country in charges, e.g. `trial`.

    Raises:
        ConfigError: policy or catalog are malformed.
    """
    catalog = load_catalog(settings.catalog)
    names = served_names(catalog)
    return Purse(
        open_ledger(settings.ledger).budgets,
        load_budgets(settings.budgets, catalog),
        Unleased(place, f"{place}-{uuid4().hex}"),
        lambda name: names[name][0],
    )
