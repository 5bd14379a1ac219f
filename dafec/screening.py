"""The way of a document through the house, from top to bottom.

    Capture -> zones read -> document and sides chosen -> Page -> quality -> series -> checks -> Verdict -> Report

``ScreeningContext.load`` reads models and data once; ``screen_capture`` is the way itself and raises only for an
installation that is broken. One capture gives one report, about one document:

* The document is the one whose machine-readable zone is read best, over all pages of the capture; where no page has a
  zone it is the first page's largest outline. Every other page of the capture, and what lies beside the document on
  the glass, is a further side: found, registered, measured and checked like the document, as far as a check makes
  sense there; each result names its side, and VIZ-SIDES holds the sides against each other. Zones of further
  documents and pages are listed in ``other_zones`` as well and noted in the verdict.
* The zone is read in visible light and in infrared where both are there, each on its own frame, and compared.
* The second reader is asked only where the first is not certain; it is slow, and it changes no character.
* A reader that breaks off leaves every check that rests on it ``aborted``: the verdict is then ``not_checked``, or what
  the remaining findings make it, and never silence.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from dafec.capture import Capture, CapturedPage, Frame, Light
from dafec.errors import InstallationError
from dafec.features.contract import Check, CheckContext, CheckResult, SideView
from dafec.features.registry import all_checks, run_checks, serves_side
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse
from dafec.ocr.reader import FrameRead, OcrContext, read_frame
from dafec.ocr.second_reader import second_read
from dafec.ocr.typed_read import typed_read
from dafec.ocr.visual_zone import VisualContext, VisualZone, read_visual_zone
from dafec.page_sides import ChosenSide, PageRead, choose_document
from dafec.quality import assess_quality
from dafec.references.checks import series_checks, silent_ids
from dafec.references.library import Library
from dafec.references.matching import SeriesMatch, match_series
from dafec.report import ReadingInfo, Report, mrz_info
from dafec.screening_report import (
    ScreenedSide,
    capture_info,
    checks_info,
    document_info,
    is_specimen,
    other_zones,
    readings_of,
    software_info,
    verdict_info,
)
from dafec.settings import Settings, load_settings
from dafec.verdict import Decision, Policy, Situation, decide, load_decision

__all__ = ["ScreeningContext", "screen_capture"]

#: Errors that mean "this run failed", not "this installation is broken": the capture is reported, not refused.
_RUN_ERRORS = frozenset({"models.run_failed", "models.not_finite"})

#: Beginnings of the ids of checks that rest on the reader.
_RESTS_ON_READER = ("MRZ-", "IR-AB-MR", "GEN-type", "VIZ-")


#: Beginnings of the ids of checks that judge how the machine reads the print: what somebody typed is nothing to them.
_JUDGE_THE_READ = ("MRZ-found", "MRZ-second_reader", "MRZ-lights", "GEN-type")


@dataclass(frozen=True, slots=True, eq=False)
class ScreeningContext:
    """What every screening uses; filled once by ``load``, read by ``screen_capture``, changed by nobody."""

    ocr: OcrContext
    checks: tuple[Check, ...]
    decision: Decision
    policy: Policy
    prior: float  # share of forged documents the site assumes before looking
    threads: int  # within one model
    today: date | None = None  # the day dates are judged by; None: the day of the screening at the desk
    library: Library | None = None  # of document series; None: every series is unknown

    @classmethod
    def load(cls, settings: Settings | None = None, library: Path | None = None) -> Self:
        """Loads models and data, verified, and runs the models once.

        Args:
            settings: of this site; from the environment's defaults where None.
            library: folder of enrolled document series; without one every series is unknown.

        Returns:
            The context.

        Raises:
            InstallationError: a model or a data file is missing, altered or unreadable.
            InputError: the library cannot be read.
        """
        chosen = settings or load_settings()
        context = cls(
            ocr=OcrContext.load(chosen.threads),
            checks=all_checks(),
            decision=load_decision(),
            policy=chosen.policy(),
            prior=chosen.prior,
            threads=chosen.threads,
            library=Library.open(library) if library is not None else None,
        )
        read_frame(np.full((320, 480), 255, np.uint8), context=context.ocr)
        return context


@dataclass(slots=True)
class _Clock:
    """Milliseconds by stage."""

    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds what runs inside to the stage."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + (time.perf_counter() - begin) * 1e3

    def report(self) -> dict[str, float]:
        """Every stage and the total, to a tenth of a millisecond."""
        total = (time.perf_counter() - self.started) * 1e3
        return {name: round(value, 1) for name, value in {**self.stages, "total": total}.items()}


def _read_pixels(frame: Frame, context: ScreeningContext) -> FrameRead:
    return read_frame(frame.pixels, context=context.ocr, bit_depth=frame.bit_depth)


def _read_page(captured: CapturedPage, context: ScreeningContext) -> PageRead:
    infrared = captured.frame("ir")
    if infrared is captured.primary:
        infrared = None
    try:
        primary = _read_pixels(captured.primary, context)
        below = _read_pixels(infrared, context) if infrared is not None else None
    except InstallationError as error:
        if error.code not in _RUN_ERRORS:
            raise
        return PageRead(captured, (), (), None, broke_off=True)
    return PageRead(captured, primary.reads, below.reads if below is not None else (), primary.document_mask)


def _bytes(pixels: NDArray[np.uint8] | NDArray[np.uint16], bit_depth: int) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.right_shift(pixels, max(bit_depth - 8, 0)).clip(0, 255).astype(np.uint8)


def _ask_second_reader(document: ChosenSide, page: CapturedPage) -> tuple[str, ...] | None:
    """The second reader's lines; None where the first is certain or there is nobody to ask."""
    read, light = document.read, document.light
    if read is None or light is None or read.status != "uncertain":
        return None
    frame = page.frame(light)
    return second_read(_bytes(frame.pixels, frame.bit_depth), read) if frame is not None else None


