"""Backups: everything the store keeps, in one folder, whichever database and store of blobs it came from.

    DIR/database.sqlite3    every row, in the schema of the version that made the backup
    DIR/blobs/..            the encrypted images
    DIR/manifest.json       what is there, and the signed head of the audit log

The rows are read in one transaction while the service goes on; images are read afterwards, and none that the rows
name is removed meanwhile. Keys are not in it: who has the backup alone cannot read an image. The same form serves to
move from SQLite to PostgreSQL, or from files to an S3-compatible store.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, text
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.audit_entry import AuditEvent
from api.security.audit_heads import SignedHead, parse_head
from api.security.audit_tree import CompactTree, leaf_hash
from api.store.audit_log import AuditLog, append_events
from api.store.blobs import BlobFolder
from api.store.database import database_url, is_sqlite, mapped_errors, open_reader, open_writer, storage_error
from api.store.models import AuditEntry, Base, Image
from api.store.places import RESTORING, StorePlaces, files_stay, open_blobs, own_folder
from api.store.readonly import StoreReader
from api.store.schema import SCHEMA_VERSION, prepare_schema, upgrade_to
from dafec import __version__
from dafec.errors import InputError, InstallationError, UsageError

__all__ = ["BackupFacts", "make_backup", "restore_backup", "verify_backup"]

_FORMAT = "dafec.backup/1"
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a backup holds."""

    made: str  # UTC
    version: str  # of DAFEC
    schema: int
    rows: dict[str, int]  # by table
    blobs: int
    damaged: int  # images that were damaged or missing already when the backup was made
    database_sha256: str
    head: SignedHead  # of the audit log


