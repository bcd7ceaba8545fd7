"""What to publish and what to retire, from the tables alone: pure, so every rule can be read and tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from plateful.acceptance import GateScores, by_key
from plateful.identity import image_id
from plateful.prompts.groups import record_of

Row = Mapping[str, Any]
# Why a product with such a photo gets no new image. `unchecked` counts as having one (design section 3) but
# proves nothing, so only `ok` takes a live image off.
HAS_PHOTO = {"ok": "real_photo", "unchecked": "photo_unchecked"}


@dataclass(frozen=True)
class Wanted:
    """One product's image that should be live."""

    image_id: str
    product_id: str
    record_hash: str
    candidate: Row


@dataclass(frozen=True)
class Refusal:
    """An approved image that one product does not show; a row of REFUSED_IMAGES."""

    product_id: str
    candidate_id: str | None
    reasons: list[str]
    detail: str | None = None


@dataclass(frozen=True)
class Tables:
    """What publication decides on, indexed."""

    country: str
    products: Mapping[str, Row]
    prompts: Mapping[str, Row]
    candidates: Mapping[str, Row]
    accepted: Mapping[str, Row]
    scores: GateScores
    rejected_by_person: frozenset[str]
    # Product -> the products that its picture shows, itself first, where those are several.
    groups: Mapping[str, list[str]]

    def record(self, product_id: str) -> str | None:
        """Return the record that a product's picture must show, its whole group's; None when one left."""
        members = self.groups.get(product_id, [product_id])
        return record_of(members, {p: self.products[p]["record_hash"] for p in members if p in self.products})

    @classmethod
    def index(
        cls,
        country: str,
        *,
        products: pl.DataFrame,
        prompts: pl.DataFrame,
        candidates: pl.DataFrame,
        accepted: pl.DataFrame,
        scores: GateScores,
        rejected_by_person: frozenset[str],
    ) -> "Tables":
        """Index frames by their keys.

        Raises:
            ContractError: a key comes twice.
        """
        return cls(
            country=country,
            products=by_key(products, "product_id", "products"),
            prompts=by_key(prompts, "request_id", "prompts"),
            candidates=by_key(candidates, "candidate_id", "generated_candidates"),
            accepted=by_key(accepted, "candidate_id", "accepted_candidates"),
            scores=scores,
            rejected_by_person=rejected_by_person,
            groups={ids[0]: ids for ids in prompts["product_ids"].to_list() if len(ids) > 1},
        )


def wanted_images(decisions: pl.DataFrame, tables: Tables) -> tuple[list[Wanted], list[Refusal]]:
    """Return the images that approvals ask for, and what is refused of them.

    Every gate is looked up again here: an approval alone publishes nothing.
    """
    wanted: dict[str, Wanted] = {}
    refused: list[Refusal] = []
    for decision in decisions.filter(pl.col("status") == "approved").iter_rows(named=True):
        key, prompt = decision["candidate_id"], tables.prompts.get(decision["request_id"])
        failures = _refusal(decision, tables)
        # A group's picture is its lead's alone: the products beside it have pictures of their own.
        product_id = prompt["product_ids"][0] if prompt else decision["subject"]
        reasons = failures or _product_refusal(product_id, decision, tables)
        if not reasons and product_id in wanted:
            reasons = ["product_has_another_image"]
        if reasons:
            refused.append(Refusal(product_id, key, reasons))
            continue
        wanted[product_id] = Wanted(
            image_id(tables.country, product_id, key),
            product_id,
            decision["record_hash"],
            tables.candidates[key],
        )
    return list(wanted.values()), refused


def retirement(row: Row, tables: Tables, live: Mapping[str, str]) -> str | None:
    """Return why a live row must be retired, None when it may stay.

    An image stays live while a newer candidate waits for review, and when its candidate is no longer in the
    tables at all; it goes on evidence only.

    Args:
        row: a live PUBLISHED_IMAGES row.
        tables: the country as it is now.
        live: product id -> image id that is to be live.
    """
    product = tables.products.get(row["product_id"])
    if product is None:
        return "left_feed"
    if product["image_status"] == "ok":
        return HAS_PHOTO["ok"]
    if row["candidate_id"] in tables.rejected_by_person:
        return "rejected_by_person"
    if live.get(row["product_id"]) == row["image_id"]:
        return None
    if tables.record(row["product_id"]) != row["record_hash"]:
        return "record_changed"
    candidate = tables.candidates.get(row["candidate_id"])
    if candidate is not None and tables.scores.scored(row["candidate_id"]):
        failures = tables.scores.failures(candidate)
        if failures:
            return failures[0]
    return "replaced" if row["product_id"] in live else None


def _refusal(decision: Row, tables: Tables) -> list[str]:
    key = decision["candidate_id"]
    prompt = tables.prompts.get(decision["request_id"])
    candidate, acceptance = tables.candidates.get(key), tables.accepted.get(key)
    if prompt is None:
        return ["unknown_request"]
    if candidate is None:
        return ["unknown_candidate"]
    if acceptance is None:
        return ["missing_acceptance"]
    if acceptance["request_id"] != decision["request_id"]:
        return ["candidate_of_another_request"]
    if key in tables.rejected_by_person:
        return ["rejected_by_person"]
    if prompt["record_hash"] != decision["record_hash"]:
        return ["record_changed"]
    return tables.scores.failures(candidate)


def _product_refusal(product_id: str, decision: Row, tables: Tables) -> list[str]:
    product = tables.products.get(product_id)
    if product is None:
        return ["left_feed"]
    if product["image_status"] in HAS_PHOTO:
        return [HAS_PHOTO[product["image_status"]]]
    if tables.record(product_id) != decision["record_hash"]:
        return ["record_changed"]
    return []
