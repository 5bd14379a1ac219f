"""The way of a document through the house, from top to bottom.

    Capture -> zones read -> document chosen -> Page -> quality -> series -> checks -> Verdict -> Report

``ScreeningContext.load`` reads models and data once; ``screen_capture`` is the way itself and raises only for an
installation that is broken. One capture gives one report, about one document:

* The document is the one whose machine-readable zone is read best, over all pages of the capture; where no page has a
  zone it is the first page's largest outline. Zones of further documents on the glass or of further pages are listed
  in ``other_zones`` and noted in the verdict; their documents are not screened.
* The zone is read in visible light and in infrared where both are there, each on its own frame, and compared.
* The second reader is asked only where the first is not certain; it is slow, and it changes no character.
* A reader that breaks off leaves every check that rests on it ``aborted``: the verdict is then ``not_checked``, or what
  the remaining findings make it, and never silence.
"""

from __future__ import annotations

import math
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

from dafec import __version__
from dafec.capture import LIGHTS, Capture, CapturedPage, Frame, Light
from dafec.errors import InstallationError
from dafec.features.contract import Check, CheckContext, CheckResult
from dafec.features.registry import all_checks, run_checks
from dafec.models.runtime import PROVIDER, loaded_models, runtime_version
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse
from dafec.ocr.reader import FrameRead, OcrContext, read_frame
from dafec.ocr.second_reader import engine_digest, second_read
from dafec.ocr.types import MrzRead
from dafec.ocr.visual_zone import VisualContext, VisualZone, read_visual_zone
from dafec.page import Page, find_pages
from dafec.quality import Quality, QualityIssue, assess_quality
from dafec.references.checks import series_checks, silent_ids
from dafec.references.library import Library
from dafec.references.matching import SeriesMatch, match_series
from dafec.report import (
    CaptureInfo,
    DecisionInfo,
    DocumentInfo,
    FrameInfo,
    MrzInfo,
    PageInfo,
    QualityInfo,
    ReadingInfo,
    Report,
    SoftwareInfo,
    VerdictInfo,
    check_info,
    mrz_info,
    texts,
)
from dafec.settings import Settings, load_settings
from dafec.verdict import Decision, Policy, Situation, Verdict, decide, load_decision

__all__ = ["ScreeningContext", "screen_capture"]

#: Errors that mean "this run failed", not "this installation is broken": the capture is reported, not refused.
_RUN_ERRORS = frozenset({"models.run_failed", "models.not_finite"})

#: Beginnings of the ids of checks that rest on the reader.
_RESTS_ON_READER = ("MRZ-", "IR-AB-MR", "GEN-type", "VIZ-")


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


@dataclass(frozen=True, slots=True, eq=False)
class _PageRead:
    """One captured page with the zones in its frames."""

    captured: CapturedPage
    primary: FrameRead | None  # of the frame geometry is taken from; None where the reader broke off
    infrared: FrameRead | None  # None: no such frame, or it is the primary one


@dataclass(frozen=True, slots=True, eq=False)
class _Document:
    """The document the report is about."""

    number: int  # of its page in the capture
    page: Page
    reads: dict[Light, MrzRead]
    read: MrzRead | None  # the one that is parsed
    light: Light | None  # it was read in
    others: tuple[MrzRead, ...]  # zones of other documents


def _read_pixels(frame: Frame, context: ScreeningContext) -> FrameRead:
    return read_frame(frame.pixels, context=context.ocr, bit_depth=frame.bit_depth)


def _read_page(captured: CapturedPage, context: ScreeningContext) -> _PageRead:
    infrared = captured.frame("ir")
    if infrared is captured.primary:
        infrared = None
    try:
        primary = _read_pixels(captured.primary, context)
        below = _read_pixels(infrared, context) if infrared is not None else None
    except InstallationError as error:
        if error.code not in _RUN_ERRORS:
            raise
        return _PageRead(captured, None, None)
    return _PageRead(captured, primary, below)


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


def _choose_page(pages: Sequence[_PageRead]) -> int:
    """The page whose zone is read best; the first where none has one."""

    def rank(number: int) -> tuple[bool, tuple[bool, bool, float], int]:
        page = pages[number]
        reads = [*(page.primary.reads if page.primary else ()), *(page.infrared.reads if page.infrared else ())]
        best = _best(reads)
        return best is not None, _rank(best) if best is not None else (False, False, 0.0), -number

    return max(range(len(pages)), key=rank)


