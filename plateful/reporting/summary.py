"""The summary of a run: counts by country whose equations are asserted, never assumed.

    rows_in        = rows_rejected + products
    without_images = published + pending_review + rejected + quarantined      (products)

A product with a live image is published, also while a newer image of it waits; see `outcomes`. `deferred` are
those of pending_review that wait for money, not for a person. Candidates are counted apart. Seconds are given
per stage.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from operator import add
from typing import Any

import polars as pl

from plateful.errors import ContractError
from plateful.prompts.groups import leads
from plateful.review.policy import DEFERRED

TOTAL = "total"
OUTCOMES = ("published", "pending_review", "rejected", "quarantined")


@dataclass(frozen=True)
class CountrySummary:
    """Counts of one country, or of all: rows and products first, then candidates, then seconds by stage."""

    country: str
    rows_in: int = 0
    rows_rejected: int = 0
    products: int = 0
    without_images: int = 0
    published: int = 0
    pending_review: int = 0
    rejected: int = 0
    quarantined: int = 0
    deferred: int = 0
    candidates: int = 0
    rendered_now: int = 0
    accepted: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "CountrySummary") -> "CountrySummary":
        """Add counts and seconds stage by stage; the sum is named `total`."""
        mine, theirs = asdict(self), asdict(other)
        sums = {name: mine[name] + theirs[name] for name in mine if name not in ("country", "seconds")}
        stages = dict.fromkeys([*self.seconds, *other.seconds])
        seconds = {s: round(self.seconds.get(s, 0.0) + other.seconds.get(s, 0.0), 3) for s in stages}
        return CountrySummary(TOTAL, **sums, seconds=seconds)

    def counts(self) -> dict[str, Any]:
        """Return the JSON form: every field but the country's code."""
        return {name: value for name, value in asdict(self).items() if name != "country"}


def summarise_country(
    country: str,
    rows_in: int,
    rejects: pl.DataFrame,
    products: pl.DataFrame,
    without: pl.DataFrame,
    decisions: pl.DataFrame,
    candidates: pl.DataFrame,
    accepted: pl.DataFrame,
    *,
    prompts: pl.DataFrame,
    published: pl.DataFrame,
    refused: pl.DataFrame,
    rendered_now: int,
    seconds: Mapping[str, float],
) -> CountrySummary:
    """Count one country from its tables (plateful.tables) and assert the equations.

    Args:
        country: ISO 3166-1 alpha-2.
        rows_in: feed rows of the country, rejects included.
        rejects: REJECTS of the country.
        products: PRODUCTS.
        without: PRODUCTS_WITHOUT_IMAGES.
        decisions: REVIEW_DECISIONS, one row per request.
        candidates: GENERATED_CANDIDATES, quarantined ones included.
        accepted: ACCEPTED_CANDIDATES.
        prompts: PROMPTS.
        published: PUBLISHED_IMAGES, retired ones included.
        refused: REFUSED_IMAGES.
        rendered_now: candidates that this run rendered.
        seconds: wall-clock seconds by stage.

    Raises:
        ContractError: an equation does not hold, or a subject has two decisions.
    """
    repeated = decisions.filter(pl.col("subject").is_duplicated())["subject"].unique().sort().to_list()
    if repeated:
        raise ContractError(
            f"{country}: subjects {repeated[:5]} have more than one review decision",
            fix="give one request per subject in prompts",
        )
    ends = outcomes(decisions, published, refused, prompts)
    counts = Counter(ends.values())
    unpaid = decisions.filter(pl.col("reasons").list.contains(DEFERRED))["subject"]
    summary = CountrySummary(
        country,
        rows_in=rows_in,
        rows_rejected=rejects.height,
        products=products.height,
        without_images=without.height,
        candidates=candidates.height,
        rendered_now=rendered_now,
        accepted=int(accepted["accepted"].sum()),
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        deferred=sum(ends[subject] == "pending_review" for subject in unpaid),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
    )
    assert_equations(summary)
    return summary


def outcomes(
    decisions: pl.DataFrame, published: pl.DataFrame, refused: pl.DataFrame, prompts: pl.DataFrame
) -> dict[str, str]:
    """Return subject -> one of OUTCOMES; `approved` only where publication has not run since.

    A live image makes its product published, whatever a newer candidate of it waits for. An approval that
    publication refused leaves a product without one rejected. A group stands for the product that leads it.

    Args:
        decisions: REVIEW_DECISIONS.
        published: PUBLISHED_IMAGES.
        refused: REFUSED_IMAGES.
        prompts: PROMPTS, which says who leads a group.
    """
    lead = leads(prompts)
    live = set(published.filter(pl.col("status") == "live")["product_id"])
    not_shown = set(refused["product_id"])

    def outcome(subject: str, status: str) -> str:
        product = lead.get(subject, subject)
        if product in live:
            return "published"
        return "rejected" if status == "approved" and product in not_shown else status

    rows = decisions.select("subject", "status").iter_rows()
    return {subject: outcome(subject, status) for subject, status in rows}


def total(summaries: Sequence[CountrySummary]) -> CountrySummary:
    """Add up countries; seconds add up by stage, also where stages ran side by side."""
    return reduce(add, summaries, CountrySummary(TOTAL))


def assert_equations(summary: CountrySummary) -> None:
    """Check the two equations.

    Raises:
        ContractError: naming the country and both sides.
    """
    s = summary
    ends = s.published + s.pending_review + s.rejected + s.quarantined
    if s.rows_in != s.rows_rejected + s.products:
        raise ContractError(
            f"{s.country}: rows_in {s.rows_in} != rows_rejected {s.rows_rejected} + products {s.products}",
            fix="every feed row must end as a product or as a reject with a reason; look at both tables",
        )
    if s.without_images != ends:
        raise ContractError(
            f"{s.country}: without_images {s.without_images} != published {s.published} + pending_review "
            f"{s.pending_review} + rejected {s.rejected} + quarantined {s.quarantined} = {ends}",
            fix="every product without an image needs one decision, every approved one a live image or a "
            "refusal; materialize review_decisions and published_images again",
        )


def summary_json(
    summaries: Sequence[CountrySummary],
    *,
    model: str,
    model_version: str,
    feed_rows_in: int,
    rows_without_country: int,
    whole_feed: bool = False,
) -> dict[str, Any]:
    """Return the structure of `summary.json`; every equation is asserted, the total's too.

    Args:
        summaries: one per country, any order.
        model: catalog id.
        model_version: digest of weights and serving profile.
        feed_rows_in: rows of the feed, all countries.
        rows_without_country: feed-level rejects: rows that no country owns.
        whole_feed: all countries of the feed are here, so their rows must add up to the feed's.

    Raises:
        ContractError: an equation does not hold.
    """
    everything = total(summaries)
    for summary in (*summaries, everything):
        assert_equations(summary)
    if whole_feed and feed_rows_in != everything.rows_in + rows_without_country:
        raise ContractError(
            f"feed: rows_in {feed_rows_in} != countries' rows_in {everything.rows_in} + rows_without_country "
            f"{rows_without_country}",
            fix="every feed row must belong to one country or be a feed-level reject",
        )
    return {
        "model": model,
        "model_version": model_version,
        "feed": {"rows_in": feed_rows_in, "rows_without_country": rows_without_country},
        "countries": {s.country: s.counts() for s in sorted(summaries, key=lambda s: s.country)},
        TOTAL: everything.counts(),
    }
