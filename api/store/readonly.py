"""The store as a command sees it beside a running service: it reads, and adds to the audit log and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from api.security.audit_entry import AuditEvent, acting
from api.security.audit_heads import AuditKey
from api.store.audit_log import AuditLog, append_events
from api.store.blobs import Blobs
from api.store.database import database_url, is_sqlite, mapped_errors, open_reader, open_writer
from api.store.places import StorePlaces, open_blobs
from api.store.schema import check_schema
from dafec.errors import DafecError, UsageError

__all__ = ["StoreReader"]


class StoreReader:
    """A store that another process may own.

    Args:
        places: of the store.
        lock_timeout_s: how long the database is waited for.

    Raises:
        UsageError: ``store.nothing_there``.
        InstallationError: ``store.older_schema``, ``store.newer_schema``, ``store.foreign_database``.
        ServiceError: ``storage.*``.
    """

    def __init__(self, places: StorePlaces, lock_timeout_s: float = 5.0) -> None:
        self.places = places
        self._lock_timeout_s = lock_timeout_s
        self.url = database_url(places.database, places.folder)
        if places.database is None and not Path(self.url.database or "").is_file():
            raise UsageError("store.nothing_there", folder=str(places.folder))
        self.reader = open_reader(self.url, lock_timeout_s)
        try:
            with mapped_errors(), self.reader.connect() as connection:
                if not inspect(connection).get_table_names():
                    raise UsageError("store.nothing_there", folder=str(places.folder))
                check_schema(connection)
            self.blobs: Blobs = open_blobs(places)
        except DafecError:
            self.reader.dispose()
            raise

    def close(self) -> None:
        """Closes every connection."""
        self.reader.dispose()

    def audit_key(self) -> AuditKey:
        """The key that signs. Raises InstallationError ``keys.unusable`` where it is not there."""
        return AuditKey(self.places.keys_folder() / "audit.key", create=False)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """One transaction that sees the database as it is now, whatever is written meanwhile."""
        level = {} if is_sqlite(self.reader) else {"isolation_level": "REPEATABLE READ"}
        with self.reader.connect().execution_options(**level) as connection, connection.begin():
            yield connection

    @contextmanager
    def audit_log(self) -> Iterator[AuditLog]:
        """The audit log as it is now."""
        with mapped_errors(), self.snapshot() as connection, Session(connection) as session:
            yield AuditLog(session)

    def log(self, action: str, **details: str | int) -> None:
        """Adds an entry to the audit log, in the order of whatever the service adds."""
        writer = open_writer(self.url, self._lock_timeout_s)
        try:
            with acting("command"), mapped_errors(), Session(writer) as session, session.begin():
                append_events(session, AuditEvent(action, details=details))
        finally:
            writer.dispose()
