"""From document series to what their pages say: plain values in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from api.casework_references import Candidate
from api.viewer.case_view import shown_time
from api.viewer.words import state_in_words
from dafec.capture import LIGHTS
from dafec.messages import Language, text
from dafec.references.series import CheckData, Series

__all__ = ["SeriesRow", "candidate_rows", "series_row", "series_sides"]


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series in the list."""

    code: str
    url: str
    country: str
    format: str
    state: str
    state_word: str
    version: int
    captures: int
    checks: int
    enrolled_by: str
    approved_by: str
    note: str


def series_row(series: Series, language: Language, names: Callable[[str], str]) -> SeriesRow:
    """A series in words."""
    return SeriesRow(
        code=series.code,
        url=f"/references/{quote(series.code)}",
        country=state_in_words(series.identity.country, language),
        format=series.format,
        state=series.state,
        state_word=text(f"viewer.series.{series.state}", language),
        version=series.version,
        captures=series.captures,
        checks=sum(len(side.checks) for side in series.sides),
        enrolled_by=_name(series.enrolled_by, names),
        approved_by=_name(series.approved_by, names) if series.approved_by else "",
        note=series.note,
    )


def _name(who: str, names: Callable[[str], str]) -> str:
    """Who enrolled over the pages is named as in the audit log; who did it by command typed a name."""
    return names(who) if ":" in who or who == "anonymous" else who


def series_sides(series: Series, language: Language) -> list[dict[str, Any]]:
    """What was learned, side by side: the previews and the checks with their ranges."""
    return [
        {
            "name": text(f"viewer.series.side_{side.name}", language),
            "size": f"{side.width_mm:.1f} × {side.height_mm:.1f} mm",
            "previews": [
                {
                    "light": text(f"api.light.{light}", language),
                    "url": f"/api/v1/references/{quote(series.code)}/previews/{side.name}/{light}",
                }
                for light in LIGHTS
                if f"{side.name}.{light}.png" in side.files
            ],
            "regions": [
                {"name": region.name, "kind": text(f"viewer.series.region_{region.kind}", language)}
                for region in side.regions
            ],
            "checks": [_check(check) for check in side.checks],
        }
        for side in series.sides
    ]


def _check(check: CheckData) -> dict[str, str]:
    low = "…" if check.low is None else f"{check.low:.3g}"
    high = "…" if check.high is None else f"{check.high:.3g}"
    centre = "" if check.centre is None else f"{check.centre:.3g} ± {check.spread or 0:.2g}"
    return {"id": f"{check.routine}-{check.name}", "expected": f"{low} – {high}", "centre": centre}


def candidate_rows(candidates: Iterable[Candidate], language: Language) -> list[dict[str, Any]]:
    """Screenings to learn from, in words."""
    return [
        {
            "id": candidate.id,
            "created": shown_time(candidate.created),
            "issuer": state_in_words(candidate.issuer, language) if candidate.issuer else "–",
            "code": candidate.issuer,
            "format": candidate.format or "–",
            "level": candidate.level,
            "level_word": text(f"api.level.{candidate.level}", language),
            "lights": [text(f"api.light.{light}", language) for light in candidate.lights],
        }
        for candidate in candidates
    ]
