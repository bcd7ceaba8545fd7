"""Prompt -> text embeddings through Compel, for prompts of any length.

Long prompts become several chunks of the tokenizer's 77 tokens. Prompts of every length take the same path,
one at a time, so that an embedding never depends on its neighbours.
"""

from functools import lru_cache
from typing import Any

import torch
from compel import Compel
from compel.prompt_parser import Conjunction, FlattenedPrompt

# Embeddings kept per renderer: one is 80 kB a chunk in the embedded family, 240 kB in SD1.5.
CACHED_PROMPTS = 512


class TextEmbedder:
    """Embeds prompts with one tokenizer and text encoder, remembering the last ones."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:  # noqa: ANN401 - any transformers pair
        self._compel = Compel(tokenizer=tokenizer, text_encoder=text_encoder, truncate_long_prompts=False)
        self._provider: Any = self._compel.conditioning_provider
        self._embed = lru_cache(maxsize=CACHED_PROMPTS)(self._compute)
        self._count = lru_cache(maxsize=None)(self._tokens)

    def chunks(self, prompt: str, negative_prompt: str) -> int:
        """Return how many 77-token chunks the pair's conditioning has: those of the longer of the two."""
        return max(self._count(prompt), self._count(negative_prompt)) // self._provider.max_token_count

    def pair(self, prompt: str, negative_prompt: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (prompt, negative) embeddings of equal length, each (1, 77 * chunks, width)."""
        positive, negative = self._compel.pad_conditioning_tensors_to_same_length(
            [self._embed(prompt), self._embed(negative_prompt)]
        )
        return positive, negative

    def _compute(self, prompt: str) -> torch.Tensor:
        # Built by hand instead of parsed: brackets, plus signs and quotes in menu text are data, not weights.
        conjunction = Conjunction([FlattenedPrompt([(plain(prompt), 1.0)])])
        with torch.inference_mode():
            conditioning = self._compel.build_conditioning_tensor_for_conjunction(conjunction)[0]
        return conditioning

    def _tokens(self, prompt: str) -> int:
        ids, _, _ = self._provider.get_token_ids_and_expand_weights([plain(prompt)], [1.0], device="cpu")
        return len(ids)


def plain(prompt: str) -> str:
    """Return the prompt with special-token spellings broken up, so that text cannot end itself early."""
    return prompt.replace("<|", "< |").replace("|>", "| >")
