"""What goes into the store of cases and comes out of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dafec.capture import Light

__all__ = [
    "AnnotationRecord",
    "CaseFilter",
    "CasePage",
    "CaseRecord",
    "CaseSummary",
    "Conclusion",
    "CorrectedReadRecord",
    "DeskAction",
    "DeskDecisionRecord",
    "NewAnnotation",
    "NewOpinion",
    "NoteRecord",
    "OpinionKind",
    "OpinionRecord",
    "Origin",
    "Shape",
    "Status",
]

Origin = Literal["flagged", "referred"]
#: open: nobody concluded yet. second: concluded, and a second examiner was asked. decided: nothing is left to do.
Status = Literal["open", "second", "decided"]
Shape = Literal["rectangle", "point", "line", "note"]
#: view: what the examiner saw before the scores were shown. second: concluded without knowing the first.
OpinionKind = Literal["view", "first", "second"]
Conclusion = Literal[
    "counterfeit",
    "forgery",
    "pseudo_document",
    "fraudulently_obtained",
    "impostor",
    "no_anomaly",
    "inconclusive",
]
DeskAction = Literal["refer", "let_pass"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """One note; ``text`` is None where the holder's data were deleted."""

    id: str
    author: str
    created: datetime  # UTC
    text: str | None


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """A mark that is to be kept."""

    page: int  # 0-based, as in the report's capture.pages
    light: Light
    shape: Shape
    points: tuple[Point, ...]  # in pixels of the image as handed in
    text: str


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """One mark on a picture; ``points`` and ``text`` are None where the holder's data were deleted."""

    id: str
    author: str
    created: datetime  # UTC
    page: int
    light: Light
    shape: Shape
    points: tuple[Point, ...] | None
    text: str | None


@dataclass(frozen=True, slots=True)
class NewOpinion:
    """A conclusion that is to be kept."""

    kind: OpinionKind
    conclusion: Conclusion
    support: int  # 0 to 5 on the conclusion scale
    grounds: str


@dataclass(frozen=True, slots=True)
class OpinionRecord:
    """One examiner's conclusion; ``grounds`` is None where the holder's data were deleted."""

    author: str
    created: datetime  # UTC
    kind: OpinionKind
    conclusion: Conclusion
    support: int
    grounds: str | None


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One case in the queue; nothing of the holder is in it."""

    id: str  # of its screening
    number: int  # by which people call it
    opened: datetime  # UTC
    changed: datetime  # UTC
    origin: Origin
    reason: str | None  # why an officer referred it
    status: Status
    assignee: str | None  # as the audit log names people
    second_asked_by: str | None
    issuer: str
    series: str
    format: str
    findings: tuple[str, ...]  # ids of checks, heaviest first
    level: str  # of the machine's verdict
    deleted: datetime | None  # UTC; when the holder's data were deleted
    batch: int  # other cases of this issuer and format with the same findings


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """One case with everything people added."""

    summary: CaseSummary
    notes: tuple[NoteRecord, ...]  # oldest first
    annotations: tuple[AnnotationRecord, ...]  # oldest first, without those taken back
    opinions: tuple[OpinionRecord, ...]  # oldest first
    desk_decisions: tuple[DeskDecisionRecord, ...]  # oldest first
    readable: bool  # False: the holder's data were deleted, or their key is not there


@dataclass(frozen=True, slots=True)
class DeskDecisionRecord:
    """What an officer decided at the desk."""

    author: str
    created: datetime  # UTC
    action: DeskAction
    reason: str


@dataclass(frozen=True, slots=True)
class CorrectedReadRecord:
    """A zone as an officer read it."""

    author: str
    created: datetime  # UTC
    outcome: str
    lines: tuple[str, ...] | None  # None where the holder's data were deleted
    report: str | None = None  # JSON of the screening by these lines; None as above, and where none was made


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases are wanted; what is None or empty does not restrict."""

    status: tuple[Status, ...] = ()
    assignee: str | None = None  # as the audit log names people; "" for cases nobody has
    origin: Origin | None = None
    level: str | None = None
    before: datetime | None = None  # opened before
    text: str = ""  # in number, issuer, series, format or findings
    like: str | None = None  # id of a case: those that may belong together with it
    limit: int = 50
    after: int | None = None  # number of the last case of the page before


@dataclass(frozen=True, slots=True)
class CasePage:
    """Some cases, oldest first, and where the next begin."""

    items: tuple[CaseSummary, ...]
    next: int | None  # number of the last item where more follow
    counts: Mapping[str, int] = field(default_factory=dict)  # of all cases, by status
