"""Sides: which pages of a capture belong together, and which of them the report is about.

A capture may hold both sides of a card as two pages, both sides side by side on one glass, several pages of a booklet,
or further documents. ``choose_document`` takes what the reader saw on every captured page and gives the document (the
page whose zone is read best, over all pages; without any zone the first page's largest outline) and the sides beside
it, each found, rectified and registered like the document itself:

* the document of every further captured page, with its own zone where it has one;
* on the document's own frame whatever lies beside it: further documents with a zone, and pages of the same size
  without one, which is how a card's other side lies on the glass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dafec.capture import LIGHTS, CapturedPage, Light
from dafec.ocr.types import MrzRead
from dafec.page import Page, find_pages

__all__ = ["MOST_SIDES", "ChosenDocument", "ChosenSide", "PageRead", "choose_document"]

MOST_SIDES = 6  # screened beside the document; a booklet's pages beyond them are not looked at in one screening
_SAME_SIZE = 0.06  # of the width: another side of one document is as wide as the document


@dataclass(frozen=True, slots=True, eq=False)
class PageRead:
    """One captured page with the zones in its frames."""

    captured: CapturedPage
    zones: tuple[MrzRead, ...]  # in the frame geometry is taken from
    infrared: tuple[MrzRead, ...]  # in infrared, where that is not the same frame
    document_mask: NDArray[np.float32] | None  # of the detector; None where the reader broke off
    broke_off: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ChosenSide:
    """One page or side of the capture with the zone on it."""

    number: int  # of its page in the capture
    page: Page
    reads: dict[Light, MrzRead]
    read: MrzRead | None  # the one that is parsed
    light: Light | None  # it was read in
    broke_off: bool = False  # the reader did on this page, so nothing is known of a zone


@dataclass(frozen=True, slots=True, eq=False)
class ChosenDocument:
    """The document the report is about, and what was captured with it."""

    main: ChosenSide
    sides: tuple[ChosenSide, ...]  # beside it, in the order of the capture
    others: tuple[MrzRead, ...]  # zones of other documents and pages, in the order of the capture


def _rank(read: MrzRead) -> tuple[bool, bool, float]:
    return read.status == "read", read.format is not None, read.confidence


def _best(reads: Sequence[MrzRead]) -> MrzRead | None:
    found = [read for read in reads if read.status != "not_found"]
    return max(found, key=_rank) if found else None


def _same_place(read: MrzRead, candidates: Sequence[MrzRead], page: CapturedPage) -> MrzRead | None:
    """The infrared zone that lies where ``read`` does: nearest centre, within half the zone's width.

    Both frames show the same field, at resolutions that may differ.
    """
    infrared = page.frame("ir")
    if infrared is None:
        return None
    scale = np.array([page.primary.width_px / infrared.width_px, page.primary.height_px / infrared.height_px])
    centre = read.corners_px.array().mean(0)
    apart = [float(np.hypot(*(other.corners_px.array().mean(0) * scale - centre))) for other in candidates]
    nearest = int(np.argmin(apart)) if apart else -1
    return candidates[nearest] if apart and apart[nearest] <= 0.5 * read.corners_px.width_px else None


def _choose_number(pages: Sequence[PageRead]) -> int:
    """The page whose zone is read best; the first where none has one."""

    def rank(number: int) -> tuple[bool, tuple[bool, bool, float], int]:
        best = _best([*pages[number].zones, *pages[number].infrared])
        return best is not None, _rank(best) if best is not None else (False, False, 0.0), -number

    return max(range(len(pages)), key=rank)


def _side(number: int, source: PageRead, page: Page, main: MrzRead | None) -> ChosenSide:
    """A page with its zone in every light it was read in."""
    reads: dict[Light, MrzRead] = {}
    if main is not None:
        reads[source.captured.primary.light] = main
        infrared = _same_place(main, source.infrared, source.captured)
    else:
        infrared = _best(source.infrared) if not source.zones else None
    if infrared is not None:
        reads["ir"] = infrared
    light = next((light for light in LIGHTS if light in reads), None)
    return ChosenSide(number, page, reads, reads[light] if light else None, light, source.broke_off)


def _same_size(one: Page, other: Page) -> bool:
    """Whether two pages of one frame can be sides of one document."""
    if one.format is not None and one.format == other.format:
        return True
    wide = sorted((one.width_mm, one.height_mm)), sorted((other.width_mm, other.height_mm))
    return all(abs(a / b - 1) <= _SAME_SIZE for a, b in zip(*wide, strict=True))


def _on_one_frame(number: int, source: PageRead) -> tuple[ChosenSide, list[ChosenSide]]:
    """The document of a captured page, and what lies beside it on the same frame."""
    main = _best(source.zones)
    ordered = [main, *(read for read in source.zones if read is not main)] if main is not None else []
    usable = [read for read in ordered if read is not None]
    pages = find_pages(source.captured, usable, source.document_mask, most=1 + MOST_SIDES)
    with_zone = [page for page in pages if page.mrz_boxes_mm]
    if main is not None and len(with_zone) < len(usable):  # a read of no format has no page of its own
        pages = find_pages(source.captured, [main], source.document_mask, most=1 + MOST_SIDES)
        usable = [main]
    chosen = _side(number, source, pages[0], main)
    beside: list[ChosenSide] = []
    for position, page in enumerate(pages[1:], start=1):
        if position < len(usable) and page.mrz_boxes_mm:
            beside.append(_side(number, source, page, usable[position]))
        elif page.outline_source != "frame" and _same_size(pages[0], page):
            beside.append(ChosenSide(number, page, {}, None, None, source.broke_off))
    return chosen, beside


def choose_document(pages: Sequence[PageRead]) -> ChosenDocument:
    """The document of a capture and its further sides.

    Args:
        pages: every captured page as read, at least one.

    Returns:
        The document, at most ``MOST_SIDES`` sides beside it, and the zones that are not the document's.
    """
    number = _choose_number(pages)
    main, beside = _on_one_frame(number, pages[number])
    sides: list[ChosenSide] = list(beside)
    for index, other in enumerate(pages):
        if index != number and len(sides) < MOST_SIDES:
            first, more = _on_one_frame(index, other)
            sides += [first, *more]
    others = [read for read in pages[number].zones if read is not main.read]
    for index, other in enumerate(pages):
        if index != number:
            others.extend(other.zones)
    return ChosenDocument(main, tuple(sides[:MOST_SIDES]), tuple(others))
