"""GPU memory of this process, asked of torch where something else has loaded it."""

import sys

from plateful.metrics.declared import GPU_ALLOCATED, GPU_PEAK, GPU_TOTAL, Metric


def gpu_memory() -> dict[Metric, float]:
    """Return bytes allocated, at peak and in all of the current GPU; nothing where no GPU is in use.

    Never loads torch, and never starts CUDA, for the sake of a figure.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    return {
        GPU_ALLOCATED: float(torch.cuda.memory_allocated()),
        GPU_PEAK: float(torch.cuda.max_memory_allocated()),
        GPU_TOTAL: float(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory),
    }
