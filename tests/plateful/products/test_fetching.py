"""Many addresses: each answered once, few at once, none begun beyond the budget."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.errors import StoreError
from plateful.products.fetching import FetchBudget, fetch_all
from plateful.products.urls import UrlProblem

SIZES = st.lists(st.integers(0, 50), max_size=20)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(sizes=SIZES, cap=st.integers(0, 200), at_once=st.integers(1, 5))
def test_every_address_is_answered_once_and_bytes_are_capped(
    sizes: list[int], cap: int, at_once: int
) -> None:
    bodies = {f"u{number}": b"x" * size for number, size in enumerate(sizes)}
    answers = list(fetch_all(bodies, bodies.__getitem__, FetchBudget(size=cap, at_once=at_once)))
    assert sorted(url for url, _ in answers) == sorted(bodies)
    fetched = {url: answer for url, answer in answers if isinstance(answer, bytes)}
    assert fetched.items() <= bodies.items()
    assert sum(map(len, fetched.values())) <= cap + at_once * 50
    spent = [answer for _, answer in answers if isinstance(answer, UrlProblem)]
    assert {problem.reason for problem in spent} <= {"budget_spent"}
    assert not spent or sum(map(len, fetched.values())) >= cap


def test_no_more_than_allowed_are_in_flight_or_held() -> None:
    gate, busy, most = threading.Lock(), 0, 0

    def fetch(_: str) -> bytes:
        nonlocal busy, most
        with gate:
            busy += 1
            most = max(most, busy)
        time.sleep(0.005)
        with gate:
            busy -= 1
        return b"x"

    assert len(list(fetch_all(map(str, range(20)), fetch, FetchBudget(at_once=3)))) == 20
    assert 1 < most <= 3


def test_time_that_is_up_begins_no_address() -> None:
    ticks = iter(range(0, 1_000, 4))
    answers = dict(
        fetch_all("abcdef", str.encode, FetchBudget(seconds=10, at_once=1), clock=lambda: next(ticks))
    )
    assert [answers[url] for url in "ab"] == [b"a", b"b"]
    assert {answers[url].reason for url in "cdef"} == {"budget_spent"}  # type: ignore[union-attr]


def test_an_address_that_breaks_the_fetcher_stops_no_other() -> None:
    def fetch(url: str) -> bytes:
        if url == "b":
            raise UnicodeError("label too long")
        return url.encode()

    answers = dict(fetch_all("abc", fetch, FetchBudget()))
    assert answers == {"a": b"a", "b": UrlProblem("fetch_failed", "UnicodeError: label too long"), "c": b"c"}


def test_what_concerns_all_is_raised() -> None:
    def fetch(_: str) -> bytes:
        raise StoreError("disk full", fix="free space")

    with pytest.raises(StoreError):
        list(fetch_all("abc", fetch, FetchBudget()))
