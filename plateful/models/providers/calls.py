"""Calls to a provider until there is a picture or a final failure: repeats, waits, and links followed.

Only what the provider surely did not process is sent again (`CallFailure.passing`). After a reply was lost,
or any other failure that may be billed, a request is sent again only where the endpoint honours its
idempotency key; the repeats carry the same key.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from plateful.metrics.clock import stopwatch
from plateful.metrics.declared import CALL_SECONDS, CALLS, RETRIES
from plateful.metrics.meter import METER
from plateful.models.catalog import Endpoint
from plateful.models.profile import HostedProfile
from plateful.models.providers.failures import CallFailure
from plateful.models.providers.http import HttpClient, Reply, Request
from plateful.models.providers.ideogram import Ideogram
from plateful.models.providers.imagen import Imagen
from plateful.models.providers.openai_images import OpenAIImages
from plateful.models.providers.provider import PICTURES, Link, Provider
from plateful.models.providers.stability import Stability
from plateful.models.providers.wire import Ask

PROVIDERS: dict[str, Provider] = {p.name: p for p in (OpenAIImages(), Imagen(), Ideogram(), Stability())}

TRIES = 5
# Seconds before the second try; doubled for each further one.
BACK_OFF = 1.0
# A provider that asks for a longer wait is left to a later run.
LONGEST_WAIT = 120.0
# Failures that an honoured idempotency key makes safe to repeat.
UNSURE = ("reply_lost", "provider_failed", "in_progress")
Result = TypeVar("Result")


class Sent(Protocol):
    """What a call tells before and after sending, so that a kill in between is seen by the next run."""

    def sent(self) -> None:
        """Note that from now on the provider may have been asked."""
        ...

    def unsent(self) -> None:
        """Note that the provider did not process what was sent since, and nothing before."""
        ...


class Caller:
    """Asks one endpoint for pictures; may be used from several threads."""

    def __init__(
        self,
        provider: Provider,
        endpoint: Endpoint,
        key: str,
        http: HttpClient,
        sleep: Callable[[float], None],
    ) -> None:
        self.provider, self.endpoint, self.http, self.sleep = provider, endpoint, http, sleep
        self._key = key

    def paint(self, ask: Ask, profile: HostedProfile, call: str, record: Sent) -> bytes:
        """Return the picture file that the provider answers.

        Args:
            ask: what to ask for.
            profile: the hosted model's.
            call: idempotency key of this picture's billing attempt.
            record: told before each sending, and when nothing was processed.

        Raises:
            CallFailure: there is no picture; the first failure of a chain is in the message.
        """
        outcome = "other"
        with stopwatch() as elapsed:
            try:
                content = self._painted(ask, profile, call, record)
                outcome = "ok"
            except CallFailure as failure:
                outcome = failure.reason
                raise
            finally:
                METER.count(CALLS, provider=self.provider.name, outcome=outcome)
                METER.observe(CALL_SECONDS, elapsed(), provider=self.provider.name)
        return content

    def _painted(self, ask: Ask, profile: HostedProfile, call: str, record: Sent) -> bytes:
        request = self.provider.request(ask, self.endpoint, profile, key=self._key, call=call)
        found = self._until(lambda: self._sent(request, record), self._may_repeat, record)
        if not isinstance(found, Link):
            return found
        if not same_house(found.url, self.endpoint.url):
            raise _unreachable(f"{self.provider.name} answered a link to another house: {found.url[:100]!r}")
        return self._until(lambda: self._fetched(found.url), _always)

    def _sent(self, request: Request, record: Sent) -> bytes | Link:
        record.sent()
        return self.provider.read(self.http.post(request))

    def _may_repeat(self, failure: CallFailure) -> bool:
        return failure.passing or (self.endpoint.idempotent and failure.reason in UNSURE)

    def _until(
        self,
        step: Callable[[], Result],
        may_repeat: Callable[[CallFailure], bool],
        record: Sent | None = None,
    ) -> Result:
        chain: list[CallFailure] = []
        while True:
            try:
                return step()
            except CallFailure as failure:
                chain.append(failure)
                if record and not any(one.billed for one in chain):
                    record.unsent()
                wait = max(BACK_OFF * 2 ** (len(chain) - 1), failure.retry_after or 0)
                if len(chain) >= TRIES or not may_repeat(failure) or wait > LONGEST_WAIT:
                    raise failure.ending(chain) from chain[0]
            METER.count(RETRIES, provider=self.provider.name)
            self.sleep(wait)

    def _fetched(self, url: str) -> bytes:
        try:
            reply = self.http.get(url)
        except CallFailure as failure:
            raise _unreachable(failure.message) from failure
        if reply.status != 200 or reply.content_type not in PICTURES:
            raise _unreachable(f"the link answered {reply.status}, {_typed(reply)}", reply.retry_after)
        return reply.body


def _typed(reply: Reply) -> str:
    return reply.content_type or "no type"


def _always(_failure: CallFailure) -> bool:
    """Fetching a picture that is paid for costs nothing."""
    return True


def _unreachable(message: str, wait: float | None = None) -> CallFailure:
    return CallFailure(
        "picture_unreachable",
        message,
        fix="the picture was paid for; fetch it from the provider's site, or `plateful quarantine replay`",
        billed=True,
        retry_after=wait,
    )


def same_house(link: str, endpoint: str) -> bool:
    """Return whether a link leads to the endpoint's own host or domain, over the same scheme.

    A picture is fetched from nowhere else, so that an answer cannot send us into the network we run in.
    """
    try:
        there, here = urlsplit(link), urlsplit(endpoint)
        hosts = (there.hostname or "", here.hostname or "")
    except ValueError:
        return False
    if there.scheme != here.scheme or there.username or there.password:
        return False
    if hosts[0] == hosts[1]:
        return there.port == here.port
    domain = ".".join(hosts[1].split(".")[-2:])
    named = not domain.replace(".", "").isdigit() and "." in domain
    return named and there.port is None and (hosts[0] == domain or hosts[0].endswith(f".{domain}"))
