"""VIZ-SIDES: what two sides or pages both show, compared; sides are drawn pages with chosen zones and texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dafec.features.contract import CheckContext, CheckResult, SideView
from dafec.features.registry import run_checks
from dafec.features.viz_sides import SidesAgainstEachOther
from dafec.geometry import BoxMm
from dafec.messages import catalogue
from dafec.ocr.parse import parse_mrz
from dafec.ocr.visual_zone import VisualLine, VisualZone
from tests.mrz_zones import CARD, PASSPORT, TODAY, VISA
from tests.mrz_zones import read_of as zone_read
from tests.synthetic_pages import Look, context_of, reader_page

CHECK = SidesAgainstEachOther()
OTHER_HOLDER = ("V<IRQKARIM<<LAYLA<<<<<<<<<<<<<<<<<<<<<<<<<<<", VISA[1])
OTHER_NUMBER = (PASSPORT[0], "K704123661IRQ8502142F3106305<<<<<<<<<<<<<<<4")
LABELS = {
    "number": "Document No.",
    "surname": "Surname",
    "birth_date": "Date of birth",
    "expiry_date": "Date of expiry",
}
VALUES = {"number": "K70412358", "surname": "JABER", "birth_date": "14.02.1985", "expiry_date": "30.06.2031"}


@pytest.fixture(scope="module")
def page():
    return reader_page(Look())


def _line(text: str, x: float, y: float, sure: float = 0.99) -> VisualLine:
    return VisualLine(text, sure, BoxMm(x, y, 1.5 * max(len(text), 1), 3.0), (sure,) * len(text.replace(" ", "")))


def _printed(values: dict[str, str]) -> VisualZone:
    rows = [(10.0 + 9 * row, field, value) for row, (field, value) in enumerate(values.items())]
    lines = [line for y, f, v in rows for line in (_line(LABELS[f], 10, y), _line(v, 10, y + 3.5))]
    return VisualZone(tuple(lines), False)


def _side(page, lines: tuple[str, ...] | None, **changes: object) -> SideView:
    quality = context_of(page).quality
    read = zone_read(lines) if lines is not None else None
    parse = parse_mrz(lines, today=TODAY) if lines is not None else None
    return replace(SideView(1, page, quality, parse, read), **changes)  # type: ignore[arg-type]


def _context(page, lines: tuple[str, ...], *sides: SideView, visual: VisualZone | None = None) -> CheckContext:
    context = replace(context_of(page), reads={"visible": zone_read(lines)}, mrz=parse_mrz(lines, today=TODAY))
    return replace(context, sides=sides, visual=visual)


def _run(context: CheckContext) -> CheckResult:
    result = run_checks(context, [CHECK])[0]
    assert result.message in {key for key in catalogue("ar") if key.startswith("checks.VIZ-SIDES.")}
    return result


def _without(page, light: str):
    return replace(page, images={name: image for name, image in page.images.items() if name != light})


def _shining(page):
    uv = np.clip(page.images["uv"] + np.float32(0.35), 0, 1)
    return replace(page, images={**page.images, "uv": uv})


def test_one_side_alone_has_nothing_to_be_compared_with(page) -> None:
    result = _run(_context(page, CARD))
    assert (result.result, result.llr) == ("not_supported", 0.0)


def test_a_visa_of_the_same_holder_and_one_sheet_pass(page) -> None:
    result = _run(_context(page, PASSPORT, _side(page, VISA)))
    assert result.result == "passed"
    assert result.side == 1
    assert result.values["count"] == 2  # the person, and the substrate
    assert result.llr < 0


@pytest.mark.parametrize(
    ("own", "other", "reason"),
    [(PASSPORT, OTHER_HOLDER, "person"), (PASSPORT, OTHER_NUMBER, "number"), (VISA, OTHER_HOLDER, "person")],
)
def test_pages_that_name_another_holder_or_number_fail(page, own, other, reason) -> None:
    result = _run(_context(page, own, _side(page, other)))
    assert (result.result, result.message) == ("failed", f"checks.VIZ-SIDES.{reason}")
    assert result.values["own"] != result.values["other"]
    assert result.llr == 2.0


def test_two_passports_on_one_glass_are_two_documents_and_no_finding(page) -> None:
    stranger = ("PPIRQKARIM<<LAYLA<<<<<<<<<<<<<<<<<<<<<<<<<<<", "M123456783IRQ9001014F3106305<<<<<<<<<<<<<<<2")
    result = _run(_context(page, PASSPORT, _side(page, stranger)))
    assert (result.result, result.llr) == ("undetermined", 0.0)


def test_a_zone_that_was_not_read_surely_is_no_finding(page) -> None:
    unsure = _side(page, OTHER_HOLDER, read=zone_read(OTHER_HOLDER, status="uncertain"))
    assert _run(_context(page, PASSPORT, unsure)).result == "undetermined"


def test_a_name_that_one_zone_cuts_short_agrees(page) -> None:
    whole = ("PPIRQJABER<<NOOR<SALIM<ABDULRAHMAN<<<<<<<<<<", PASSPORT[1])
    assert _run(_context(page, whole, _side(page, VISA))).result == "passed"


def test_the_front_of_another_card_fails_and_names_both_values(page) -> None:
    dark = _without(page, "uv")
    own = _printed({"number": "not here", "surname": "SIGNATURE"})
    good = own.beside(_printed(VALUES))
    assert _run(_context(dark, CARD, _side(dark, None), visual=good)).result == "passed"
    wrong = own.beside(_printed({**VALUES, "birth_date": "11.11.1977"}))
    result = _run(_context(dark, CARD, _side(dark, None), visual=wrong))
    assert (result.result, result.message) == ("failed", "checks.VIZ-SIDES.text")
    assert result.values["other"] == "11.11.1977"


def test_a_side_on_brighter_material_fails_by_its_substrate(page) -> None:
    bright = _shining(page)
    side = _side(bright, None, quality=context_of(bright).quality)
    result = _run(_context(page, CARD, side))
    assert (result.result, result.message) == ("failed", "checks.VIZ-SIDES.substrate")
    assert result.value == pytest.approx(0.35, abs=0.05)
    assert result.expected == (0.0, 0.08)


def test_nothing_in_common_never_passes(page) -> None:
    dark = _without(page, "uv")
    for visual in (None, VisualZone((), False)):
        result = _run(_context(dark, CARD, _side(dark, None), visual=visual))
        assert (result.result, result.llr) == ("undetermined", 0.0)
    assert _run(_context(page, CARD, _side(dark, None))).result == "undetermined"
