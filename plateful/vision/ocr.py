"""Text in pictures: RapidOCR detection on every picture, recognition only on what was detected.

Detection does not depend on the script; recognition reads Latin, Chinese and Japanese. The models ship inside
the wheel, nothing is downloaded. What was found is a list of regions; whether a region counts is decided in
scoring/.
"""

import difflib
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np

from plateful.vision.measures import fitted

PACKAGE = f"rapidocr-{version('rapidocr')}"
# Letters that OCR gets wrong: so much of a detected text must be found in the expected one, in order.
EXPECTED_OVERLAP = 0.8
# Enlarging small pictures further only costs time: at 128 px, 3 times finds no planted text that 2 times
# misses.
MOST_ENLARGED = 2.0
# Bowls, rings and crumpled edges read as these: a row of doughnuts is "0OC8", a lettuce leaf is "WwM".
_LOOKALIKES = str.maketrans(
    dict.fromkeys("08qceogbsa", "o") | dict.fromkeys("1i|", "l") | dict.fromkeys("mvw", "w")
)
# A region under this aspect ratio and over this share of the picture is no line of text: on 300 clean plates
# these were two thirds of all detections and none of the planted texts.
LINE_ASPECT, GLYPH_AREA = 1.6, 0.12


@dataclass(frozen=True)
class TextRegion:
    """One detected piece of text: what was read, two confidences (0..1), its box (x0, y0, x1, y1) in pixels.

    area: share of the picture. aspect: long side over short side.
    """

    text: str
    reading: float
    detection: float
    box: tuple[float, float, float, float]
    area: float
    aspect: float

    @property
    def letters(self) -> str:
        """The text without spaces, punctuation and case."""
        return normalised(self.text)

    @property
    def shapes(self) -> int:
        """How many different letters were read, counting those as one that round food is taken for."""
        return len(set(self.letters.translate(_LOOKALIKES)))


class TextReader:
    """RapidOCR with its analysis size set; one instance per process, safe to share between threads.

    Args:
        side: long side in pixels on which text is searched. Larger pictures are scaled down to it, smaller
            ones up to twice their size. RapidOCR's own default scales the short side up to 736: 0.21 s
            instead of 16 ms at 256.
        threads: onnxruntime's threads.
    """

    def __init__(self, *, side: int = 256, threads: int = 2) -> None:
        self.side = side
        self._threads = threads
        self._lock = threading.Lock()

    def regions(
        self, array: np.ndarray, *, side: int | None = None, min_detection: float = 0.5
    ) -> list[TextRegion]:
        """Find text in one uint8 RGB (H, W, 3) picture; boxes in its own pixels, area as a share of it.

        Args:
            array: the picture.
            side: analysis size, when not the reader's.
            min_detection: regions below this detection confidence are not read and not returned.
        """
        small = fitted(array, side or self.side, enlarge=MOST_ENLARGED)
        scale = max(small.shape[:2]) / max(array.shape[:2])
        bgr = np.ascontiguousarray(small[..., ::-1])
        with self._lock:
            corners, confidences = self._detect(bgr, min_detection)
            readings = self._read([_crop(bgr, quad) for quad in corners])
        found = zip(corners, confidences, readings, strict=True)
        return [_region(quad, sure, reading, scale, bgr.shape) for quad, sure, reading in found]

    @cached_property
    def _engine(self) -> Any:  # noqa: ANN401 - its results are a union that depends on the arguments
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                # We scale to the analysis size ourselves; "max" above any of our sizes leaves the picture
                # alone.
                "Det.limit_type": "max",
                "Det.limit_side_len": 1024,
                # Narrowest input of recognition; the default of 320 wastes half the time on short words.
                "Rec.rec_img_shape": [3, 48, 128],
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def _detect(self, bgr: np.ndarray, min_detection: float) -> tuple[list[np.ndarray], list[float]]:
        found = self._engine(bgr, use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return [], []
        each = zip(found.boxes, found.scores, strict=True)
        kept = [
            (b, s) for b, s in each if s >= min_detection and _is_line(np.asarray(b, np.float32), bgr.shape)
        ]
        return [np.asarray(b, np.float32) for b, _ in kept], [float(s) for _, s in kept]

    def _read(self, crops: list[np.ndarray]) -> list[tuple[str, float]]:
        if not crops:
            return []
        read = self._engine.recognize_txt(crops)
        return [(str(text), float(score)) for text, score in zip(read.txts, read.scores, strict=True)]


def normalised(text: str) -> str:
    """Letters and digits of a text, width and case folded: how detected and expected text are compared."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def is_expected(text: str, expected: str | None) -> bool:
    """Whether a read text is part of what the picture may carry, allowing for single misread letters."""
    letters, allowed = normalised(text), normalised(expected or "")
    if not letters or not allowed:
        return False
    if letters in allowed:
        return True
    blocks = difflib.SequenceMatcher(None, letters, allowed, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(letters) >= EXPECTED_OVERLAP and len(letters) >= 4


def unexpected(regions: Sequence[TextRegion], expected: str | None) -> list[TextRegion]:
    """Return the regions that the expected text does not explain."""
    return [region for region in regions if not is_expected(region.text, expected)]


def legibility(regions: Sequence[TextRegion], expected: str) -> float:
    """Return how much of an expected text can be read in a picture, 0..1, in whatever order its parts stand.

    Each region explains the runs of at least two letters that it shares with the text; a letter counts once.
    """
    wanted = normalised(expected)
    missing = wanted
    for letters in sorted((region.letters for region in regions), key=len, reverse=True):
        blocks = difflib.SequenceMatcher(None, missing, letters, autojunk=False).get_matching_blocks()
        read = {block.a + offset for block in blocks for offset in range(block.size) if block.size > 1}
        missing = "".join(letter for place, letter in enumerate(missing) if place not in read)
    return 1 - len(missing) / len(wanted) if wanted else 1.0


def _region(
    quad: np.ndarray, detection: float, reading: tuple[str, float], scale: float, shape: tuple[int, ...]
) -> TextRegion:
    area = cv2.contourArea(quad) / float(shape[0] * shape[1])
    low, high = quad.min(0) / scale, quad.max(0) / scale
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    long, short = max(_sides(quad)), max(min(_sides(quad)), 1.0)
    return TextRegion(reading[0].strip(), reading[1], detection, box, area, long / short)


def _sides(quad: np.ndarray) -> tuple[float, float]:
    width = max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3]))
    height = max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2]))
    return float(width), float(height)


def _is_line(quad: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Large, squarish regions are bowls and plates that look like one letter; they are not worth reading."""
    long, short = max(_sides(quad)), max(min(_sides(quad)), 1.0)
    return long / short >= LINE_ASPECT or cv2.contourArea(quad) <= GLYPH_AREA * shape[0] * shape[1]


def _crop(bgr: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """Cut a (possibly turned) box out of the picture, upright; tall ones are laid on their side."""
    width, height = (max(4, round(side)) for side in _sides(quad))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad, target)
    crop = cv2.warpPerspective(
        bgr, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.rot90(crop).copy() if height >= 1.5 * width else crop
