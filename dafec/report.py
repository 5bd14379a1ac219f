"""The report: the result tree of one screening, its JSON schema, and the texts of its parts.

``dafec screen --json`` prints a ``Report`` and the service answers with one; ``report_schema`` gives its JSON schema.
The models are frozen and accept no unknown field, so that a report that was altered by hand or written by another
version is refused instead of half read. Numbers are finite: a measurement that is not a number has no place in a
report, and the check it came from is reported as ``aborted``.

Texts for people are given twice: as catalogue key with its placeholder values (``message``, ``values``), for pages
that speak one language, and rendered in every language (``text``), for readers of the bare JSON.

The XML of BSI TR-03135 is not written yet; the five outcomes, the check identifiers and the named decision function are
those of the guideline, so that the export needs nothing that is not already here.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from dafec.capture import Light
from dafec.errors import InputError
from dafec.features.contract import CheckResult, HeatMap, Outcome
from dafec.geometry import DocumentFormat
from dafec.messages import LANGUAGES, text
from dafec.ocr.mrz_object import mrz_object
from dafec.ocr.parse import MrzParse
from dafec.ocr.types import MrzRead, ReadStatus
from dafec.verdict import Level

__all__ = [
    "SCHEMA",
    "AlternativeInfo",
    "CaptureInfo",
    "CheckDigitInfo",
    "CheckInfo",
    "DecisionInfo",
    "DocumentInfo",
    "FrameInfo",
    "HeatMapInfo",
    "MrzInfo",
    "PageInfo",
    "QualityInfo",
    "ReadingInfo",
    "RemarkInfo",
    "Report",
    "SideInfo",
    "SoftwareInfo",
    "TextInfo",
    "VerdictInfo",
    "check_info",
    "mrz_info",
    "parse_report",
    "report_schema",
    "texts",
]

SCHEMA: Literal["dafec.report/1"] = "dafec.report/1"

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    """Frozen, exact, finite: the habits of every part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="null")


class FrameInfo(_Model):
    """One image as handed in; the image itself is not in the report."""

    light: Light = Field(description="The light the frame was taken in.")
    sha256: Sha256 = Field(description="SHA-256 of the bytes as handed in.")
    width_px: int = Field(gt=0, description="Width as decoded and turned upright by EXIF.")
    height_px: int = Field(gt=0, description="Height as decoded and turned upright by EXIF.")
    dpi: float | None = Field(description="Pixels per inch as the file or capture.toml states; null where unknown.")


class PageInfo(_Model):
    """The frames of one page or side."""

    frames: list[FrameInfo] = Field(
        description="In the order visible, ir, uv; a light that was not captured is absent."
    )


class TextInfo(_Model):
    """One text in every language of DAFEC."""

    en: str = Field(description="English.")
    ar: str = Field(description="Arabic.")


class QualityInfo(_Model):
    """One reason why this capture supports less than it could."""

    kind: str = Field(description="What is wrong: blurred, glare, missing_band, low_resolution, ...")
    light: Light = Field(description="The light it was measured in, or that is missing.")
    value: float | None = Field(description="As measured; null where there was nothing to measure.")
    limit: float | None = Field(description="Beyond which the issue is raised.")
    unit: str = Field(description="Unit of value and limit; empty where there is none.")
    affects: list[str] = Field(description="Ids of the checks that are weaker or impossible because of it.")
    message: str = Field(description="Catalogue key of the text.")
    text: TextInfo = Field(description="What it is and what to do about it.")


class CaptureInfo(_Model):
    """What was handed in."""

    pages: list[PageInfo] = Field(description="In the order of the capture.")
    quality: list[QualityInfo] = Field(description="Empty where nothing limits the checks.")


class SideInfo(_Model):
    """One page or side of the document as it was screened."""

    page: Count = Field(description="Index of the page in capture.pages it was found on.")
    format: DocumentFormat | None = Field(description="From its zone and proportions; null where neither tells.")
    has_zone: bool = Field(description="A machine-readable zone was read on it.")
    outline_px: list[tuple[float, float]] = Field(description="Corners in that page's primary frame, top left first.")
    outline_source: Literal["edges", "mrz", "filled", "frame"] = Field(description="What the outline rests on.")
    width_mm: float = Field(description="Width of the outline on the document.")
    height_mm: float = Field(description="Height of the outline on the document.")
    dpi: float | None = Field(description="True resolution on the document; null where unknown.")
    quality: list[QualityInfo] = Field(
        default_factory=list, description="What limits the checks of this side; the document's stands in capture."
    )


