"""Calls that go wrong, on every provider: named, repeated only when safe, charged exactly."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest

from plateful.errors import ConfigError
from plateful.models.providers.calls import same_house
from plateful.rendering.hosted_renderer import HostedRenderer
from plateful.rendering.inpainting import fit
from plateful.rendering.renderer import CandidateError
from tests.plateful.models.providers.studio import PROVIDERS, Studio, photo_and_mask, studio

ALL = sorted(PROVIDERS.values())
# A test server that cuts a connection or says nothing costs the client one timeout.
SHORT = {"timeout": 0.4}


def outcome(one: Studio) -> tuple[object, int]:
    """Render one soup in a fresh process: (picture or error, pictures it may be charged for)."""
    (task,) = one.tasks("soup")
    renderer = one.renderer()
    (result,) = renderer.render([task], {}, {})
    return result, renderer.bill(task, result).images


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        (["unavailable", "rate_limit_bare"], [7.0, 2.0]),
        (["rate_limit_bare"] * 4, [1.0, 2.0, 4.0, 8.0]),
    ],
    ids=["retry-after", "back-off"],
)
def test_what_was_not_processed_is_asked_again(
    name: str, faults: list[str], waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio(name, tmp_path, monkeypatch, *faults) as one:
        picture, billed = outcome(one)
        assert isinstance(picture, np.ndarray), picture
        assert (one.waits, billed, len(one.account.bills)) == (waits, 1, 1)
        assert len(set(one.account.keys)) == 1


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("fault", "reason", "billed"),
    [
        ("drop", "reply_lost", 1),
        ("cut", "reply_lost", 1),
        ("timeout", "reply_lost", 1),
        ("server_error", "provider_failed", 1),
        ("html", "bad_reply", 1),
        ("not_json", "bad_reply", 1),
        ("broken", "picture_broken", 1),
        ("wrong_size", "wrong_size", 1),
        ("refuse", "content_refused", 0),
    ],
)
def test_a_failure_is_named_and_never_bought_twice(
    name: str, fault: str, reason: str, billed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = SHORT if fault == "timeout" else {}
    with studio(name, tmp_path, monkeypatch, fault, **short) as one:
        for _ in range(3):
            error, charged = outcome(one)
            assert isinstance(error, CandidateError)
            assert (error.reason, charged) == (reason, billed)
            assert str(error).startswith(f"{reason}: ")
        assert len(one.account.seen) == 1, "a second call might be a second bill"
        assert len(one.account.bills) == billed
        assert one.waits == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fault", ["drop", "timeout", "server_error"])
def test_an_honoured_key_makes_a_lost_reply_safe_to_ask_for_again(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {"timeout": 2.0} if fault == "timeout" else {}
    with studio(name, tmp_path, monkeypatch, fault, "in_progress", idempotent=True, **short) as one:
        picture, billed = outcome(one)
        assert isinstance(picture, np.ndarray), picture
        assert (len(one.account.bills), billed) == (1, 1)
        assert len(one.account.keys) == 3
        assert len(set(one.account.keys)) == 1


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("unauthorized", r"bad_credentials.*answered 401 -> set the key"),
        ("quota", r"no_quota.* -> add credit"),
        ("not_found", r"no_such_model.*answered 404"),
        ("redirect", r"no_such_model.*answered 307"),
    ],
)
def test_what_every_call_would_meet_stops_all(
    name: str, fault: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio(name, tmp_path, monkeypatch, fault, concurrency=1) as one:
        with pytest.raises(ConfigError, match=told) as raised:
            one.renderer().render(one.tasks("soup", "rice", "stew"), {}, {})
        assert "key-of-the-tests" not in str(raised.value)
        assert (len(one.account.seen), one.account.bills) == (1, [])
        picture, _ = outcome(one)
        assert isinstance(picture, np.ndarray), "set right, it goes on"


@pytest.mark.parametrize("name", ALL)
def test_a_passing_failure_is_left_to_a_later_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio(name, tmp_path, monkeypatch, *["rate_limit"] * 5) as one:
        error, billed = outcome(one)
        assert isinstance(error, CandidateError)
        assert (error.reason, billed, len(one.waits)) == ("rate_limited", 0, 4)
        picture, _ = outcome(one)
        assert isinstance(picture, np.ndarray)
    with studio(name, tmp_path / "b", monkeypatch, "too_long") as one:
        error, _ = outcome(one)
        assert isinstance(error, CandidateError)
        assert (error.reason, one.waits) == ("rate_limited", [])


@pytest.mark.parametrize("name", ALL)
def test_the_first_failure_of_a_chain_is_kept(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio(name, tmp_path, monkeypatch, "unavailable", "rate_limit", "server_error") as one:
        error, _ = outcome(one)
        assert isinstance(error, CandidateError)
        assert error.reason == "provider_failed"
        assert "try 3; the first ended with unavailable" in str(error)
        assert error.__cause__ is not None


def test_nobody_listening_is_asked_again_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("gpt-image", tmp_path, monkeypatch) as one:
        pass
    error, billed = outcome(one)
    assert isinstance(error, CandidateError)
    assert (error.reason, billed) == ("connect_failed", 0)
    assert one.waits == [1.0, 2.0, 4.0, 8.0]


def test_an_answer_has_an_end_in_bytes_and_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio("openai-compatible", tmp_path, monkeypatch) as one:
        many, slow = one.tasks("soup", "rice", size=512)
        late = HostedRenderer(one.version, one.lake, seconds=count(step=30).__next__)
        (error,) = late.render([slow], {}, {})
        assert isinstance(error, CandidateError)
        assert (error.reason, "not whole after 20 s" in str(error)) == ("reply_lost", True)
        monkeypatch.setattr("plateful.models.providers.http.MAX_BYTES", 500)
        (error,) = one.renderer().render([many], {}, {})
        assert isinstance(error, CandidateError)
        assert (error.reason, "more than 500 bytes" in str(error)) == ("bad_reply", True)


def test_a_withheld_picture_is_charged_where_the_provider_charges_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, billed in (("ideogram", 1), ("stability", 0)):
        with studio(name, tmp_path / name, monkeypatch, "withheld") as one:
            error, charged = outcome(one)
            assert isinstance(error, CandidateError)
            assert (error.reason, charged, len(one.account.bills)) == ("content_refused", billed, billed)


def test_a_link_that_fails_is_fetched_again_and_the_picture_bought_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("ideogram", tmp_path, monkeypatch) as one:
        one.account.link_faults.extend(["gone", "html"])
        picture, billed = outcome(one)
        assert isinstance(picture, np.ndarray), picture
        assert (billed, len(one.account.bills)) == (1, 1)
    with studio("ideogram", tmp_path / "b", monkeypatch) as one:
        one.account.link_faults.extend(["gone"] * 5)
        error, billed = outcome(one)
        assert isinstance(error, CandidateError)
        assert (error.reason, billed) == ("picture_unreachable", 1)


def test_a_link_to_another_house_is_not_followed() -> None:
    api = "https://api.ideogram.ai"
    assert same_house("https://ideogram.ai/assets/1.png", api)
    assert same_house("https://img.ideogram.ai/1.png", api)
    for link in (
        "http://ideogram.ai/1.png", "https://ideogram.ai.evil.example/1.png", "https://evil.example/1.png",
        "https://user@ideogram.ai/1.png", "https://ideogram.ai:8443/1.png", "https://[::1", "file:///etc/passwd",
        "https://169.254.169.254/latest",
    ):  # fmt: skip
        assert not same_house(link, api), link
    assert not same_house("http://127.0.0.2/1.png", "http://127.0.0.1/v1")
    assert not same_house("http://127.0.0.1:81/1.png", "http://127.0.0.1:80/v1")


def test_roughly_sized_pictures_are_scaled_and_the_receipt_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, scaled in (("stability", True), ("ideogram", False)):
        with studio(name, tmp_path / name, monkeypatch, "other_pixels") as one:
            (task,) = one.tasks("soup", size=1024)
            (result,) = one.renderer().render([task], {}, {})
            assert isinstance(result, np.ndarray) is scaled
            assert task.receipt["size"]["status"] == ("clamped" if scaled else "honoured")
            if scaled:
                assert result.shape == (1024, 1024, 3)


@pytest.mark.parametrize("name", ALL)
def test_an_edit_repaints_the_dish_and_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, mask = photo_and_mask()
    with studio(name, tmp_path, monkeypatch) as one:
        task = one.edit()
        (result,) = one.renderer().render([task], {task.init_sha256: photo}, {task.mask_sha256: mask})
        assert isinstance(result, np.ndarray), result
        untouched = fit(photo, mask, 1024).composite(np.zeros((1024, 1024, 3), np.uint8))
        assert np.array_equal(result[:4, :4], untouched[:4, :4])
        # The server paints one colour where it reads the mask as free, and leaves the photo elsewhere.
        rows, columns = (slice(side // 2 - 5, side // 2 + 5) for side in result.shape[:2])
        assert len(np.unique(result[rows, columns].reshape(-1, 3), axis=0)) == 1
        assert np.unique(untouched[rows, columns]).tolist() == [0]
