"""Laps of a torch device: a GPU's are events in its queue, so timing a batch never makes it wait."""

from functools import partial

import torch

from plateful.metrics.clock import Laps


def laps_on(place: torch.device) -> Laps:
    """Return laps that begin now; on a GPU they can be read when the batch's pixels are on the CPU."""
    return Laps(partial(_event, place), _seconds) if place.type == "cuda" else Laps()


def _event(place: torch.device) -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    torch.cuda.current_stream(place).record_event(event)
    return event


def _seconds(start: torch.cuda.Event, end: torch.cuda.Event) -> float:
    # The last event is set a moment after the copy that everything waited for.
    end.synchronize()
    return start.elapsed_time(end) / 1_000
