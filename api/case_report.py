"""The printed report on a case: PDF in one language, with crops cut from the originals at their true pixels.

Typst sets it, in memory: no picture and no text of a case is written to the disk. Fonts are the bundled ones alone, so
that the same case looks the same on every machine.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import typst
from numpy.typing import NDArray

from api.case_pictures import Scale, quad_px, scale_of
from api.casework_cases import CaseView
from api.errors import ServiceError
from api.store import ScreeningRecord
from api.store.case_records import AnnotationRecord
from api.viewer.case_view import Finding, findings, opinion_rows, shown_time
from api.viewer.words import plural_text, state_in_words
from dafec import __version__
from dafec.capture import Light
from dafec.messages import Language, catalogue, text
from dafec.report import Report

__all__ = ["make_case_report"]

Pixels8 = NDArray[np.uint8]
FrameOf = Callable[[ScreeningRecord, int, Light], Pixels8]

_CROP_WIDTH_MM, _CROP_HEIGHT_MM = 150.0, 62.0  # on paper
_MARGIN_MM = 3.0  # around what a crop shows
_MARGIN_PX = 40  # the same where the scale is not known
_PX_PER_MM_UNSCALED = 8.0  # how large a pixel is printed then
_MOST_ENLARGED = 10.0
_OVERVIEW_PX = 700
_MOST_CROPS = 24  # findings and marks with a picture; more make no better report
_BARS_MM = (0.5, 1, 2, 5, 10, 20, 50)


def make_case_report(
    view: CaseView,
    screening: ScreeningRecord,
    frame_of: FrameOf,
    language: Language,
    names: Callable[[str], str],
    *,
    personal: bool,
) -> bytes:
    """The report as PDF.

    Args:
        view: of the case, as whoever asks may see it, with nothing hidden.
        screening: of the case.
        frame_of: gives a frame of it as handed in, 8 bits, (h, w) or (h, w, 3) RGB.
        language: of the report.
        names: gives the name to show for somebody as the audit log names people.
        personal: whether whoever asks sees the holder's data.

    Returns:
        PDF; deleted pictures are left out and said to be.

    Raises:
        ServiceError: ``report.failed``.
    """
    pictures = _Pictures(view.report, screening, frame_of)
    data = _data(view, language, names, pictures, personal=personal)
    folder = files("api.viewer")
    sources: dict[str, bytes] = {
        "main.typ": folder.joinpath("report", "case.typ").read_bytes(),
        "data.json": json.dumps(data, ensure_ascii=False).encode("utf-8"),
        **pictures.made,
    }
    try:
        made = typst.compile(  # type: ignore[call-overload]
            sources,
            format="pdf",
            font_paths=[str(folder.joinpath("fonts"))],
            ignore_system_fonts=True,
        )
    except (typst.TypstError, RuntimeError) as error:
        raise ServiceError("report.failed", status=500) from error
    assert isinstance(made, bytes)
    return made


class _Pictures:
    """Pictures of the report: cut from the originals, kept by file name until the report is set."""

    def __init__(self, report: Report, screening: ScreeningRecord, frame_of: FrameOf) -> None:
        self._report = report
        self._screening = screening
        self._frame_of = frame_of
        self._frames: dict[tuple[int, Light], Pixels8 | None] = {}
        self.made: dict[str, bytes] = {}

    def _frame(self, page: int, light: Light) -> Pixels8 | None:
        key = (page, light)
        if key not in self._frames:
            try:
                self._frames[key] = self._frame_of(self._screening, page, light)
            except ServiceError as error:
                if error.code not in ("screening.images_deleted", "screening.no_image", "storage.key_lost"):
                    raise
                self._frames[key] = None
        return self._frames[key]

    def _keep(self, pixels: Pixels8) -> str:
        name = f"picture-{len(self.made)}.svg"
        order = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
        done, encoded = cv2.imencode(".png", np.ascontiguousarray(order), [cv2.IMWRITE_PNG_COMPRESSION, 4])
        if not done:
            raise ServiceError("picture.failed", status=500)
        # Typst takes files in memory as text alone; an SVG that holds the PNG is one, and keeps its pixels as they are.
        height, width = pixels.shape[:2]
        inside = base64.b64encode(encoded.tobytes()).decode("ascii")
        self.made[name] = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f'<image width="{width}" height="{height}" image-rendering="optimizeSpeed" '
            f'href="data:image/png;base64,{inside}"/></svg>'
        ).encode("ascii")
        return name

    def overview(self, page: int, light: Light) -> str | None:
        """A whole frame, reduced."""
        frame = self._frame(page, light)
        if frame is None:
            return None
        height, width = frame.shape[:2]
        factor = min(1.0, _OVERVIEW_PX / max(height, width))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        return self._keep(self._upright(np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)))

    def crop(self, page: int, light: Light, points: list[tuple[float, float]], caption: str) -> dict[str, Any] | None:
        """A part of a frame at its true pixels, with what its scale needs.

        Args:
            page: 0-based.
            light: of the frame.
            points: in pixels of the page's primary frame; what they span is shown, with a margin.
            caption: stands under it.
        """
        frame = self._frame(page, light)
        if frame is None or not points or len(self.made) >= _MOST_CROPS:
            return None
        primary = self._report.capture.pages[page].frames[0]
        factor = frame.shape[1] / primary.width_px
        scale = scale_of(self._report, page)
        px_per_mm = scale.px_per_mm * factor if scale is not None else _PX_PER_MM_UNSCALED
        margin = _MARGIN_MM * px_per_mm if scale is not None else _MARGIN_PX
        xs, ys = [x * factor for x, _ in points], [y * factor for _, y in points]
        left, right = max(0, math.floor(min(xs) - margin)), min(frame.shape[1], math.ceil(max(xs) + margin))
        top, bottom = max(0, math.floor(min(ys) - margin)), min(frame.shape[0], math.ceil(max(ys) + margin))
        if right - left < 2 or bottom - top < 2:
            return None
        cut = self._upright(np.asarray(frame[top:bottom, left:right], np.uint8))
        return {"file": self._keep(cut), "caption": caption, **_size(cut, px_per_mm, scale)}

    def _upright(self, pixels: Pixels8) -> Pixels8:
        """Turned by whole quarters alone: any other turn would no longer show the original's pixels."""
        outline = self._report.document.outline_px
        if outline is None:
            return pixels
        (x0, y0), (x1, y1) = outline[:2]
        quarters = round(math.degrees(math.atan2(y1 - y0, x1 - x0)) / 90) % 4
        return np.asarray(np.rot90(pixels, quarters), np.uint8)


