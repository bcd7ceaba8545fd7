"""The Google adapter against a service on loopback: payloads, waits, quotas, credentials, poison."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plateful.errors import ConfigError, TranslationError
from plateful.translation.google_translation import GoogleTranslator
from plateful.translation.profiles import TranslatorPlace, open_translator
from plateful.translation.translator import Answer
from tests.plateful.translation.google_service import Fault, Service, google_service, write_key

MINUTE, DAY = "User Rate Limit Exceeded", "Daily Limit Exceeded"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    with google_service() as service:
        key = tmp_path_factory.mktemp("key") / "key.json"
        write_key(key, service)
        yield service, key


@pytest.fixture
def service(running: tuple[Service, Path], monkeypatch: pytest.MonkeyPatch) -> Service:
    service, key = running
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    # The client asks another service of Google's in the background; here it meets a proxy that refuses.
    monkeypatch.setenv("HTTPS_PROXY", service.url)
    for kept in (service.calls, service.paths, service.tokens, service.faults):
        kept.clear()
    service.poison, service.token_status = "\0", 200
    return service


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def translator(service: Service, waits: list[float]) -> GoogleTranslator:
    found = open_translator("google", TranslatorPlace(service.url, "menus"), waits.append)
    assert isinstance(found, GoogleTranslator)
    return found


def test_payload_and_answer(service: Service, translator: GoogleTranslator, waits: list[float]) -> None:
    assert translator.translate(["淄博烧烤", "血鸭"], "zh") == [
        Answer("english 淄博烧烤"),
        Answer("english 血鸭"),
    ]
    assert service.calls == [
        {
            "contents": ["淄博烧烤", "血鸭"],
            "mimeType": "text/plain",
            "sourceLanguageCode": "zh",
            "targetLanguageCode": "en",
            "model": "projects/menus/locations/global/models/general/nmt",
        }
    ]
    assert service.paths[0].split("?")[0] == "/v3/projects/menus/locations/global:translateText"
    assert service.tokens == ["Bearer granted"]
    assert waits == []


def test_an_unknown_language_is_left_to_the_service(service: Service, translator: GoogleTranslator) -> None:
    translator.translate(["Kutsinta"], None)
    assert "sourceLanguageCode" not in service.calls[0] or service.calls[0]["sourceLanguageCode"] == ""


@pytest.mark.parametrize(
    "fault",
    [Fault(429, "Quota exceeded"), Fault(403, MINUTE), Fault(503, "try later"), Fault(500, "oops"), Fault(0)],
    ids=lambda fault: f"{fault.status} {fault.message}",
)
def test_what_passes_is_tried_again_with_doubling_waits(
    service: Service, translator: GoogleTranslator, waits: list[float], fault: Fault
) -> None:
    service.faults += [fault, fault, fault]
    assert translator.translate(["面"], "zh") == [Answer("english 面")]
    assert waits == [1, 2, 4]
    assert len(service.calls) == 4


def test_the_services_own_wait_is_kept_within_ours(
    service: Service, translator: GoogleTranslator, waits: list[float]
) -> None:
    service.faults += [Fault(429, "slow", {"Retry-After": "7"}), Fault(429, "slow", {"Retry-After": "900"})]
    translator.translate(["面"], "zh")
    assert waits == [7, 60]


@pytest.mark.parametrize(
    ("fault", "says", "calls"),
    [
        (Fault(429, "Quota exceeded for quota metric"), "rate limit or quota", 5),
        (Fault(403, MINUTE), "rate limit or quota", 5),
        (Fault(403, DAY), "rate limit or quota", 1),
        (Fault(503, "down"), "cannot be reached", 5),
        (Fault(0), "cannot be reached", 5),
        (Fault(401, "Request had invalid authentication credentials."), "refused the credentials", 3),
        (
            Fault(403, "Permission 'cloudtranslate.generalModels.predict' denied"),
            "refused the credentials",
            1,
        ),
        (Fault(404, "Project not found"), "refused the call", 1),
        (Fault(400, "Invalid 'parent'"), "refused the call", 1),
        (Fault(200, body=b"<html>login</html>"), "cannot be read", 1),
    ],
    ids=lambda value: f"{value.status} {value.message[:20]}" if isinstance(value, Fault) else "",
)
def test_what_does_not_pass_is_one_clear_error(
    service: Service, translator: GoogleTranslator, waits: list[float], fault: Fault, says: str, calls: int
) -> None:
    service.faults += [fault] * 9
    with pytest.raises(TranslationError, match=says) as raised:
        translator.translate(["面"], "zh")
    assert "projects/menus" in raised.value.message
    assert raised.value.fix
    # After a 401 the client itself asks for a new token, twice.
    assert len(service.calls) == calls
    assert waits == ([1, 2, 4, 8] if calls == 5 else [])


def test_too_few_answers_are_an_error(service: Service, translator: GoogleTranslator) -> None:
    service.faults.append(Fault(200, body=b'{"translations": [{"translatedText": "one"}]}'))
    with pytest.raises(TranslationError, match="answered 1 of 2"):
        translator.translate(["面", "饭"], "zh")


def test_a_text_that_the_service_refuses_is_found_and_fails_alone(
    service: Service, translator: GoogleTranslator
) -> None:
    service.poison = "毒"
    texts = ["面", "饭", "毒", "汤", "粥"]
    found = translator.translate(texts, "zh")
    assert [one.reason for one in found] == [None, None, "refused", None, None]
    assert [one.english for one in found if one.english] == [f"english {t}" for t in texts if t != "毒"]


def test_a_language_that_the_service_refuses_costs_one_call(
    service: Service, translator: GoogleTranslator
) -> None:
    service.faults.append(Fault(400, "Source language is invalid."))
    assert translator.translate(["a", "b"], "xx") == [Answer(reason="language_refused")] * 2
    assert len(service.calls) == 1


def test_a_refused_key_is_one_clear_error(service: Service, translator: GoogleTranslator) -> None:
    service.token_status = 400
    with pytest.raises(TranslationError, match="refused the credentials"):
        translator.translate(["面"], "zh")
    assert service.calls == []


def _gone(_: Path) -> None:
    pass


def _broken(key: Path) -> None:
    key.write_text("{}")


@pytest.mark.parametrize("write", [_gone, _broken])
def test_no_usable_key_is_one_clear_error(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    write(tmp_path / "key.json")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(TranslationError, match="no usable credentials"):
        open_translator("google", TranslatorPlace(service.url, "menus"))


@pytest.mark.usefixtures("service")
def test_nothing_listens(waits: list[float]) -> None:
    translator = open_translator("google", TranslatorPlace("http://127.0.0.1:9", "menus"), waits.append)
    assert translator is not None
    with pytest.raises(TranslationError, match="cannot be reached"):
        translator.translate(["面"], "zh")
    assert waits == [1, 2, 4, 8]


@pytest.mark.parametrize("url", ["http://translate.example", "ftp://127.0.0.1", "translate.example"])
@pytest.mark.usefixtures("service")
def test_addresses_that_would_leak_tokens_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="PLATEFUL_TRANSLATOR_URL"):
        open_translator("google", TranslatorPlace(url, "menus"))


def test_a_project_is_needed() -> None:
    with pytest.raises(ConfigError, match="cloud project"):
        open_translator("google", TranslatorPlace())
