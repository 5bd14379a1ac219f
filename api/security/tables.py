"""The database as users, desks and sessions need it: beside the service's store, or opened by a command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.security.audit_entry import AuditEvent
from api.store import Store, StorePlaces
from api.store.audit_log import append_events
from api.store.database import WRITER_LOCK, is_sqlite, mapped_errors, open_writer
from api.store.readonly import StoreReader
from api.store.sealing import Keyring

__all__ = ["Tables", "Writing", "opened_tables", "tables_of", "utc"]


@dataclass(frozen=True, slots=True)
class Tables:
    """Where accounts are read and written."""

    writer: Engine
    reader: Engine
    keyring: Keyring
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database. Raises ServiceError ``storage.*``."""
        with mapped_errors(), Session(self.reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """One transaction; what it logs is written with it or not at all. Raises ServiceError ``storage.*``."""
        with self.lock, mapped_errors(), Session(self.writer) as session, session.begin():
            if not is_sqlite(self.writer):  # SQLite has one writer anyhow; here two could make the same user
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
            writing = Writing(session)
            yield writing
            if writing.events:
                append_events(session, *writing.events)


@dataclass(slots=True)
class Writing:
    """A transaction and what it will log."""

    session: Session
    events: list[AuditEvent] = field(default_factory=list)

    def log(self, action: str, target: str = "", actor: str = "", **details: str | int) -> None:
        """Adds an entry to the audit log when the transaction ends."""
        self.events.append(AuditEvent(action, target, details, actor))


def tables_of(store: Store) -> Tables:
    """The tables of the service's own store."""
    return Tables(store.writer, store.reader, store.keyring, store.lock)


@contextmanager
def opened_tables(places: StorePlaces, lock_timeout_s: float = 5.0) -> Iterator[Tables]:
    """The tables for a command; the service may be running. A store that is not there yet is made.

    Raises:
        DafecError: what ``Store`` and ``StoreReader`` raise.
    """
    if places.database is None and not (places.folder / "dafec.sqlite3").is_file():
        Store(places, lock_timeout_s).close()
    with closing(StoreReader(places, lock_timeout_s)) as reader:
        writer = open_writer(reader.url, lock_timeout_s)
        try:
            yield Tables(writer, reader.reader, Keyring(places.keys_folder()))
        finally:
            writer.dispose()


def utc(moment: datetime) -> datetime:
    """As the tables keep it: UTC without zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
