"""catalog: the feed's products, and those that need an image."""

from functools import partial

import dagster as dg
import polars as pl

from assets.partitions import COUNTRY
from assets.spec import counts, report, table_asset
from plateful import progress
from plateful.environments import utc_now
from plateful.products.photos import resolve_images
from plateful.products.selection import without_images
from resources.feed import FeedResource
from resources.lease import LeaseResource
from resources.models import ScoringResource
from resources.stores import LakeResource


@table_asset("catalog", partitions=COUNTRY)
def products(
    context: dg.AssetExecutionContext,
    feed: FeedResource,
    lake: LakeResource,
    scoring: ScoringResource,
    lease: LeaseResource,
) -> dg.MaterializeResult[pl.DataFrame]:
    """Products of one country's feed, cleaned, each with the status of its vendor photo.

    Bad rows go to the `rejects` table with a reason. Vendor photos are opened under caps, kept in the lake
    and put through the gates: below the bar they are `poor`. Read by `products_without_images` and by
    publishing, which retires images of products that changed or left.
    """
    store = lake.open()
    with lease.hold(context):
        source = feed.open()
        part = source.read(context.partition_key)
        frame = resolve_images(
            part.products,
            feed_root=source.root,
            assess=lambda array: scoring.scorer().photo(array),
            assessor_version=scoring.version(),
            lake=store,
            now=utc_now(),
            ask=feed.ask(),
            on_progress=partial(progress.report, f"photos {context.partition_key}"),
        )
        store.write_table("rejects", part.rejects, context.partition_key)
    extra = {
        "rows_in": part.rows_in,
        "rows_rejected": part.rejects.height,
        "reject_reasons": counts(part.rejects["reason"], "reason"),
        "image_status": counts(frame["image_status"], "status"),
        "photo_problems": counts(frame["image_reasons"], "problem"),
        "feed": source.path,
        "feed_content": source.content_hash(context.partition_key),
    }
    return dg.MaterializeResult(value=frame, metadata=report(context, frame, **extra))


@table_asset("catalog", partitions=COUNTRY)
def products_without_images(
    context: dg.AssetExecutionContext, lease: LeaseResource, products: pl.DataFrame
) -> dg.MaterializeResult[pl.DataFrame]:
    """Products that nobody can see: no photo, a dead link, a placeholder, or a photo below the bar.

    `route` says how each gets its picture: from text, or by repainting the food in the vendor's own poor
    photo where the vendor consented.
    """
    with lease.hold(context):
        frame = without_images(products)
    return dg.MaterializeResult(
        value=frame, metadata=report(context, frame, routes=counts(frame["route"], "route"))
    )
