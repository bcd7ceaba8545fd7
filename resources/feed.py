"""The product feed as a resource."""

import dagster as dg

from plateful.products.feed import Feed


class FeedResource(dg.ConfigurableResource):
    """A feed file or folder, and whether its photo URLs may be fetched."""

    path: str
    network: bool = False

    def open(self) -> Feed:
        """Return the feed."""
        return Feed(self.path)
