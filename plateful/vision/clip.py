"""Tiny CLIP: pictures and sentences in one space, from a CLIPModel folder in safetensors.

Everything that needs a picture's embedding takes it from here once per picture and passes it on.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from plateful.errors import ModelError
from plateful.models.digests import verify_digests

_BATCH = 64


class TinyClip:
    """A CLIPModel with its tokenizer; embeddings are float32 and L2-normalised."""

    def __init__(self, model, tokenizer, preprocessing: dict, digest: str) -> None:  # noqa: ANN001 - heavy types
        """Wrap loaded parts; use `load`."""
        self._model = model
        self._tokenizer = tokenizer
        self._mean = np.asarray(preprocessing["image_mean"], np.float32)
        self._std = np.asarray(preprocessing["image_std"], np.float32)
        self._size = int(model.config.vision_config.image_size)
        self._length = int(model.config.text_config.max_position_embeddings)
        self._texts: dict[str, np.ndarray] = {}
        self.digest = digest

    @classmethod
    def load(cls, folder: str | Path) -> "TinyClip":
        """Load a CLIPModel folder (model.safetensors, config.json, tokenizer, processor_config.json).

        Its family's folder around it records its digests: what decides who is seen in a picture must be what
        was shipped.

        Raises:
            ModelError: the folder or its record is missing, or a file is missing, altered, unrecorded, or in
            a format that runs code.
        """
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"no CLIP model in {str(folder)!r}",
                fix="run `make models`, or set PLATEFUL_CLIP to a clip folder",
            )
        verify_digests(folder.parent, folder.name)
        import torch
        from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer
        from transformers.utils import logging

        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            # Stored in fp16 to stay small; computed in fp32, which is faster and steadier on CPU.
            model = CLIPModel.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, dtype=torch.float32
            ).eval()
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
            processor = CLIPImageProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as fault:
            raise ModelError(f"CLIP folder {str(folder)!r}: {fault}", fix="run `make models`") from fault
        finally:
            if shown:
                logging.enable_progress_bar()
        preprocessing = {"image_mean": processor.image_mean, "image_std": processor.image_std}
        return cls(model, tokenizer, preprocessing, folder_digest(folder))

    def embed_images(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Embed uint8 RGB (H, W, 3) pictures of any shape -> float32 (n, d), rows of length 1.

        The whole picture is squeezed into the model's square: a centre crop would hide what stands at the
        edge.
        """
        if not len(arrays):
            return np.zeros((0, self._dimension), np.float32)
        import torch

        with torch.inference_mode():
            parts = [
                self._model.get_image_features(
                    pixel_values=torch.from_numpy(self._pixels(arrays[i : i + _BATCH]))
                )
                for i in range(0, len(arrays), _BATCH)
            ]
        return _unit(np.concatenate([_features(part) for part in parts]))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed sentences -> float32 (n, d), rows of length 1; cut at the model's length, and remembered."""
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        for i in range(0, len(new), _BATCH):
            part = new[i : i + _BATCH]
            self._texts.update(zip(part, self._embed_new_texts(part), strict=True))
        if not texts:
            return np.zeros((0, self._dimension), np.float32)
        return np.stack([self._texts[text] for text in texts])

    def similarity(self, images: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Cosine similarity of embeddings (n, d) and (k, d) -> (n, k) in [-1, 1]."""
        return images @ texts.T

    def zero_shot(
        self,
        arrays: Sequence[np.ndarray] | None,
        texts: Sequence[str],
        *,
        embeddings: np.ndarray | None = None,
    ) -> np.ndarray:
        """Share of each text for each picture -> float32 (n, k), rows sum to 1; the model's own temperature.

        Args:
            arrays: pictures; may be None when `embeddings` (n, d) are given.
            texts: k alternatives.
            embeddings: rows of `embed_images`, to embed each picture once only.
        """
        images = self.embed_images(arrays or []) if embeddings is None else embeddings
        return softmax(self.temperature * self.similarity(images, self.embed_texts(texts)))

    @cached_property
    def temperature(self) -> float:
        """What cosine similarities are multiplied by before a softmax."""
        return math.exp(self._model.logit_scale.item())

    @property
    def _dimension(self) -> int:
        return int(self._model.config.projection_dim)

    def _pixels(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        side = (self._size, self._size)
        fitted = [
            a if a.shape[:2] == side else cv2.resize(a, side, interpolation=_interpolation(a, self._size))
            for a in arrays
        ]
        scaled = (np.stack(fitted).astype(np.float32) / 255.0 - self._mean) / self._std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def _embed_new_texts(self, texts: list[str]) -> np.ndarray:
        import torch

        tokens = self._tokenizer(
            texts, padding="max_length", max_length=self._length, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            features = self._model.get_text_features(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            )
        return _unit(_features(features))


def folder_digest(folder: Path) -> str:
    """Return sha256 over the names and contents of the folder's weights, configs and tokenizer files."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".json", ".txt")):
        digest.update(f"{path.name}\x1f{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def _interpolation(array: np.ndarray, size: int) -> int:
    return cv2.INTER_AREA if min(array.shape[:2]) >= size else cv2.INTER_CUBIC


def _features(output) -> np.ndarray:  # noqa: ANN001 - torch tensor or transformers 5 output
    # transformers 5 returns an output object whose pooler_output is the projected feature.
    tensor = getattr(output, "pooler_output", output)
    return tensor.float().numpy()


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
