"""Opus-MT through CTranslate2: a real Marian model, tiny, converted by CTranslate2's own converter."""

import os
import shutil
from pathlib import Path

import pytest

from plateful.errors import ConfigError, ModelError
from plateful.translation.opus_models import OpusTranslator, record
from plateful.translation.profiles import TranslatorPlace, open_translator
from plateful.translation.translator import Answer


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Imported here: it loads torch and transformers.
    from tests.plateful.translation.tiny_marian import build_pair

    folder = tmp_path_factory.mktemp("models")
    build_pair(tmp_path_factory.mktemp("work"), folder / "zh-en")
    record(folder / "zh-en")
    return folder


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models, tmp_path / "models"))


def opened(folder: Path) -> OpusTranslator:
    found = open_translator("opus-mt", TranslatorPlace(weights=folder))
    assert isinstance(found, OpusTranslator)
    return found


def test_dishes_are_translated_by_the_model(models: Path) -> None:
    from tests.plateful.translation.tiny_marian import DISHES

    translator = opened(models)
    assert translator.translate(list(DISHES), "zh") == [Answer(english) for english in DISHES.values()]
    alone = [translator.translate([dish], "zh")[0].english for dish in DISHES]
    assert alone == list(DISHES.values())


@pytest.mark.parametrize("language", ["ko", None, "../zh", "zh-en", ""])
def test_a_language_without_a_model_fails_its_texts_alone(models: Path, language: str | None) -> None:
    translator = opened(models)
    assert translator.translate(["김치"], language) == [Answer(reason="no_model")]
    assert translator.version(language) == ""


def test_the_version_is_that_of_the_files(models: Path, copy: Path) -> None:
    assert opened(models).version("zh") == opened(copy).version("zh")
    (copy / "zh-en" / "source.spm").write_bytes((copy / "zh-en" / "target.spm").read_bytes())
    record(copy / "zh-en")
    assert opened(models).version("zh") != opened(copy).version("zh")


@pytest.mark.parametrize("name", ["model.bin", "source.spm", "config.json"])
def test_an_altered_file_is_refused_before_it_is_read(copy: Path, name: str) -> None:
    with (copy / "zh-en" / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelError, match="is not the recorded file"):
        opened(copy).translate(["血鸭"], "zh")


def test_a_pickle_is_neither_recorded_nor_read(copy: Path) -> None:
    (copy / "zh-en" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match="can run code"):
        record(copy / "zh-en")
    with pytest.raises(ModelError, match="can run code"):
        opened(copy).translate(["血鸭"], "zh")


class _Bomb:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_pickle_under_the_models_name_runs_nothing(copy: Path, tmp_path: Path) -> None:
    import pickle

    (copy / "zh-en" / "model.bin").write_bytes(pickle.dumps(_Bomb(tmp_path / "ran")))
    record(copy / "zh-en")
    with pytest.raises(ModelError, match="cannot be read"):
        opened(copy).translate(["血鸭"], "zh")
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_was_never_recorded_is_refused(copy: Path) -> None:
    (copy / "zh-en" / "digests.json").unlink()
    with pytest.raises(ModelError, match=r"digests\.json"):
        opened(copy).version("zh")


def test_an_empty_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no translation model"):
        open_translator("opus-mt", TranslatorPlace(weights=tmp_path))
    with pytest.raises(ConfigError, match="folder of converted models"):
        open_translator("opus-mt", TranslatorPlace())


def test_recording_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no model\.bin"):
        record(tmp_path)