def make_backup(places: StorePlaces, folder: Path, lock_timeout_s: float = 5.0) -> BackupFacts:
    """Writes a backup and verifies it by reading it again.

    Args:
        places: of the store; a service may be running on it.
        folder: made where it is missing; must be empty.
        lock_timeout_s: how long the database is waited for.

    Raises:
        UsageError: ``backup.not_empty``, ``store.nothing_there``.
        InstallationError: ``backup.not_written``, ``store.older_schema``, ``store.newer_schema``, ``keys.unusable``.
        InputError: ``backup.damaged`` where what was written is not what was to be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("backup.not_empty", folder=str(folder))
    with closing(StoreReader(places, lock_timeout_s)) as store:
        with _written(folder):
            (folder / "blobs").mkdir(parents=True, mode=0o700)
            with files_stay(store.places, store.reader):
                rows, head = _copy_database(store, folder / "database.sqlite3")
                blobs, damaged = _copy_blobs(store, folder)
            facts = BackupFacts(
                datetime.now(UTC).isoformat(),
                __version__,
                SCHEMA_VERSION,
                rows,
                blobs,
                damaged,
                _digest_of(folder / "database.sqlite3"),
                head,
            )
            _write_manifest(folder, facts)
        verify_backup(folder)
        store.log("backup.made", screenings=rows["screenings"], entries=head.size)
    return facts


def _copy_database(store: StoreReader, file: Path) -> tuple[dict[str, int], SignedHead]:
    target = open_writer(database_url(None, file.parent).set(database=str(file)), 5.0)
    try:
        with target.begin() as connection:
            upgrade_to(connection, SCHEMA_VERSION)
        with mapped_errors(), store.snapshot() as source, target.begin() as connection:
            rows = copy_rows(source, connection)
            with Session(source) as session:
                head = AuditLog(session).head(store.audit_key())
        with closing(target.raw_connection()) as raw:  # one file, complete without any beside it
            raw.cursor().execute("PRAGMA journal_mode=DELETE")
    finally:
        target.dispose()
    _flush(file)
    return rows, head


def copy_rows(source: Connection, target: Connection) -> dict[str, int]:
    """Copies every row of every table; how many there were, by table."""
    counts: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        counts[table.name] = 0
        for part in _rows_of(source, table):
            target.execute(insert(table), part)
            counts[table.name] += len(part)
    return counts


def _rows_of(source: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    streamed = source.execution_options(yield_per=_ROWS_AT_ONCE)
    for part in streamed.execute(select(table).order_by(*table.primary_key)).mappings().partitions():
        yield [dict(row) for row in part]


def _copy_blobs(store: StoreReader, folder: Path) -> tuple[int, int]:
    """Copies the images the copied rows name; how many, and how many are damaged or missing in the store itself."""
    target = BlobFolder(folder / "blobs")
    copied = damaged = 0
    with _opened(folder / "database.sqlite3") as engine, engine.connect() as connection:
        for name in _blobs_in(connection):
            try:
                data = store.blobs.read(name)
            except InstallationError:
                damaged += 1
                continue
            target.write(data, name)
            copied += 1
    return copied, damaged


def _blobs_in(connection: Connection) -> Iterator[str]:
    query = select(Image.blob).where(Image.blob.is_not(None)).distinct().order_by(Image.blob)
    return (name for name in connection.execute(query).scalars() if name)


def verify_backup(folder: Path) -> BackupFacts:
    """Reads a whole backup: every row, every image, the audit log.

    Raises:
        InputError: ``backup.unreadable``, ``backup.damaged``.
    """
    facts = _read_manifest(folder)
    database = folder / "database.sqlite3"
    try:
        if _digest_of(database) != facts.database_sha256:
            raise InputError("backup.damaged", part="database.sqlite3")
    except OSError as error:
        raise InputError("backup.damaged", part="database.sqlite3") from error
    try:
        with mapped_errors():
            found = _verify_database(folder, facts.head)
    except ServiceError as error:
        raise InputError("backup.damaged", part="database.sqlite3") from error
    if found != facts.blobs:
        raise InputError("backup.damaged", part="blobs")
    return facts


def _verify_database(folder: Path, head: SignedHead) -> int:
    """Reads the database of a backup; how many of the images it names are there and whole."""
    blobs = BlobFolder(folder / "blobs") if (folder / "blobs").is_dir() else None
    with _opened(folder / "database.sqlite3") as engine, engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
            raise InputError("backup.damaged", part="database.sqlite3")
        _verify_log(connection, head)
        found = 0
        for name in _blobs_in(connection):
            try:
                found += blobs is not None and bool(blobs.read(name))
            except InstallationError:
                continue
    return found


def _verify_log(connection: Connection, head: SignedHead) -> None:
    tree = CompactTree()
    with Session(connection) as session:
        for entry in AuditLog(session).entries(head.size):
            tree.append(leaf_hash(entry))
    if tree.size != head.size or tree.root().hex() != head.root or not head.signature_holds():
        raise InputError("backup.damaged", part="audit_entries")


def restore_backup(folder: Path, places: StorePlaces, lock_timeout_s: float = 5.0) -> BackupFacts:
    """Verifies a backup and brings it into an empty store; started again after a break it goes on.

    Args:
        folder: the backup.
        places: where to; nothing may be there yet.
        lock_timeout_s: how long the database is waited for.

    Raises:
        UsageError: ``restore.not_empty``, ``store.in_use``.
        InputError: ``backup.unreadable``, ``backup.damaged``.
        InstallationError: ``store.newer_schema`` where a newer DAFEC made it; ``store.not_writable``.
        ServiceError: ``storage.*``.
    """
    facts = verify_backup(folder)
    if facts.schema > SCHEMA_VERSION:
        raise InstallationError("store.newer_schema", found=facts.schema, known=SCHEMA_VERSION)
    with closing(own_folder(places)), mapped_errors():
        mark = places.folder / RESTORING
        target = open_blobs(places)
        if not mark.exists():
            if target.count() or (places.database is None and (places.folder / "dafec.sqlite3").exists()):
                raise UsageError("restore.not_empty", folder=str(places.folder))
            mark.write_text(facts.database_sha256, encoding="ascii")
            _flush(mark)
        elif mark.read_text(encoding="ascii") != facts.database_sha256:
            raise UsageError("restore.not_empty", folder=str(places.folder))
        with TemporaryDirectory() as scratch:
            database = _of_this_schema(folder / "database.sqlite3", facts.schema, Path(scratch))
            with _opened(database) as engine, engine.connect() as source:
                _restore_blobs(source, folder, target.write)
                _restore_rows(source, places, lock_timeout_s)
        mark.unlink()
    return facts


def _restore_blobs(source: Connection, folder: Path, write: Callable[[bytes, str], bool]) -> None:
    kept = BlobFolder(folder / "blobs")
    for name in _blobs_in(source):
        try:
            data = kept.read(name)
        except InstallationError:  # damaged before the backup; it stays so
            continue
        write(data, name)


def _restore_rows(source: Connection, places: StorePlaces, lock_timeout_s: float) -> None:
    writer = open_writer(database_url(places.database, places.folder), lock_timeout_s)
    try:
        prepare_schema(writer, lambda: 0)
        with Session(writer) as session, session.begin():
            if session.scalar(select(func.count()).select_from(AuditEntry)):
                raise UsageError("restore.not_empty", folder=str(places.folder))
            connection = session.connection()
            rows = copy_rows(source, connection)
            if not is_sqlite(writer):
                _continue_sequences(connection)
            details: dict[str, str | int] = {"screenings": rows["screenings"], "entries": rows["audit_entries"]}
            append_events(session, AuditEvent("store.restored", details=details, actor="command"))
    finally:
        writer.dispose()


def _continue_sequences(connection: Connection) -> None:
    """Rows that came with their numbers must not be numbered a second time."""
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        # Names are those of our own tables, not of anybody's input.
        connection.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{column.name}'), "
                f"(SELECT coalesce(max({column.name}), 0) + 1 FROM {table.name}), false)"
            )
        )


def _of_this_schema(database: Path, schema: int, scratch: Path) -> Path:
    """The database in the schema of this version; migrated in a copy where it is older."""
    if schema == SCHEMA_VERSION:
        return database
    copy = scratch / "database.sqlite3"
    shutil.copyfile(database, copy)
    engine = open_writer(database_url(None, scratch).set(database=str(copy)), 5.0)
    try:
        with engine.begin() as connection:
            upgrade_to(connection, SCHEMA_VERSION)
    finally:
        engine.dispose()
    return copy


@contextmanager
def _opened(file: Path) -> Iterator[Engine]:
    engine = open_reader(database_url(None, file.parent).set(database=str(file)), 5.0)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cause = storage_error(error)
        raise InstallationError("backup.not_written", folder=str(folder), reason=cause.code) from error


def _write_manifest(folder: Path, facts: BackupFacts) -> None:
    value = {
        "backup": _FORMAT,
        "made": facts.made,
        "version": facts.version,
        "schema": facts.schema,
        "rows": facts.rows,
        "blobs": facts.blobs,
        "damaged": facts.damaged,
        "database_sha256": facts.database_sha256,
        "head": facts.head.to_dict(),
    }
    file = folder / "manifest.json"  # written last: a backup without it was cut off
    file.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    _flush(file)
    _flush(folder)


def _read_manifest(folder: Path) -> BackupFacts:
    try:
        value = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if value.pop("backup") != _FORMAT:
            raise InputError("backup.unreadable", folder=str(folder))
        facts = BackupFacts(**value | {"head": parse_head(value["head"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("backup.unreadable", folder=str(folder)) from error
    numbers = (facts.schema, facts.blobs, facts.damaged)
    if not all(type(number) is int for number in numbers) or not isinstance(facts.rows, dict):
        raise InputError("backup.unreadable", folder=str(folder))
    return facts


def _digest_of(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