def _choose_document(pages: Sequence[_PageRead]) -> _Document:
    number = _choose_page(pages)
    chosen = pages[number]
    zones = list(chosen.primary.reads) if chosen.primary else []
    below = list(chosen.infrared.reads) if chosen.infrared else []
    main = _best(zones)
    mask = chosen.primary.document_mask if chosen.primary else None
    page = find_pages(chosen.captured, [main] if main is not None else [], mask, most=1)[0]
    reads: dict[Light, MrzRead] = {}
    primary_light = chosen.captured.primary.light
    if main is not None:
        reads[primary_light] = main
        infrared = _same_place(main, below, chosen.captured)
    else:
        infrared = _best(below)
    if infrared is not None:
        reads["ir"] = infrared
    light = next((light for light in LIGHTS if light in reads), None)
    others = [read for read in zones if read is not main]
    for index, other in enumerate(pages):
        if index != number and other.primary is not None:
            others.extend(other.primary.reads)
    return _Document(number, page, reads, reads[light] if light else None, light, tuple(others))


def _bytes(pixels: NDArray[np.uint8] | NDArray[np.uint16], bit_depth: int) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.right_shift(pixels, max(bit_depth - 8, 0)).clip(0, 255).astype(np.uint8)


def _ask_second_reader(document: _Document, page: CapturedPage) -> tuple[str, ...] | None:
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


def _read_visual_zone(document: _Document, pages: Sequence[_PageRead], threads: int) -> VisualZone | None:
    """Every line of print in visible light, on the document's page and, on a card, on its other side.

    None where the page has no visible image, or its reader broke off.
    """
    page = document.page
    image = page.images.get("visible")
    if image is None:
        return None
    try:
        context = VisualContext.load(threads)
        zone = read_visual_zone(image, page.px_per_mm, context)
        for number, other in enumerate(pages):
            if number == document.number or page.format != "TD1" or other.primary is None or other.primary.reads:
                continue
            side = find_pages(other.captured, [], other.primary.document_mask, most=1)[0]
            if (seen := side.images.get("visible")) is not None:
                zone = zone.beside(read_visual_zone(seen, side.px_per_mm, context))
        return zone
    except InstallationError as error:
        if error.code not in _RUN_ERRORS:
            raise
        return None


def _match(
    document: _Document, parse: MrzParse | None, context: ScreeningContext, chosen: str | None
) -> SeriesMatch | None:
    """The document's series; None without a library."""
    if context.library is None:
        return None
    return match_series(document.page, parse, context.library, chosen)


def _situation(
    document: _Document,
    parse: MrzParse | None,
    readings: Sequence[ReadingInfo],
    page: CapturedPage,
    match: SeriesMatch | None,
) -> Situation:
    status: Literal["read", "uncertain", "not_found"] = document.read.status if document.read else "not_found"
    certain = [reading for reading in readings if reading.status == "read" or reading.reader == "second"]
    return Situation(
        lights=frozenset(page.frames),
        page_found=document.page.outline_source != "frame",
        mrz=status,
        series_known=match is not None and match.known,
        specimen=_is_specimen(parse),
        readings_differ=any(not reading.agrees for reading in certain),
        several_documents=bool(document.others),
    )


def _is_specimen(parse: MrzParse | None) -> bool:
    return parse is not None and any(note.code == "specimen" for note in parse.notes)


def _readings(document: _Document, second: tuple[str, ...] | None) -> list[ReadingInfo]:
    if document.read is None or document.light is None:
        return []
    shown = document.read.texts
    listed = [
        ReadingInfo(reader="first", light=light, status=read.status, lines=list(read.texts), agrees=read.texts == shown)
        for light, read in document.reads.items()
    ]
    if second is not None:
        listed.append(
            ReadingInfo(reader="second", light=document.light, status=None, lines=list(second), agrees=second == shown)
        )
    return listed


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def _quality_info(issue: QualityIssue) -> QualityInfo:
    values = {"value": round(float(issue.value), 3), "limit": round(float(issue.limit), 3), "unit": issue.unit}
    return QualityInfo(
        kind=issue.kind,
        light=issue.light,
        value=_number(issue.value),
        limit=_number(issue.limit),
        unit=issue.unit,
        affects=list(issue.affects),
        message=issue.message,
        text=texts(issue.message, {**values, "light": issue.light}),
    )


def _capture_info(capture: Capture, quality: Quality) -> CaptureInfo:
    pages = [
        PageInfo(
            frames=[
                FrameInfo(
                    light=light,
                    sha256=frame.sha256,
                    width_px=frame.width_px,
                    height_px=frame.height_px,
                    dpi=frame.dpi,
                )
                for light in LIGHTS
                if (frame := page.frame(light)) is not None
            ]
        )
        for page in capture.pages
    ]
    return CaptureInfo(pages=pages, quality=[_quality_info(issue) for issue in quality.issues])


