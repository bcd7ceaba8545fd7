"""Work in the background: in order, bounded, its errors raised in the caller."""

import threading

import pytest

from plateful.rendering.background import Background


def test_jobs_run_in_order_beside_the_caller() -> None:
    caller, seen = threading.get_ident(), []

    def job(number: int) -> int:
        seen.append((number, threading.get_ident()))
        return number

    with Background(ahead=2) as work:
        early = [result for number in range(6) for result in work.submit(lambda n=number: job(n))]
        assert [*early, *work.finish()] == list(range(6))
    assert [number for number, _ in seen] == list(range(6))
    assert caller not in {thread for _, thread in seen}


def test_no_more_than_so_many_jobs_are_ahead() -> None:
    gate, started = threading.Event(), []

    def wait(number: int) -> int:
        started.append(number)
        gate.wait(timeout=30)
        return number

    with Background(ahead=1) as work:
        assert work.submit(lambda: wait(0)) == []
        # The second is only taken once the first is done: its result comes back.
        threading.Timer(0.05, gate.set).start()
        assert work.submit(lambda: wait(1)) == [0]
        assert work.finish() == [1]


def test_without_room_ahead_the_caller_does_it() -> None:
    with Background(ahead=0) as work:
        assert work.submit(threading.get_ident) == [threading.get_ident()]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_reaches_the_caller_and_stops_what_is_behind_it(error: BaseException) -> None:
    done, gate = [], threading.Event()

    def fail() -> None:
        gate.wait(timeout=30)
        raise error

    with pytest.raises(type(error)), Background(ahead=3) as work:
        work.submit(fail)
        work.submit(lambda: done.append(1))
        gate.set()
        work.finish()
    assert done == []


def test_leaving_waits_for_the_job_that_runs() -> None:
    done, started = [], threading.Event()

    def job() -> None:
        started.set()
        done.append(threading.Event().wait(0.05))

    with pytest.raises(ValueError, match="elsewhere"), Background(ahead=2) as work:
        work.submit(job)
        started.wait(timeout=30)
        raise ValueError("elsewhere")
    assert done == [False]
