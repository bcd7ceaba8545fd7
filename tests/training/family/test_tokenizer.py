"""The tokenizer spells any Unicode string, in CLIP's own format."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from training.family.tokenizer import build, learn_merges, save

CAPTIONS = [
    "pizza with basil on a wood background",
    "noodle soup with egg in a dark bowl",
    "pizza with tomato",
] * 4


@pytest.fixture(scope="module")
def merges() -> list[tuple[str, str]]:
    return learn_merges(CAPTIONS, 40)


@pytest.mark.parametrize("text", [
    "pizza", "宫保鸡丁", "كباب حلبي", "ผัดไทย", "crème brûlée", "şiş köfte", "🍜🔥", "a\u200bb\ufeff",
    "x" * 300,
    "\u202epizza",
])  # fmt: skip
def test_any_text_round_trips(merges: list[tuple[str, str]], text: str) -> None:
    tokenizer = build(merges)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.unk_token_id not in ids
    # CLIP splits combining marks from their letters and decodes a space between them.
    assert "".join(tokenizer.decode(ids).split()) == text.replace(" ", "")


def test_the_end_token_is_last_and_pads(merges: list[tuple[str, str]]) -> None:
    tokenizer = build(merges)
    ids = tokenizer("pizza", padding="max_length").input_ids
    assert len(ids) == 77
    assert tokenizer.eos_token_id == tokenizer.pad_token_id == len(tokenizer) - 1
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id


def test_long_text_is_cut_at_77_tokens(merges: list[tuple[str, str]]) -> None:
    assert len(build(merges)("soup " * 200, truncation=True).input_ids) == 77


def test_merges_are_learned_from_captions(merges: list[tuple[str, str]]) -> None:
    assert len(build(merges).tokenize("pizza")) < len("pizza")


def test_vocab_and_merges_files_load_alone(merges: list[tuple[str, str]], tmp_path: Path) -> None:
    save(build(merges), merges, tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    loaded = CLIPTokenizer.from_pretrained(tmp_path)
    assert loaded("pizza with 鸡").input_ids == build(merges)("pizza with 鸡").input_ids
