"""`plateful costs`: what was spent on what, and what teams have left today."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from cli import console
from cli.execution import check_country
from cli.options import Json
from plateful.budgets.costs import GROUP, cost_report, totals
from plateful.budgets.policy import BudgetPolicy, load_budgets
from plateful.budgets.price import dollars
from plateful.environments import load_settings, open_adapters
from plateful.errors import ConfigError
from plateful.ledger import BudgetBook
from plateful.models.catalog import load_catalog

_MONEY = ("cost", "cost_per_accepted", "cost_per_published")


def costs(
    team: Annotated[str | None, typer.Option(help="One team; default all.")] = None,
    country: Annotated[str | None, typer.Option(help="One country; default all.")] = None,
    since: Annotated[str | None, typer.Option(help="First UTC day, e.g. 2026-11-01; default ever.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was charged per team, country, application and model, and each team's day."""
    settings = load_settings()
    adapters, policy = open_adapters(settings), load_budgets(settings.budgets, load_catalog(settings.catalog))
    book, code = adapters.ledger.budgets, check_country(country) if country else None
    charges, total = book.metering(team=team, country=code, since=_day(since))
    report = cost_report(charges, total, adapters.lake)
    budgets = _today(book, policy, {settings.team, *report["team"]} if team is None else {team})
    if as_json:
        sums = {f"by_{name}": totals(report, name) for name in GROUP}
        console.print_json(
            {"currency": "micro-USD", "total": total, **sums, "rows": report.to_dicts(), "today": budgets}
        )
        return
    rows = [
        [dollars(cell) if name in _MONEY and cell is not None else cell for name, cell in row.items()]
        for row in report.iter_rows(named=True)
    ]
    console.print_table(f"{dollars(total)} in {len(charges)} renders", report.columns, rows)
    lines = [[cell if isinstance(cell, str) else dollars(cell) for cell in row.values()] for row in budgets]
    console.print_table(f"Today, {datetime.now(UTC):%F} UTC", ["team", "spent", "reserved", "limit"], lines)


def _day(text: str | None) -> date:
    if text is None:
        return date.min
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text!r} is not a day", fix="write it as 2026-11-01") from None


def _today(book: BudgetBook, policy: BudgetPolicy, teams: set[str]) -> list[dict[str, str | int]]:
    """Return each team's money of today in micro-USD."""
    days = [(book.team_day(name), policy.team(name).limit) for name in sorted(teams)]
    return [
        {
            "team": day.team,
            "spent": day.spent,
            "reserved": day.reserved,
            "limit": "no limit" if limit is None else limit,
        }
        for day, limit in days
    ]
