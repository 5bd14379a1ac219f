"""From cases to what the examiner's pages say: plain values in one language, ready for the templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import quote

from api.case_pictures import Layer, layers_of, quad_px, scale_of
from api.casework_cases import CaseView
from api.pictures import light_of_check
from api.store.case_records import AnnotationRecord, CasePage, CaseSummary, Conclusion, OpinionRecord
from api.tiles import TILE_PX, least_level, levels_of
from api.viewer.presenter import measured_in_words
from api.viewer.words import plural_text, state_in_words
from dafec.capture import LIGHTS
from dafec.messages import Language, text
from dafec.report import CheckInfo, Report

__all__ = [
    "CONCLUSIONS",
    "CaseRow",
    "Finding",
    "LayerButton",
    "QueueView",
    "case_rows",
    "findings",
    "layer_data",
    "mark_rows",
    "opinion_rows",
    "picture_data",
    "shown_time",
]

CONCLUSIONS: tuple[Conclusion, ...] = get_args(Conclusion)
#: Findings first by what they say: against the document, unclear, broken off, made without a finding, not possible.
_ORDER = ("failed", "undetermined", "aborted", "passed", "not_supported")
Names = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of the queue."""

    url: str
    number: int
    opened: str
    age: str
    old: bool  # waits longer than a day
    status: str
    status_word: str
    level: str
    level_word: str
    origin: str
    document: str
    issuer: str
    findings: tuple[str, ...]
    assignee: str
    mine: bool
    batch: int
    batch_url: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """The queue's page."""

    rows: tuple[CaseRow, ...]
    counts: Mapping[str, int]
    next: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One check in the list of findings."""

    number: int
    id: str
    result: str
    result_word: str
    text: str
    light: str
    light_word: str
    seen: str
    unit: str
    expected: str
    source: str
    weight: str  # log-likelihood ratio, in decimal
    calibration: str
    version: int
    page: int
    quad: str  # JSON of corners in pixels of the primary frame; empty where it has no place
    heat_url: str
    crop_url: str  # its place, cut from the original; empty where it has none
    reference_url: str  # the same place of the series' reference; empty where the series is not known


@dataclass(frozen=True, slots=True)
class LayerButton:
    """A light on its key; ``there`` is False where it was not captured."""

    name: str
    label: str
    key: str
    there: bool


def shown_time(moment: datetime) -> str:
    """A time as it stands on the wall at the service's place, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def case_rows(page: CasePage, language: Language, who: str, names: Names) -> QueueView:
    """The queue in words.

    Args:
        page: of cases.
        language: of the page.
        who: looks, as the audit log names people.
        names: gives the name to show for somebody as the audit log names people.
    """
    return QueueView(tuple(_row(case, language, who, names) for case in page.items), page.counts, page.next)


def _row(case: CaseSummary, language: Language, who: str, names: Names) -> CaseRow:
    waited = datetime.now(UTC) - case.opened
    return CaseRow(
        url=f"/cases/{quote(case.id)}",
        number=case.number,
        opened=shown_time(case.opened),
        age=_age(waited.total_seconds() / 3600, language),
        old=waited.days >= 1 and case.status != "decided",
        status=case.status,
        status_word=text(f"viewer.status.{case.status}", language),
        level=case.level,
        level_word=text(f"api.level.{case.level}", language) if case.level else text("viewer.hidden", language),
        origin=text(f"viewer.queue.origin_{case.origin}", language),
        document=case.series or case.format or "–",
        issuer=state_in_words(case.issuer, language) if case.issuer else text("api.page.unknown", language),
        findings=case.findings[:3],
        assignee=names(case.assignee) if case.assignee else "",
        mine=case.assignee == who,
        batch=case.batch,
        batch_url=f"/cases?like={quote(case.id)}",
    )


def _age(hours: float, language: Language) -> str:
    if hours < 1:
        minutes = max(int(hours * 60), 1)
        return plural_text("viewer.unit.minute", minutes, language, n=minutes)
    if hours < 48:
        return plural_text("viewer.unit.hour", int(hours), language, n=int(hours))
    return plural_text("api.unit.day", int(hours / 24), language, n=int(hours / 24))


def findings(report: Report, case_id: str, language: Language) -> tuple[Finding, ...]:
    """Every check, what speaks against the document first."""
    ranked = sorted(report.checks, key=lambda check: (_ORDER.index(check.result), -check.llr))
    return tuple(_finding(number, check, report, case_id, language) for number, check in enumerate(ranked, 1))