def _aborted_reader(results: Sequence[CheckResult], ids: tuple[str, ...] = _RESTS_ON_READER) -> list[CheckResult]:
    """Every check that rests on a reader which broke off, aborted with it."""
    return [
        CheckResult(result.id, result.version, "aborted", message="checks.common.reader_failed")
        if result.id.startswith(ids)
        else result
        for result in results
    ]


def _read_by_hand(machine: ChosenSide, zone: Sequence[str]) -> ChosenSide:
    """The document with its zone as somebody read it."""
    read = typed_read(zone, machine.read, machine.page.outline_px)
    light: Light = "ir" if machine.light == "ir" else "visible"
    return replace(machine, reads={light: read}, read=read, light=light, broke_off=False)


def _check_document(looked_at: CheckContext, machine: ChosenSide, checks: Sequence[Check]) -> list[CheckResult]:
    """Every check of the document; those that judge how the machine reads look at its own read, whoever typed one."""
    if looked_at.reads is machine.reads:
        return _aborted_reader(run_checks(looked_at, checks)) if machine.broke_off else run_checks(looked_at, checks)
    parse = parse_mrz(machine.read.texts, today=looked_at.today) if machine.read is not None else None
    judged = [check.id.startswith(_JUDGE_THE_READ) for check in checks]
    own = replace(looked_at, reads=machine.reads, mrz=parse)
    by_machine = iter(run_checks(own, [check for check, one in zip(checks, judged, strict=True) if one]))
    by_hand = iter(run_checks(looked_at, [check for check, one in zip(checks, judged, strict=True) if not one]))
    results = [next(by_machine if one else by_hand) for one in judged]
    return _aborted_reader(results, _JUDGE_THE_READ) if machine.broke_off else results


def _read_visual_zone(sides: Sequence[ScreenedSide], threads: int) -> VisualZone | None:
    """Every line of print in visible light, on the document's page and on its other sides.

    Sides with a zone of their own are other pages or documents, whose text says nothing about this one. None where
    the document's page has no visible image, or its reader broke off.
    """
    page = sides[0].chosen.page
    image = page.images.get("visible")
    if image is None:
        return None
    try:
        context = VisualContext.load(threads)
        zone = read_visual_zone(image, page.px_per_mm, context)
        for number, side in enumerate(sides):
            seen = side.chosen.page.images.get("visible")
            if number == 0 or seen is None or side.chosen.read is not None:
                continue
            zone = zone.beside(read_visual_zone(seen, side.chosen.page.px_per_mm, context), number)
        return zone
    except InstallationError as error:
        if error.code not in _RUN_ERRORS:
            raise
        return None


def _match(
    document: ChosenSide, parse: MrzParse | None, context: ScreeningContext, chosen: str | None
) -> SeriesMatch | None:
    """The document's series; None without a library."""
    if context.library is None:
        return None
    return match_series(document.page, parse, context.library, chosen)


def _policy(context: ScreeningContext, match: SeriesMatch | None) -> Policy:
    """The site's policy; checks of a series that nobody approved yet are silent."""
    silent = silent_ids(match) if match is not None else frozenset[str]()
    return replace(context.policy, silent=context.policy.silent | silent)


