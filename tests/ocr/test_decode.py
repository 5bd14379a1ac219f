"""Columns to characters: counting, spacing, doubt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dafec.ocr.decode import STRIDE_PX, LineColumns, decode_lines
from dafec.ocr.types import ALPHABET

PITCH = 4.1  # columns


def columns(text: str, *, pitch: float = PITCH, start: float = 6.0, missing: tuple[int, ...] = ()) -> LineColumns:
    """What a perfect recogniser would say about evenly spaced print."""
    count = int(start + pitch * (len(text) - 1) + 8)
    logits = np.full((count, 38), -6.0, np.float32)
    logits[:, 37] = 6.0
    for i, char in enumerate(text):
        if i in missing:
            continue
        centre = start + pitch * i
        for column in (int(np.floor(centre)), int(np.ceil(centre))):
            if abs(column - centre) <= 0.6:
                logits[column, 37] = -6.0
                logits[column, ALPHABET.index(char)] = 6.0
    return LineColumns.from_logits(logits, 1.0)


def read(lines: list[LineColumns], pitch: float = PITCH, count: int = 44) -> list[str]:
    decoded = decode_lines(lines, [pitch * count * STRIDE_PX] * len(lines))
    return ["".join(ALPHABET[i] for i in line.probabilities.argmax(axis=1)) for line in decoded]


@pytest.mark.parametrize("count", [30, 36, 44])
@given(seed=st.integers(0, 10_000), pitch=st.floats(3.5, 5.2))
@settings(max_examples=25, deadline=None)
def test_reads_even_print_of_every_format(count: int, seed: int, pitch: float) -> None:
    rng = np.random.default_rng(seed)
    texts = ["".join(ALPHABET[i] for i in rng.integers(0, 37, count)) for _ in range(2)]
    assert read([columns(t, pitch=pitch) for t in texts], pitch, count) == texts


def test_a_character_without_a_peak_is_counted_and_doubtful() -> None:
    text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    decoded = decode_lines([columns(text, missing=(25,)), columns(text)], [PITCH * 44 * STRIDE_PX] * 2)
    assert [len(line.columns) for line in decoded] == [44, 44]
    assert decoded[0].presence[25] < 0.5
    assert decoded[0].presence[[24, 26]].min() > 0.9
    found = "".join(ALPHABET[i] for i in decoded[0].probabilities.argmax(axis=1))
    assert found[:25] + found[26:] == text[:25] + text[26:]


@pytest.mark.parametrize("bend", [-0.2, -0.1, 0.15, 0.22])
def test_perspective_print_with_faults_is_counted(bend: float) -> None:
    text = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
    index = np.arange(44)
    places = 6.0 + 4.6 * (index + bend * index * (index - 43) / 43)
    logits = np.full((230, 38), -6.0, np.float32)
    logits[:, 37] = 6.0
    for place, char in zip(places, text, strict=True):
        for column in (int(np.floor(place)), int(np.ceil(place))):
            if abs(column - place) <= 0.6:
                logits[column, 37], logits[column, ALPHABET.index(char)] = -6.0, 6.0
    clean = LineColumns.from_logits(logits, 1.0)
    faulty = LineColumns.from_logits(logits, 1.0)
    for i in (3, 30):  # a speck between two characters is a peak of its own
        faulty.odds[round((places[i] + places[i + 1]) / 2)] = 4.0
    faulty.odds[round(places[20])] = -4.0
    for lines in ([clean, faulty], [faulty, faulty]):
        decoded = decode_lines(lines, [4.6 * 44 * STRIDE_PX] * 2)
        assert [len(line.columns) for line in decoded] == [44, 44]
        found = ["".join(ALPHABET[i] for i in line.probabilities.argmax(axis=1)) for line in decoded]
        assert all(line[:20] + line[21:] == text[:20] + text[21:] for line in found)


def test_specks_beside_the_line_are_not_characters() -> None:
    text = "I<UTOD231458907<<<<<<<<<<<<<<<"
    line = columns(text, start=20.0)
    line.odds[3] = 5.0
    assert read([line, columns(text), columns(text)], count=30) == [text] * 3


def test_positions_are_in_strip_pixels() -> None:
    decoded = decode_lines([columns("0" * 30)] * 3, [PITCH * 30 * STRIDE_PX] * 3)
    expected = (6.0 + PITCH * np.arange(30) + 0.5) * STRIDE_PX
    assert np.abs(decoded[0].columns - expected).max() < 0.5 * STRIDE_PX
    assert decoded[0].regular


def test_uneven_print_is_not_regular() -> None:
    text = "A" * 30
    line = columns(text)
    shifted = LineColumns(np.roll(line.classes, 2, axis=0), np.roll(line.odds, 2))
    half = len(line.odds) // 2
    torn = LineColumns(
        np.vstack([line.classes[:half], shifted.classes[half:]]), np.r_[line.odds[:half], shifted.odds[half:]]
    )
    decoded = decode_lines([torn] * 3, [PITCH * 30 * STRIDE_PX] * 3)
    assert not decoded[0].regular


def test_temperature_softens_but_keeps_the_order() -> None:
    logits = np.zeros((1, 38), np.float32)
    logits[0, 5], logits[0, 6] = 4.0, 2.0
    sharp, soft = (LineColumns.from_logits(logits, t).classes[0] for t in (1.0, 2.0))
    assert sharp[5] > soft[5] > soft[6]
    assert sharp[5] / sharp[6] == pytest.approx((soft[5] / soft[6]) ** 2)
    assert soft.sum() == pytest.approx(1.0)
