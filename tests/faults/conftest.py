"""Fault tests run a country on production's stores."""

from tests.servers.shop import shop

__all__ = ["shop"]