def _size(cut: Pixels8, px_per_mm: float, scale: Scale | None) -> dict[str, Any]:
    """How large a crop is printed: a round enlargement that fits."""
    height_mm, width_mm = cut.shape[0] / px_per_mm, cut.shape[1] / px_per_mm
    fits = min(_CROP_WIDTH_MM / width_mm, _CROP_HEIGHT_MM / height_mm, _MOST_ENLARGED)
    enlargement = float(math.floor(fits)) if fits >= 1 else round(fits, 2)
    bar_mm = max((bar for bar in _BARS_MM if bar <= width_mm / 2), default=_BARS_MM[0])
    return {
        "width_mm": round(width_mm, 3),
        "enlargement": enlargement,
        "enlargement_text": f"{enlargement:g} : 1",
        "bar_mm": bar_mm,
        "scaled": scale is not None,
    }


def _data(
    view: CaseView, language: Language, names: Callable[[str], str], pictures: _Pictures, *, personal: bool
) -> dict[str, Any]:
    report, case = view.report, view.record.summary
    verdict = report.verdict
    listed = findings(report, case.id, language)
    telling = [finding for finding in listed if finding.result in ("failed", "undetermined", "aborted")]
    opinions = opinion_rows(view.record.opinions, language, names)
    coverage = plural_text(
        "api.page.coverage", verdict.made, language, made=verdict.made, not_possible=verdict.not_possible
    )
    return {
        "language": language,
        "direction": "rtl" if language == "ar" else "ltr",
        "words": _words(language),
        "title": text("viewer.report.heading", language, {"number": case.number}),
        "made": text("viewer.report.made", language, {"time": shown_time(datetime.now(UTC)), "version": __version__}),
        "footer": text("viewer.report.footer", language, {"number": case.number, "id": case.id}),
        "verdict": {"word": text(f"api.level.{verdict.level}", language), "coverage": coverage},
        "conclusion": opinions[-1]["conclusion"] if opinions else None,
        "document": _document(report, view, language),
        "mrz": list(report.mrz.lines) if personal and view.personal_data == "kept" else [],
        "frames": _frames(report, language),
        "overviews": _overviews(report, pictures, language),
        "findings": [_finding(finding, report, pictures, language) for finding in telling],
        "marks": [_mark(mark, report, pictures, language, names) for mark in view.record.annotations],
        "notes": [
            {
                "text": note.text if note.text is not None else text("viewer.text_deleted", language),
                "who": f"{names(note.author)} · {shown_time(note.created)}",
            }
            for note in view.record.notes
        ],
        "decisions": [
            {
                "text": f"{text(f'viewer.desk_action.{one.action}', language)}"
                f"{text('api.page.colon', language)} {text(f'viewer.desk_reason.{one.reason}', language)}",
                "who": f"{names(one.author)} · {shown_time(one.created)}",
            }
            for one in view.record.desk_decisions
        ],
        "opinions": [
            {**opinion, "who": f"{opinion['kind']} · {opinion['author']} · {opinion['created']}"}
            for opinion in opinions
        ],
        "scale": [text(f"viewer.support.{step}", language) for step in range(6)],
        "checks": [
            {
                "result": finding.result_word,
                "id": f"{finding.id} v{finding.version}",
                "seen": finding.seen,
                "unit": finding.unit,
                "expected": finding.expected,
            }
            for finding in listed
        ],
        "versions": _versions(report, language),
    }


