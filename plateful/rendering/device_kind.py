"""Device kinds: everything about a machine that changes a picture's last bits, as manifests record it.

`cpu, 2 threads` or a GPU's name; then `batch 4` where memory made the profile's batch smaller, and `eager`
where a compiled profile found no compiler.
"""

import re
from dataclasses import dataclass

import torch

_THREADS = re.compile(r"cpu, (\d+) threads")
_BATCH = re.compile(r", batch (\d+)")


@dataclass
class DeviceKind:
    """How a renderer runs now. `batch` is what it is padded to, `usual` what its profile says."""

    place: torch.device
    threads: int
    batch: int
    usual: int
    eager: bool = False

    def __str__(self) -> str:
        name = f"{self.place.type}, {self.threads} threads"
        if self.place.type == "cuda":
            name = torch.cuda.get_device_name(self.place)
        smaller = f", batch {self.batch}" if self.batch != self.usual else ""
        return name + smaller + (", eager" if self.eager else "")

    def like(self, recorded: str) -> "DeviceKind":
        """Return this device with a recorded kind's threads and batch; a GPU stays what it is."""
        threads, batch = _THREADS.match(recorded), _BATCH.search(recorded)
        imitated = int(threads[1]) if threads and self.place.type == "cpu" else self.threads
        return DeviceKind(
            self.place, imitated, int(batch[1]) if batch else self.usual, self.usual, self.eager
        )