class DocumentInfo(_Model):
    """The document the verdict is about: the page that carries the MRZ, or the largest page where none does."""

    format: DocumentFormat | None = Field(description="From the MRZ and the proportions; null where neither tells.")
    issuer: str | None = Field(description="Issuing state or body as printed in the MRZ, without fillers.")
    series: str | None = Field(description="Code of the matched document series; null where it is not known.")
    series_match: Fraction | None = Field(description="How well the series matches; null without a series.")
    outline_px: list[tuple[float, float]] | None = Field(
        description="Corners in the page's primary frame, the document's top left first; null where none was found."
    )
    outline_source: Literal["edges", "mrz", "filled", "frame"] | None = Field(
        default=None,
        description="What the outline rests on: edges, the place of the MRZ, a frame that the document fills, or a "
        "frame in which none was found.",
    )
    page: Count = Field(default=0, description="Index of the page in capture.pages the outline belongs to.")
    width_mm: float | None = Field(default=None, description="Width of the outline on the document.")
    height_mm: float | None = Field(default=None, description="Height of the outline on the document.")
    dpi: float | None = Field(default=None, description="True resolution on the document.")
    sides: list[SideInfo] = Field(
        default_factory=list,
        description="Every page or side that was screened: the document's own first, then its other sides.",
    )
    specimen: bool = Field(
        default=False, description="Issuer or holder's state is the specimen code UTO, or a known specimen."
    )


class CheckDigitInfo(_Model):
    """One printed check digit beside the expected one."""

    field: str = Field(description="document_number, birth_date, expiry_date, optional_data or composite.")
    printed: str = Field(description="As read, never repaired.")
    expected: str = Field(description="By the weights 7-3-1 of Doc 9303-3 section 4.9.")
    ok: bool = Field(description="True where both agree (or the standard allows the printed one).")
    line: Count = Field(description="0-based line of the printed digit.")
    position: Count = Field(description="0-based position in that line.")


class AlternativeInfo(_Model):
    """One character that the image also supports reading otherwise."""

    line: Count = Field(description="0-based line.")
    position: Count = Field(description="0-based position in that line.")
    char: str = Field(min_length=1, max_length=1, description="As read.")
    probability: Fraction = Field(description="Of the character as read.")
    others: list[tuple[str, Fraction]] = Field(description="Character and probability, falling, each at least 0.01.")


class RemarkInfo(_Model):
    """A note or a fault of the parser."""

    code: str = Field(description="Stable name.")
    field: str = Field(description="The field of Doc 9303 it is about.")
    level: Literal["information", "note", "fault"] = Field(
        description="What it weighs: said, accepted with a look, against the standard."
    )
    message: str = Field(description="What it says, in the language of the report's maker.")
    detail: str | None = Field(
        default=None, description="The printed and expected character, the length found, and the like."
    )
    line: int | None = Field(default=None, description="0-based line.")
    start: int | None = Field(default=None, description="0-based first position.")
    end: int | None = Field(default=None, description="Position after the last.")
    source: str | None = Field(default=None, description="Where the rule stands.")


class MrzInfo(_Model):
    """One machine-readable zone as read and as parsed."""

    status: ReadStatus = Field(description="read, uncertain (alternatives tell which characters), or not_found.")
    format: DocumentFormat | None = Field(description="TD1, TD2, TD3, MRV-A, MRV-B or FRA-ID.")
    lines: list[str] = Field(description="The printed text as read.")
    outcome: Literal["valid", "valid_note", "invalid"] | None = Field(description="By Doc 9303; null without a zone.")
    fields: dict[str, str | None] = Field(description="By name, without fillers; dates as YYYY-MM-DD where decidable.")
    check_digits: list[CheckDigitInfo] = Field(description="In the order of the zone.")
    notes: list[RemarkInfo] = Field(description="Accepted and worth knowing.")
    faults: list[RemarkInfo] = Field(description="Against the standard.")
    confidence: Fraction = Field(description="Probability that every character is as printed.")
    alternatives: list[AlternativeInfo] = Field(description="Characters with another supported reading.")
    corners_px: list[tuple[float, float]] | None = Field(
        description="In the primary frame, reading order; null without one."
    )


