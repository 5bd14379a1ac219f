"""The tables of screening an archive again: runs, and what each says of each document. A change goes with a migration.

The report that was acknowledged is never touched: what a run says lies beside it, sealed under the screening's key, so
that it goes with the holder's data.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import Base

__all__ = ["RescreenRun", "Rescreening"]


class RescreenRun(Base):
    """One run over an archive, by one state of the software, its models and series."""

    __tablename__ = "rescreen_runs"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)  # by whom it began it
    begun: Mapped[datetime]
    ended: Mapped[datetime | None]  # nothing is due any more
    software: Mapped[str] = mapped_column(String(64))  # digest of version, models, series and policy
    complete: Mapped[bool]  # the page's text is read too


class Rescreening(Base):
    """One document in one run; the row is there from the run's beginning, and is settled once."""

    __tablename__ = "rescreenings"

    run_number: Mapped[int] = mapped_column(ForeignKey("rescreen_runs.number"), primary_key=True, autoincrement=False)
    screening_number: Mapped[int] = mapped_column(
        ForeignKey("screenings.number"), primary_key=True, autoincrement=False
    )
    state: Mapped[str] = mapped_column(String(8))  # due, done, failed, gone
    changed: Mapped[datetime]
    code: Mapped[str | None] = mapped_column(String(64))  # why it failed
    level_before: Mapped[str] = mapped_column(String(16))  # when the run began
    level: Mapped[str | None] = mapped_column(String(16))
    made: Mapped[int | None]
    not_possible: Mapped[int | None]
    result: Mapped[str | None] = mapped_column(Text)  # JSON without personal data
    sealed_report: Mapped[bytes | None] = mapped_column(LargeBinary)  # JSON, under the case key

    __table_args__ = (
        Index("ix_rescreenings_state", "run_number", "state", "screening_number"),
        Index("ix_rescreenings_screening", "screening_number"),
    )
