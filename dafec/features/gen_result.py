"""One shape of result for the generic checks and their kin.

A check that measures one figure and judges it says eight things in the same way every time: who it is, what came out,
what was measured in which unit, what was expected, where that comes from, the place, the weight and its calibration.
``Reporter`` holds what belongs to the check and fills in the rest, so that no check can forget to name a calibration
beside a weight or round a value in a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dafec.features.contract import CheckResult, Outcome
from dafec.geometry import BoxMm

__all__ = ["Measured", "Reporter"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure beside what is expected of it."""

    value: float
    unit: str
    expected: tuple[float | None, float | None] | None = None  # closed range; None is open

    def rounded(self) -> float:
        """To a thousandth: finer than any of these measurements is."""
        return round(float(self.value), 3)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes the results of one check."""

    id: str
    version: int
    source: str  # where the expected ranges come from
    calibration: str  # of the weights
    expected: tuple[float | None, float | None] | None = None  # said also where nothing was measured

    def result(
        self,
        outcome: Outcome,
        reason: str,
        *,
        measured: Measured | None = None,
        region: BoxMm | None = None,
        values: Mapping[str, str | int | float] | None = None,
        llr: float = 0.0,
    ) -> CheckResult:
        """One result.

        Args:
            outcome: one of the five.
            reason: last part of the message's key, ``checks.<id>.<reason>``.
            measured: the figure behind the outcome; None where nothing was measured.
            region: where, on the page.
            values: placeholders of the message.
            llr: natural-log likelihood ratio; the calibration is named wherever it is not 0.

        Returns:
            The result.
        """
        expected = measured.expected if measured is not None and measured.expected is not None else self.expected
        return CheckResult(
            id=self.id,
            version=self.version,
            result=outcome,
            value=None if measured is None else measured.rounded(),
            unit=None if measured is None else measured.unit,
            expected=expected,
            source=self.source,
            region_mm=region,
            llr=llr,
            calibration=self.calibration if llr else "none",
            message=f"checks.{self.id}.{reason}",
            values=dict(values or {}),
        )
