"""Figures in a file, for node-exporter's textfile collector and for `plateful metrics show`.

All processes of a machine add to one file, so its counters only rise, however short a process lives.
"""

from pathlib import Path

from upath import UPath

from plateful.metrics import exposition
from plateful.metrics.declared import METRICS
from plateful.metrics.meter import Meter
from plateful.stores import objects
from plateful.stores.locks import exclusive

FILE = "plateful.prom"
# A write takes some ms.
LOCK_TIMEOUT = 5.0
_GAUGES = frozenset(metric.name for metric in METRICS if metric.kind == "gauge")


class Textfile:
    """Adds a meter's figures to `plateful.prom` in a folder.

    Args:
        folder: is made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._sent: dict[exposition.Key, float] = {}

    def __str__(self) -> str:
        return str(self.path)

    def send(self, meter: Meter) -> None:
        """Add what the meter counted since the last call; gauges take its values.

        Raises:
            StoreError: locked for too long, disk full, or the file is none of ours.
        """
        samples = meter.samples()
        with exclusive(self.path.with_suffix(".lock"), timeout=LOCK_TIMEOUT):
            there = self.read()
            for key, value in samples.items():
                gauge = key[0] in _GAUGES
                there[key] = value if gauge else there.get(key, 0.0) + value - self._sent.get(key, 0.0)
            objects.replace(UPath(self.path), exposition.write(there).encode())
        # Only what is in the file counts as sent: what failed is added the next time.
        self._sent = samples

    def read(self) -> dict[exposition.Key, float]:
        """Return the file's samples; none when there is no file.

        Raises:
            StoreError: the file is none of ours.
        """
        if not self.path.is_file():
            return {}
        return exposition.read(self.path.read_text(encoding="utf-8"), str(self.path))
