"""Peak memory of a block: the GPU's allocator where there is one, else the process's resident set."""

from pathlib import Path
from types import TracebackType

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Resets the peak resident set (proc(5), since Linux 4.0).
_RESET_PEAK = "5"


class PeakMemory:
    """Measures inside its block; `bytes` is set when it ends. On a CPU it counts the whole process."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self.bytes = 0

    def __enter__(self) -> "PeakMemory":
        if self._place.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._place)
        else:
            _CLEAR.write_text(_RESET_PEAK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._place.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._place)
        else:
            lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
            self.bytes = int(lines["VmHWM"].split()[0]) * 1024
