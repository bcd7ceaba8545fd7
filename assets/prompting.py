"""prompts: from a menu record to a render request."""

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import counts, report, table_asset
from plateful.prompts.writer import write_prompts
from plateful.translation import translate
from resources.budgets import BudgetResource
from resources.lease import LeaseResource
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
    lease: LeaseResource,
    budgets: BudgetResource,
    translated_products: pl.DataFrame,
) -> dg.MaterializeResult[pl.DataFrame]:
    """One row per render request: prompt, parameters, fidelity contract, rubric, from a template."""
    with lease.hold(context):
        frame = write_prompts(translated_products, team=budgets.team)
    metadata = report(context, frame, templates=counts(frame["template"], "template"))
    return dg.MaterializeResult(value=frame, metadata=metadata)
