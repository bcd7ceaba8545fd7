"""Contracts between tables: what each table promises the next stage, run by Great Expectations.

A contract speaks of tables, never of the outcome of one item: a rejected picture breaks no contract, a
missing row does. Great Expectations passes empty frames, so every contract asserts a row count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl

from plateful.products.selection import NEEDS_IMAGE
from plateful.prompts.groups import leads
from plateful.tables import TABLES

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Expectation:
    """One Great Expectations rule: its class name and arguments."""

    rule: str
    arguments: dict[str, Any] = field(default_factory=dict)
    # (column, value): the rule looks at these rows only.
    where: tuple[str, str] | None = None
    # The rule's column is made for it, by this expression.
    made: pl.Expr | None = None


@dataclass(frozen=True)
class ContractResult:
    """Outcome of one table's contract."""

    passed: bool
    expectations: int
    failures: tuple[str, ...]


def _row_count(value: int) -> Expectation:
    return Expectation("ExpectTableRowCountToEqual", {"value": value})


def _unique(column: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeUnique", {"column": column})


def _present(*columns: str) -> list[Expectation]:
    return [Expectation("ExpectColumnValuesToNotBeNull", {"column": column}) for column in columns]


def _within(column: str, values: list[Any]) -> Expectation:
    return Expectation("ExpectColumnValuesToBeInSet", {"column": column, "value_set": values})


def _unit(*columns: str) -> list[Expectation]:
    return [
        Expectation("ExpectColumnValuesToBeBetween", {"column": column, "min_value": 0.0, "max_value": 1.0})
        for column in columns
    ]


def _known(column: str, keys: pl.Series, where: tuple[str, str] | None = None) -> Expectation:
    """No value that upstream lacks.

    Great Expectations copies a value set some sixty times a table (3 s of 14 with 3,000 candidates), so it is
    asked about a column of true and false instead.
    """
    arguments = {"column": f"{column} is known", "value_set": [True]}
    return Expectation("ExpectColumnValuesToBeInSet", arguments, where, _is_in(column, keys))


def _complete(column: str, keys: pl.Series, where: tuple[str, str]) -> Expectation:
    """Every key, in these rows."""
    count = keys.n_unique()
    arguments = {"column": f"{column} that must be", "min_value": count, "max_value": count}
    required = pl.when((pl.col(where[0]) == where[1]) & _is_in(column, keys)).then(column)
    return Expectation("ExpectColumnUniqueValueCountToBeBetween", arguments, made=required)


def _is_in(column: str, keys: pl.Series) -> pl.Expr:
    return pl.col(column).is_in(keys.unique().implode())


def _distinct(column: str, count: int) -> Expectation:
    arguments = {"column": column, "min_value": count, "max_value": count}
    return Expectation("ExpectColumnUniqueValueCountToBeBetween", arguments)


def _same_keys(column: str, upstream: pl.Series) -> list[Expectation]:
    """Exactly the upstream keys, each once."""
    return [_row_count(upstream.n_unique()), _unique(column), _known(column, upstream)]


IMAGE_STATUSES = ["ok", "missing", "dead", "placeholder", "poor", "unchecked"]


def _products(up: Frames) -> list[Expectation]:
    return [
        _row_count(int(up["feed_counts"]["rows_in"][0]) - up["rejects"].height),
        _unique("product_id"),
        *_present("product_id", "vendor_id", "name", "record_hash", "image_status"),
        _within("image_status", IMAGE_STATUSES),
        _within("country", up["feed_counts"]["country"].to_list()),
    ]


def _without_images(up: Frames) -> list[Expectation]:
    needing = up["products"].filter(pl.col("image_status").is_in(NEEDS_IMAGE))
    return [*_same_keys("product_id", needing["product_id"]), _within("route", ["text_to_image", "inpaint"])]


def _translated(up: Frames) -> list[Expectation]:
    return [
        *_same_keys("product_id", up["products_without_images"]["product_id"]),
        *_present("name", "name_en", "translation"),
        *_unit("coverage"),
    ]


def _prompts(up: Frames) -> list[Expectation]:
    """One request per product that needs an image: its own, or that of the group it leads."""
    lead = pl.col("product_ids").list.first()
    worded = Expectation(
        "ExpectColumnValuesToNotBeNull", {"column": "prompt or reason"}, made=pl.coalesce("prompt", "refused")
    )
    return [
        _row_count(up["translated_products"]["product_id"].n_unique()),
        Expectation("ExpectColumnValuesToBeUnique", {"column": "lead"}, made=lead),
        Expectation(
            "ExpectColumnValuesToBeInSet",
            {"column": "lead is known", "value_set": [True]},
            made=lead.is_in(up["translated_products"]["product_id"].unique().implode()),
        ),
        _unique("subject"),
        _unique("request_id"),
        worded,
        *_present("template", "team", "writer", "contract", "rubric", "record_hash"),
        Expectation(
            "ExpectColumnValueLengthsToBeBetween", {"column": "prompt", "min_value": 1, "max_value": 2000}
        ),
    ]


def _masks(up: Frames) -> list[Expectation]:
    photos = up["products_without_images"].filter(pl.col("route") == "inpaint")
    return [
        *_same_keys("product_id", photos["product_id"]),
        *_unit("area"),
        *_present("status", "photo_sha256"),
    ]


def _candidates(up: Frames) -> list[Expectation]:
    """Every request with a prompt has candidates, or waits for money."""
    requests = up["prompts"].filter(pl.col("prompt").is_not_null())["request_id"]
    rendered = up["generated_candidates"]["request_id"]
    waiting = set(up["deferred_requests"]["request_id"]).intersection(requests) - set(rendered)
    made = requests.n_unique() - len(waiting)
    return [
        _unique("candidate_id"),
        _known("request_id", requests),
        _distinct("request_id", made),
        Expectation("ExpectTableRowCountToBeBetween", {"min_value": made}),
        _within("status", ["ok", "quarantined"]),
        *_present("candidate_id", "seed", "model_version", "parameters", "team"),
        Expectation("ExpectColumnValuesToBeBetween", {"column": "cost", "min_value": 0}),
        *_present("cost"),
    ]


def _rendered(up: Frames) -> pl.Series:
    return up["generated_candidates"].filter(pl.col("status") == "ok")["candidate_id"]


def _safety(up: Frames) -> list[Expectation]:
    scores = ("text", "people", "creatures")
    return [*_same_keys("candidate_id", _rendered(up)), *_present(*scores, "passed"), *_unit(*scores)]


def _quality(up: Frames) -> list[Expectation]:
    scores = ("position", "margins", "sharpness", "exposure", "contrast", "saturation", "quality")
    return [*_same_keys("candidate_id", _rendered(up)), *_present(*scores, "passed"), *_unit(*scores)]


def _judge(up: Frames) -> list[Expectation]:
    return [*_same_keys("candidate_id", _rendered(up)), *_present("fidelity", "passed"), *_unit("fidelity")]


def _accepted(up: Frames) -> list[Expectation]:
    return [
        *_same_keys("candidate_id", up["generated_candidates"]["candidate_id"]),
        *_present("accepted", "request_id"),
        _known("request_id", up["generated_candidates"]["request_id"]),
    ]


def _decisions(up: Frames) -> list[Expectation]:
    return [
        *_same_keys("request_id", up["prompts"]["request_id"]),
        _within("status", ["approved", "pending_review", "rejected", "quarantined"]),
        *_present("status", "decided_by"),
    ]


def _published(up: Frames) -> list[Expectation]:
    """An approved image that was not refused is live; so may be an older one while its successor waits."""
    refused = _is_in("product_id", up["refused_images"]["product_id"])
    shown = pl.col("subject").replace(leads(up["prompts"])).alias("product_id")
    approved = up["review_decisions"].filter(pl.col("status") == "approved").select(shown)
    due = approved.filter(~refused)["product_id"]
    without_photo = up["products"].filter(pl.col("image_status") != "ok")["product_id"]
    live = ("status", "live")
    live_images = [
        Expectation("ExpectColumnValuesToBeUnique", {"column": "product_id"}, live),
        _known("product_id", without_photo, live),
        _complete("product_id", due, live),
    ]
    return [
        Expectation("ExpectTableRowCountToBeBetween", {"min_value": due.len()}),
        _unique("image_id"),
        *_present("product_id", "url", "object_sha256", "model_version"),
        _within("status", ["live", "retired"]),
        *live_images,
    ]


def _eval_images(up: Frames) -> list[Expectation]:
    return [
        *_same_keys("item_id", up["eval_items"]["item_id"]),
        *_present("prompt", "candidate_id", "status"),
    ]


def _eval_scores(up: Frames) -> list[Expectation]:
    return [
        *_same_keys("item_id", up["eval_images"]["item_id"]),
        *_unit("fidelity", "quality"),
        *_present("safe"),
    ]


def _leaderboard(up: Frames) -> list[Expectation]:
    return [
        Expectation("ExpectTableRowCountToBeBetween", {"min_value": up["evaluated_versions"].height}),
        _unique("model_version"),
        *_present("mlflow_run_id", "url", "items"),
        *_unit("archetype_accuracy", "background_accuracy", "fidelity", "quality", "safe_share"),
    ]


def _cost_report(up: Frames) -> list[Expectation]:
    """Every charge of the ledger is in one row."""
    charged, renders = up["ledger"].select("cost", "renders").row(0)
    if not renders:
        return [_row_count(0)]
    return [
        *_present(*TABLES["cost_report"].key, "cost", "renders"),
        _sum("cost", charged),
        _sum("renders", renders),
    ]


def _sum(column: str, total: int) -> Expectation:
    arguments = {"column": column, "min_value": total, "max_value": total}
    return Expectation("ExpectColumnSumToBeBetween", arguments)


CONTRACTS: dict[str, Callable[[Frames], list[Expectation]]] = {
    "products": _products,
    "products_without_images": _without_images,
    "translated_products": _translated,
    "prompts": _prompts,
    "inpainting_masks": _masks,
    "generated_candidates": _candidates,
    "safety_scores": _safety,
    "quality_scores": _quality,
    "judge_verdicts": _judge,
    "accepted_candidates": _accepted,
    "review_decisions": _decisions,
    "published_images": _published,
    "eval_images": _eval_images,
    "eval_scores": _eval_scores,
    "model_leaderboard": _leaderboard,
    "cost_report": _cost_report,
}


def validate(name: str, frame: pl.DataFrame, upstream: Frames) -> ContractResult:
    """Run a table's contract against the tables that it was made from.

    Args:
        name: table name, a key of `CONTRACTS`.
        frame: the table.
        upstream: the tables that the contract compares with, by name.
    """
    rules = CONTRACTS[name]({**upstream, name: frame})
    made = {
        rule.arguments["column"]: rule.made
        for rule in rules
        if rule.made is not None and set(rule.made.meta.root_names()) <= set(frame.columns)
    }
    columns = [*TABLES[name].columns, *made]
    rules.append(Expectation("ExpectTableColumnsToMatchOrderedList", {"column_list": columns}))
    whole = frame.with_columns(**made).to_pandas()
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": whole})
    outcome = batch.validate(_suite(rules))
    failures = tuple(_describe(result) for result in outcome.results if not result.success)
    return ContractResult(passed=bool(outcome.success), expectations=len(rules), failures=failures)


@lru_cache(maxsize=1)
def _batch_definition() -> Any:  # noqa: ANN401 - Great Expectations' own type, imported late
    # Importing Great Expectations takes 5 s, so only a process that validates pays it.
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frames = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
    return frames.add_batch_definition_whole_dataframe("whole")


def _suite(expectations: list[Expectation]) -> Any:  # noqa: ANN401 - as above
    import great_expectations as gx
    import great_expectations.expectations as rules
    from great_expectations.expectations.row_conditions import Column

    def built(expectation: Expectation) -> Any:  # noqa: ANN401 - as above
        rows = {}
        if expectation.where is not None:
            column, value = expectation.where
            rows["row_condition"] = Column(column) == value
        return getattr(rules, expectation.rule)(**expectation.arguments, **rows)

    return gx.ExpectationSuite(name="contract", expectations=[built(e) for e in expectations])


def _describe(result: Any) -> str:  # noqa: ANN401 - as above
    config = result.expectation_config
    arguments = {k: v for k, v in config.kwargs.items() if k not in ("batch_id", "value_set")}
    seen = {
        k: v for k, v in result.result.items() if k in ("observed_value", "unexpected_count", "element_count")
    }
    return f"{config.type} {arguments}: {seen or result.exception_info}"[:400]