class ReadingInfo(_Model):
    """What one reader saw in one light, for comparison with ``mrz.lines``."""

    reader: Literal["first", "second"] = Field(description="first: DAFEC's own models; second: the independent reader.")
    light: Light = Field(description="The light it read.")
    status: ReadStatus | None = Field(
        description="As the reader says; null for the second reader, which has no such scale."
    )
    lines: list[str] = Field(description="The printed text as this reader saw it.")
    agrees: bool = Field(description="Every line equals mrz.lines.")


class HeatMapInfo(_Model):
    """Where on the page a check sees what it found."""

    cell_mm: float = Field(description="Side of one pixel; the first one's top left corner is the page's.")
    png: str = Field(description="Greyscale PNG, base64: 0 nothing .. 255 as strong as the check can say.")


class CheckInfo(_Model):
    """What one check found."""

    id: str = Field(description="IR-AB-MR and the like; the grammar of Doc 9303-2 Appendix C, or MRZ-, VIZ-, GEN-.")
    side: Count = Field(default=0, description="Index into document.sides of the side it is about; 0 the document's.")
    page: Count = Field(default=0, description="Index of the page in capture.pages that side was found on.")
    version: int = Field(description="Version of the check; results of different versions are not comparable.")
    result: Outcome = Field(description="passed, failed, undetermined, not_supported or aborted.")
    value: float | None = Field(description="What was measured.")
    unit: str | None = Field(description="Unit of value and expected.")
    expected: tuple[float | None, float | None] | None = Field(description="Closed range; null is open.")
    source: str | None = Field(description="Where the expected range comes from.")
    region_mm: tuple[float, float, float, float] | None = Field(description="x, y, width, height on the page.")
    llr: float = Field(description="Natural-log likelihood ratio, forged against genuine; 0 where nothing was learned.")
    calibration: str = Field(default="none", description="Which calibration the ratio comes from.")
    message: str = Field(description="Catalogue key of the text.")
    values: dict[str, str | int | float] = Field(default_factory=dict, description="Placeholders of the text.")
    text: TextInfo = Field(description="The rendered text.")
    heat_map: HeatMapInfo | None = Field(default=None, description="Evidence of what failed or is unclear.")


class DecisionInfo(_Model):
    """The decision function that made the verdict (Doc 9303-2 Appendix C: it is logged with the result)."""

    name: str = Field(description="Name of the decision function.")
    version: int = Field(description="Its version.")
    sha256: Sha256 = Field(description="Of the data file that holds its weights and thresholds.")


class VerdictInfo(_Model):
    """What the desk is told."""

    level: Level = Field(description="no_anomaly, look, refer or not_checked.")
    llr: float = Field(description="Natural-log likelihood ratio, forged against genuine, calibrated.")
    evidence: float = Field(default=0.0, description="Sum of what counts, after the caps, before calibration.")
    credit: float = Field(default=0.0, ge=0.0, le=1.0, description="Share of the mandatory minimum that passed.")
    probability: Fraction = Field(description="Of a forged document at the stated prior.")
    prior: Fraction = Field(description="Share of forged documents the site assumes before looking.")
    reasons: list[str] = Field(description="Ids of the checks behind the level, heaviest first.")
    made: Count = Field(description="Checks that came to a result: passed or failed.")
    not_possible: Count = Field(description="Checks that did not: undetermined, not_supported or aborted.")
    notes: list[str] = Field(
        default_factory=list, description="Codes of what limits the verdict: specimen, unknown_series, ..."
    )
    message: str = Field(default="", description="Catalogue key of the sentence for the desk.")
    text: TextInfo = Field(description="The sentence for the desk.")
    decision: DecisionInfo = Field(description="Which function decided.")


class SoftwareInfo(_Model):
    """What has to be the same for the same result."""

    dafec: str = Field(description="Version of DAFEC.")
    models: dict[str, Sha256] = Field(description="SHA-256 of every model that was loaded, by name.")
    onnxruntime: str = Field(description="Version of the inference runtime.")
    provider: str = Field(description="Execution provider, as the runtime names it.")
    threads: int = Field(ge=1, description="Threads within one operator.")


