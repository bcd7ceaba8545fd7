"""What earlier looks at a feed's files found, for a feed is asked for every 30 s and seldom changes.

A process that lives, as the sensors' does, reads a feed of ten million rows once per state of its files and
not once per look. Only files that have come to rest are remembered: a file system may give two writes within
its clock's tick the same date, and a file that was just written may be written again at the same size.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

# Git's rule for its index with a margin: network file systems have dates of whole seconds.
REST_SECONDS = 2.0


@dataclass(frozen=True)
class Hashed:
    """The hash of a country's content, and what it was made of beside the feed's files.

    Attributes:
        content: the hash.
        pictures: path of a picture as the feed writes it -> its digest, None where there was no such file.
    """

    content: str
    pictures: Mapping[str, str | None]


@dataclass
class FeedMemory:
    """What is known of one state of a feed's files.

    Attributes:
        state: names, sizes and dates of the files.
        counts: rows by country code, None before they were counted.
        hashed: country code -> its content's hash.
    """

    state: str
    counts: dict[str, int] | None = None
    hashed: dict[str, Hashed] = field(default_factory=dict)


def memory_of(path: Path, state: str, changed: float) -> FeedMemory:
    """Return the memory of a feed in this state: the process's own, or a new one while its files are young.

    Args:
        path: the feed.
        state: its files' names, sizes and dates.
        changed: when the last of them was written, seconds since the epoch.
    """
    return _kept(path.resolve(), state) if changed < time.time() - REST_SECONDS else FeedMemory(state)


@lru_cache(maxsize=16)
def _kept(_path: Path, state: str) -> FeedMemory:
    return FeedMemory(state)
