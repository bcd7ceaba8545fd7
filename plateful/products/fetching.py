"""Fetch many addresses: a few at once, each answer handed over as it arrives, within a budget for all.

A feed may name thousands of slow or huge pictures; neither memory nor a country's lease may hang on them.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from plateful.item_faults import stops_all, told
from plateful.products.urls import UrlProblem

Fetch = Callable[[str], bytes | UrlProblem]


@dataclass(frozen=True)
class FetchBudget:
    """What one country's run may spend on addresses.

    Attributes:
        seconds: after which no address is begun; some 9,000 photos at half a second and eight at once.
        size: bytes after which none is begun; some 10,000 photos of a menu's usual 200 kB.
        at_once: addresses in flight, and so the bodies held in memory.
    """

    seconds: float = 600.0
    size: int = 2_000_000_000
    at_once: int = 8


def fetch_all(
    urls: Iterable[str], fetch: Fetch, budget: FetchBudget, clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[str, bytes | UrlProblem]]:
    """Yield every address once, with its body or problem, in order of arrival.

    Args:
        urls: addresses.
        fetch: fetches one; called from several threads.
        budget: addresses not begun when it is spent are answered by the problem `budget_spent`.
        clock: seconds that only rise.
    """
    queue, running = deque(urls), {}
    started, taken = clock(), 0
    with ThreadPoolExecutor(budget.at_once) as pool:
        while queue or running:
            left = clock() - started < budget.seconds and taken < budget.size
            while queue and left and len(running) < budget.at_once:
                url = queue.popleft()
                running[pool.submit(fetch, url)] = url
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                url, answer = running.pop(future), _answer(future)
                taken += 0 if isinstance(answer, UrlProblem) else len(answer)
                yield url, answer
    for url in queue:
        yield url, UrlProblem("budget_spent", f"over {budget.seconds:.0f} s or {budget.size:,} bytes in all")


def _answer(future: Future[bytes | UrlProblem]) -> bytes | UrlProblem:
    try:
        return future.result()
    except Exception as error:
        if stops_all(error):
            raise
        return UrlProblem("fetch_failed", told(error))
