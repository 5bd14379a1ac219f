"""Captures handed in for enrolment: read, and refused with a reason where they cannot teach anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dafec.capture import Capture, CapturedPage
from dafec.errors import InputError
from dafec.geometry import DocumentFormat
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse
from dafec.ocr.reader import OcrContext, read_frame
from dafec.ocr.types import MrzRead
from dafec.page import Page, find_pages
from dafec.quality import Quality, assess_quality
from dafec.references.series import Identity, SideName

__all__ = ["MAX_SAMPLES", "MIN_SAMPLES", "Sample", "SampleSide", "format_of", "read_sample", "refuse_unfit"]

#: Fewer do not tell what is constant from what is personal; more than twenty teach nothing new and take minutes.
MIN_SAMPLES, MAX_SAMPLES = 5, 20
_MIN_DPI = 140.0  # the reference's own raster


@dataclass(frozen=True, slots=True, eq=False)
class SampleSide:
    """One side of one captured document."""

    page: Page
    quality: Quality


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One captured document."""

    name: str  # of the file or folder, for messages
    sides: dict[SideName, SampleSide]
    parse: MrzParse | None
    digests: tuple[str, ...]  # of its frames


def _read_side(captured: CapturedPage, context: OcrContext) -> tuple[SampleSide, MrzRead | None]:
    primary = captured.primary
    found = read_frame(primary.pixels, context=context, bit_depth=primary.bit_depth)
    reads = [read for read in found.reads if read.status != "not_found"]
    best = max(reads, key=lambda read: (read.status == "read", read.format is not None, read.confidence), default=None)
    page = find_pages(captured, [] if best is None else [best], found.document_mask, most=1)[0]
    return SampleSide(page, assess_quality(page)), best


def read_sample(capture: Capture, name: str, context: OcrContext, today: date) -> Sample:
    """Read one capture for enrolment.

    Args:
        capture: decoded; its first page with a zone is the side ``data``, the first without one the side ``other``.
        name: for messages.
        context: of the reader.
        today: the day dates are judged by.

    Returns:
        The sample; a capture without any zone has its first page as ``data``.
    """
    sides: dict[SideName, SampleSide] = {}
    parse: MrzParse | None = None
    for captured in capture.pages:
        side, read = _read_side(captured, context)
        if read is not None and "data" not in sides:
            sides["data"] = side
            parse = parse_mrz(read.texts, today=today)
        elif read is None and "other" not in sides:
            sides["other"] = side
    if "data" not in sides:
        sides["data"] = sides.pop("other")
    digests = tuple(frame.sha256 for page in capture.pages for frame in page.frames.values())
    return Sample(name, sides, parse, digests)


def format_of(samples: Sequence[Sample]) -> DocumentFormat:
    """The one format of all samples.

    Raises:
        InputError: ``enrol.mixed_formats``, ``enrol.no_format``.
    """
    found = [_format(sample) for sample in samples]
    counted = Counter(fmt for fmt in found if fmt is not None)
    if not counted:
        raise InputError("enrol.no_format", file=samples[0].name)
    usual = counted.most_common(1)[0][0]
    for sample, fmt in zip(samples, found, strict=True):
        if fmt is not None and fmt != usual:
            raise InputError("enrol.mixed_formats", file=sample.name, found=fmt, expected=usual)
    return usual


def _format(sample: Sample) -> DocumentFormat | None:
    if sample.parse is not None and sample.parse.format is not None:
        return sample.parse.format
    return sample.sides["data"].page.format


def refuse_unfit(samples: Sequence[Sample], identity: Identity, least: int = MIN_SAMPLES) -> None:
    """Refuse samples that are too few, too many, twice the same, badly captured, or of another issuer.

    Raises:
        InputError: ``enrol.too_few``, ``enrol.too_many``, ``enrol.twice``, ``enrol.no_document``, ``enrol.blurred``,
            ``enrol.poor``, ``enrol.low_resolution``, ``enrol.other_issuer``.
    """
    if len(samples) < least:
        raise InputError("enrol.too_few", found=len(samples), least=least)
    if len(samples) > MAX_SAMPLES:
        raise InputError("enrol.too_many", found=len(samples), most=MAX_SAMPLES)
    seen: dict[str, str] = {}
    for sample in samples:
        for digest in sample.digests:
            if seen.setdefault(digest, sample.name) != sample.name:
                raise InputError("enrol.twice", file=sample.name, other=seen[digest])
        _refuse_poor(sample)
        parse = sample.parse
        if parse is not None and (parse.fields.get("issuer") or identity.country) != identity.country:
            raise InputError(
                "enrol.other_issuer",
                file=sample.name,
                found=parse.fields.get("issuer"),
                expected=identity.country,
            )
    _refuse_same_holder(samples)


def _refuse_same_holder(samples: Iterable[Sample]) -> None:
    """The same document captured twice would make what is personal look constant."""
    seen: dict[str, str] = {}
    for sample in samples:
        number = sample.parse.fields.get("document_number") if sample.parse is not None else None
        if number and seen.setdefault(number, sample.name) != sample.name:
            raise InputError("enrol.twice", file=sample.name, other=seen[number])


def _refuse_poor(sample: Sample) -> None:
    for side in sample.sides.values():
        page, quality = side.page, side.quality
        if page.outline_source == "frame":
            raise InputError("enrol.no_document", file=sample.name)
        if page.dpi is not None and page.dpi < _MIN_DPI:
            raise InputError("enrol.low_resolution", file=sample.name, found=round(page.dpi), least=round(_MIN_DPI))
        for light in page.images:
            if quality.has("blurred", light):
                raise InputError("enrol.blurred", file=sample.name, light=light)
            for kind in ("underexposed", "overexposed", "repeats_visible"):
                if quality.has(kind, light):
                    raise InputError("enrol.poor", file=sample.name, light=light, kind=kind)
        if page.cropped_fraction > 0.03:
            raise InputError("enrol.poor", file=sample.name, light="visible", kind="cropped")
