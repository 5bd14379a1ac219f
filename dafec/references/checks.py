"""The checks of a matched series, and the check of the match itself.

``series_checks(match, library)`` gives the checks for one page, in the order of ``series.toml``; they hold the page on
its reference, so they are made for one screening and run by ``dafec.features.registry.run_checks`` like all others.
``silent_ids`` names those that are logged and do not count: all of a series that nobody approved yet, single ones that
``series.toml`` says so of, and those an issuer's known deviation takes away.

``SER-match`` is the finding of the match. It fails where the zone names a series of the library, of the very document
type and years, and the page is not of it, or is of another series. A page of a generation the library does not hold is
``undetermined``: an incomplete library is no finding. An unknown document is ``not_supported``.
"""

from __future__ import annotations

from dafec.features.contract import Check, CheckContext, CheckResult, Outcome
from dafec.features.routines_check import CompositeCheck, RoutineCheck
from dafec.lights import Light
from dafec.references.matching import SeriesMatch
from dafec.references.numbers import NumberRuleCheck

__all__ = ["GENERIC_EXCUSED", "SeriesMatchCheck", "series_checks", "silent_ids"]

_LLR = {"mismatch": 3.0, "other_series": 3.0, "matched": -0.2}
_CALIBRATION = "expert-2026"
#: Checks made of every document that a series' known deviation may take away.
GENERIC_EXCUSED = frozenset({"IR-AB-MR"})


class SeriesMatchCheck:
    """SER-match: the page is a page of the series its zone names."""

    id = "SER-match"
    version = 1
    lights: tuple[Light, ...] = ()
    min_dpi = 0.0
    needs_series = False

    def __init__(self, match: SeriesMatch) -> None:
        self._match = match

    def run(self, context: CheckContext) -> CheckResult:
        """Judge the match."""
        outcome, reason = self._outcome(context)
        match = self._match
        llr = _LLR[match.status] if outcome in ("passed", "failed") else 0.0
        series = match.series.code if match.series is not None else "–"
        low = match.side.match_low if match.side is not None else None
        return CheckResult(
            id=self.id,
            version=self.version,
            result=outcome,
            value=round(match.score, 3) if match.series is not None else None,
            unit="correlation" if match.series is not None else None,
            expected=(low, 1.0) if low is not None else None,
            source=series if match.series is not None else None,
            llr=llr,
            calibration=_CALIBRATION if llr else "none",
            message=f"checks.SER-match.{reason}",
            values={"series": series, "named": ", ".join(match.named) or "–", "share": round(100 * match.share)},
        )

    def _outcome(self, context: CheckContext) -> tuple[Outcome, str]:
        match, page = self._match, context.page
        if match.status == "matched":
            return "passed", "passed_by_page" if match.by == "page" else "passed"
        if match.status == "unknown":
            return "not_supported", "unknown"
        if match.status in ("partial", "wrong_side", "not_compared"):
            return "undetermined", match.status
        light: Light = "visible" if page is None or "visible" in page.images else "ir"
        poor = page is None or page.cropped_fraction > 0.03 or (page.dpi is not None and page.dpi < 100)
        if poor or context.quality.has("blurred", light) or context.quality.has("underexposed", light):
            return "undetermined", "poor_capture"
        if match.status == "other_series":
            return "failed", "other_series"
        return ("failed", "mismatch") if match.exact or match.by == "manual" else ("undetermined", "other_generation")


def series_checks(match: SeriesMatch) -> tuple[Check, ...]:
    """The checks of a page.

    Args:
        match: what ``match_series`` found.

    Returns:
        ``SER-match`` and, where the page lies on the reference it is taken for, the checks its series wants; checks
        that belong to a composite run within it.
    """
    checks: list[Check] = [SeriesMatchCheck(match)]
    compared = match.status in ("matched", "mismatch")
    if not compared or match.side is None or match.material is None or match.series is None:
        return tuple(checks)
    made = {
        data.name: RoutineCheck(data.spec(), match.material, f"{match.series.code} v{match.series.version}")
        for data in match.side.checks
    }
    if match.series.number is not None:
        source = f"{match.series.code} v{match.series.version}"
        checks.append(NumberRuleCheck(match.series.number, source, match.series.captures))
    inside = {name for composite in match.side.composites for name in composite.checks}
    checks += [
        CompositeCheck(composite.name, tuple(made[name] for name in composite.checks))
        for composite in match.side.composites
    ]
    checks += [check for name, check in made.items() if name not in inside]
    return tuple(checks)


def silent_ids(match: SeriesMatch) -> frozenset[str]:
    """Ids of checks that run and are logged but do not count."""
    if match.series is None or match.side is None:
        return frozenset()
    checks = series_checks(match)
    if match.series.state != "approved":
        return frozenset(check.id for check in checks)
    excused = {name for deviation in match.series.deviations for name in deviation.checks}
    quiet = {data.name for data in match.side.checks if not data.counts} | excused
    by_name = {check.spec.name: check.id for check in checks if isinstance(check, RoutineCheck)}
    series = frozenset(check_id for name, check_id in by_name.items() if name in quiet)
    return series | (excused & GENERIC_EXCUSED) if match.status == "matched" else series
