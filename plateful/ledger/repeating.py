"""Doing a transaction again that was undone: a deadlock, a server that restarts, a connection that broke."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from plateful.ledger.database import WAITS, Database, UndoneError, UnknownOutcomeError


class _OnDatabase(Protocol):
    _database: Database


Self = TypeVar("Self", bound=_OnDatabase)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Operation = Callable[Concatenate[Self, Arguments], Result]


def repeated(*, idempotent: bool) -> Callable[[Operation], Operation]:
    """Let a method of one transaction be done again after faults that pass by.

    Args:
        idempotent: whether doing it twice leaves what doing it once does. Only then is it repeated when its
            first commit may have worked.
    """
    kinds = (UndoneError, UnknownOutcomeError) if idempotent else (UndoneError,)

    def decorate(method: Operation) -> Operation:
        @functools.wraps(method)
        def attempt(self, *args, **kwargs):  # noqa: ANN001, ANN002, ANN003, ANN202 - as the method
            for wait in WAITS:
                try:
                    return method(self, *args, **kwargs)
                except kinds:
                    self._database.sleep(wait)
            return method(self, *args, **kwargs)

        return attempt

    return decorate
