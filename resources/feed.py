"""The product feed as a resource."""

import dagster as dg

from plateful.environments import open_feed
from plateful.products.feed import ProductFeed


class FeedResource(dg.ConfigurableResource):
    """A feed file, folder or warehouse table, and whether its photo URLs may be fetched."""

    path: str
    network: bool = False

    def open(self) -> ProductFeed:
        """Return the feed."""
        return open_feed(self.path)
