"""The SQLite database: opening, pragmas, the schema's version, and the mapping of its errors.

WAL lets readers work beside the one writer; ``synchronous=FULL`` makes a commit return only when it is on the disk.
Two engines serve one file: the writer's transactions begin immediately, so that waiting for the lock happens at the
start and never in the middle; the readers' connections cannot write at all.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError

from api.errors import ServiceError
from api.store.models import APPLICATION_ID, SCHEMA_VERSION, Base
from dafec.errors import DafecError, InstallationError

__all__ = ["mapped_errors", "open_reader", "open_writer", "prepare_schema", "storage_error"]


def _engine(path: Path, lock_timeout_s: float, *, writes: bool) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": lock_timeout_s, "check_same_thread": False},
        pool_size=1 if writes else 8,
        max_overflow=0 if writes else 8,
        pool_timeout=lock_timeout_s + 1,
    )

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

    return engine


def open_writer(path: Path, lock_timeout_s: float) -> Engine:
    """The engine of the one writer."""
    return _engine(path, lock_timeout_s, writes=True)


def open_reader(path: Path, lock_timeout_s: float) -> Engine:
    """The engine of the readers; its connections refuse to write."""
    return _engine(path, lock_timeout_s, writes=False)


def prepare_schema(writer: Engine, kept_images: Callable[[], int]) -> None:
    """Creates the tables in a new database; leaves one of this version as it is.

    Args:
        writer: the engine of the one writer.
        kept_images: how many images lie beside the database; asked only where the database is empty.

    Raises:
        InstallationError: ``store.newer_schema``, ``store.foreign_database``, or ``store.database_lost`` where the
            database is empty and images are there: theirs is missing, and they are left as they are.
    """
    with mapped_errors(), writer.begin() as connection:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
        if version == 0 and application == 0 and not inspect(connection).get_table_names():
            if images := kept_images():
                raise InstallationError("store.database_lost", images=images)
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif application != APPLICATION_ID:
            raise InstallationError("store.foreign_database")
        elif version > SCHEMA_VERSION:
            raise InstallationError("store.newer_schema", found=version, known=SCHEMA_VERSION)


def storage_error(error: OSError | DBAPIError) -> DafecError:
    """What a failed write or read is called outside."""
    if isinstance(error, OSError):
        full = error.errno in _FULL
        return ServiceError("storage.full", status=507) if full else ServiceError("storage.failed", status=500)
    code = getattr(error.orig, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ServiceError("storage.busy", status=503, retry_after_s=2)
    if primary == sqlite3.SQLITE_FULL:
        return ServiceError("storage.full", status=507)
    return ServiceError("storage.failed", status=500)


#: No space left on device, quota exceeded.
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turns errors of the file system and the database into those of the service."""
    try:
        yield
    except (OSError, DBAPIError) as error:
        raise storage_error(error) from error
