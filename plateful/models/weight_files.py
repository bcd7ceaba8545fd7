"""Which files may come from a bucket as weights: safetensors, JSON and plain text, by name and by content."""

import json
import re
import struct
from pathlib import Path

from plateful.errors import ModelError

KINDS = (".safetensors", ".json", ".txt")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
# The format's own limit of a header.
_MAX_HEADER = 100_000_000


def check_name(path: str) -> None:
    """Return when a recorded path may be a file below a model folder.

    Raises:
        ModelError: it steps out of the folder, or is of another kind.
    """
    if not _NAME.fullmatch(path):
        raise ModelError(f"weight file {path!r} is not a plain path", fix="name files plainly, without ..")
    if not path.lower().endswith(KINDS):
        raise ModelError(
            f"weight file {path!r} is of a refused format", fix=f"convert it to one of {', '.join(KINDS)}"
        )


def check_file(path: str, file: Path) -> None:
    """Return when a file is what its name says.

    Raises:
        ModelError: its name or content is of another kind, e.g. a pickle called .safetensors, or it is cut
            off.
    """
    check_name(path)
    problem = _problem(file)
    if problem:
        raise ModelError(
            f"weight file {path!r} {problem}", fix="convert the weights to safetensors and publish them again"
        )


def _problem(file: Path) -> str | None:
    if file.suffix.lower() == ".safetensors":
        return _safetensors_problem(file)
    try:
        text = file.read_bytes().decode("utf-8")
        if file.suffix.lower() == ".json":
            json.loads(text)
    except ValueError:
        return f"is not {'JSON' if file.suffix.lower() == '.json' else 'text'}"
    return "is not text" if "\0" in text else None


def _safetensors_problem(file: Path) -> str | None:
    """Read the header: a length, JSON of that length, and tensors that end where the file does."""
    size = file.stat().st_size
    with file.open("rb") as content:
        first = content.read(8)
        length = struct.unpack("<Q", first)[0] if len(first) == 8 else size
        if length > min(_MAX_HEADER, size - 8):
            return "is not safetensors"
        try:
            header = json.loads(content.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, AttributeError, LookupError, TypeError):
            return "is not safetensors"
    expected = 8 + length + max(ends, default=0)
    return None if size == expected else f"has {size} bytes, its header says {expected}"
