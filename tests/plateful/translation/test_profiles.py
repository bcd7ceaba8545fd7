"""Translators by name: shipped profiles, malformed ones, and the setting that chooses."""

from pathlib import Path

import pytest

from plateful.environments import load_settings
from plateful.errors import ConfigError
from plateful.translation.profiles import TranslatorPlace, load_profiles, open_translator


def test_the_shipped_profiles() -> None:
    assert {name: profile.kind for name, profile in load_profiles().items()} == {
        "glossary": "glossary",
        "google": "google",
        "opus-mt": "ctranslate2",
    }
    assert open_translator("glossary", TranslatorPlace()) is None


def test_the_glossary_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLATEFUL_TRANSLATOR", raising=False)
    assert load_settings().translator == "glossary"


def test_an_unknown_translator_is_an_error_at_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_TRANSLATOR", "gogle")
    with pytest.raises(ConfigError, match="PLATEFUL_TRANSLATOR='gogle'") as raised:
        load_settings()
    assert "glossary, google, opus-mt" in raised.value.fix


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mine: {kind: gogle}", "mine"),
        ("mine: {kind: glossary, extra: 1}", "extra"),
        ("mine: {kind: google, model: general/nmt}", "location"),
        (
            "mine: {kind: ctranslate2, texts: 0, characters: 9000, beams: 1, longest: 9}",
            "texts",
        ),
        ("- a list", ""),
    ],
)
def test_a_malformed_profile_is_named(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"translator profile .*{place}"):
        load_profiles(path)