class Report(_Model):
    """The result of screening one capture."""

    schema_: Literal["dafec.report/1"] = Field(
        default=SCHEMA, alias="schema", description="Name and version of this tree."
    )
    id: str = Field(min_length=1, description="Random, tells nothing about the holder.")
    created: AwareDatetime = Field(description="UTC.")
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="The day at the desk that dates were judged by.")
    capture: CaptureInfo
    document: DocumentInfo
    mrz: MrzInfo
    readings: list[ReadingInfo] = Field(
        default_factory=list, description="Every read of the document's zone, for comparison."
    )
    other_zones: list[MrzInfo] = Field(
        default_factory=list,
        description="Further zones in the same capture: other documents on the glass, other pages.",
    )
    checks: list[CheckInfo] = Field(description="In the order they were made.")
    verdict: VerdictInfo
    timings_ms: dict[str, Annotated[float, Field(ge=0.0)]] = Field(description="By stage, and total.")
    software: SoftwareInfo

    def to_json(self, *, indent: int | None = None) -> str:
        """The report as JSON text; one line unless ``indent`` is given."""
        return self.model_dump_json(by_alias=True, indent=indent)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_json(cls, data: str | bytes) -> Self:
        """A report from its JSON text; see ``parse_report`` for the errors."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise _report_error(error) from error


def _report_error(error: ValidationError) -> InputError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return InputError("report.not_json")
    place = ".".join(str(part) for part in first["loc"]) or "report"
    return InputError("report.invalid", place=place, reason=first["type"], faults=error.error_count())


def parse_report(data: str | bytes) -> Report:
    """Reads a stored report.

    Args:
        data: JSON text as ``Report.to_json`` writes it.

    Returns:
        The validated report.

    Raises:
        InputError: ``report.not_json``, or ``report.invalid``, whose ``details`` name the first place that does not fit
            the schema and why.
    """
    return Report.from_json(data)


def texts(key: str, values: Mapping[str, object] | None = None) -> TextInfo:
    """One catalogue text in every language.

    Args:
        key: dotted key in the catalogues; an empty key gives empty texts.
        values: placeholders.

    Returns:
        The rendered texts.
    """
    return TextInfo(**{language: text(key, language, values) if key else "" for language in LANGUAGES})


def mrz_info(read: MrzRead | None, parse: MrzParse | None, *, placed: bool = True) -> MrzInfo:
    """The report's ``mrz`` object, validated. Args as ``dafec.ocr.mrz_object.mrz_object``; ``placed``: it was found."""
    plain = mrz_object(read, parse)
    return MrzInfo.model_validate(plain if placed else {**plain, "corners_px": None})


def check_info(result: CheckResult, page: int = 0) -> CheckInfo:
    """One check's result with its texts.

    Args:
        result: finite numbers only; ``dafec.screening`` turns others into ``aborted`` before they come here.
        page: index of the page in the capture that the result's side was found on.

    Returns:
        The report's entry.
    """
    box = result.region_mm.as_list() if result.region_mm is not None else None
    return CheckInfo(
        id=result.id,
        side=result.side,
        page=page,
        version=result.version,
        result=result.result,
        value=result.value,
        unit=result.unit,
        expected=result.expected,
        source=result.source,
        region_mm=(box[0], box[1], box[2], box[3]) if box is not None else None,
        llr=result.llr,
        calibration=result.calibration,
        message=result.message,
        values=dict(result.values),
        text=texts(result.message, result.values),
        heat_map=None if result.heat_map is None else _heat_map_info(result.heat_map),
    )


def _heat_map_info(heat: HeatMap) -> HeatMapInfo:
    import cv2  # not for a schema or a stored report

    done, data = cv2.imencode(".png", heat.shade, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise ValueError("a heat map could not be encoded")
    return HeatMapInfo(cell_mm=round(heat.cell_mm, 4), png=base64.b64encode(data.tobytes()).decode("ascii"))


def report_schema() -> dict[str, Any]:
    """The JSON schema of a report (draft 2020-12), with every field described."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA, **schema}
