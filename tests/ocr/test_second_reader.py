import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.geometry import Quad
from dafec.ocr import second_reader
from dafec.ocr.reader import OcrContext, read_image
from dafec.ocr.second_reader import available_engine, constrained_decode, cut_line, second_read
from dafec.ocr.types import ALPHABET, CharRead, LineRead, MrzRead

SAMPLES = Path(__file__).parents[2] / "sample_docs"
QUAD = Quad(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
ANY = np.ones(len(ALPHABET), bool)


def columns(*symbols: str, sure: float = 0.9) -> NDArray[np.float32]:
    """One column for each symbol; ``-`` is the blank, ``A4`` an A that could be a 4."""
    out = np.full((len(symbols), 38), (1 - sure) / 37, np.float32)
    for row, symbol in enumerate(symbols):
        out[row, 0 if symbol[0] == "-" else ALPHABET.index(symbol[0]) + 1] = sure
        if len(symbol) > 1:
            out[row, ALPHABET.index(symbol[1]) + 1] = sure / 2
    return out


def allow(*kinds: str) -> NDArray[np.bool_]:
    return np.array([[char in kind for char in ALPHABET] if kind else ANY for kind in kinds])


def test_repeats_need_a_blank_between_them_and_the_length_is_kept() -> None:
    assert constrained_decode(columns("A", "A", "-", "A", "B"), allow("", "", "")) == "AAB"
    # whether two fillers stand here or one, the columns alone leave open: the format's length decides
    for length in (1, 2):
        assert constrained_decode(columns("<", "-<", "<"), allow(*[""] * length)) == "<" * length


def test_a_position_holds_only_characters_of_its_kind() -> None:
    seen = columns("O0", "-", "1I")
    assert constrained_decode(seen, allow("", "")) == "O1"
    assert constrained_decode(seen, allow("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) == "0I"


def test_fewer_columns_than_characters_give_nothing() -> None:
    assert constrained_decode(columns("A", "B"), allow("", "", "")) is None


def test_every_text_that_is_seen_clearly_comes_back() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        text = "".join(rng.choice(list(ALPHABET), size=30))
        seen = columns(*(symbol for char in text for symbol in (char, "-")))
        assert constrained_decode(seen, np.ones((30, 37), bool)) == text


def read_of(lines: list[tuple[str, tuple[float, float], tuple[float, float]]], cap_px: float) -> MrzRead:
    """A read that knows where the lines are and nothing of what they say."""
    made = []
    for text, first, last in lines:
        share = np.linspace(0, 1, len(text))
        chars = [CharRead("A", 0.5, (), (float(first[0] + s * (last[0] - first[0])), first[1])) for s in share]
        made.append(LineRead(tuple(chars), cap_px))
    return MrzRead("uncertain", "TD3", tuple(made), QUAD, 0.5)


def sample_read() -> tuple[NDArray[np.uint8], MrzRead, tuple[str, ...]]:
    truth = next(s for s in json.loads((SAMPLES / "manifest.json").read_text())["samples"] if s["id"] == "td3-arabic")
    pixels = cv2.cvtColor(cv2.imread(str(SAMPLES / "td3-arabic" / "visible.jpg")), cv2.COLOR_BGR2RGB)
    found = read_image(np.asarray(pixels, np.uint8), context=OcrContext.load(1))[0]
    lines = []
    for text, line in zip(truth["mrz"], found.lines, strict=True):
        centres = [char.centre_px for char in line.chars]
        lines.append((text, (centres[0], centres[-1])))
    cap_px = found.lines[0].height_px
    return np.asarray(pixels, np.uint8), read_of([(t, *c) for t, c in lines], cap_px), tuple(truth["mrz"])


def test_a_line_is_cut_straight_and_of_the_recognisers_height() -> None:
    pixels, read, _ = sample_read()
    for image in (pixels, pixels[..., 1]):
        crop = cut_line(np.ascontiguousarray(image), read.lines[0])
        assert crop is not None
        assert crop.shape[0] == 48
        assert crop.shape[2] == 3
        assert crop.std() > 20
    assert cut_line(pixels, LineRead((), 10.0)) is None


def test_it_reads_a_specimen_without_the_first_readers_characters() -> None:
    if second_reader.available_engine() != "pp-ocr":
        pytest.skip("the package rapidocr is not installed")
    pixels, read, truth = sample_read()
    assert second_read(pixels, read) == truth


def test_without_an_engine_there_is_no_opinion(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, read, _ = sample_read()
    monkeypatch.setattr(second_reader, "available_engine", lambda: None)
    assert second_read(pixels, read) is None


@pytest.mark.parametrize(
    "error", [ImportError("x"), InstallationError("models.run_failed", name="x"), RuntimeError("time"), OSError(5, "x")]
)
def test_an_engine_that_fails_gives_no_opinion(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> None:
        raise error

    pixels, read, _ = sample_read()
    monkeypatch.setattr(second_reader, "_with_pp_ocr", broken)
    assert second_read(pixels, read, engine="pp-ocr") is None


def test_lines_of_no_format_give_no_opinion() -> None:
    pixels, read, _ = sample_read()
    short = tuple(LineRead(line.chars[:12], line.height_px) for line in read.lines)
    assert second_read(pixels, MrzRead("uncertain", None, short, QUAD, 0.1), engine="pp-ocr") is None
    assert second_read(pixels, MrzRead("uncertain", "TD1", read.lines, QUAD, 0.1), engine="pp-ocr") is None


def test_tesseract_counts_only_with_data_for_such_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    available_engine.cache_clear()
    monkeypatch.setattr(second_reader.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(second_reader, "_trained_data", lambda: None)
    assert available_engine() is None
    available_engine.cache_clear()
    monkeypatch.setattr(second_reader, "_trained_data", lambda: "mrz")
    assert available_engine() == "tesseract"
    available_engine.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AB<<<C", "AB<<<<<C"),
        ("AB<<<<<<<<C", "AB<<<<<C"),
        ("ABCDEFGH", "ABCDEFGH"),
        ("ABC", None),
        ("A<BCDEFGHIJK", None),
    ],
)
def test_a_run_of_fillers_takes_the_difference(text: str, expected: str | None) -> None:
    assert second_reader._fitted(text, 8) == expected
