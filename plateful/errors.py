"""Errors a user can act on: each names the thing, the value and the fix."""


class PlatefulError(Exception):
    """A mistake or fault that has one clear message; shown without a stack trace.

    Args:
        message: what is wrong, naming the thing and its value.
        fix: what to do about it, in one sentence.
    """

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} -> {self.fix}"


class ConfigError(PlatefulError):
    """A setting, profile or catalog entry is unknown or malformed."""


class FeedError(PlatefulError):
    """The feed as a whole cannot be read (single bad rows are rejects, not errors)."""


class ImageError(PlatefulError):
    """A picture cannot be opened safely: wrong format, truncated, too many bytes or pixels."""


class ModelError(PlatefulError):
    """Weights are missing, altered, or in a refused format."""


class TranslationError(PlatefulError):
    """A translator as a whole does not answer: unreachable, out of quota, refused credentials."""


class RenderError(PlatefulError):
    """One candidate could not be rendered; the batch goes on without it."""


class BudgetError(PlatefulError):
    """A team has spent what it may spend today; rendering stops there."""


class StoreError(PlatefulError):
    """The lake, warehouse or ledger refused an operation (disk full, locked, missing object)."""


class StoreAccessError(StoreError):
    """A store refused who asks: credentials are absent, expired, or without the right."""


class LeaseHeldError(StoreError):
    """Another run is writing this country."""


class FencedError(StoreError):
    """This run lost its lease; a newer run owns the country, so nothing more may be written."""


class EndpointError(PlatefulError):
    """A service over the network does not answer, or refuses whoever asks."""


class ContractError(PlatefulError):
    """Counts between two tables do not add up."""
