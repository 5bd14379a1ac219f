"""What desks are told, durable and in order: rows that are written with what they tell, and read from a number on.

Numbers rise in the order of commits, because every writer holds the database's one lock from before the row is
numbered until its commit: who has read up to a number has missed nothing below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from api.store.arrival_models import DeskEvent
from api.store.database import WRITER_LOCK, mapped_errors

if TYPE_CHECKING:
    from api.store.store import Store

__all__ = [
    "EVENT_NAMES",
    "OPEN_DESK",
    "StoredEvent",
    "add_desk_event",
    "event_bounds",
    "events_after",
    "forget_events",
    "tell_desk",
]

#: What stands for "at no desk" in events and addresses.
OPEN_DESK = "open"

#: Everything a desk is told, and what it means.
EVENT_NAMES: Mapping[str, str] = {
    "screening.made": "A document was screened and the result kept.",
    "screening.completed": "The complete report took the place of the first one.",
    "screening.completion_failed": "There is no complete report; the first one stays.",
    "scanner": "The state of a scanner changed.",
    "arrival.refused": "What a scanner delivered could not be used.",
}

#: A page that was away for longer reads its lists anew.
_KEPT = timedelta(hours=24)

Plain = str | int | bool | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One thing a desk was told."""

    number: int
    desk: str
    name: str
    data: str  # JSON, one line


def add_desk_event(session: Session, desk: str | None, name: str, data: Mapping[str, Plain]) -> None:
    """Adds an event in the session's transaction, as the last thing it does.

    Args:
        session: of the store's writer.
        desk: id of the desk; None for what happened at none.
        name: one of ``EVENT_NAMES``.
        data: no personal data.
    """
    if name not in EVENT_NAMES:
        raise ValueError("an event no desk knows")
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
    now = datetime.now(UTC)
    full = {**data, "at": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    line = json.dumps(full, separators=(",", ":"), ensure_ascii=True)
    session.add(DeskEvent(desk=desk or OPEN_DESK, name=name, data=line, at=now.replace(tzinfo=None)))
    session.flush()


def tell_desk(store: Store, desk: str | None, name: str, data: Mapping[str, Plain]) -> None:
    """Tells a desk something that happened by itself. Raises ServiceError ``storage.*``."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        add_desk_event(session, desk, name, data)


def events_after(store: Store, after: int, limit: int, desk: str | None = None) -> list[StoredEvent]:
    """Events with a higher number, in order.

    Args:
        store: open.
        after: number of the last event that is known.
        limit: at most so many.
        desk: of this desk alone; None: of every desk.
    """
    query = select(DeskEvent).where(DeskEvent.number > after).order_by(DeskEvent.number).limit(limit)
    if desk is not None:
        query = query.where(DeskEvent.desk == desk)
    with mapped_errors(), Session(store.reader) as session:
        return [StoredEvent(row.number, row.desk, row.name, row.data) for row in session.scalars(query)]


def event_bounds(store: Store) -> tuple[int, int]:
    """Numbers of the oldest and the newest event that are kept; (0, 0) where there is none."""
    with mapped_errors(), Session(store.reader) as session:
        found = session.execute(select(func.min(DeskEvent.number), func.max(DeskEvent.number))).one()
    return found[0] or 0, found[1] or 0


def forget_events(store: Store, older_than: timedelta = _KEPT) -> None:
    """Removes old events, but for the newest of all: numbers go on from it, and what is older is known to be gone."""
    limit = datetime.now(UTC).replace(tzinfo=None) - older_than
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        newest = session.scalar(select(func.max(DeskEvent.number)))
        if newest is not None:
            session.execute(delete(DeskEvent).where(DeskEvent.at < limit, DeskEvent.number < newest))
