"""The database: SQLite by default, PostgreSQL by URL. Opening, and the mapping of errors.

SQLite: WAL lets readers work beside the one writer; ``synchronous=FULL`` makes a commit return only when it is on the
disk. The writer's transactions begin immediately, so that waiting for the lock happens at the start and never in the
middle; the readers' connections cannot write at all.

PostgreSQL: any number of processes write; commits are synchronous, a lock is waited for as long as in SQLite, and the
readers' sessions are read-only.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.errors import ServiceError
from dafec.errors import DafecError, InstallationError, UsageError

__all__ = [
    "WRITER_LOCK",
    "database_url",
    "is_sqlite",
    "mapped_errors",
    "open_reader",
    "open_writer",
    "outside_transactions",
    "storage_error",
]

#: Advisory lock of PostgreSQL that whoever changes the schema or appends to the audit log holds; "DAFE" in ASCII.
WRITER_LOCK = 0x44414645

_READERS = 8


def database_url(given: str | None, folder: Path) -> URL:
    """The address of the database.

    Args:
        given: ``postgresql://user:password@host/name``; None for SQLite in the data folder.
        folder: of the data.

    Raises:
        UsageError: ``store.bad_database_url``.
    """
    if given is None:
        return URL.create("sqlite", database=str(folder / "dafec.sqlite3"))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise UsageError("store.bad_database_url") from error
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise UsageError("store.bad_database_url")
    return url.set(drivername="postgresql+pg8000")


def is_sqlite(engine: Engine) -> bool:
    """Whether one process owns the database."""
    return engine.dialect.name == "sqlite"


def open_writer(url: URL, lock_timeout_s: float) -> Engine:
    """The engine of the writer."""
    return _open(url, lock_timeout_s, writes=True)


def open_reader(url: URL, lock_timeout_s: float) -> Engine:
    """The engine of the readers; its connections refuse to write."""
    return _open(url, lock_timeout_s, writes=False)


def _open(url: URL, lock_timeout_s: float, *, writes: bool) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"timeout": lock_timeout_s, "check_same_thread": False} if sqlite else {}
    try:
        engine = create_engine(
            url,
            connect_args=arguments,
            pool_size=1 if writes else _READERS,
            max_overflow=0 if writes else _READERS,
            pool_timeout=lock_timeout_s + 1,
            pool_pre_ping=not sqlite,  # the server may have been restarted
            hide_parameters=True,  # an error that quotes what it failed on would quote personal data
        )
    except (NoSuchModuleError, ImportError) as error:
        raise InstallationError("store.extra_missing", module="pg8000") from error
    if sqlite:
        _configure_sqlite(engine, writes=writes)
    else:
        _configure_postgresql(engine, lock_timeout_s, writes=writes)
    return engine


def _configure_sqlite(engine: Engine, *, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where SQLAlchemy says, not where the driver guesses
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL" if writes else "PRAGMA query_only=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _configure_postgresql(engine: Engine, lock_timeout_s: float, *, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {max(1, round(lock_timeout_s * 1000))}")
        cursor.execute("SET idle_in_transaction_session_timeout = '10min'")
        # A site's own "remote_apply" waits for more than this does and stays; "off" would lose what was acknowledged.
        cursor.execute("SELECT current_setting('synchronous_commit')")
        if cursor.fetchone()[0] in ("off", "local"):
            cursor.execute("SET synchronous_commit = on")
        if not writes:
            cursor.execute("SET default_transaction_read_only = on")
        connection.commit()
        cursor.close()


@contextmanager
def outside_transactions(engine: Engine) -> Iterator[Callable[[str], Any]]:
    """Runs statements that no transaction may hold; what is given returns the first value of the first row, if any."""
    connection = engine.raw_connection()
    driver: Any = connection.driver_connection
    postgresql = not is_sqlite(engine)
    cursor = connection.cursor()

    def run(statement: str) -> Any:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    try:
        if postgresql:
            driver.rollback()  # testing whether the connection lives began a transaction
            driver.autocommit = True
        yield run
    finally:
        cursor.close()
        if postgresql:
            driver.autocommit = False
        connection.close()


def storage_error(error: OSError | DBAPIError | PoolTimeout) -> DafecError:
    """What a failed write or read is called outside."""
    if isinstance(error, OSError):
        return _of_kind(_OF_ERRNO.get(error.errno or 0, "failed"))
    if isinstance(error, PoolTimeout):
        return _of_kind("busy")
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _of_kind(_OF_SQLITE.get(code & 0xFF, "failed"))
    state = _sqlstate(error)
    if state is not None:
        return _of_kind(_OF_POSTGRESQL.get(state) or _OF_POSTGRESQL.get(state[:2], "failed"))
    unreachable = error.connection_invalidated or type(error.orig).__name__ == "InterfaceError"
    return _of_kind("unreachable" if unreachable else "failed")


def _sqlstate(error: DBAPIError) -> str | None:
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return str(first["C"]) if isinstance(first, dict) and "C" in first else None


def _of_kind(kind: str) -> DafecError:
    if kind == "full":
        return ServiceError("storage.full", status=507)
    if kind == "busy":
        return ServiceError("storage.busy", status=503, retry_after_s=2)
    if kind == "read_only":
        return ServiceError("storage.read_only", status=503, retry_after_s=60)
    if kind == "unreachable":
        return ServiceError("storage.unreachable", status=503, retry_after_s=5)
    if kind == "corrupt":
        return ServiceError("storage.database_damaged", status=500)
    return ServiceError("storage.failed", status=500)


_OF_ERRNO = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.ECONNREFUSED: "unreachable",
    errno.ETIMEDOUT: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
}
_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "read_only",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
}
#: By SQLSTATE, or by its class.
_OF_POSTGRESQL = {
    "55P03": "busy",  # lock_not_available
    "40001": "busy",  # serialization_failure
    "40P01": "busy",  # deadlock_detected
    "53100": "full",  # disk_full
    "25006": "read_only",  # read_only_sql_transaction
    "08": "unreachable",
    "57": "unreachable",  # the server is shutting down or starting
    "53": "busy",  # too many connections
    "28": "unreachable",  # the password is refused
    "3D": "unreachable",  # no such database
    "XX": "corrupt",
}


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turns errors of the file system and the database into those of the service."""
    try:
        yield
    except (OSError, DBAPIError, PoolTimeout) as error:
        raise storage_error(error) from error
