"""The reader with its own models, on the repository's sample documents and on the development images."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.capture import load_capture
from dafec.ocr.find import locate_zones
from dafec.ocr.lines import find_lines
from dafec.ocr.reader import OcrContext, read_frame, read_image, to_grey
from dafec.ocr.recognise import cut_ends, longer, recognise_lines
from dafec.ocr.types import ALPHABET, MrzRead

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_docs"
SHARED = Path(os.environ.get("DAFEC_SHARED_DATA", ROOT.parent / "shared" / "data"))
ENTRIES = json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))["samples"]


@pytest.fixture(scope="module")
def context() -> OcrContext:
    return OcrContext.load(2)


def pixels_of(entry: dict[str, object]) -> NDArray[np.uint8]:
    """The page with the zone: the last one of a card's two sides."""
    grey = to_grey(load_capture(SAMPLES / str(entry["path"])).pages[-1].primary.pixels)
    return grey


def entry(name: str) -> dict[str, object]:
    return next(e for e in ENTRIES if e["id"] == name)


def texts(reads: list[MrzRead]) -> list[list[str]]:
    return [list(r.texts) for r in reads]


@pytest.mark.parametrize("name", [e["id"] for e in ENTRIES])
def test_every_sample_is_read_as_printed(name: str, context: OcrContext) -> None:
    sample = entry(name)
    reads = read_image(pixels_of(sample), context=context)
    assert texts(reads)[0] == sample["mrz"]
    assert reads[0].status == "read"
    assert reads[0].format == sample["kind"]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 7, -12, 45, 151])
def test_any_rotation(degrees: float, context: OcrContext) -> None:
    sample = entry("td3-arabic")
    image = pixels_of(sample)
    h, w = image.shape
    turn = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    nw, nh = int(w * cos + h * sin), int(w * sin + h * cos)
    turn[:, 2] += (nw - w) / 2, (nh - h) / 2
    reads = read_image(cv2.warpAffine(image, turn, (nw, nh), borderValue=235), context=context)
    assert texts(reads)[0] == sample["mrz"]


@pytest.mark.parametrize("width", [420, 700, 1500, 4000])
def test_many_sizes(width: int, context: OcrContext) -> None:
    sample = entry("td1-card")
    image = pixels_of(sample)
    size = (width, round(image.shape[0] * width / image.shape[1]))
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    reads = read_image(cv2.resize(image, size, interpolation=how), context=context)
    assert texts(reads)[0] == sample["mrz"]


@pytest.mark.parametrize("half_waves", [1, 2, -2])
def test_a_page_that_does_not_lie_flat(half_waves: int, context: OcrContext) -> None:
    image = pixels_of(entry("td3-arabic"))
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    bend = np.float32(0.012 * w) * np.sin(x / w * np.float32(np.pi * half_waves))
    curled = cv2.remap(image, x, y + bend, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    assert texts(read_image(curled, context=context)) == [entry("td3-arabic")["mrz"]]


def test_small_card_on_a_whole_a4_scan(context: OcrContext) -> None:
    sample = entry("td1-card")
    image = pixels_of(sample)
    glass = np.full((7016, 4960), 250, np.uint8)  # A4 at 600 dpi
    card = cv2.resize(image, (2022, 1275), interpolation=cv2.INTER_CUBIC)
    glass[3000:4275, 1500:3522] = card
    assert texts(read_image(glass, context=context)) == [sample["mrz"]]


def test_two_documents_are_both_returned(context: OcrContext) -> None:
    first, second = entry("td3-arabic"), entry("td1-card")
    a, b = pixels_of(first), pixels_of(second)
    width = max(a.shape[1], b.shape[1]) + 80
    glass = np.full((a.shape[0] + b.shape[0] + 160, width), 240, np.uint8)
    glass[40 : 40 + a.shape[0], 40 : 40 + a.shape[1]] = a
    glass[a.shape[0] + 100 : a.shape[0] + 100 + b.shape[0], 40 : 40 + b.shape[1]] = b
    found = texts(read_image(glass, context=context))
    assert len(found) == 2
    assert first["mrz"] in found
    assert second["mrz"] in found


@pytest.mark.parametrize("gap", [0, 100, 500])
def test_two_passports_side_by_side_stay_two(gap: int, context: OcrContext) -> None:
    sample = entry("td3-arabic")
    image = pixels_of(sample)
    between = np.full((image.shape[0], gap), 235, np.uint8)
    found = texts(read_image(np.hstack([image, between, image]), context=context))
    assert found == [sample["mrz"], sample["mrz"]]


@pytest.mark.parametrize("kind", ["black", "white", "noise", "lines"])
def test_nothing_is_found_where_nothing_is(kind: str, context: OcrContext) -> None:
    image = {
        "black": np.zeros((600, 900), np.uint8),
        "white": np.full((600, 900), 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 255, (600, 900), dtype=np.uint8),
        "lines": np.tile(np.repeat(np.array([0, 255], np.uint8), 7), (600, 64)),
    }[kind]
    assert read_image(image, context=context) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (20, 20)])
def test_tiny_frames_are_no_error(shape: tuple[int, int], context: OcrContext) -> None:
    assert read_image(np.full(shape, 128, np.uint8), context=context) == []


