"""The tokenizer: byte-level BPE in CLIP's own format, trained on captions; it spells any Unicode string."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from training.family.corpus import load_corpus
from training.family.session import Session, write_json

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
LENGTH = 77


def learn_merges(captions: Iterable[str], count: int) -> list[tuple[str, str]]:
    """The first `count` BPE merges over `captions`, split into words as CLIPTokenizer splits them."""
    backend = CLIPTokenizer().backend_tokenizer
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END, unk_token=END))
    learner.normalizer, learner.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=512 + count,
        end_of_word_suffix=WORD_END,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END],
    )
    learner.train_from_iterator(captions, trainer)
    pairs = json.loads(learner.to_str())["model"]["merges"]
    return [(left, right) for left, right in pairs][:count]


def build(merges: list[tuple[str, str]]) -> CLIPTokenizer:
    """A CLIPTokenizer of all 256 bytes (inside and ending a word), the merges, and the two specials last."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    symbols = [
        *alphabet,
        *(letter + WORD_END for letter in alphabet),
        *("".join(pair) for pair in merges),
        START,
        END,
    ]
    vocab = {symbol: index for index, symbol in enumerate(dict.fromkeys(symbols))}
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=LENGTH)


def save(tokenizer: CLIPTokenizer, merges: list[tuple[str, str]], folder: Path) -> None:
    """Write the tokenizer with both its fast file and CLIP's vocab.json + merges.txt."""
    tokenizer.save_pretrained(folder)
    write_json(folder / "vocab.json", tokenizer.get_vocab())
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def train_tokenizer(session: Session) -> None:
    """Train on every caption of the corpus, once."""
    folder = session.folder("tokenizer")
    if (folder / "merges.txt").exists():
        return
    captions = (text for record in load_corpus(session).records for text in record["captions"])
    merges = learn_merges(captions, session.recipe.parts.tokenizer.size - 514)
    save(build(merges), merges, folder)
    session.note("tokenizer", {"tokens": 514 + len(merges)})


def load_tokenizer(session: Session) -> CLIPTokenizer:
    """The trained tokenizer of this session."""
    return CLIPTokenizer.from_pretrained(session.folder("tokenizer"))
