"""What every provider's module gives: a wire table, where to send it, and how to read what comes back."""

import base64
import binascii
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from plateful.models.catalog import Endpoint
from plateful.models.profile import HostedProfile
from plateful.models.providers.failures import LOST_FIX, CallFailure, bad_reply
from plateful.models.providers.http import Reply, Request
from plateful.models.providers.wire import Ask, Row, form, wired

PICTURES = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True)
class Link:
    """An answer's picture behind an address."""

    url: str


class Provider(ABC):
    """One provider's interface.

    Attributes:
        name: its name in the catalog.
        wire: unified parameter -> request field; what is not in it, no entry of this provider may offer.
        edits_need_mask: it has no edit of a whole picture.
        refusals: its codes for refused content.
        exhausted: its codes for an account that has nothing left to spend.
    """

    name: ClassVar[str]
    wire: ClassVar[Mapping[str, Row]]
    edits_need_mask: ClassVar[bool] = True
    refusals: ClassVar[frozenset[str]] = frozenset()
    exhausted: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def path(self, profile: HostedProfile, ask: Ask) -> str:
        """Return the path below the endpoint's address."""

    @abstractmethod
    def headers(self, key: str) -> dict[str, str]:
        """Return the headers that carry the key."""

    @abstractmethod
    def picture(self, answer: dict[str, Any]) -> str | Link:
        """Return the picture of an answer: base64, or its address.

        Raises:
            CallFailure: content_refused or bad_reply.
        """

    @abstractmethod
    def told(self, answer: Any) -> tuple[set[str], str]:  # noqa: ANN401 - any JSON value
        """Return the codes and the message of an error's body."""

    def body(self, fields: dict[str, Any], profile: HostedProfile, ask: Ask) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields of a request as its body wants them."""
        return fields

    def as_form(self, ask: Ask) -> bool:  # noqa: ARG002 - some send only their edits as forms
        """Whether the body is a multipart form; else JSON."""
        return True

    def request(
        self, ask: Ask, endpoint: Endpoint, profile: HostedProfile, *, key: str, call: str
    ) -> Request:
        """Return the HTTP request for one picture; `call` is its idempotency key.

        Raises:
            CallFailure: the provider has no such edit.
        """
        if ask.edit and "mask" not in ask.values and self.edits_need_mask:
            raise CallFailure(
                "mask_missing", f"{self.name} edits only under a mask", fix="give a mask, or another model"
            )
        body = self.body(wired(self.wire, ask) | (profile.fields or {}), profile, ask)
        url = f"{endpoint.url.rstrip('/')}/{self.path(profile, ask)}"
        headers = {**self.headers(key), "Accept": "application/json", "Idempotency-Key": call}
        if self.as_form(ask):
            return Request(url, headers, form=form(body))
        return Request(url, headers, json=body)

    def read(self, reply: Reply) -> bytes | Link:
        """Return the picture of a reply.

        Raises:
            CallFailure: any reason that a reply can give.
        """
        if not 200 <= reply.status < 300:
            raise self._refused(reply)
        if reply.content_type != "application/json":
            raise bad_reply(f"{self.name} answered {reply.content_type or 'no type'}, not application/json")
        try:
            found = self.picture(_object(reply.body))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise bad_reply(
                f"{self.name}'s answer has no picture ({type(error).__name__}): {reply.told}"
            ) from error
        if isinstance(found, Link):
            return found
        try:
            return base64.b64decode(found, validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_reply(f"{self.name}'s picture is not base64: {error}") from error

    def _refused(self, reply: Reply) -> CallFailure:
        try:
            codes, message = self.told(json.loads(reply.body))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            codes, message = set(), reply.told
        where = f"{self.name} answered {reply.status}"
        if codes & self.exhausted or reply.status == 402:
            return self._stop("no_quota", f"{where}: {message}", "add credit or raise the spending limit")
        if codes & self.refusals:
            return self.filtered(message)
        if reply.status in (401, 403):
            # What is said about a wrong key may quote it.
            more = f": {message}" if reply.status == 403 else ""
            fix = "set the key that endpoint.key of the catalog names, and see what its account may use"
            return self._stop("bad_credentials", where + more, fix)
        if reply.status == 404 or 300 <= reply.status < 400:
            fix = "correct endpoint.url or the profile's model in the catalog"
            return self._stop("no_such_model", f"{where}: {message}", fix)
        return _by_status(reply, f"{where}: {message}")

    def filtered(self, message: str, *, billed: bool = False) -> CallFailure:
        """Return the failure of a request that the provider's filter refused."""
        return CallFailure(
            "content_refused",
            f"{self.name} refused the content: {message[:200]}",
            billed=billed,
            fix="reword the prompt or take another photo; the provider's filter decides",
        )

    @staticmethod
    def _stop(reason: str, message: str, fix: str) -> CallFailure:
        return CallFailure(reason, message, fix=fix, stops_all=True)


def _by_status(reply: Reply, message: str) -> CallFailure:
    wait = reply.retry_after
    if reply.status == 429:
        fix = "lower endpoint.concurrency in the catalog, or ask the provider for a higher limit"
        return CallFailure("rate_limited", message, fix=fix, passing=True, retry_after=wait)
    if reply.status == 503 and wait is not None:
        return CallFailure("unavailable", message, fix="try again later", passing=True, retry_after=wait)
    if reply.status == 409:
        return CallFailure("in_progress", message, fix=LOST_FIX, billed=True, retry_after=wait)
    if reply.status >= 500:
        return CallFailure("provider_failed", message, fix=LOST_FIX, billed=True, retry_after=wait)
    return CallFailure(
        "bad_request", message, fix="compare the provider's reference with the adapter's docstring"
    )


def _object(body: bytes) -> dict[str, Any]:
    answer = json.loads(body)
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer
