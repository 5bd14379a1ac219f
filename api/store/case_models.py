"""The tables of cases: what examiners note, mark and conclude, and what officers decided at the desk.

Everything a person typed or drew is sealed under the key of the screening it belongs to, so that it goes when the
holder's data go. What stays tells nothing about a holder: who did what when, the kind of mark, the conclusion.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import Base, Screening

__all__ = [
    "FLAGGED_LEVELS",
    "Case",
    "CaseAnnotation",
    "CaseNote",
    "CaseOpinion",
    "CorrectedRead",
    "DeskDecision",
    "new_case",
]

#: Verdicts that make a screening a case without anybody's doing.
FLAGGED_LEVELS = frozenset({"look", "refer"})
_WHO = String(90)  # as the audit log names people


class Case(Base):
    """One flagged or referred screening as examiners work on it; it is known by its screening's id."""

    __tablename__ = "cases"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    screening_number: Mapped[int] = mapped_column(ForeignKey("screenings.number"), unique=True)
    opened: Mapped[datetime]
    changed: Mapped[datetime]
    origin: Mapped[str] = mapped_column(String(16))  # flagged, referred
    reason: Mapped[str | None] = mapped_column(String(24))  # why an officer referred it
    status: Mapped[str] = mapped_column(String(16))  # open, second, decided
    assignee: Mapped[str | None] = mapped_column(_WHO)
    second_asked_by: Mapped[str | None] = mapped_column(_WHO)
    issuer: Mapped[str] = mapped_column(String(8))
    series: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(String(8))
    findings: Mapped[str] = mapped_column(Text)  # ids of the checks behind the verdict, heaviest first, by blanks

    __table_args__ = (Index("ix_cases_status", "status", "number"), {"sqlite_autoincrement": True})


class CaseNote(Base):
    """One note."""

    __tablename__ = "case_notes"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    case_number: Mapped[int] = mapped_column(ForeignKey("cases.number"), index=True)
    author: Mapped[str] = mapped_column(_WHO)
    created: Mapped[datetime]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class CaseAnnotation(Base):
    """One mark on a picture. A mark that was taken back stays, with the time."""

    __tablename__ = "case_annotations"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    case_number: Mapped[int] = mapped_column(ForeignKey("cases.number"), index=True)
    author: Mapped[str] = mapped_column(_WHO)
    created: Mapped[datetime]
    page: Mapped[int]
    light: Mapped[str] = mapped_column(String(16))
    shape: Mapped[str] = mapped_column(String(16))  # rectangle, point, line, note
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # JSON: points in image pixels, text
    removed: Mapped[datetime | None]


class CaseOpinion(Base):
    """One examiner's conclusion; it is never changed."""

    __tablename__ = "case_opinions"

    number: Mapped[int] = mapped_column(primary_key=True)
    case_number: Mapped[int] = mapped_column(ForeignKey("cases.number"), index=True)
    author: Mapped[str] = mapped_column(_WHO)
    created: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(16))  # view (before the scores were shown), first, second
    conclusion: Mapped[str] = mapped_column(String(32))
    support: Mapped[int]  # 0 to 5 on the conclusion scale
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # the grounds

    __table_args__ = (UniqueConstraint("case_number", "author", "kind"),)


class DeskDecision(Base):
    """What an officer decided about a screening, against the machine or beside it."""

    __tablename__ = "desk_decisions"

    number: Mapped[int] = mapped_column(primary_key=True)
    screening_number: Mapped[int] = mapped_column(ForeignKey("screenings.number"), index=True)
    author: Mapped[str] = mapped_column(_WHO)
    created: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(16))  # refer, let_pass
    reason: Mapped[str] = mapped_column(String(24))


class CorrectedRead(Base):
    """A machine-readable zone as an officer read it, and what the rules say of it; the machine's read stays."""

    __tablename__ = "corrected_reads"

    number: Mapped[int] = mapped_column(primary_key=True)
    screening_number: Mapped[int] = mapped_column(ForeignKey("screenings.number"), index=True)
    author: Mapped[str] = mapped_column(_WHO)
    created: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))  # valid, valid_note, invalid
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # the lines, and the report by them


def new_case(screening: Screening, origin: str, reason: str | None = None) -> Case:
    """An open case of a screening that has its number.

    Args:
        screening: its ``report`` is the one without personal data.
        origin: flagged or referred.
        reason: why an officer referred it.
    """
    result = json.loads(screening.report)
    document = result.get("document") or {}
    findings = (result.get("verdict") or {}).get("reasons") or []
    now = datetime.now(UTC).replace(tzinfo=None)
    return Case(
        screening_number=screening.number,
        opened=now,
        changed=now,
        origin=origin,
        reason=reason,
        status="open",
        issuer=str(document.get("issuer") or "")[:8],
        series=str(document.get("series") or "")[:64],
        format=str(document.get("format") or "")[:8],
        findings=" ".join(str(finding) for finding in findings),
    )
