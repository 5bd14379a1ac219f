"""Documents of two small series for tests: drawn pages of several holders, and samples as enrolment takes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
from synthetic_pages import Look, reader_page

from dafec.features.contract import CheckContext
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse
from dafec.page import Page
from dafec.quality import assess_quality
from dafec.references.samples import Sample, SampleSide

TODAY = date(2026, 6, 1)
CODE, OTHER_CODE = "UTO-P-1-2020", "IRQ-P-1-2020"
PX_PER_MM = 8.0


def zone_lines(number: str, issuer: str = "UTO", expiry: str = "310630", kind: str = "P<") -> tuple[str, ...]:
    """A passport's zone with right check digits."""
    first = f"{kind}{issuer}MUSTER<<ANNA".ljust(44, "<")
    birth, optional = "850214", "<" * 14
    fields = [number, birth, expiry, optional]
    digits = [expected_digit(field) for field in fields]
    digits[3] = "0"
    composite = expected_digit(f"{number}{digits[0]}{birth}{digits[1]}{expiry}{digits[2]}{optional}{digits[3]}")
    return first, f"{number}{digits[0]}{issuer}{birth}{digits[1]}F{expiry}{digits[2]}{optional}{digits[3]}{composite}"


def look_of(holder: int, **changes: object) -> Look:
    """What one holder's document looks like."""
    lines = zone_lines(f"A{1000000 + 7919 * holder:08d}"[:9])
    return replace(Look(px_per_mm=PX_PER_MM, seed=holder, zone_text=lines), **changes)


def parse_of(look: Look, **zone: str) -> MrzParse:
    """The zone as it would be read."""
    return parse_mrz(zone_lines(look.zone_text[1][:9], **zone) if zone else look.zone_text, today=TODAY)


@lru_cache(maxsize=48)
def page_of(look: Look) -> Page:
    """The page as found in a reader's capture."""
    return reader_page(look)


def sample_of(look: Look, name: str = "") -> Sample:
    """A sample as ``read_sample`` would give it."""
    page = page_of(look)
    return Sample(
        name or f"capture-{look.seed}",
        {"data": SampleSide(page, assess_quality(page))},
        parse_of(look),
        (f"{hash(look):064x}",),
    )


def samples(count: int = 6, **changes: object) -> list[Sample]:
    """Documents of several holders."""
    return [sample_of(look_of(holder, **changes)) for holder in range(1, count + 1)]


def context_for(page: Page, parse: MrzParse | None = None) -> CheckContext:
    """What the screening hands to checks."""
    return CheckContext(page, {}, parse, assess_quality(page), TODAY)


def upside_down(page: Page) -> Page:
    """The page as it lies the other way round, without a zone."""
    images = {light: np.ascontiguousarray(image[::-1, ::-1]) for light, image in page.images.items()}
    return replace(page, images=images, mrz_boxes_mm=())
