"""From what a screening found to the parts of its report: nothing is judged here, only said.

``dafec.screening`` calls these at the end of its way; ``dafec.report`` holds the models they fill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from dafec import __version__
from dafec.capture import LIGHTS, Capture
from dafec.features.contract import CheckResult
from dafec.models.runtime import PROVIDER, loaded_models, runtime_version
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse
from dafec.ocr.second_reader import engine_digest
from dafec.page import Page
from dafec.page_sides import ChosenDocument, ChosenSide
from dafec.quality import Quality, QualityIssue
from dafec.references.matching import SeriesMatch
from dafec.report import (
    CaptureInfo,
    CheckInfo,
    DecisionInfo,
    DocumentInfo,
    FrameInfo,
    MrzInfo,
    PageInfo,
    QualityInfo,
    ReadingInfo,
    SideInfo,
    SoftwareInfo,
    VerdictInfo,
    check_info,
    mrz_info,
    texts,
)
from dafec.verdict import Verdict

__all__ = [
    "ScreenedSide",
    "capture_info",
    "checks_info",
    "document_info",
    "is_specimen",
    "other_zones",
    "readings_of",
    "software_info",
    "verdict_info",
]


@dataclass(frozen=True, slots=True, eq=False)
class ScreenedSide:
    """One page or side with what was said of it before the checks."""

    chosen: ChosenSide
    quality: Quality
    parse: MrzParse | None  # of the zone on it


def is_specimen(parse: MrzParse | None) -> bool:
    """Whether the zone is that of a specimen."""
    return parse is not None and any(note.code == "specimen" for note in parse.notes)


def readings_of(document: ChosenSide, second: tuple[str, ...] | None) -> list[ReadingInfo]:
    """Every read of the document's zone; ``second`` are the second reader's lines, None where it was not asked."""
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


def capture_info(capture: Capture, quality: Quality) -> CaptureInfo:
    """What was handed in, with the quality of the document's own page."""
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


def _side_info(side: ScreenedSide, *, own: bool) -> SideInfo:
    page = side.chosen.page
    return SideInfo(
        page=side.chosen.number,
        format=page.format or (side.parse.format if side.parse is not None else None),
        has_zone=side.chosen.read is not None,
        outline_px=[(x, y) for x, y in page.outline_px.as_list()],
        outline_source=page.outline_source,
        width_mm=round(page.width_mm, 2),
        height_mm=round(page.height_mm, 2),
        dpi=_dpi(page),
        quality=[] if own else [_quality_info(issue) for issue in side.quality.issues],
    )


def _dpi(page: Page) -> float | None:
    return round(page.dpi, 1) if page.dpi is not None else None


def document_info(sides: Sequence[ScreenedSide], match: SeriesMatch | None) -> DocumentInfo:
    """The document and its sides.

    Args:
        sides: as screened, the document's own page first.
        match: of its series; None without a library.

    Returns:
        The report's part.
    """
    own, parse = sides[0].chosen, sides[0].parse
    series = match.series if match is not None and match.status == "matched" else None
    return DocumentInfo(
        format=own.page.format or (parse.format if parse is not None else None),
        issuer=(parse.fields.get("issuer") or None) if parse is not None else None,
        series=series.code if series is not None else None,
        series_match=round(match.score, 3) if match is not None and series is not None else None,
        outline_px=[(x, y) for x, y in own.page.outline_px.as_list()],
        outline_source=own.page.outline_source,
        page=own.number,
        width_mm=round(own.page.width_mm, 2),
        height_mm=round(own.page.height_mm, 2),
        dpi=_dpi(own.page),
        sides=[_side_info(side, own=number == 0) for number, side in enumerate(sides)],
        specimen=is_specimen(parse),
    )


def checks_info(results: Sequence[CheckResult], sides: Sequence[ScreenedSide]) -> list[CheckInfo]:
    """Every result with its texts, and with the page of the capture its side was found on."""
    return [
        check_info(replace(result, llr=round(result.llr, 4)), sides[result.side].chosen.number) for result in results
    ]


def verdict_info(verdict: Verdict, *further_notes: str) -> VerdictInfo:
    """The verdict with its sentence for the desk, and what else is to be noted in it."""
    key = f"verdict.{verdict.level}"
    return VerdictInfo(
        level=verdict.level,
        llr=verdict.llr,
        evidence=verdict.evidence,
        credit=verdict.credit,
        probability=verdict.probability,
        prior=verdict.prior,
        reasons=list(verdict.reasons),
        made=verdict.made,
        not_possible=verdict.not_possible,
        notes=[*verdict.notes, *further_notes],
        message=key,
        text=texts(key),
        decision=DecisionInfo(
            name=verdict.decision.name, version=verdict.decision.version, sha256=verdict.decision.sha256
        ),
    )


def software_info(threads: int, visual_models: Mapping[str, str], *, second_used: bool) -> SoftwareInfo:
    """What has to be the same for the same result."""
    models = {**loaded_models(), **visual_models}
    digest = engine_digest() if second_used else None
    if digest is not None:
        models["second_reader"] = digest
    return SoftwareInfo(
        dafec=__version__, models=models, onnxruntime=runtime_version(), provider=PROVIDER, threads=threads
    )


def other_zones(document: ChosenDocument, today: date) -> list[MrzInfo]:
    """Zones of the capture that are not the document's."""
    return [mrz_info(read, parse_mrz(read.texts, today=today)) for read in document.others]
