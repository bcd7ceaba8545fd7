"""Text embeddings: any length, menu text as data, nothing depends on what else is embedded."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.text import Embedding, TextCache, TextEmbedder

LONG = "noodle soup with beef and egg, " * 20


@pytest.fixture(scope="module")
def text(renderer: DiffusersRenderer) -> TextEmbedder:
    return renderer.text


def test_a_short_prompt_is_embedded_as_the_pipeline_itself_would(renderer: DiffusersRenderer) -> None:
    pipeline = renderer.pipeline
    own, _ = renderer.text.pair("noodle soup, white bowl", "")
    with torch.inference_mode():
        theirs, _ = pipeline.encode_prompt(
            "noodle soup, white bowl", "cpu", 1, do_classifier_free_guidance=False
        )
    torch.testing.assert_close(own.tokens, theirs, atol=1e-5, rtol=1e-5)


def test_a_long_prompt_keeps_all_its_words(text: TextEmbedder) -> None:
    chunks = text.chunks(LONG, "text")
    positive, negative = text.pair(LONG, "text")
    assert chunks > 1
    assert positive.tokens.shape == negative.tokens.shape == (1, 77 * chunks, 32)
    tail, _ = text.pair(LONG + "on a marble table", "text")
    assert not torch.equal(positive.tokens[:, -77:], tail.tokens[:, -77:])
    assert torch.equal(positive.tokens[:, :77], tail.tokens[:, :77])


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("rice (fried)1.4 with egg++", "rice fried with egg"),
        ('("rice", "egg").and()', "rice egg"),
        ("rice.swap(noodle)", "rice"),
        ('("rice", "soup").blend(1, 0.2)', "rice soup"),
        ("rice (((", "rice"),
    ],
)
def test_prompt_syntax_in_menu_text_is_only_text(
    renderer: DiffusersRenderer, text: TextEmbedder, written: str, other: str
) -> None:
    embedding = text.pair(written, "")[0].tokens
    ids = renderer.pipeline.tokenizer(written, padding="max_length", return_tensors="pt").input_ids
    expected = renderer.pipeline.text_encoder(ids).last_hidden_state
    torch.testing.assert_close(embedding, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(embedding, text.pair(other, "")[0].tokens)


def test_a_special_token_in_menu_text_does_not_end_the_prompt(text: TextEmbedder) -> None:
    first, _ = text.pair("rice <|endoftext|> with egg", "")
    second, _ = text.pair("rice <|endoftext|> with fish", "")
    assert not torch.equal(first.tokens, second.tokens)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_embedded_and_finite(text: TextEmbedder, prompt: str) -> None:
    positive, negative = text.pair(prompt, "blur")
    assert positive.tokens.shape == negative.tokens.shape
    assert positive.tokens.shape[1] == 77 * text.chunks(prompt, "blur")
    assert torch.isfinite(positive.tokens).all()


def test_the_cache_changes_nothing_and_keeps_models_apart(
    renderer: DiffusersRenderer, text: TextEmbedder
) -> None:
    encoders, cache = [(renderer.pipeline.tokenizer, renderer.pipeline.text_encoder)], TextCache()
    first, second = (TextEmbedder(encoders, version, cache) for version in ("first", "second"))
    for _ in range(2):
        for own, other in zip(first.pair(LONG, "x"), text.pair(LONG, "x"), strict=True):
            assert torch.equal(own.tokens, other.tokens)
    kept = len(cache)
    assert first.pair(LONG, "x")[0].tokens is first.pair(LONG, "x")[0].tokens
    assert second.pair(LONG, "x")[0].tokens is not first.pair(LONG, "x")[0].tokens
    assert len(cache) == 2 * kept
    second.flush()
    assert len(cache) == kept


def test_the_cache_forgets_the_least_recently_used() -> None:
    cache, made = TextCache(capacity=2), []

    def compute(prompt: str) -> Embedding:
        made.append(prompt)
        return Embedding(torch.zeros(1, 77, 4))

    for prompt in ("rice", "soup", "rice", "tea", "rice", "soup"):
        cache.get("model", prompt, compute)
    assert made == ["rice", "soup", "tea", "soup"]
    assert len(cache) == 2
