"""Prompt -> text embeddings through Compel, for prompts of any length and for one or two text encoders.

Long prompts become several chunks of the tokenizer's 77 tokens. Prompts of every length take the same path,
one at a time, so that an embedding never depends on its neighbours.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from compel import Compel
from compel.embeddings_provider import ReturnedEmbeddingsType
from compel.prompt_parser import Conjunction, FlattenedPrompt

from plateful.identity import sha256_hex

# Embeddings kept per process: one is 80 kB a chunk in the embedded family, 240 kB in SD1.5, 630 kB in SDXL.
CACHED_PROMPTS = 512


@dataclass(frozen=True)
class Embedding:
    """One prompt's embedding.

    Attributes:
        tokens: (1, 77 * chunks, width), the encoders' widths side by side.
        pooled: (1, width) of the last encoder, where there are two (SDXL); else None.
    """

    tokens: torch.Tensor
    pooled: torch.Tensor | None = None


@dataclass
class TextCache:
    """The last embeddings, keyed by (model version, prompt hash): equal prompts of two models never mix."""

    capacity: int = CACHED_PROMPTS
    _kept: OrderedDict[tuple[str, str], Embedding] = field(default_factory=OrderedDict)

    def get(self, version: str, prompt: str, compute: Callable[[str], Embedding]) -> Embedding:
        """Return a prompt's embedding under a model version's digest, computed when it is not kept."""
        key = (version, sha256_hex(prompt))
        if key not in self._kept:
            self._kept[key] = compute(prompt)
        self._kept.move_to_end(key)
        while len(self._kept) > self.capacity:
            self._kept.popitem(last=False)
        return self._kept[key]

    def drop(self, version: str) -> None:
        """Forget what belongs to a model version."""
        for key in [key for key in self._kept if key[0] == version]:
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


class TextEmbedder:
    """Embeds prompts with a model's text encoders.

    Args:
        encoders: (tokenizer, text encoder) pairs: one for SD1.5, two for SDXL.
        version: digest of the model version, part of the cache's key.
        cache: where embeddings are kept.
    """

    def __init__(self, encoders: Sequence[tuple[Any, Any]], version: str, cache: TextCache) -> None:
        self._version, self._cache = version, cache
        types = ReturnedEmbeddingsType
        one, several = types.LAST_HIDDEN_STATES_NORMALIZED, types.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED
        layer = one if len(encoders) == 1 else several
        self._compels = [
            Compel(t, encoder, truncate_long_prompts=False, returned_embeddings_type=layer)
            for t, encoder in encoders
        ]
        self._count = lru_cache(maxsize=4096)(self._tokens)

    def chunks(self, prompt: str, negative_prompt: str) -> int:
        """Return how many 77-token chunks the pair's conditioning has: those of the longer of the two."""
        longest: Any = self._compels[0].conditioning_provider
        return max(self._count(prompt), self._count(negative_prompt)) // longest.max_token_count

    def pair(self, prompt: str, negative_prompt: str) -> tuple[Embedding, Embedding]:
        """Return (prompt, negative) embeddings with equally many tokens."""
        positive, negative = (
            self._cache.get(self._version, text, self._compute) for text in (prompt, negative_prompt)
        )
        length = max(positive.tokens.shape[1], negative.tokens.shape[1])
        return self._padded(positive, length), self._padded(negative, length)

    def flush(self) -> None:
        """Forget this version's embeddings."""
        self._cache.drop(self._version)

    def _padded(self, embedding: Embedding, length: int) -> Embedding:
        """Append the chunks of an empty prompt, which is how Compel pads."""
        missing = length - embedding.tokens.shape[1]
        if not missing:
            return embedding
        empty = self._cache.get(self._version, "", self._compute).tokens
        padding = empty.repeat(1, missing // empty.shape[1], 1)
        return Embedding(torch.cat([embedding.tokens, padding], dim=1), embedding.pooled)

    def _compute(self, prompt: str) -> Embedding:
        # Built by hand instead of parsed: brackets, plus signs and quotes in menu text are data, not weights.
        text = plain(prompt)
        conjunction = Conjunction([FlattenedPrompt([(text, 1.0)])])
        with torch.inference_mode():
            tokens = [c.build_conditioning_tensor_for_conjunction(conjunction)[0] for c in self._compels]
            last: Any = self._compels[-1].conditioning_provider
            pooled = last.get_pooled_embeddings([text]) if len(tokens) > 1 else None
        return Embedding(torch.cat(tokens, dim=-1), pooled)

    def _tokens(self, prompt: str) -> int:
        provider: Any = self._compels[0].conditioning_provider
        ids, _, _ = provider.get_token_ids_and_expand_weights([plain(prompt)], [1.0], device="cpu")
        return len(ids)


def plain(prompt: str) -> str:
    """Return the prompt with special-token spellings broken up, so that text cannot end itself early."""
    return prompt.replace("<|", "< |").replace("|>", "| >")
