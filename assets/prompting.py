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
from resources.translation import TranslatorResource


@table_asset("prompts", partitions=COUNTRY)
def translated_products(
    context: dg.AssetExecutionContext,
    lease: LeaseResource,
    translator: TranslatorResource,
    products_without_images: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """The same products with English names beside the original ones: glossary, translator, transliteration.

    The translator of the profile in use gets what the glossary does not resolve, and nothing twice.
    `translation` says by which of them, `coverage` how much of a name was resolved; below the policy's bar a
    person decides on the picture.
    """
    with lease.hold(context):
        machine = translator.open(context.partition_key)
        frame = translate(products_without_images, machine)
        if machine is not None:
            machine.memory.compact()
    metadata = report(context, frame, translation=counts(frame["translation"], "resolved by"))
    if machine is not None:
        metadata |= machine.tally.figures()
    return dg.MaterializeResult(value=frame, metadata=metadata)


@table_asset("prompts", partitions=COUNTRY)
def prompts(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    ledger: LedgerResource,
    models: ModelResource,
    desk: DeskResource,
    translator: TranslatorResource,
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
            translate(companions(translated_products, products), translator.open(country)),
            desk.open(country, lake.open(), ledger.open(), models.max_attempts),
        )
    extra = {
        "templates": counts(frame["template"], "template"),
        "writers": counts(frame["writer"], "writer"),
        "refused_because": counts(frame["refused"], "reason"),
        "groups": frame.filter(pl.col("product_ids").list.len() > 1).height,
    }
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))
