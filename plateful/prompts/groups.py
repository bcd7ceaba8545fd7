"""Groups: a product that is shown in one scene with its related products.

A product whose application composes scenes leads a group: itself and the products that its record relates,
in that order. The picture belongs to the lead: it alone shows it when published, and its related products
have pictures of their own. A group's record is that of all its members, so a change of any of them makes a
new request and takes the old picture off.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from plateful.identity import content_hash
from plateful.tables import PRODUCTS_WITHOUT_IMAGES

# Four dishes fill a scene, and their words a prompt.
MAX_MEMBERS = 4


@dataclass(frozen=True)
class Group:
    """Product ids, the lead first; what its record relates and the feed lacks; what is over the limit."""

    members: tuple[str, ...]
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]


def group_of(lead: str, related: Sequence[str], known: Iterable[str]) -> Group:
    """Return the group that a product leads, each product once.

    Args:
        lead: product id.
        related: product ids that its record names, as written.
        known: product ids that the country's feed has.
    """
    there = set(known)
    named = [product for product in dict.fromkeys(related) if product not in (lead, "")]
    found = [lead, *(product for product in named if product in there)]
    unknown = tuple(product for product in named if product not in there)
    return Group(tuple(found[:MAX_MEMBERS]), unknown, tuple(found[MAX_MEMBERS:]))


def subject_of(members: Sequence[str]) -> str:
    """Return what a request shows: the product, or for several the id that this group always has."""
    return members[0] if len(members) == 1 else f"group-{content_hash(list(members))[:16]}"


def record_of(members: Sequence[str], records: Mapping[str, str]) -> str | None:
    """Return the record hash of one product, or of a group; None when a member is not there.

    Args:
        members: product ids, the lead first.
        records: product id -> record hash.
    """
    hashes = [records.get(product) for product in members]
    if None in hashes:
        return None
    return hashes[0] if len(hashes) == 1 else content_hash(hashes)


def leads(prompts: pl.DataFrame) -> dict[str, str]:
    """Return subject -> product whose picture it is; PROMPTS."""
    first = pl.col("product_ids").list.first()
    return dict(prompts.select("subject", first.fill_null(pl.col("subject"))).iter_rows())


def companions(translated: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """Return what records relate and is not itself among `translated`: it has a picture already.

    Args:
        translated: TRANSLATED_PRODUCTS.
        products: PRODUCTS.

    Returns:
        PRODUCTS_WITHOUT_IMAGES frame, for translation like the others.
    """
    related = pl.col("product_id").is_in(translated["related_products"].explode().unique().implode())
    here = pl.col("product_id").is_in(translated["product_id"].implode())
    beside = products.filter(related & ~here).with_columns(route=pl.lit("text_to_image"))
    return beside.select(list(PRODUCTS_WITHOUT_IMAGES.columns))
