"""Fault tests run a country on production's stores."""

from tests.servers.shop import shop, weight_cache

__all__ = ["shop", "weight_cache"]
