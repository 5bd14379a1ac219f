"""Whether a scanner's lamp is getting weak: a light that is too dark in capture after capture.

What is too dark is the core's judgement (``quality.underexposed``, below its least exposure); one dark capture is an
open lid or a black cover, three in a row are the lamp.
"""

from __future__ import annotations

from collections import Counter

from dafec.capture import LIGHTS, Light
from dafec.report import Report

__all__ = ["LampWatch"]

#: In a row. Two happen when an officer tries again with the lid open.
_MANY = 3


class LampWatch:
    """Counts dark captures of one scanner."""

    def __init__(self) -> None:
        self._in_a_row: Counter[Light] = Counter()

    def add(self, report: Report) -> None:
        """Looks at one more capture."""
        seen = {frame.light for page in report.capture.pages for frame in page.frames}
        dark = {issue.light for issue in report.capture.quality if issue.kind == "underexposed"}
        for light in seen:
            self._in_a_row[light] = self._in_a_row[light] + 1 if light in dark else 0

    @property
    def dark(self) -> tuple[Light, ...]:
        """Lights that were too dark in each of the last captures."""
        return tuple(light for light in LIGHTS if self._in_a_row[light] >= _MANY)
