"""Check digits of Doc 9303-3 section 4.9: weights 7-3-1 from the left, A=10 to Z=35, ``<``=0, modulo 10.

They are weak evidence. Of the 666 pairs of the 37 characters, 52 have values equal modulo 10, and no digit can tell the
two apart. Among those, a few also look alike (6 and G, 1 and L, ``<`` and K): a number that holds both members of such
a pair passes its digit whichever way round it was read, so only the glyphs, the visual zone or the chip can settle it.
For the same reason nothing in DAFEC repairs a character by its digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

from dafec.ocr.types import ALPHABET

__all__ = ["LOOKALIKE_ALIASES", "VALUES", "WEIGHTS", "alias_pairs", "expected_digit", "lookalike_alias", "weighted_sum"]

WEIGHTS = (7, 3, 1)

#: The value of each character of the alphabet.
VALUES: dict[str, int] = {char: 0 if char == "<" else int(char, 36) for char in ALPHABET}

#: Pairs equal modulo 10 that OCR-B print and wear can also make look alike.
LOOKALIKE_ALIASES: tuple[tuple[str, str], ...] = (("6", "G"), ("1", "L"), ("<", "K"))


def weighted_sum(text: Sequence[str]) -> int | None:
    """The sum of value times weight, or None where a character has no value."""
    total = 0
    for index, char in enumerate(text):
        value = VALUES.get(char)
        if value is None:
            return None
        total += value * WEIGHTS[index % 3]
    return total


def expected_digit(text: Sequence[str]) -> str | None:
    """The check digit of ``text`` by Doc 9303-3 section 4.9.

    Args:
        text: the characters covered, in order; an empty text gives ``"0"``.

    Returns:
        One digit, or None where a character is not one of A-Z, 0-9 and ``<``.
    """
    total = weighted_sum(text)
    return None if total is None else str(total % 10)


@cache
def alias_pairs() -> tuple[tuple[str, str], ...]:
    """The 52 pairs of characters no check digit can tell apart, in the order of the alphabet."""
    return tuple((a, b) for a, b in combinations(ALPHABET, 2) if (VALUES[a] - VALUES[b]) % 10 == 0)


def lookalike_alias(number: str) -> tuple[str, str] | None:
    """The first look-alike pair of which ``number`` holds both members.

    Exactly then the digit cannot tell the printed order from the swapped one, nor either glyph from a repetition of the
    other. A number with one member only (an L without a 1, the many numbers with an L) is not remarked on: the note
    would stand on most documents and be read by nobody.

    Args:
        number: a document number without its trailing fillers.
    """
    held = set(number)
    return next((pair for pair in LOOKALIKE_ALIASES if held.issuperset(pair)), None)
