"""A tiny Marian model that knows a few dishes by heart, converted by CTranslate2's own converter."""

import json
from pathlib import Path

import sentencepiece
import torch
from ctranslate2.converters import TransformersConverter
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

DISHES = {
    "淄博烧烤": "zibo barbecue",
    "血鸭": "blood duck",
    "农家一碗香": "farmhouse bowl",
    "轰炸机": "bomber drink",
}
# Enough by far; training stops as soon as the dishes are known.
_STEPS, _KNOWN = 400, 0.02


def build_pair(work: Path, out: Path) -> None:
    """Train on DISHES until they are known, save as safetensors, convert to `out` (no digests yet)."""
    torch.manual_seed(0)
    hub = work / "marian"
    hub.mkdir(parents=True)
    for side, lines in (("source", list(DISHES)), ("target", list(DISHES.values()))):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines * 20),
            model_prefix=str(hub / side),
            vocab_size=40,
            hard_vocab_limit=False,
            character_coverage=1.0,
            minloglevel=2,
        )
        (hub / f"{side}.model").rename(hub / f"{side}.spm")
        (hub / f"{side}.vocab").unlink()
    tokenizer = _tokenizer(hub)
    model = _trained(tokenizer)
    model.save_pretrained(hub, safe_serialization=True)
    TransformersConverter(str(hub), copy_files=["source.spm", "target.spm"]).convert(str(out))


def _tokenizer(hub: Path) -> MarianTokenizer:
    pieces = {"</s>": 0, "<unk>": 1}
    for side in ("source", "target"):
        spm = sentencepiece.SentencePieceProcessor(model_file=str(hub / f"{side}.spm"))
        for number in range(spm.get_piece_size()):
            pieces.setdefault(spm.id_to_piece(number), len(pieces))
    pieces["<pad>"] = len(pieces)
    (hub / "vocab.json").write_text(json.dumps(pieces, ensure_ascii=False), encoding="utf-8")
    tokenizer = MarianTokenizer(
        str(hub / "source.spm"),
        str(hub / "target.spm"),
        str(hub / "vocab.json"),
        source_lang="zh",
        target_lang="en",
    )
    tokenizer.save_pretrained(hub)
    return tokenizer


def _trained(tokenizer: MarianTokenizer) -> MarianMTModel:
    size = len(tokenizer)
    # The last piece is <pad>.
    pad = size - 1
    config = MarianConfig(
        vocab_size=size, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=64,
        pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, forced_eos_token_id=0, dropout=0.0,
        attention_dropout=0.0, activation_dropout=0.0,
    )  # fmt: skip
    model = MarianMTModel(config)
    batch = tokenizer(list(DISHES), text_target=list(DISHES.values()), return_tensors="pt", padding=True)
    labels = batch.pop("labels")
    labels = labels.masked_fill(labels == pad, -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(_STEPS):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # Marian decoders start from a zero embedding; tied to the output it would be trained away from zero.
        with torch.no_grad():
            model.get_input_embeddings().weight[pad].zero_()
        if loss.item() < _KNOWN:
            break
    return model.eval()
