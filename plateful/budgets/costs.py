"""What was spent on what: the ledger's charges against what became of the pictures in the lake."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl

from plateful.errors import ContractError
from plateful.ledger import BudgetBook, Charge
from plateful.rendering.trial import PARTITION as TRIAL
from plateful.stores.lake import Lake
from plateful.tables import COST_REPORT, GENERATED_CANDIDATES

GROUP = COST_REPORT.key
_CHARGES = {**dict.fromkeys(("candidate_id", *GROUP), pl.String), "cost": pl.Int64}
_DIFFERENCES = 5


def cost_report(charges: Sequence[Charge], total: int, lake: Lake) -> pl.DataFrame:
    """Return COST_REPORT of some charges, dearest first.

    An image counts as accepted or published in the group that paid for its last render.

    Args:
        charges: from `BudgetBook.metering`.
        total: their sum by the ledger, in micro-USD.
        lake: acceptances and publications, of the countries that have any.

    Raises:
        ContractError: the report does not add up to the ledger's sum.
    """
    rows = pl.DataFrame([{name: getattr(c, name) for name in _CHARGES} for c in charges], schema=_CHARGES)
    countries = rows["country"].unique().to_list()
    accepted = _candidates(lake, "accepted_candidates", countries, pl.col("accepted"))
    published = _candidates(lake, "published_images", countries, pl.col("status") == "live")
    last = pl.col("candidate_id").is_last_distinct()
    marked = rows.with_columns(
        accepted=last & pl.col("candidate_id").is_in(list(accepted)),
        published=last & pl.col("candidate_id").is_in(list(published)),
    )
    report = marked.group_by(GROUP).agg(
        renders=pl.len(), cost=pl.col("cost").sum(), accepted=pl.col("accepted").sum(),
        published=pl.col("published").sum(),
    )  # fmt: skip
    report = report.with_columns(cost_per_accepted=_each("accepted"), cost_per_published=_each("published"))
    if report["cost"].sum() != total:
        raise ContractError(
            f"the cost report says {report['cost'].sum()} micro-USD, the ledger {total}",
            fix="report this; nothing may be lost between the two",
        )
    return COST_REPORT.frame(report.sort("cost", *GROUP, descending=[True, *[False] * len(GROUP)]))


def totals(report: pl.DataFrame, by: str) -> dict[str, int]:
    """Return micro-USD by team, country, application or model, dearest first."""
    sums = report.group_by(by).agg(pl.col("cost").sum()).sort("cost", by, descending=[True, False])
    return dict(sums.iter_rows())


def differences(book: BudgetBook, lake: Lake) -> list[str]:
    """Return where charges and candidates disagree, in sentences; empty = all money is accounted for.

    A candidate's cost is the charge of the render that its row tells of. A charge without a candidate is a
    render that a killed run stored and did not write down: its picture is there, and the next run of the
    country finds it.
    """
    days, charged = book.sums()
    found = [] if days == charged else [f"teams' days say {days} micro-USD were spent, the charges {charged}"]
    charges, _ = book.metering()
    countries = {charge.country for charge in charges} | set(lake.partitions("generated_candidates"))
    # Candidates first: what is charged while they are read has its picture by then.
    rows = {country: lake.read_parts(GENERATED_CANDIDATES.name, country) for country in countries}
    charges, _ = book.metering()
    for country in sorted(countries):
        paid = {(c.candidate_id, c.rendered_at): c.cost for c in charges if c.country == country}
        found += _of_country(country, paid, rows[country], lake)
    return found


def _of_country(
    country: str, paid: Mapping[tuple[str, datetime], int], rows: pl.DataFrame, lake: Lake
) -> list[str]:
    other = [
        f"{country}: candidate {key} cost {cost} micro-USD and {paid.get((key, at), 0)} were charged"
        for key, at, cost in rows.select("candidate_id", "rendered_at", "cost").iter_rows()
        if cost != paid.get((key, at), 0)
    ]
    unknown = {key for key, _ in paid} - set(rows["candidate_id"])
    # What was rendered by hand is in people's own folders.
    lost = [] if country == TRIAL else sorted(unknown - lake.stored_images(unknown))
    other += [f"{country}: {key} was charged and does not exist" for key in lost]
    more = len(other) - _DIFFERENCES
    return other[:_DIFFERENCES] + ([f"{country}: {more} more"] if more > 0 else [])


def _candidates(lake: Lake, table: str, countries: Iterable[str], which: pl.Expr) -> set[str]:
    """Return candidate ids of a table's rows; a country that was never materialized has none."""
    return {
        key
        for country in countries
        if lake.has_table(table, country)
        for key in lake.read_table(table, country).filter(which)["candidate_id"]
    }


def _each(count: str) -> pl.Expr:
    """Micro-USD per image, rounded up in whole numbers."""
    images = pl.col(count).cast(pl.Int64)
    return pl.when(images > 0).then((pl.col("cost") + images - 1) // images)
