"""What the MRZ checks share: the read behind the parse, places on the page, other readings, and results.

Two rules hold for all of them. A missing zone, line, field or read is a result of its own and never a pass. And where
the image supports another reading of the characters concerned that would change the outcome, the result is
``undetermined``: the officer looks at the characters, the machine does not choose.

Log-likelihood ratios here are a considered estimate (calibration ``expert-2026``), natural logarithm, forged against
genuine, to be replaced by learned ones. Their reasoning stands beside each weight. In general: a rule of arithmetic
that personalisation systems compute (a check digit, a state code, a calendar day) is broken on a genuine document by a
careless issuer about once in several thousand, and by an altered or home-made zone in a good part of the cases, hence
3 to 4; a rule issuers are known to bend is worth 1 to 2; a pass is worth next to nothing, because a forger can compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.geometry import BoxMm
from dafec.ocr.digit_support import Alternative, supported_alternatives
from dafec.ocr.parse import parse_mrz
from dafec.ocr.parsed import MrzParse, Place, Span
from dafec.ocr.types import MrzRead

__all__ = [
    "CALIBRATION",
    "PASS_LLR",
    "all_places",
    "other_reading",
    "places_of",
    "read_behind",
    "region_of",
    "result",
]

CALIBRATION = "expert-2026"

#: Rules kept say little: whoever forges a zone with care keeps them.
PASS_LLR = -0.05

#: Other readings tried per check; each costs one parse.
_MOST_VARIANTS = 24


def read_behind(context: CheckContext) -> MrzRead | None:
    """The read whose lines were parsed; None where there is none."""
    if context.mrz is None:
        return None
    candidates = (context.reads.get("visible"), context.reads.get("ir"))
    return next((read for read in candidates if read is not None and read.texts == context.mrz.lines), None)


def places_of(spans: Iterable[Span]) -> tuple[Place, ...]:
    """The single characters of some spans."""
    return tuple((line, at) for line, start, end in spans for at in range(start, end))


def all_places(parse: MrzParse) -> tuple[Place, ...]:
    """Every character of the zone."""
    return tuple((number, at) for number, line in enumerate(parse.lines) for at in range(len(line)))


def region_of(context: CheckContext, places: Sequence[Place]) -> BoxMm | None:
    """The box round some characters on the page, in millimetres.

    The characters of a zone have one pitch, so a line's box divides evenly. None where no page was found, the page has
    no boxes of the zone, or there are no characters to show.
    """
    if context.page is None or context.mrz is None or not places:
        return None
    boxes = context.page.mrz_boxes_mm
    lines = context.mrz.lines
    corners = []
    for line, at in places:
        if line >= len(boxes) or line >= len(lines) or not lines[line]:
            continue
        x, y, width, height = boxes[line]
        pitch = width / len(lines[line])
        corners.append((x + at * pitch, y, x + (at + 1) * pitch, y + height))
    if not corners:
        return None
    left, top = min(c[0] for c in corners), min(c[1] for c in corners)
    right, bottom = max(c[2] for c in corners), max(c[3] for c in corners)
    return BoxMm(left, top, right - left, bottom - top)


def _variant(parse: MrzParse, chosen: Alternative) -> tuple[str, ...]:
    line, at = chosen.place
    lines = list(parse.lines)
    lines[line] = lines[line][:at] + chosen.char + lines[line][at + 1 :]
    return tuple(lines)


def other_reading(
    context: CheckContext, read: MrzRead, places: Sequence[Place], judge: Callable[[MrzParse], object]
) -> Alternative | None:
    """The most probable other reading of one character that changes what ``judge`` says.

    Args:
        context: with a parse.
        read: the read behind it.
        places: the characters the check looks at.
        judge: says something comparable about a parse.

    Returns:
        The alternative, or None where no supported one changes anything.
    """
    parse = context.mrz
    if parse is None:
        return None
    as_read = judge(parse)
    tried = supported_alternatives(parse, read, places, legal_only=False)
    for chosen in islice(tried, _MOST_VARIANTS):
        if judge(parse_mrz(_variant(parse, chosen), today=context.today)) != as_read:
            return chosen
    return None


def result(
    identity: str,
    version: int,
    outcome: Outcome,
    message: str,
    *,
    llr: float = 0.0,
    region: BoxMm | None = None,
    values: Mapping[str, str | int | float] | None = None,
    value: float | None = None,
    unit: str | None = None,
    expected: tuple[float | None, float | None] | None = None,
    source: str | None = None,
) -> CheckResult:
    """A check's result; its calibration is named wherever the ratio is not 0."""
    return CheckResult(
        id=identity,
        version=version,
        result=outcome,
        value=value,
        unit=unit,
        expected=expected,
        source=source,
        region_mm=region,
        llr=llr,
        calibration=CALIBRATION if llr else "none",
        message=message,
        values=dict(values or {}),
    )