def _words(language: Language) -> Mapping[str, str]:
    prefix = "viewer.report.word."
    return {key.removeprefix(prefix): text(key, language) for key in catalogue(language) if key.startswith(prefix)}


def _document(report: Report, view: CaseView, language: Language) -> list[list[str]]:
    document, case = report.document, view.record.summary
    unknown = text("api.page.unknown", language)
    size = f"{document.width_mm:.1f} × {document.height_mm:.1f} mm" if document.width_mm and document.height_mm else "–"
    said = _words(language)
    return [
        [said["issuer"], state_in_words(document.issuer, language) if document.issuer else unknown],
        [said["format"], document.format or "–", "ltr"],
        [said["series"], document.series or unknown, "ltr" if document.series else ""],
        [said["document_size"], size, "ltr"],
        [said["captured"], shown_time(report.created), "ltr"],
        [said["opened"], shown_time(case.opened), "ltr"],
        [said["screening"], report.id, "mono"],
    ]


def _frames(report: Report, language: Language) -> list[dict[str, str]]:
    return [
        {
            "light": text(f"api.light.{frame.light}", language) + (f" ({number})" if number > 1 else ""),
            "size": f"{frame.width_px} × {frame.height_px} px",
            "dpi": f"{frame.dpi:g} dpi" if frame.dpi is not None else "–",
            "sha256": frame.sha256,
        }
        for number, page in enumerate(report.capture.pages, 1)
        for frame in page.frames
    ]


def _overviews(report: Report, pictures: _Pictures, language: Language) -> list[dict[str, str]]:
    page = report.document.page
    made = (
        (pictures.overview(page, frame.light), text(f"api.light.{frame.light}", language))
        for frame in report.capture.pages[page].frames
    )
    return [{"file": file, "caption": caption} for file, caption in made if file is not None]


def _finding(finding: Finding, report: Report, pictures: _Pictures, language: Language) -> dict[str, Any]:
    check = next(check for check in report.checks if check.id == finding.id and check.page == finding.page)
    said = _words(language)
    quad = quad_px(report, check)
    light: Light = next(
        frame.light for frame in report.capture.pages[check.page].frames if frame.light == finding.light
    )
    rows = [
        [said["seen"], f"{finding.seen} {finding.unit}".strip() or "–"],
        [said["expected"], f"{finding.expected} {finding.unit}".strip() if finding.expected else "–"],
        [said["weight"], finding.weight, "ltr"],
        [said["rule"], finding.source or "–", "ltr"],
        [said["check"], f"{finding.id} v{finding.version}", "mono"],
    ]
    crop = pictures.crop(check.page, light, list(quad), finding.light_word) if quad is not None else None
    return {"id": finding.id, "result": finding.result_word, "text": finding.text, "rows": rows, "crop": crop}


def _mark(
    mark: AnnotationRecord, report: Report, pictures: _Pictures, language: Language, names: Callable[[str], str]
) -> dict[str, Any]:
    frames = report.capture.pages[mark.page].frames
    own = next(frame for frame in frames if frame.light == mark.light)
    factor = frames[0].width_px / own.width_px
    points = [(x * factor, y * factor) for x, y in mark.points or ()]
    light_word = text(f"api.light.{mark.light}", language)
    return {
        "shape": text(f"viewer.shape.{mark.shape}", language),
        "text": mark.text if mark.text is not None else text("viewer.text_deleted", language),
        "who": f"{names(mark.author)} · {shown_time(mark.created)} · {light_word}",
        "crop": pictures.crop(mark.page, mark.light, points, light_word) if points else None,
    }


def _versions(report: Report, language: Language) -> list[list[str]]:
    software, decision = report.software, report.verdict.decision
    said = _words(language)
    return [
        ["DAFEC", software.dafec, "mono"],
        [said["decision"], f"{decision.name} v{decision.version} {decision.sha256}", "mono"],
        ["onnxruntime", f"{software.onnxruntime}, {software.provider}, {software.threads}", "mono"],
        *([name, digest, "mono"] for name, digest in software.models.items()),
    ]
