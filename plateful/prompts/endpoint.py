"""One OpenAI-compatible chat endpoint: asks, waits as it is told to, and gives each failure its name.

A rate limit, a time-out, a dropped connection and a server's own error are tried again; a wrong key or an
unknown model is not. What still fails after that stops the run, since the next product would fail alike; what
the endpoint refuses about one product's text is that product's fault alone.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from plateful.errors import ConfigError, EndpointError
from plateful.prompts.answers import Fault
from plateful.prompts.profiles import Endpoint

Message = dict[str, str]
# A body that is not JSON comes from a proxy in between, as an error page does.
_AGAIN = (
    openai.APIConnectionError,
    openai.RateLimitError,
    openai.InternalServerError,
    openai.APIResponseValidationError,
    json.JSONDecodeError,
)
_MINE = (openai.BadRequestError, openai.UnprocessableEntityError)


@dataclass(frozen=True)
class Reply:
    """One answer's text, token counts by name, and a fault where there is no whole text."""

    text: str
    usage: Mapping[str, int] = field(default_factory=dict)
    fault: Fault | None = None


class ChatEndpoint:
    """Asks one endpoint.

    Args:
        endpoint: address, model and limits.
        environment: holds the key.
        sleep: waits for some seconds.
        schema: JSON schema of an answer.

    Raises:
        ConfigError: the address or the key is not given.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        environment: Mapping[str, str],
        sleep: Callable[[float], None],
        schema: Mapping[str, Any],
    ) -> None:
        if not endpoint.url:
            raise ConfigError(
                "the language model that writes prompts has no address",
                fix="set PLATEFUL_WRITER_URL, or `url` in the writer profile",
            )
        self._endpoint, self._sleep = endpoint, sleep
        self._format = {
            "type": "json_schema",
            "json_schema": {"name": "prompt", "strict": True, "schema": dict(schema)},
        }
        self._client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=_key(endpoint, environment),
            timeout=endpoint.timeout,
            max_retries=0,
        )

    def ask(self, messages: list[Message], key: str) -> Reply:
        """Return the endpoint's answer.

        Args:
            messages: the conversation, {role, content} each.
            key: the same for every try of this question, so that an endpoint that knows such keys answers a
                repeated one without billing it again.

        Raises:
            EndpointError: it does not answer, or refuses whoever asks.
        """
        for attempt in range(self._endpoint.tries):
            try:
                return _read(self._create(messages, key))
            except _MINE as refusal:
                return Reply("", fault=Fault("endpoint_refused", self._told(refusal)))
            except _AGAIN as failure:
                self._wait(failure, attempt)
            except openai.OpenAIError as failure:
                raise self._error(failure) from None
        raise AssertionError("the last try waits no more, it raises")

    def _create(self, messages: list[Message], key: str) -> Any:  # noqa: ANN401 - checked by _read
        limits: dict[str, Any] = {self._endpoint.tokens_as: self._endpoint.max_tokens}
        if self._endpoint.temperature is not None:
            limits["temperature"] = self._endpoint.temperature
        call: Any = self._client.chat.completions.create
        return call(
            model=self._endpoint.model,
            messages=messages,
            response_format=self._format,
            extra_headers={"Idempotency-Key": key},
            **limits,
        )

    def _wait(self, failure: Exception, attempt: int) -> None:
        """Wait before the next try, or raise when there is none."""
        if attempt + 1 >= self._endpoint.tries or getattr(failure, "code", None) == "insufficient_quota":
            raise self._error(failure) from None
        seconds = _asked_wait(failure)
        seconds = float(2**attempt) if seconds is None else seconds
        if seconds > self._endpoint.longest_wait:
            raise self._error(failure, f"; it asks to wait {seconds:.0f} s") from None
        self._sleep(seconds)

    def _error(self, failure: Exception, more: str = "") -> EndpointError:
        if isinstance(failure, openai.AuthenticationError | openai.PermissionDeniedError):
            fix = f"check the key in {self._endpoint.key_from}"
        elif isinstance(failure, openai.NotFoundError):
            fix = "check PLATEFUL_WRITER_URL and PLATEFUL_WRITER_MODEL"
        else:
            fix = "run again when it is back; the answers so far are kept"
        where = f"{self._endpoint.model} at {self._endpoint.url}"
        return EndpointError(f"the writer {where} does not answer: {self._told(failure)}{more}", fix=fix)

    def _told(self, failure: Exception) -> str:
        """One line without the key, which some servers repeat to whoever has a wrong one."""
        text = " ".join(str(failure).split())
        if self._endpoint.key_from is not None:
            text = text.replace(self._client.api_key, "***")
        return f"{type(failure).__name__}: {text[:200]}"


def _key(endpoint: Endpoint, environment: Mapping[str, str]) -> str:
    if endpoint.key_from is None:
        return "none"
    key = environment.get(endpoint.key_from, "")
    if not key:
        raise ConfigError(
            f"the writer's key is not set: {endpoint.key_from} is empty", fix=f"set {endpoint.key_from}"
        )
    return key


def _read(completion: Any) -> Reply:  # noqa: ANN401 - whatever the endpoint sent
    choices = getattr(completion, "choices", None)
    if not choices or choices[0].message is None:
        return Reply("", fault=Fault("answer_empty", "no choices in the answer"))
    first, counted = choices[0], getattr(completion, "usage", None)
    usage = {
        name: count
        for name in ("prompt_tokens", "completion_tokens")
        if isinstance(count := getattr(counted, name, None), int)
    }
    text = first.message.content or ""
    if getattr(first.message, "refusal", None):
        return Reply(text, usage, Fault("model_refused", str(first.message.refusal)[:200]))
    if first.finish_reason == "length":
        return Reply(text, usage, Fault("answer_cut_off", "the answer reached its token limit"))
    return Reply(text, usage, None if text else Fault("answer_empty", "the answer has no text"))


def _asked_wait(failure: Exception) -> float | None:
    """Seconds that the endpoint asks to wait (Retry-After, as a number or a date), None when it does not."""
    response = getattr(failure, "response", None)
    if response is None or (asked := response.headers.get("retry-after")) is None:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        # By the endpoint's own clock: ours may be minutes off.
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(response.headers["date"])
    except (KeyError, TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())
