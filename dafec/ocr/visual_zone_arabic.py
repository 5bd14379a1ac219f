"""Reads a line of Arabic print: the recogniser of the visual zone's Arabic names.

A line is cut out, brought to 48 rows, and read by a small network of our own with connectionist temporal
classification (``dafec/models/training/arabic_reader.py``; drawn lines only). The network sees letters in the order
they stand on paper, from the left; ``logical`` turns them into reading order. Latin words, which stand beside Arabic
labels on most documents, are one sign to it: they are read elsewhere.

It reads names well enough to compare them with the machine-readable zone, not to quote them: what it gives carries a
confidence, and a comparison that hangs on an uncertain letter is undetermined.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.models.runtime import Session

__all__ = [
    "ARABIC_ALPHABET",
    "LATIN_WORD",
    "LINE_HEIGHT",
    "ArabicText",
    "decode_line",
    "logical",
    "prepare_line",
    "read_lines",
    "visual",
]

#: Classes after the blank: the letters of Doc 9303-3 section 6 C that names are written in, digits, and separators.
#: Letters that print alike are one: ک is read as ك, ی as ي or ى.
ARABIC_ALPHABET = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيٱپچژڤگ٠١٢٣٤٥٦٧٨٩۴۵۶ :/.-*"

LATIN_WORD = "*"  # stands for one word, number or sign in another script
LINE_HEIGHT = 48
_STEP = 32  # widths are multiples of it, so that few shapes reach the runtime
_MAX_WIDTH = 1024
_DIGITS = frozenset("٠١٢٣٤٥٦٧٨٩۴۵۶")


@dataclass(frozen=True, slots=True)
class ArabicText:
    """One line as read."""

    text: str  # reading order
    confidence: float  # geometric mean probability of its letters, 0..1
    weakest: float  # least probability of a letter, 0..1


def _is_run(char: str) -> bool:
    return char in _DIGITS


def _mirrored(text: str) -> str:
    """The line backwards, with numbers left as they are."""
    parts: list[str] = []
    for char in text:
        if parts and _is_run(char) and _is_run(parts[-1][-1]):
            parts[-1] += char
        else:
            parts.append(char)
    return "".join(reversed(parts))


def visual(text: str) -> str:
    """Reading order to the order on paper from the left."""
    return _mirrored(text)


def logical(text: str) -> str:
    """The order on paper from the left to reading order."""
    return _mirrored(text)


def prepare_line(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """A line's pixels as the network wants them.

    Args:
        grey: (h, w), any scale of brightness, the line upright with a little paper above and below.

    Returns:
        (48, w) float32 with zero mean and unit deviation, w a multiple of 32 and at most 1,024.
    """
    height, width = grey.shape
    new_width = int(np.clip(round(width * LINE_HEIGHT / max(height, 1)), 8, _MAX_WIDTH))
    shrinks = height > LINE_HEIGHT
    resized = cv2.resize(grey, (new_width, LINE_HEIGHT), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    missing = -new_width % _STEP
    padded = cv2.copyMakeBorder(resized, 0, 0, missing // 2, missing - missing // 2, cv2.BORDER_REPLICATE)
    mean, deviation = float(padded.mean()), float(padded.std())
    return np.asarray((padded - mean) / (deviation + 1e-4), dtype=np.float32)


def decode_line(logits: NDArray[np.float32]) -> ArabicText:
    """Greedy decoding of (columns, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    best = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    letters: list[tuple[str, float]] = []
    before = 0
    for column, kind in enumerate(best):
        if kind and kind != before:
            letters.append((ARABIC_ALPHABET[kind - 1], float(sure[column])))
        elif kind and letters:  # the same letter goes on: its surest column counts
            letters[-1] = (letters[-1][0], max(letters[-1][1], float(sure[column])))
        before = int(kind)
    text = logical("".join(char for char, _ in letters)).strip()
    values = [p for char, p in letters if char not in " :/.-" + LATIN_WORD]
    if not values:
        return ArabicText(text, 0.0, 0.0)
    return ArabicText(text, float(np.exp(np.mean(np.log(np.maximum(values, 1e-6))))), float(min(values)))


def read_lines(lines: list[NDArray[np.float32]], session: Session) -> list[ArabicText]:
    """Reads lines one by one.

    Args:
        lines: grey pictures (h, w) of one line each.
        session: the model ``arabic_lines``.

    Raises:
        InstallationError: the model failed.
    """
    return [decode_line(session.run(prepare_line(line)[None, None])[0][0]) for line in lines]
