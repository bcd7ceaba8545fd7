"""The lake (tables, images, part logs) and the warehouse (what other systems read)."""

from plateful.stores.lake import Lake
from plateful.stores.warehouse import DuckDBWarehouse, Warehouse

__all__ = ["DuckDBWarehouse", "Lake", "Warehouse"]
