"""The CLIP adapter on the micro family: shapes, unit rows, batches, cut texts, and refusals."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plateful.errors import ModelError
from plateful.models.digests import write_digests
from plateful.vision.clip import TinyClip, softmax
from plateful.vision.people import SENTENCES, clip_signals


@pytest.fixture(scope="module")
def folder(weights: Path) -> Path:
    return weights / "plateful-tiny" / "clip"


@pytest.fixture(scope="module")
def clip(folder: Path) -> TinyClip:
    return TinyClip.load(folder)


def test_embeddings_are_unit_rows_and_independent_of_the_batch(clip: TinyClip, clean: list) -> None:
    images = [plate.image for plate in clean[:5]]
    together = clip.embed_images(images)
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([clip.embed_images([image]) for image in images])
    assert np.allclose(together, alone, atol=1e-5)


def test_any_shape_is_squeezed_whole(clip: TinyClip) -> None:
    wide = np.zeros((60, 200, 3), np.uint8)
    edge = wide.copy()
    edge[:, :20] = 255
    a, b = clip.embed_images([wide, edge])
    assert not np.allclose(a, b)


def test_texts_are_remembered_cut_and_in_any_script(clip: TinyClip) -> None:
    texts = ["a plate of rice", "蛋炒饭 ข้าวผัด", "word " * 500, "a plate of rice"]
    rows = clip.embed_texts(texts)
    assert rows.shape[0] == 4
    assert (rows[0] == rows[3]).all()
    assert np.allclose(rows, np.concatenate([clip.embed_texts([t]) for t in texts]), atol=1e-5)


def test_zero_shot_is_a_share(clip: TinyClip, clean: list) -> None:
    images = [plate.image for plate in clean[:3]]
    shares = clip.zero_shot(images, ["pizza", "soup", "cake"])
    assert shares.shape == (3, 3)
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    given = clip.zero_shot(None, ["pizza", "soup", "cake"], embeddings=clip.embed_images(images))
    assert np.allclose(shares, given)


def test_empty_batches(clip: TinyClip) -> None:
    assert clip.embed_images([]).shape == clip.embed_texts([]).shape
    assert len(clip.embed_images([])) == 0


def test_signals_have_one_number_per_picture(clip: TinyClip, clean: list) -> None:
    signals = clip_signals(clip, clip.embed_images([plate.image for plate in clean[:3]]))
    assert set(signals) == set(SENTENCES)
    assert all(values.shape == (3,) and np.isfinite(values).all() for values in signals.values())


def test_softmax_is_stable() -> None:
    assert np.allclose(softmax(np.array([1e4, 1e4])), 0.5)


@pytest.fixture
def family(folder: Path, tmp_path: Path) -> Path:
    """A family of nothing but CLIP, to be spoiled."""
    shutil.copytree(folder, tmp_path / "family" / "clip")
    write_digests(tmp_path / "family")
    return tmp_path / "family"


def test_digest_follows_content(family: Path, clip: TinyClip) -> None:
    assert TinyClip.load(family / "clip").digest == clip.digest
    config = family / "clip" / "config.json"
    config.write_text(config.read_text() + "\n")
    write_digests(family)
    assert TinyClip.load(family / "clip").digest != clip.digest


def spoil(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (
            lambda clip: spoil(clip / "model.safetensors"),
            r"clip/model\.safetensors' is not the recorded file",
        ),
        (lambda clip: (clip / "tokenizer.json").unlink(), r"clip/tokenizer\.json' is missing"),
        (lambda clip: (clip / "adapter_config.json").write_text("{}"), r"adapter_config.* is not recorded"),
        (lambda clip: (clip / "pytorch_model.bin").write_bytes(b""), r"pytorch_model\.bin.* can run code"),
        (lambda clip: (clip / "Model.PTH").write_bytes(b""), r"Model\.PTH.* can run code"),
        (lambda clip: (clip / "onnx").mkdir() or (clip / "onnx/a.pkl").write_bytes(b""), "can run code"),
        (lambda clip: (clip.parent / "digests.json").unlink(), r"'family' has no digests\.json"),
        (lambda clip: (clip / "config.json").unlink(), "no CLIP model"),
    ],
)
def test_a_clip_that_is_not_the_recorded_one_is_refused(
    family: Path, harm: Callable[[Path], object], named: str
) -> None:
    harm(family / "clip")
    with pytest.raises(ModelError, match=named):
        TinyClip.load(family / "clip")


def test_what_lies_elsewhere_in_the_family_is_not_clips_concern(family: Path) -> None:
    (family / "pipeline").mkdir()
    (family / "pipeline" / "config.json").write_text("{}")
    TinyClip.load(family / "clip")


def test_no_clip_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no CLIP model"):
        TinyClip.load(tmp_path)
