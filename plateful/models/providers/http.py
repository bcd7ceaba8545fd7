"""One HTTP exchange: time and bytes capped, no redirects, and every way to fail told apart.

What matters for money is whether the provider may have processed a request: before the connection stands,
certainly not; once sending began, maybe.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from plateful.models.providers.failures import LOST_FIX, CallFailure, bad_reply

# A picture of 4 MP as base64 PNG has some 12 MB.
MAX_BYTES = 40_000_000
CONNECT_TIMEOUT = 10.0
# Raised before anything is sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Request:
    """One POST: a JSON body, or the parts of a form as (field, (file name or None, content, type))."""

    url: str
    headers: Mapping[str, str]
    json: Any = None
    form: Sequence[tuple[str, tuple]] | None = None


@dataclass(frozen=True)
class Reply:
    """An answer of any status; `retry_after` in seconds."""

    status: int
    content_type: str
    body: bytes
    retry_after: float | None = field(default=None)

    @property
    def told(self) -> str:
        """The body's beginning as one line, for messages."""
        return " ".join(self.body[:2000].decode("utf-8", "replace").split())[:200]


class HttpClient:
    """Sends requests to one endpoint; may be used from several threads.

    Args:
        where: the endpoint's name in messages.
        timeout: seconds for one exchange in all.
        clock: seconds that only rise.
    """

    def __init__(self, where: str, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.where, self.timeout, self.clock = where, timeout, clock
        # No connection is kept: one that the server closed meanwhile looks like a lost reply, and asking for
        # a picture takes seconds anyway.
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT)),
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    def post(self, request: Request) -> Reply:
        """Send a request once.

        Raises:
            CallFailure: connect_failed, reply_lost or bad_reply.
        """
        body = {"json": request.json} if request.form is None else {"files": list(request.form)}
        return self._exchange("POST", request.url, headers=dict(request.headers), **body)

    def get(self, url: str) -> Reply:
        """Fetch a picture by its link, without credentials; raises as `post` does."""
        return self._exchange("GET", url)

    def _exchange(self, method: str, url: str, **options: Any) -> Reply:  # noqa: ANN401 - httpx's own
        started = self.clock()
        try:
            with self._client.stream(method, url, **options) as response:
                body = self._read(response, started)
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                wait = _seconds(response.headers.get("retry-after"))
                return Reply(response.status_code, kind, body, wait)
        except _NOT_SENT as error:
            raise CallFailure(
                "connect_failed",
                f"{self.where} cannot be reached: {_named(error)}",
                fix="check the network and endpoint.url in the catalog",
                passing=True,
            ) from error
        except httpx.HTTPError as error:
            raise self._lost(_named(error)) from error

    def _read(self, response: httpx.Response, started: float) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > MAX_BYTES:
                raise bad_reply(f"{self.where} answered more than {MAX_BYTES:,} bytes")
            if self.clock() - started > self.timeout:
                raise self._lost(f"not whole after {self.timeout:g} s")
            chunks.append(chunk)
        return b"".join(chunks)

    def _lost(self, why: str) -> CallFailure:
        return CallFailure(
            "reply_lost",
            f"{self.where} was asked, and its reply was lost: {why}",
            fix=LOST_FIX,
            billed=True,
        )


def _named(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()[:160]


def _seconds(header: str | None) -> float | None:
    """Return Retry-After in seconds from now: a number, or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