def _situation(
    document: ChosenSide,
    parse: MrzParse | None,
    readings: Sequence[ReadingInfo],
    page: CapturedPage,
    match: SeriesMatch | None,
    *,
    several: bool,
) -> Situation:
    status: Literal["read", "uncertain", "not_found"] = document.read.status if document.read else "not_found"
    certain = [reading for reading in readings if reading.status == "read" or reading.reader == "second"]
    return Situation(
        lights=frozenset(page.frames),
        page_found=document.page.outline_source != "frame",
        mrz=status,
        series_known=match is not None and match.known,
        specimen=is_specimen(parse),
        readings_differ=any(not reading.agrees for reading in certain),
        several_documents=several,
    )


def _look_at_side(side: ChosenSide, today: date) -> ScreenedSide:
    parse = parse_mrz(side.read.texts, today=today) if side.read is not None else None
    return ScreenedSide(side, assess_quality(side.page), parse)


def _views(sides: Sequence[ScreenedSide]) -> tuple[SideView, ...]:
    """The document's other sides, as its checks see them."""
    return tuple(
        SideView(number, side.chosen.page, side.quality, side.parse, side.chosen.read)
        for number, side in enumerate(sides)
        if number
    )


def _check_sides(sides: Sequence[ScreenedSide], context: ScreeningContext, today: date) -> list[CheckResult]:
    """The results of every side but the document's own, each naming its side."""
    results: list[CheckResult] = []
    for number, side in enumerate(sides):
        if number == 0:
            continue
        zone = side.parse is not None or side.chosen.broke_off
        checks = [check for check in context.checks if serves_side(check, with_zone=zone)]
        looked_at = CheckContext(side.chosen.page, side.chosen.reads, side.parse, side.quality, today)
        found = run_checks(looked_at, checks)
        if side.chosen.broke_off:
            found = _aborted_reader(found)
        results += [replace(result, side=number) for result in found]
    return results


def screen_capture(
    capture: Capture,
    context: ScreeningContext,
    *,
    visual_zone: bool = False,
    series: str | None = None,
    zone: Sequence[str] | None = None,
) -> Report:
    """Screens one capture.

    Args:
        capture: decoded frames of one document, all its pages and sides.
        context: loaded once by ``ScreeningContext.load``.
        visual_zone: reads the text of the page as well and compares it with the zone. It takes a second or more, so
            a desk's first report goes without (the checks VIZ-* say so) and a complete one follows.
        series: code of the document series where somebody chose it by hand.
        zone: lines of the zone where somebody read them on the document and typed them: rules, page's text and series
            are judged by them. What judges the print looks at the machine's own read, which stays in ``readings``.

    Returns:
        The report.

    Raises:
        InputError: ``library.no_such_series``: the library has no series of that code.
        InstallationError: this installation is broken; nothing about the document can be said.
    """
    clock = _Clock()
    today = context.today or date.today()  # the desk's own day is meant
    with clock.stage("read"):
        pages = [_read_page(captured, context) for captured in capture.pages]
    with clock.stage("page"):
        chosen = choose_document(pages)
    machine, captured = chosen.main, pages[chosen.main.number].captured
    document = machine if zone is None else _read_by_hand(machine, zone)
    with clock.stage("quality"):
        sides = [_look_at_side(side, today) for side in (document, *chosen.sides)]
    quality, parse = sides[0].quality, sides[0].parse
    with clock.stage("second_reader"):
        second = _ask_second_reader(machine, captured)
    with clock.stage("visual_zone"):
        visual = _read_visual_zone(sides, context.threads) if visual_zone else None
    with clock.stage("series"):
        match = _match(document, parse, context, series)
        wanted = series_checks(match) if match is not None else ()
    with clock.stage("checks"):
        looked_at = CheckContext(document.page, document.reads, parse, quality, today, second, visual, _views(sides))
        results = _check_document(looked_at, machine, (*context.checks, *wanted))
    if visual_zone and visual is None and "visible" in document.page.images:
        results = _aborted_reader(results, ("VIZ-",))
    with clock.stage("sides"):
        results = [*results, *_check_sides(sides, context, today)]
    readings = readings_of(machine, second)
    with clock.stage("verdict"):
        verdict = decide(
            results,
            prior=context.prior,
            policy=_policy(context, match),
            situation=_situation(
                document, parse, readings if zone is None else (), captured, match, several=bool(chosen.others)
            ),
            decision=context.decision,
        )
    return Report(
        schema="dafec.report/1",
        id=uuid4().hex,
        created=datetime.now(UTC),
        date=today.isoformat(),
        capture=capture_info(capture, quality),
        document=document_info(sides, match),
        mrz=mrz_info(document.read, parse, placed=machine.read is not None or zone is None),
        readings=readings,
        other_zones=other_zones(chosen, today),
        checks=checks_info(results, sides),
        verdict=verdict_info(verdict, *(("zone_by_hand",) if zone is not None else ())),
        software=software_info(
            context.threads, visual.models if visual is not None else {}, second_used=second is not None
        ),
        timings_ms=clock.report(),
    )