def test_colour_and_sixteen_bits_say_the_same(context: OcrContext) -> None:
    sample = entry("td3-arabic")
    grey = pixels_of(sample)
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    deep = grey.astype(np.uint16) * 257
    twelve = grey.astype(np.uint16) * 16
    for image in (colour, deep, twelve):
        assert texts(read_image(image, context=context))[0] == sample["mrz"]


def test_probabilities_and_places_make_sense(context: OcrContext) -> None:
    image = pixels_of(entry("td3-arabic"))
    frame = read_frame(image, context=context)
    read = frame.reads[0]
    assert 0 <= read.confidence <= 1
    for line in read.lines:
        for char in line.chars:
            assert char.char in ALPHABET
            assert 0 <= char.probability <= 1
            assert char.probability + sum(p for _, p in char.alternatives) <= 1 + 1e-6
            assert char.char not in [c for c, _ in char.alternatives]
            assert 0 <= char.centre_px[0] < image.shape[1]
            assert 0 <= char.centre_px[1] < image.shape[0]
        steps = np.diff([c.centre_px[0] for c in line.chars])
        assert steps.min() > 0
    quad = read.corners_px.array()
    assert quad[0, 0] < read.lines[0].chars[0].centre_px[0] < quad[1, 0]
    assert frame.document_mask.max() > 0.5


def test_the_same_frame_reads_the_same_twice(context: OcrContext) -> None:
    image = pixels_of(entry("td1-card"))
    assert read_image(image, context=context) == read_image(image, context=context)


def test_a_covered_character_is_never_called_read(context: OcrContext) -> None:
    sample = entry("td3-arabic")
    image = pixels_of(sample).copy()
    line = read_image(image, context=context)[0].lines[1]
    pitch = line.chars[1].centre_px[0] - line.chars[0].centre_px[0]
    for place in (3, 15, 24):
        covered = image.copy()
        x, y = line.chars[place].centre_px
        covered[int(y - pitch) : int(y + pitch), int(x - pitch / 2) : int(x + pitch / 2)] = 200
        reads = read_image(covered, context=context)
        assert not reads or reads[0].status == "uncertain" or texts(reads)[0] == sample["mrz"]


def test_wrong_check_digits_are_read_as_they_stand(context: OcrContext) -> None:
    sample = entry("td1-forged-digit")
    read = read_image(pixels_of(sample), context=context)[0]
    assert list(read.texts) == sample["mrz"]
    assert read.status == "read"


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mrz_images").is_dir(), reason="the development images are not beside this checkout")
def test_development_images(context: OcrContext) -> None:
    entries = json.loads((SHARED / "mrz_images" / "manifest.json").read_text(encoding="utf-8"))
    exact, silent = 0, []
    for item in entries:
        pixels = load_capture(SHARED / "mrz_images" / item["file"]).pages[0].primary.pixels
        reads = read_image(pixels, context=context)
        right = bool(reads) and list(reads[0].texts) == item["mrz"]
        exact += right
        if reads and reads[0].status == "read" and not right:
            silent.append(item["id"])
    assert silent == []
    assert exact >= 28


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "real").is_dir(), reason="the development images are not beside this checkout")
def test_cards_without_a_zone_have_none(context: OcrContext) -> None:
    for path in sorted((SHARED / "real" / "fantasyid").glob("*.jpg")) + sorted(
        (SHARED / "real" / "grey_copies").glob("alb*")
    ):
        assert read_image(load_capture(path).pages[0].primary.pixels, context=context) == [], path.name


def test_a_page_of_capitals_is_no_zone(context: OcrContext) -> None:
    page = np.full((700, 1000), 245, np.uint8)
    for row, words in enumerate(
        ["REPUBLIC OF UTOPIA", "PERMANENT RESIDENCE PERMIT", "MINISTRY OF INTERIOR 123456789"] * 3
    ):
        cv2.putText(page, words, (40, 80 + 65 * row), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 20, 3, cv2.LINE_AA)
    assert read_image(page, context=context) == []


@pytest.mark.parametrize(("late", "early"), [(1, 0), (2, 0), (0, 1), (1, 1), (0, 0)])
def test_a_line_cut_at_an_end_is_looked_at_again_with_room(late: int, early: int, context: OcrContext) -> None:
    pixels = pixels_of(entry("td3-arabic"))
    lines = find_lines(pixels, locate_zones(pixels, context.detector).zones[0], context.line_finder)
    whole = recognise_lines(pixels, lines, context.recogniser, context.calibration)
    short = []
    for strip, line in zip(whole.strips, whole.lines, strict=True):
        places = strip.to_frame(line.columns - 0.5)
        half = (places[-1] - places[0]) / (len(places) - 1) / 2
        left = places[late] - half if late else np.asarray(strip.geometry.left)
        right = places[-1 - early] + half if early else np.asarray(strip.geometry.right)
        ends = (float(left[0]), float(left[1])), (float(right[0]), float(right[1]))
        short.append(replace(strip.geometry, left=ends[0], right=ends[1]))
    cut = recognise_lines(pixels, short, context.recogniser, context.calibration)
    found = cut_ends(cut)
    again = recognise_lines(pixels, longer(cut, found), context.recogniser, context.calibration)
    read = ["".join(ALPHABET[at] for at in line.probabilities.argmax(axis=1)) for line in again.lines]
    assert read == entry("td3-arabic")["mrz"]
    if not late and not early:
        assert found == (False, False)
