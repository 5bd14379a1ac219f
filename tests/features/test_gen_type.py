"""GEN-type: zones drawn in OCR-B and other faces, whole and altered, on pages of a reader."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import cv2
import numpy as np
import pytest

from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_type import TYPE_CHECKS
from dafec.features.gen_type_measure import measure_zone
from dafec.features.registry import run_checks
from dafec.geometry import FORMAT_SIZE_MM, BoxMm, Quad
from dafec.ocr.parse import parse_mrz
from dafec.ocr.types import CharRead, LineRead, MrzRead
from dafec.page import Page, Registration
from dafec.quality import Quality, QualityIssue
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Grid
from tests.mrz_zones import PASSPORT

S = 12.0  # pixels a millimetre
GRID = Grid(125.0, 88.0, round(S * 25.4))


@dataclass(frozen=True)
class Print:
    """How a zone is printed."""

    face: str = "ocrb"
    pitch_mm: float = 2.54
    distance_mm: float = 6.35
    jitter_mm: float = 0.008
    jitter_y_mm: float = 0.006
    ink: float = 0.85
    blur_mm: float = 0.06
    noise: float = 0.01
    moved: dict = field(default_factory=dict)  # (line, position): (x, y) in millimetres
    inks: dict = field(default_factory=dict)  # (line, position): ink
    faces: dict = field(default_factory=dict)
    infrared: dict = field(default_factory=dict)  # (line, position): share of the ink left in infrared
    bow_mm: float = 0.0
    bend_mm: float = 0.0  # both lines shortened at their last two characters
    second_line: float = 1.0  # how much less even it is set
    pen: tuple[int, int] | None = None  # (line, position) a pen's stroke goes up and down across


def _page(how: Print, lights: tuple[str, ...] = ("visible", "ir"), dpi: float | None = None) -> tuple[Page, MrzRead]:
    shape = (round(88 * S), round(125 * S))
    rng = np.random.default_rng(5)
    ink = {light: np.zeros(shape, np.float32) for light in ("visible", "ir")}
    reads = []
    for number, text in enumerate(PASSPORT):
        chars = []
        for at, char in enumerate(text):
            t = at / len(text) - 0.5
            uneven = how.second_line if number else 1.0
            x = 6.0 + (at + 0.5) * how.pitch_mm + rng.normal(0, uneven * how.jitter_mm) - how.bend_mm * (at > 41)
            y = 73.5 + number * how.distance_mm + rng.normal(0, uneven * how.jitter_y_mm) + how.bow_mm * 4 * t * t
            chars.append(CharRead(char, 0.999, (), ((x + rng.normal(0, 0.05)) * S, (y - 1.25) * S)))
            dx, dy = how.moved.get((number, at), (0.0, 0.0))
            face = how.faces.get((number, at), how.face)
            _stamp(ink, how, (number, at), char, (x + dx, y + dy), face)
        reads.append(LineRead(tuple(chars), 2.5 * S))
    if how.pen is not None:
        x, y = 6.0 + (how.pen[1] + 0.5) * how.pitch_mm, 73.5 + how.pen[0] * how.distance_mm
        corners = [(x - 1.2 + 0.6 * n, y - 2.2 + 4.0 * (n % 2)) for n in range(6)]
        points = np.array([[round(px * S), round(py * S)] for px, py in corners])
        cv2.polylines(ink["visible"], [points], False, 0.6, round(0.35 * S), cv2.LINE_AA)
    images = {}
    for light in lights:
        soft = cv2.GaussianBlur(ink[light], (0, 0), how.blur_mm * S)
        grey = 0.8 * (1 - soft) + rng.normal(0, how.noise, shape)
        images[light] = np.clip(grey, 0, 1).astype(np.float32)
    box = Quad(((0.0, 0.0), (1500.0, 0.0), (1500.0, 1056.0), (0.0, 1056.0)))
    width, height = FORMAT_SIZE_MM["TD3"]
    registration = {"ir": Registration((0.0, 0.0), 0.99, True)} if "ir" in lights else {}
    lines = tuple((6.0, 70.8 + n * how.distance_mm, 44 * how.pitch_mm, 3.0) for n in range(2))
    page = Page(box, "edges", "TD3", width, height, S, dpi or S * 25.4, images, registration, np.eye(3), lines)
    return page, MrzRead("read", "TD3", tuple(reads), box, 0.99)


def _stamp(ink, how: Print, place, char: str, at_mm, face: str) -> None:
    mask, (x0, y0) = draw_text(GRID, char, (at_mm[0], at_mm[1]), 2.5, face, anchor="centre")
    cover = np.asarray(mask, np.float32) / (255.0 if mask.dtype == np.uint8 else 1.0)
    h, w = cover.shape
    for light, layer in ink.items():
        depth = how.inks.get(place, how.ink) * (how.infrared.get(place, 1.0) if light == "ir" else 1.0)
        view = layer[y0 : y0 + h, x0 : x0 + w]
        np.maximum(view, cover * depth, out=view)


def _context(how: Print, lights: tuple[str, ...] = ("visible", "ir"), **page_changes) -> CheckContext:
    page, read = _page(how, lights)
    parse = parse_mrz(PASSPORT, today=date(2026, 6, 1))
    return CheckContext(replace(page, **page_changes), {"visible": read}, parse, Quality({}, ()), date(2026, 6, 1))


def _results(context: CheckContext) -> dict[str, CheckResult]:
    return {result.id: result for result in run_checks(context, TYPE_CHECKS)}


@pytest.mark.parametrize(
    "how",
    [
        Print(),
        Print(blur_mm=0.14, ink=0.6),
        Print(jitter_mm=0.08, jitter_y_mm=0.03),  # an old matrix printer
        Print(bow_mm=0.6),  # a page that does not lie flat
        Print(bend_mm=0.45),
        Print(noise=0.04),
        Print(pitch_mm=2.46),  # the page's edges found a little too far out
    ],
)
def test_zones_set_as_they_must_be_pass(how) -> None:
    results = _results(_context(how))
    assert results["GEN-type"].result == "passed"
    assert results["GEN-type-chars"].result == "passed"
    assert results["GEN-type"].value == pytest.approx(how.pitch_mm, abs=0.02)
    assert all(result.llr < 0 and result.region_mm is not None for result in results.values())


@pytest.mark.parametrize(
    ("how", "least_llr"),
    [
        (Print(moved={(1, 14): (0.0, 0.3)}), 1.0),
        (Print(moved={(1, 14): (0.22, 0.0)}), 1.0),
        (Print(inks={(1, 14): 0.4}), 1.0),
        (Print(faces={(1, 3): "serif_bold"}), 1.0),
        (Print(moved={(1, 14): (0.15, 0.25)}, inks={(1, 14): 0.5}), 2.0),
        (Print(moved={(1, 14): (0.2, 0.0), (1, 15): (0.2, 0.3)}), 2.0),
        (Print(infrared={(1, 14): 0.1}), 3.0),
    ],
)
def test_a_single_altered_character_fails_and_is_shown(how, least_llr) -> None:
    result = _results(_context(how))["GEN-type-chars"]
    assert result.result == "failed"
    assert result.llr >= least_llr
    assert result.value <= 2
    box = result.region_mm
    assert isinstance(box, BoxMm)
    _, position = next(iter({**how.moved, **how.inks, **how.faces, **how.infrared}))
    assert box.x - 0.5 <= 6.0 + (position + 0.5) * 2.54 <= box.x + box.width + 0.5
    assert result.values["line"] == 2


def test_a_line_printed_anew_less_evenly_fails() -> None:
    result = _results(_context(Print(second_line=8.0)))["GEN-type"]
    assert result.result == "failed"
    assert result.message.endswith("lines_differ")
    assert result.llr >= 1.5


def test_an_altered_name_in_another_ink_fails_however_long() -> None:
    name = {(0, at): 0.1 for at in range(5, 25)}
    result = _results(_context(Print(infrared=name)))["GEN-type-chars"]
    assert result.result == "failed"
    assert result.message.endswith("infrared")
    assert result.value == len(name)


def test_a_home_made_zone_fails_and_another_face_alone_asks_for_a_look() -> None:
    home_made = Print(face="condensed_bold", pitch_mm=2.2, distance_mm=4.3, jitter_mm=0.05, jitter_y_mm=0.3)
    assert _results(_context(home_made))["GEN-type"].result == "failed"
    other = _results(_context(Print(face="condensed_bold")))
    assert other["GEN-type"].result == "undetermined"
    assert 0 < other["GEN-type"].llr < 1.0
    assert other["GEN-type-chars"].result != "failed"


@pytest.mark.parametrize(
    ("how", "unit"), [(Print(pitch_mm=2.3), "mm"), (Print(distance_mm=8.0), "mm"), (Print(jitter_y_mm=0.15), "mm")]
)
def test_wrong_spacing_or_uneven_lines_are_not_passed(how, unit) -> None:
    result = _results(_context(how))["GEN-type"]
    assert result.result == "undetermined"
    assert result.unit == unit


def test_missing_prerequisites_never_pass() -> None:
    good = _context(Print())
    page = good.page
    assert page is not None
    blurred = Quality({}, (QualityIssue("blurred", "visible", 0.1, 0.5, "", (), ""),))
    blank = {light: np.full_like(image, 0.8) for light, image in page.images.items()}
    for context, expected in (
        (replace(good, page=None), "not_supported"),
        (replace(good, page=replace(page, dpi=200.0)), "not_supported"),
        (replace(good, page=replace(page, dpi=None)), "not_supported"),
        (replace(good, page=replace(page, images={"ir": page.images["ir"]})), "not_supported"),
        (replace(good, mrz=None), "not_supported"),
        (replace(good, reads={}), "undetermined"),
        (replace(good, page=replace(page, images=blank)), "undetermined"),
        (replace(good, quality=blurred), "undetermined"),
        (_context(Print(ink=0.1)), "undetermined"),
    ):
        results = _results(context)
        assert {result.result for result in results.values()} == {expected}
        assert all(result.llr == 0 for result in results.values())


def test_without_infrared_the_rest_is_still_measured() -> None:
    results = _results(_context(Print(infrared={(1, 14): 0.1}), lights=("visible",)))
    assert results["GEN-type-chars"].result == "passed"
    unregistered = _context(Print(infrared={(1, 14): 0.1}), registration={"ir": Registration((0.0, 0.0), 0.1, False)})
    assert _results(unregistered)["GEN-type-chars"].result == "passed"


def test_a_page_whose_scale_comes_from_the_zone_says_nothing_of_the_pitch() -> None:
    result = _results(_context(Print(pitch_mm=2.2, distance_mm=5.5), outline_source="mrz"))["GEN-type"]
    assert result.message.endswith("passed_unscaled")


def test_places_are_measured_to_a_few_hundredths() -> None:
    page, read = _page(Print(jitter_mm=0.0, jitter_y_mm=0.0, moved={(0, 20): (0.2, -0.1)}))
    zone = measure_zone(page, read, infrared=True)
    assert zone is not None
    moved = next(c for c in zone.chars if (c.line, c.position) == (0, 20))
    assert moved.off_x_mm == pytest.approx(0.2, abs=0.05)
    assert zone.distance_mm == pytest.approx(6.35, abs=0.03)


def test_a_character_under_a_pens_stroke_is_covered_and_not_altered() -> None:
    result = _results(_context(Print(pen=(1, 20))))["GEN-type-chars"]
    assert result.result == "undetermined"
    assert result.message == "checks.GEN-type-chars.covered"
    assert result.llr == 0.0


def test_an_altered_character_beside_a_pens_stroke_is_still_found() -> None:
    altered = Print(pen=(1, 20), moved={(0, 12): (0.3, 0.25)})
    assert _results(_context(altered))["GEN-type-chars"].result == "failed"


def test_infrared_that_shows_little_of_the_zone_tells_no_single_character() -> None:
    faint = {(line, at): 0.1 for line in range(2) for at in range(44)}
    uneven = Print(infrared={**faint, (1, 9): 0.18})
    assert _results(_context(uneven))["GEN-type-chars"].result == "passed"
    other_ink = Print(infrared={**faint, (1, 9): 0.9})
    assert _results(_context(other_ink))["GEN-type-chars"].result == "failed"