def _finding(number: int, check: CheckInfo, report: Report, case_id: str, language: Language) -> Finding:
    lights = tuple(frame.light for frame in report.capture.pages[check.page].frames)
    light = light_of_check(check.id, lights)
    quad = quad_px(report, check)
    seen, unit, expected = measured_in_words(check, language)
    index = report.checks.index(check)
    place = f"/api/v1/screenings/{quote(case_id)}/checks/{quote(check.id)}"
    placed = quad is not None and check.side == 0 and _is_first(report, check)
    return Finding(
        number=number,
        id=check.id,
        result=check.result,
        result_word=text(f"api.result.{check.result}", language),
        text=check.text.ar if language == "ar" else check.text.en,
        light=light,
        light_word=text(f"api.light.{light}", language),
        seen=seen,
        unit=unit,
        expected=expected,
        source=check.source or "",
        weight=f"{check.llr / 2.302585:+.2f}" if check.llr else "0",
        calibration=check.calibration,
        version=check.version,
        page=check.page,
        quad=_points(quad) if quad is not None else "",
        heat_url=f"/api/v1/cases/{quote(case_id)}/heat-maps/{index}" if check.heat_map is not None else "",
        crop_url=f"{place}/image" if placed else "",
        reference_url=f"{place}/reference" if placed and report.document.series is not None else "",
    )


def _is_first(report: Report, check: CheckInfo) -> bool:
    """Whether a check's pictures are asked for by its id alone: another of the same id is another place."""
    return next(one for one in report.checks if one.id == check.id) is check


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def layer_data(layer: Layer, url: str) -> dict[str, Any]:
    """A layer as the page's scripts take it."""
    return {
        "name": layer.name,
        "light": layer.light,
        "width": layer.width_px,
        "height": layer.height_px,
        "least": least_level(layer.width_px, layer.height_px),
        "most": levels_of(layer.width_px, layer.height_px),
        "tile": TILE_PX,
        "url": url,
        "place": asdict(layer.placement),
    }


def picture_data(view: CaseView, page: int) -> dict[str, Any]:
    """What the page's scripts need to show a page of a case; nothing in it is in any language."""
    report = view.report
    case_id = quote(view.record.summary.id)
    scale = scale_of(report, page)
    outline = report.document.outline_px if page == report.document.page else None
    return {
        "case": view.record.summary.id,
        "page": page,
        "pages": len(report.capture.pages),
        "width": report.capture.pages[page].frames[0].width_px,
        "height": report.capture.pages[page].frames[0].height_px,
        "outline": outline,
        "scale": asdict(scale) if scale is not None else None,
        "layers": [
            layer_data(layer, f"/api/v1/cases/{case_id}/pictures/{page}/{layer.name}")
            for layer in layers_of(report, page)
        ],
        "missing": [
            light for light in LIGHTS if light not in {frame.light for frame in report.capture.pages[page].frames}
        ],
    }


def opinion_rows(opinions: tuple[OpinionRecord, ...], language: Language, names: Names) -> list[dict[str, str]]:
    """Conclusions in words."""
    return [
        {
            "kind": text(f"viewer.opinion.{opinion.kind}", language),
            "author": names(opinion.author),
            "created": shown_time(opinion.created),
            "conclusion": text(f"viewer.conclusion.{opinion.conclusion}", language),
            "support": text(f"viewer.support.{opinion.support}", language),
            "grounds": opinion.grounds if opinion.grounds is not None else text("viewer.text_deleted", language),
        }
        for opinion in opinions
    ]


def mark_rows(
    marks: tuple[AnnotationRecord, ...], who: str, language: Language, names: Names
) -> Iterator[dict[str, Any]]:
    """Marks in words, with their places for the scripts."""
    for mark in marks:
        yield {
            "id": mark.id,
            "page": mark.page,
            "light": mark.light,
            "light_word": text(f"api.light.{mark.light}", language),
            "shape": mark.shape,
            "shape_word": text(f"viewer.shape.{mark.shape}", language),
            "points": _points(mark.points) if mark.points is not None else "",
            "text": mark.text if mark.text is not None else text("viewer.text_deleted", language),
            "author": names(mark.author),
            "created": shown_time(mark.created),
            "mine": mark.author == who,
        }
