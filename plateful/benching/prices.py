"""What a picture costs on devices that were not at hand: a price table, and a model of their time."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

PRICES = Path(__file__).parent / "prices.yaml"


class PriceRow(BaseModel):
    """One device: price in USD an hour, peaks in TFLOP/s; without peaks it is only ever measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    instance: str
    usd_per_hour: float = Field(gt=0)
    name: str
    float32: float | None = Field(default=None, gt=0)
    half: float | None = Field(default=None, gt=0)


class PriceTable(BaseModel):
    """Rows by device, where they come from, and the share of its peak that a device is taken to reach."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    date: str
    mfu: float = Field(gt=0, le=1)
    rows: dict[str, PriceRow]

    def costs(self, seconds: float, tflop: float, device: str, dtype: str) -> dict[str, dict[str, Any]]:
        """Return device -> {usd_per_image, seconds_per_image, measured} of one picture.

        Args:
            seconds: measured seconds per picture.
            tflop: work per picture.
            device: name of the measured device.
            dtype: torch's name of the precision.
        """
        costs = {}
        for key, row in self.rows.items():
            measured = row.name.casefold() in device.casefold()
            peak = row.float32 if dtype == "float32" else row.half
            taken = seconds if measured else peak and tflop / (peak * self.mfu)
            if taken:
                costs[key] = {
                    "usd_per_image": float(f"{taken * row.usd_per_hour / 3600:.3g}"),
                    "seconds_per_image": float(f"{taken:.3g}"),
                    "measured": measured,
                }
        return costs


def load_prices() -> PriceTable:
    """Read the price table."""
    return PriceTable.model_validate(yaml.safe_load(PRICES.read_text(encoding="utf-8")))
