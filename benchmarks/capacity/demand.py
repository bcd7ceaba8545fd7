"""A day of render requests: which country asks for how many pictures, and when."""

import random
from dataclasses import dataclass

DAY = 86_400.0
NIGHTLY = 3 * 3600.0


@dataclass(frozen=True)
class RunRequest:
    """A run of one country: when it is asked for, in seconds of the day, and its pictures."""

    at: float
    country: int
    images: int


def one_day(
    images: int, *, countries: int, nightly_share: float, batches: int, exponent: float, seed: int = 0
) -> list[RunRequest]:
    """Return a day's requests: a nightly run of every country at 03:00, and batches of new menus all day.

    Countries' sizes follow Zipf's law; every picture is in exactly one request.
    """
    draw = random.Random(seed)  # noqa: S311 - a simulation
    weights = [1 / (rank + 1) ** exponent for rank in range(countries)]
    requests = []
    for country, count in enumerate(_shares(images, weights)):
        nightly = round(count * nightly_share)
        requests.append(RunRequest(NIGHTLY, country, nightly))
        for part in _shares(count - nightly, [1.0] * batches):
            requests.append(RunRequest(draw.uniform(0, DAY), country, part))
    return sorted((r for r in requests if r.images), key=lambda r: r.at)


def _shares(total: int, weights: list[float]) -> list[int]:
    """Split a whole number by weights, without losing one to rounding."""
    whole, done, parts = sum(weights), 0.0, []
    for weight in weights:
        before = round(total * done / whole)
        done += weight
        parts.append(round(total * done / whole) - before)
    return parts
