"""Google Cloud Translation v3 over REST.

Payloads and limits as in the reference of TranslateTextRequest and Translation (cloud.google.com/php/docs/
reference/cloud-translate/latest/V3.TranslateTextRequest) and the client's own 3.28.0; what a spent quota says
as in cloud.google.com/translate/quotas; all read 2026-11-21. A call is repeated after 429, a quota of a
minute, 5xx and lost connections, with doubling waits or the service's own Retry-After. A lost reply can bill
its batch twice, never more than one batch.
"""

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import google.auth
import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import translate_v3
from google.cloud.translate_v3.services.translation_service.transports import TranslationServiceRestTransport
from google.protobuf.json_format import ParseError

from plateful.errors import ConfigError, TranslationError
from plateful.translation.profiles import GoogleProfile
from plateful.translation.translator import Answer, BatchLimits

SCOPE = "https://www.googleapis.com/auth/cloud-translation"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# "Daily Limit Exceeded" and "User Rate Limit Exceeded" come with status 403, as a missing permission does.
_LIMIT = re.compile(r"limit exceeded|quota", re.IGNORECASE)
_DAY = re.compile(r"daily|per day", re.IGNORECASE)
# A bad request that is the settings' or the profile's fault, not a text's.
_OURS = re.compile(r"parent|model|project|location", re.IGNORECASE)
# Kind of failure -> what it is, and the fix.
_SPOKEN = {
    "quota": (
        "refused for the rate limit or quota",
        "raise the project's quota or wait, then run it again; what was translated is kept",
    ),
    "unreachable": (
        "cannot be reached",
        "check the network and PLATEFUL_TRANSLATOR_URL, then run it again; what was translated is kept",
    ),
    "credentials": (
        "refused the credentials",
        "check GOOGLE_APPLICATION_CREDENTIALS, PLATEFUL_TRANSLATOR_PROJECT and its role "
        "roles/cloudtranslate.user",
    ),
    "unreadable": (
        "gave an answer that cannot be read",
        "check that PLATEFUL_TRANSLATOR_URL is the translation service",
    ),
    "call": (
        "refused the call",
        "check PLATEFUL_TRANSLATOR_PROJECT, and model and location in plateful/translation/profiles.yaml",
    ),
}


class GoogleTranslator:
    """Translates through one project's quota.

    Args:
        profile: limits, model, waits.
        url: base address of the service; plain http is for loopback alone, as tokens travel with every call.
        project: cloud project that pays.
        sleep: waits between tries, in seconds.

    Raises:
        ConfigError: the address is none, or not safe.
        TranslationError: no credentials in the environment.
    """

    method = "google"

    def __init__(
        self, profile: GoogleProfile, url: str, project: str, sleep: Callable[[float], None]
    ) -> None:
        self._profile, self._sleep = profile, sleep
        self._parent = f"projects/{project}/locations/{profile.location}"
        self._client = translate_v3.TranslationServiceClient(transport=_transport(url))
        self.limits = BatchLimits(profile.texts, profile.characters)

    def version(self, language: str | None) -> str:  # noqa: ARG002 - one model for all languages
        """Return the model's name, the same for all languages."""
        return f"google:{self._model}"

    def translate(self, texts: Sequence[str], language: str | None) -> list[Answer]:
        """Translate texts of one language; a text that the service refuses has the reason `refused`.

        Raises:
            TranslationError: unreachable, rate limit or quota, credentials, or an answer that is none.
        """
        try:
            return self._call(texts, language)
        except api.BadRequest as error:
            if _OURS.search(_said(error)):
                raise self._failed(error) from error
            if "language" in _said(error).lower():
                return [Answer(reason="language_refused")] * len(texts)
            if len(texts) == 1:
                return [Answer(reason="refused")]
            half = len(texts) // 2
            return [*self.translate(texts[:half], language), *self.translate(texts[half:], language)]

    @property
    def _model(self) -> str:
        name = self._profile.model
        return name if name.startswith("projects/") else f"{self._parent}/models/{name}"

    def _call(self, texts: Sequence[str], language: str | None) -> list[Answer]:
        request = translate_v3.TranslateTextRequest(
            parent=self._parent,
            contents=list(texts),
            mime_type="text/plain",
            source_language_code=language or "",
            target_language_code="en",
            model=self._model,
        )
        response = self._repeated(request)
        if len(response.translations) != len(texts):
            raise TranslationError(
                f"Google Translation answered {len(response.translations)} of {len(texts)} texts",
                fix="run it again; what was translated is kept",
            )
        return [Answer(one.translated_text) for one in response.translations]

    def _repeated(self, request: translate_v3.TranslateTextRequest) -> translate_v3.TranslateTextResponse:
        wait, left = self._profile.first_wait, self._profile.attempts
        while True:
            try:
                return self._client.translate_text(request, retry=None, timeout=self._profile.timeout)
            except api.BadRequest:
                raise
            except (
                api.GoogleAPICallError,
                auth.GoogleAuthError,
                requests.RequestException,
                ParseError,
            ) as error:
                left -= 1
                if not left or not _passes(error):
                    raise self._failed(error) from error
                self._sleep(min(_retry_after(error) or wait, self._profile.longest_wait))
                wait *= 2

    def _failed(self, error: Exception) -> TranslationError:
        what, fix = _SPOKEN[_kind(error)]
        return TranslationError(f"Google Translation {what} ({self._parent}): {_said(error)}", fix=fix)


def _transport(url: str) -> TranslationServiceRestTransport:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"PLATEFUL_TRANSLATOR_URL={url!r} is no address", fix="give https://host, or unset it"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigError(
            f"PLATEFUL_TRANSLATOR_URL={url!r} would send credentials unencrypted", fix="use https"
        )
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except (auth.GoogleAuthError, OSError, ValueError) as error:
        raise TranslationError(
            f"Google Translation has no usable credentials: {_said(error)}",
            fix="set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file",
        ) from error
    return TranslationServiceRestTransport(
        host=parts.netloc, url_scheme=parts.scheme, credentials=credentials
    )


def _kind(error: Exception) -> str:
    """Name what is wrong: quota, credentials, unreadable, call, or unreachable."""
    if isinstance(error, api.TooManyRequests) or _is_quota(error):
        return "quota"
    if isinstance(error, auth.TransportError | requests.RequestException | api.ServerError):
        return "unreachable"
    if isinstance(error, auth.GoogleAuthError | api.Unauthorized | api.Forbidden):
        return "credentials"
    return "unreadable" if isinstance(error, ParseError) else "call"


def _passes(error: Exception) -> bool:
    """Tell whether waiting helps: a quota of a day and refused credentials do not pass."""
    if _kind(error) == "quota":
        return _DAY.search(_said(error)) is None
    return _kind(error) == "unreachable"


def _is_quota(error: Exception) -> bool:
    return isinstance(error, api.Forbidden) and _LIMIT.search(_said(error)) is not None


def _retry_after(error: Exception) -> float | None:
    """Seconds that the service asks to wait, None when it does not say."""
    response = getattr(error, "response", None)
    value = getattr(response, "headers", {}).get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _said(error: Exception) -> str:
    """The first line of what the service said, without the address that was called."""
    text = error.message if isinstance(error, api.GoogleAPICallError) else str(error)
    response = getattr(error, "response", None)
    if response is not None and response.request is not None:
        text = text.partition(f"{response.request.url}: ")[2] or text
    return next(iter(text.strip().splitlines()), type(error).__name__)[:200]
