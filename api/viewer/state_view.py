"""From the running service to what the page of its state says: plain values in one language, of no document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.health import Readiness
from api.metrics import Figures
from api.scanners.contract import ScannerState, ScannerStatus
from api.viewer.case_view import shown_time
from dafec.messages import Language, catalogue, text
from dafec.verdict import Level

__all__ = ["FigureRow", "PartRow", "ReaderRow", "figure_rows", "notice_rows", "part_rows", "reader_rows"]

LEVELS: tuple[Level, ...] = ("no_anomaly", "look", "refer", "not_checked")
_FINE = (ScannerState.READY, ScannerState.BUSY)
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class PartRow:
    """One thing a screening needs."""

    name: str
    works: bool
    state: str
    figure: str  # may be empty


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One reader."""

    name: str
    kind: str
    desk: str
    fine: bool
    state: str
    remedy: str  # empty where nothing is wrong
    since: str
    captures: int
    refused: int


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure since the start."""

    name: str
    value: str


def part_rows(
    found: Readiness, free_bytes: int | None, pending: int, places: int, least_free_bytes: int, language: Language
) -> list[PartRow]:
    """What a screening needs, each with whether it works.

    Args:
        found: of the readiness check.
        free_bytes: where the data lie; None where that cannot be said.
        pending: screenings that run or wait.
        places: more are refused.
        least_free_bytes: below it no screening is taken.
        language: of the page.
    """
    free = {"free": f"{(free_bytes or 0) / _MEGABYTE:,.0f}", "least": f"{least_free_bytes / _MEGABYTE:,.0f}"}
    figures = {
        "disk_space": text("viewer.state.free", language, free) if free_bytes is not None else "",
        "queue": text("viewer.state.waiting", language, {"pending": pending, "places": places}),
        "models": text("viewer.state.series_known", language, {"count": found.series}),
    }
    works = {name: bool(getattr(found, name)) for name in _PARTS}
    return [
        PartRow(
            text(f"viewer.state.part_{name}", language),
            works[name],
            text("viewer.state.works" if works[name] else "viewer.state.fails", language),
            figures.get(name, ""),
        )
        for name in _PARTS
    ]


_PARTS = ("models", "database", "images", "keys", "disk_space", "queue")


def notice_rows(codes: Sequence[str], language: Language) -> list[tuple[str, str]]:
    """What needs an administrator although screenings are made: message and remedy; readers speak for themselves."""
    known = catalogue(language)
    rows = []
    for code in codes:
        key = f"viewer.state.notice.{code.replace('.', '_')}"
        if code != "scanners.trouble" and key in known:
            message, _, remedy = text(key, language).partition("|")
            rows.append((message, remedy))
    return rows


def reader_rows(
    statuses: Sequence[ScannerStatus], desk_name: Callable[[str], str], language: Language
) -> list[ReaderRow]:
    """The readers in words, those in trouble first.

    Args:
        statuses: of every reader.
        desk_name: gives the name of a desk's id.
        language: of the page.
    """
    ordered = sorted(statuses, key=lambda status: (status.state in _FINE, status.name))
    return [
        ReaderRow(
            name=status.name,
            kind=text(f"viewer.state.kind_{status.driver}", language),
            desk=desk_name(status.desk),
            fine=status.state in _FINE,
            state=text(f"scanner.state.{status.state}", language),
            remedy=text(f"errors.{status.code}.remedy", language) if status.code else "",
            since=shown_time(status.since),
            captures=status.captures,
            refused=status.refused,
        )
        for status in ordered
    ]


def figure_rows(figures: Figures, language: Language) -> list[FigureRow]:
    """What was counted since the start: verdicts, documents that were not screened and why, times."""
    rows = [FigureRow(text(f"api.level.{level}", language), str(figures.levels.get(level, 0))) for level in LEVELS]
    rows += [
        FigureRow(text("viewer.state.not_screened", language, {"code": code}), str(count))
        for code, count in sorted(figures.failures.items())
    ]
    for name, seconds in (("half", figures.half_within_s), ("most", figures.most_within_s)):
        if seconds is not None:
            value = text("viewer.state.seconds", language, {"seconds": f"{seconds:g}"})
            rows.append(FigureRow(text(f"viewer.state.time_{name}", language), value))
    return rows
