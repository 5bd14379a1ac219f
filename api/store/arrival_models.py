"""The tables of the second, complete pass and of what desks are told. A change here goes with a migration.

No personal data stand in the clear: the first report is sealed under the screening's key, and events hold ids, levels
and codes alone.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import Base

__all__ = ["Completion", "DeskEvent"]


class Completion(Base):
    """The complete pass of one screening; the row is written with the screening itself, so that a kill forgets none."""

    __tablename__ = "completions"

    screening_number: Mapped[int] = mapped_column(
        ForeignKey("screenings.number"), primary_key=True, autoincrement=False
    )
    state: Mapped[str] = mapped_column(String(8))  # due, done, failed
    changed: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    claimed: Mapped[datetime | None]  # by a process that works on it since
    code: Mapped[str | None] = mapped_column(String(64))  # why it failed
    first_level: Mapped[str] = mapped_column(String(16))
    first_report: Mapped[bytes | None] = mapped_column(LargeBinary)  # as acknowledged first, under the case key

    __table_args__ = (Index("ix_completions_state", "state", "screening_number"),)


class DeskEvent(Base):
    """One thing a desk is told; its number is the event's id and rises in the order of commits."""

    __tablename__ = "desk_events"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    desk: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(32))
    data: Mapped[str] = mapped_column(Text)  # JSON
    at: Mapped[datetime]

    __table_args__ = (
        Index("ix_desk_events_desk", "desk", "number"),
        Index("ix_desk_events_at", "at"),
        {"sqlite_autoincrement": True},
    )
