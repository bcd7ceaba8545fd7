"""Text embeddings: any length, menu text as data, nothing depends on what else is embedded."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.rendering.diffusers_renderer import DiffusersRenderer
from plateful.rendering.text import TextEmbedder

LONG = "noodle soup with beef and egg, " * 20


@pytest.fixture(scope="module")
def text(renderer: DiffusersRenderer) -> TextEmbedder:
    return renderer.text


def test_a_short_prompt_is_embedded_as_the_pipeline_itself_would(renderer: DiffusersRenderer) -> None:
    pipeline = renderer._text_to_image
    own, _ = renderer.text.pair("noodle soup, white bowl", "")
    with torch.inference_mode():
        theirs, _ = pipeline.encode_prompt(
            "noodle soup, white bowl", "cpu", 1, do_classifier_free_guidance=False
        )
    torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)


def test_a_long_prompt_keeps_all_its_words(text: TextEmbedder) -> None:
    chunks = text.chunks(LONG, "text")
    positive, negative = text.pair(LONG, "text")
    assert chunks > 1
    assert positive.shape == negative.shape == (1, 77 * chunks, 32)
    tail, _ = text.pair(LONG + "on a marble table", "text")
    assert not torch.equal(positive[:, -77:], tail[:, -77:])
    assert torch.equal(positive[:, :77], tail[:, :77])


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
def test_prompt_syntax_in_menu_text_is_only_text(text: TextEmbedder, written: str, other: str) -> None:
    embedding, _ = text.pair(written, "")
    expected = text._provider.text_encoder(
        text._provider.tokenizer(written, padding="max_length", return_tensors="pt").input_ids
    ).last_hidden_state
    torch.testing.assert_close(embedding, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(embedding, text.pair(other, "")[0])


def test_a_special_token_in_menu_text_does_not_end_the_prompt(text: TextEmbedder) -> None:
    first, _ = text.pair("rice <|endoftext|> with egg", "")
    second, _ = text.pair("rice <|endoftext|> with fish", "")
    assert not torch.equal(first, second)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_embedded_and_finite(text: TextEmbedder, prompt: str) -> None:
    positive, negative = text.pair(prompt, "blur")
    assert positive.shape == negative.shape
    assert positive.shape[1] == 77 * text.chunks(prompt, "blur")
    assert torch.isfinite(positive).all()


def test_the_cache_changes_nothing(renderer: DiffusersRenderer, text: TextEmbedder) -> None:
    pipeline = renderer._text_to_image
    fresh = TextEmbedder(pipeline.tokenizer, pipeline.text_encoder)
    for _ in range(2):
        assert all(
            torch.equal(a, b) for a, b in zip(fresh.pair(LONG, "x"), text.pair(LONG, "x"), strict=True)
        )
    assert fresh._embed.cache_info().misses == 2
