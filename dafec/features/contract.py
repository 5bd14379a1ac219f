"""The contract between a check and the screening.

A check is a small object with an identity, a version, what it needs, and ``run(context) -> CheckResult``. It reads the
frozen ``CheckContext`` and changes nothing. It returns one of five results; what it cannot do is a result as well and
never a pass. It raises only by mistake: the runner in ``dafec.features.registry`` turns any exception or time-out into
``aborted``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.geometry import BoxMm
from dafec.ocr.parse import MrzParse
from dafec.ocr.types import MrzRead
from dafec.ocr.visual_zone import VisualZone
from dafec.page import Page
from dafec.quality import Quality

__all__ = ["Check", "CheckContext", "CheckResult", "HeatMap", "Outcome", "SideView"]

#: The five results of TR-03135 (Doc 9303-2 Appendix C.20).
Outcome = Literal["passed", "failed", "undetermined", "not_supported", "aborted"]


@dataclass(frozen=True, slots=True, eq=False)
class SideView:
    """Another side of the document, or a further page of the capture, as a check sees it."""

    side: int  # its place among the report's sides, from 1
    page: Page
    quality: Quality
    mrz: MrzParse | None = None  # of a zone on that side
    read: MrzRead | None = None  # the read behind it


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may look at. Filled by ``dafec.screening``, read by checks, changed by nobody."""

    page: Page | None  # rectified page with every light of the capture; None where no document outline was found
    reads: Mapping[Light, MrzRead]  # MRZ as read per light; a light without a found zone is absent
    mrz: MrzParse | None  # the parsed visible read (infrared where visible has none); None without any zone
    quality: Quality  # what this capture supports
    today: date  # the day of the screening, so that checks are reproducible
    second_read: tuple[str, ...] | None = None  # lines by the second reader; None: it did not run
    visual: VisualZone | None = None  # text of the visual zone; None: it was not read in this screening
    sides: tuple[SideView, ...] = ()  # the document's other sides and pages, where this page is the document's own


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """Where on the page a check sees what it found: evidence for an examiner's eye, no measurement by itself."""

    shade: NDArray[np.uint8]  # (h, w), 0 nothing .. 255 as strong as the check can say
    cell_mm: float  # side of one element; the first one's top left corner is the page's


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    id: str
    version: int
    result: Outcome
    value: float | None = None  # what was measured
    unit: str | None = None
    expected: tuple[float | None, float | None] | None = None  # closed range; None is open
    source: str | None = None  # where the expected range comes from
    region_mm: BoxMm | None = None  # on the page
    llr: float = 0.0  # natural-log likelihood ratio, forged against genuine; 0 where nothing was learned
    calibration: str = "none"  # which calibration the ratio comes from; "none" where it is 0
    message: str = ""  # key in the catalogues
    values: Mapping[str, str | int | float] = field(default_factory=dict)  # placeholders of the message
    side: int = 0  # the side ``region_mm`` is on: 0 the document's page, else one of ``CheckContext.sides``
    heat_map: HeatMap | None = None  # of what failed or is unclear; None where the check has no map

    def with_heat(self, heat_map: HeatMap) -> Self:
        """The same result with a heat map."""
        return replace(self, heat_map=heat_map)


class Check(Protocol):
    """A check as the registry sees it."""

    id: str  # "IR-AB-MR"
    version: int
    lights: tuple[Light, ...]  # every light it needs
    min_dpi: float  # below this the result is ``not_supported``; 0 where resolution does not matter
    needs_series: bool

    def run(self, context: CheckContext) -> CheckResult:
        """Measure and judge."""
        ...
