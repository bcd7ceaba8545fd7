"""Who pays, and within which limits."""

from pathlib import Path

import dagster as dg

from plateful.budgets.policy import DEFAULT_POLICY, BudgetPolicy, load_budgets
from plateful.models.catalog import CATALOG_FILE, load_catalog
from plateful.teams import DEFAULT_TEAM


class BudgetResource(dg.ConfigurableResource):
    """The team of this installation and the budget policy."""

    team: str = DEFAULT_TEAM
    policy: str = str(DEFAULT_POLICY)
    # The models that the policy may name.
    catalog: str = str(CATALOG_FILE)

    def open(self) -> BudgetPolicy:
        """Return the policy as its file says now."""
        return load_budgets(Path(self.policy), load_catalog(Path(self.catalog)))