def _document_info(document: _Document, parse: MrzParse | None, match: SeriesMatch | None) -> DocumentInfo:
    page = document.page
    series = match.series if match is not None and match.status == "matched" else None
    return DocumentInfo(
        format=page.format or (parse.format if parse is not None else None),
        issuer=(parse.fields.get("issuer") or None) if parse is not None else None,
        series=series.code if series is not None else None,
        series_match=round(match.score, 3) if match is not None and series is not None else None,
        outline_px=[(x, y) for x, y in page.outline_px.as_list()],
        outline_source=page.outline_source,
        page=document.number,
        width_mm=round(page.width_mm, 2),
        height_mm=round(page.height_mm, 2),
        dpi=round(page.dpi, 1) if page.dpi is not None else None,
        specimen=_is_specimen(parse),
    )


def _verdict_info(verdict: Verdict) -> VerdictInfo:
    key = f"verdict.{verdict.level}"
    return VerdictInfo(
        level=verdict.level,
        llr=verdict.llr,
        probability=verdict.probability,
        prior=verdict.prior,
        reasons=list(verdict.reasons),
        made=verdict.made,
        not_possible=verdict.not_possible,
        notes=list(verdict.notes),
        message=key,
        text=texts(key),
        decision=DecisionInfo(
            name=verdict.decision.name, version=verdict.decision.version, sha256=verdict.decision.sha256
        ),
    )


def _software(context: ScreeningContext, visual: VisualZone | None, *, second_used: bool) -> SoftwareInfo:
    models = {**loaded_models(), **(visual.models if visual is not None else {})}
    digest = engine_digest() if second_used else None
    if digest is not None:
        models["second_reader"] = digest
    return SoftwareInfo(
        dafec=__version__, models=models, onnxruntime=runtime_version(), provider=PROVIDER, threads=context.threads
    )


def _other_zone(read: MrzRead, today: date) -> MrzInfo:
    return mrz_info(read, parse_mrz(read.texts, today=today))


def screen_capture(
    capture: Capture, context: ScreeningContext, *, visual_zone: bool = False, series: str | None = None
) -> Report:
    """Screens one capture.

    Args:
        capture: decoded frames of one document (further documents on the same glass are listed, not screened).
        context: loaded once by ``ScreeningContext.load``.
        visual_zone: reads the text of the page as well and compares it with the zone. It takes a second or more, so
            a desk's first report goes without (the checks VIZ-* say so) and a complete one follows.
        series: code of the document series where somebody chose it by hand.

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
        document = _choose_document(pages)
    captured = pages[document.number].captured
    with clock.stage("quality"):
        quality = assess_quality(document.page)
    with clock.stage("parse"):
        parse = parse_mrz(document.read.texts, today=today) if document.read is not None else None
    with clock.stage("second_reader"):
        second = _ask_second_reader(document, captured)
    with clock.stage("visual_zone"):
        visual = _read_visual_zone(document, pages, context.threads) if visual_zone else None
    with clock.stage("series"):
        match = _match(document, parse, context, series)
        wanted = series_checks(match) if match is not None else ()
    with clock.stage("checks"):
        looked_at = CheckContext(document.page, document.reads, parse, quality, today, second, visual)
        results = run_checks(looked_at, (*context.checks, *wanted))
    if pages[document.number].primary is None:
        results = _aborted_reader(results)
    if visual_zone and visual is None and "visible" in document.page.images:
        results = _aborted_reader(results, ("VIZ-",))
    readings = _readings(document, second)
    silent = silent_ids(match) if match is not None else frozenset[str]()
    policy = replace(context.policy, silent=context.policy.silent | silent)
    with clock.stage("verdict"):
        verdict = decide(
            results,
            prior=context.prior,
            policy=policy,
            situation=_situation(document, parse, readings, captured, match),
            decision=context.decision,
        )
    return Report(
        schema="dafec.report/1",
        id=uuid4().hex,
        created=datetime.now(UTC),
        date=today.isoformat(),
        capture=_capture_info(capture, quality),
        document=_document_info(document, parse, match),
        mrz=mrz_info(document.read, parse),
        readings=readings,
        other_zones=[_other_zone(read, today) for read in document.others],
        checks=[check_info(replace(result, llr=round(result.llr, 4))) for result in results],
        verdict=_verdict_info(verdict),
        software=_software(context, visual, second_used=second is not None),
        timings_ms=clock.report(),
    )
