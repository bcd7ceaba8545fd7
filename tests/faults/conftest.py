"""Fault tests run a country on production's stores."""

from tests.servers.shop import shop, shop_weights

__all__ = ["shop", "shop_weights"]
