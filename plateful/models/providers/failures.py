"""What can go wrong with one call to a provider: a name, whether it may be billed, whether it passes.

| reason | meaning | billed | asked again |
|---|---|---|---|
| connect_failed | no connection, so nothing was sent | no | yes |
| rate_limited | 429 | no | yes, after Retry-After |
| unavailable | 503 with Retry-After: the provider did not take it | no | yes, after Retry-After |
| reply_lost | sent, then timed out or cut off | maybe | only under an idempotency key that is honoured |
| provider_failed | any other 5xx | maybe | only under such a key |
| in_progress | 409: the first call under this key is still running | maybe | only under such a key |
| content_refused | the provider's filter refused prompt or picture | as it says | no |
| bad_request | any other 4xx | no | no |
| bad_reply | not what its reference promises: type, length, fields | maybe | no |
| picture_unreachable | the answer's link gives no picture | yes | the link is, the call is not |
| picture_broken, wrong_size | a picture that cannot be used | yes | no |
| bad_credentials, no_quota, no_such_model | the next call would fail alike: everything stops | no | no |
"""

from plateful.errors import PlatefulError

LOST_FIX = "see on the provider's bill whether it was charged; `plateful quarantine replay` buys it again"


class CallFailure(PlatefulError):
    """One call gave no picture.

    Attributes:
        reason: a name of the table above.
        billed: whether the provider may charge for it.
        passing: it was not processed, and asking again may help.
        stops_all: every other call would fail alike.
        retry_after: seconds that the provider asks to wait.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        fix: str,
        billed: bool = False,
        passing: bool = False,
        stops_all: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, fix=fix)
        self.reason, self.billed, self.passing = reason, billed, passing
        self.stops_all, self.retry_after = stops_all, retry_after

    def ending(self, chain: "list[CallFailure]") -> "CallFailure":
        """Return this failure as the end of a chain: it names the first one, and is billed if any may be."""
        first = chain[0]
        message = self.message
        if first is not self:
            message += f" (try {len(chain)}; the first ended with {first.reason}: {first.message})"
        return CallFailure(
            self.reason,
            message,
            fix=self.fix,
            billed=any(failure.billed for failure in chain),
            passing=self.passing,
            stops_all=self.stops_all,
            retry_after=self.retry_after,
        )


def bad_reply(message: str) -> CallFailure:
    """Return the failure of an answer that is not what the provider's reference promises."""
    return CallFailure(
        "bad_reply", message, billed=True, fix="compare the provider's reference with the adapter's docstring"
    )
