"""prompts: from a menu record to a render request."""

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import counts, report, table_asset
from plateful.prompts.groups import companions
from plateful.prompts.writer import write_prompts
from plateful.translation import translate
from resources.desk import DeskResource
from resources.lease import LeaseResource
from resources.models import ModelResource
from resources.stores import LakeResource, LedgerResource


@table_asset("prompts", partitions=COUNTRY)
def translated_products(
    context: dg.AssetExecutionContext, lease: LeaseResource, products_without_images: pl.DataFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """The same products with English names beside the original ones: dish glossary, then transliteration.

    `coverage` says how much of a name the glossary knew; below the policy's bar a person decides on the
    picture.
    """
    with lease.hold(context):
        frame = translate(products_without_images)
    metadata = report(context, frame, translation=counts(frame["translation"], "resolved by"))
    return dg.MaterializeResult(value=frame, metadata=metadata)


@table_asset("prompts", partitions=COUNTRY)
def prompts(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    ledger: LedgerResource,
    models: ModelResource,
    desk: DeskResource,
    lease: LeaseResource,
    products: pl.DataFrame,
    translated_products: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """One row per render request: prompt, parameters, fidelity contract and rubric.

    The team's template says how a picture looks, the record what it must show, and the writer of the profile
    words it. `products` is read for what groups show beside their lead. A request whose prompt is refused
    keeps its row with the named reason and ends as quarantined.
    """
    country = context.partition_key
    with lease.hold(context):
        frame = write_prompts(
            translated_products,
            translate(companions(translated_products, products)),
            desk.open(country, lake.open(), ledger.open(), models.max_attempts),
        )
    extra = {
        "templates": counts(frame["template"], "template"),
        "writers": counts(frame["writer"], "writer"),
        "refused_because": counts(frame["refused"], "reason"),
        "groups": frame.filter(pl.col("product_ids").list.len() > 1).height,
    }
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))
