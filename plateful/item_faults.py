"""Whose fault an error is: one item's, set aside with its reason, or everybody's, which stops the run."""

from plateful.errors import ImageError, PlatefulError, RenderError
from plateful.stores.objects import disk_is_full


def stops_all(error: Exception) -> bool:
    """Return whether the next item would fail alike: a store, a lease, a model, a setting, or a full disk.

    What a decoder, a detector or a device raises is one item's, and so is a picture that cannot be opened.
    """
    if isinstance(error, PlatefulError):
        return not isinstance(error, ImageError | RenderError)
    return disk_is_full(error)


def told(error: Exception) -> str:
    """Return an error as one short line: its class and the first line of its text."""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {text}"[:200].removesuffix(": ")
