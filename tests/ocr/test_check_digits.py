"""Weights, values and the pairs no digit can tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dafec.ocr.check_digits import LOOKALIKE_ALIASES, VALUES, alias_pairs, expected_digit, lookalike_alias, weighted_sum
from dafec.ocr.types import ALPHABET


@pytest.mark.parametrize(
    ("text", "digit"),
    [("", "0"), ("<<<<<<", "0"), ("520727", "3"), ("AB2134<<<", "5"), ("L898902C3", "6"), ("ZE184226B<<<<<", "1")],
)
def test_digits_of_the_standards_examples(text: str, digit: str) -> None:
    assert expected_digit(text) == digit


@pytest.mark.parametrize("text", ["a", "É", "12 4", "٣"])
def test_text_outside_the_alphabet_has_no_digit(text: str) -> None:
    assert expected_digit(text) is None
    assert weighted_sum(text) is None


def test_there_are_52_alias_pairs() -> None:
    pairs = alias_pairs()
    assert len(pairs) == len(set(pairs)) == 52
    assert all(VALUES[a] % 10 == VALUES[b] % 10 for a, b in pairs)
    assert {("6", "G"), ("1", "L"), ("0", "A"), ("0", "K"), ("0", "U"), ("K", "<")} <= set(pairs)
    assert not {("0", "O"), ("1", "I"), ("2", "Z"), ("5", "S"), ("8", "B")} & set(pairs)
    assert {tuple(sorted(pair)) for pair in LOOKALIKE_ALIASES} <= {tuple(sorted(pair)) for pair in pairs}


@given(st.text(ALPHABET, min_size=1), st.data())
def test_exactly_the_alias_pairs_escape(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(ALPHABET))
    changed = text[:at] + other + text[at + 1 :]
    alias = text[at] == other or tuple(sorted((text[at], other), key=ALPHABET.index)) in alias_pairs()
    assert (expected_digit(text) == expected_digit(changed)) == alias


def test_lookalikes_need_both_members() -> None:
    assert lookalike_alias("AG6000001") == ("6", "G")
    assert lookalike_alias("L898902C3") is None
    assert lookalike_alias("L1") == ("1", "L")
    assert lookalike_alias("A0A0A0A0A") is None
