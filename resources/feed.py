"""The product feed as a resource."""

import dagster as dg
from pydantic import Field

from plateful.environments import open_feed
from plateful.products.feed import ProductFeed
from plateful.products.fetching import Fetch
from plateful.products.photo_buckets import PhotoBuckets
from plateful.products.urls import UrlProblem, fetch
from resources.stores import S3Config


class FeedResource(dg.ConfigurableResource):
    """A feed file, folder or warehouse table, and whether and where its photos may be fetched."""

    path: str
    network: bool = False
    # S3 buckets that addresses may name.
    photo_buckets: list[str] = Field(default_factory=list)
    s3: S3Config = S3Config()

    def open(self) -> ProductFeed:
        """Return the feed."""
        return open_feed(self.path)

    def ask(self) -> Fetch | None:
        """Return what fetches a photo by its address, None where nothing may be fetched."""
        if not self.network:
            return None
        buckets = PhotoBuckets(frozenset(self.photo_buckets), self.s3.options())

        def ask(address: str) -> bytes | UrlProblem:
            return buckets.fetch(address) if address[:5].lower() == "s3://" else fetch(address)

        return ask
