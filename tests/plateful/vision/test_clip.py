"""The CLIP adapter on the micro family: shapes, unit rows, batches, cut texts, and refusals."""

from pathlib import Path

import numpy as np
import pytest

from plateful.errors import ModelError
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


def test_digest_follows_content(folder: Path, clip: TinyClip, tmp_path: Path) -> None:
    copy = tmp_path / "clip"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert TinyClip.load(copy).digest == clip.digest
    (copy / "config.json").write_text((copy / "config.json").read_text() + "\n")
    assert TinyClip.load(copy).digest != clip.digest


def test_missing_and_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no CLIP model"):
        TinyClip.load(tmp_path)
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="pickled"):
        TinyClip.load(tmp_path)
