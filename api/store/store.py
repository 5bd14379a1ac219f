"""The store: screenings are durable when ``add`` returns, or they are not there at all.

Order of a write: images, encrypted, to disk under their hashes (flushed), then one transaction with the report, the
images' rows, the screening's key and the entry of the audit log (flushed by the commit). A crash between the two
leaves files that nothing refers to, never a row without its images. What the cut-off write noted before it began is
removed at the next start; a file nobody noted and no row refers to is put aside, because then it is the row that was
lost.

With SQLite one process owns a data folder at a time, and all it writes to the database goes through one lock; files
need none, since no two screenings ever write the same. With PostgreSQL any number of processes share database and
blobs; leftovers are cleared by ``api.store.upkeep`` once they are old. Where the connection breaks in the middle of a
commit nobody knows whether the row is there: then its images stay until that is clear.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, defer

from api.errors import ServiceError
from api.security.audit_entry import AuditEvent, actor
from api.security.audit_heads import AuditKey
from api.security.permissions import current_actor
from api.store.arrival_models import Completion
from api.store.audit_log import AuditLog, append_events
from api.store.blobs import Blobs, Note, in_parts
from api.store.case_models import FLAGGED_LEVELS, new_case
from api.store.database import database_url, is_sqlite, mapped_errors, open_reader, open_writer, storage_error
from api.store.events import add_desk_event
from api.store.models import CaseKey, Image, Probe, Screening
from api.store.places import RESTORING, StorePlaces, open_blobs, own_folder
from api.store.records import (
    ImageRecord,
    NewScreening,
    ScreeningPage,
    ScreeningRecord,
    ScreeningSummary,
    StoredImage,
    record,
    summary,
)
from api.store.schema import prepare_schema
from api.store.sealing import Keyring, WrappedKey, image_context, open_report, open_sealed, seal, seal_report
from api.store.used_keys import lost_keys, take_up_keys
from api.store.visible import seen_by
from dafec.errors import DafecError, InstallationError

__all__ = ["Store"]

_NAMES_AT_ONCE = 500
_log = structlog.get_logger(__name__)


class Store:
    """The owner of a data folder, or one of the processes that share a database.

    Args:
        places: where everything lies; a path stands for a folder with SQLite and files in it.
        lock_timeout_s: how long a write waits for the database.

    Raises:
        UsageError: ``store.in_use`` where another process owns the folder, ``store.bad_database_url``,
            ``store.bad_blobs_url``, ``keys.inside_data``.
        InstallationError: ``store.not_writable``, ``store.newer_schema``, ``store.foreign_database``,
            ``store.database_lost``, ``store.restore_unfinished``, ``store.key_missing``, ``store.extra_missing``,
            ``keys.unusable``.
        ServiceError: ``storage.*`` where the database cannot be reached or is damaged.
    """

    def __init__(self, places: StorePlaces | Path, lock_timeout_s: float = 5.0) -> None:
        self.places = places if isinstance(places, StorePlaces) else StorePlaces(places)
        keys = self.places.keys_folder()
        url = database_url(self.places.database, self.places.folder)
        self.lock = threading.Lock()
        self._damaged = False
        self._owner = own_folder(self.places)
        try:
            self.writer = open_writer(url, lock_timeout_s)
            self.reader = open_reader(url, lock_timeout_s)
        except DafecError:
            self._owner.close()
            raise
        try:
            if (self.places.folder / RESTORING).exists():
                raise InstallationError("store.restore_unfinished", folder=str(self.places.folder))
            self.blobs: Blobs = open_blobs(self.places)
            self.schema_before = prepare_schema(self.writer, self.blobs.count)
            self.keyring = Keyring(keys)
            self.audit_key = AuditKey(keys / "audit.key")
            if not self.shared:
                self.sweep(0)
            take_up_keys(self)
        except OSError as error:
            self.close()
            raise InstallationError("store.not_writable", folder=str(self.places.folder)) from error
        except DafecError:
            self.close()
            raise

    @property
    def shared(self) -> bool:
        """Whether other processes may write to the same database."""
        return not is_sqlite(self.writer)

    def close(self) -> None:
        """Closes every connection and gives the folder up; safe to call twice."""
        self.writer.dispose()
        self.reader.dispose()
        self._owner.close()

    def add(self, new: NewScreening) -> bool:
        """Keeps a screening, durably.

        Args:
            new: the screening with its images.

        Returns:
            True where it was kept; False where a screening with the same key is there already, and nothing changed.

        Raises:
            ServiceError: ``storage.full``, ``storage.busy``, ``storage.failed``, ...; nothing of it was kept.
        """
        key, wrapped = self.keyring.new_case_key(new.id)
        rows, sealed = _seal_images(new.images, key, new.id)
        sealed_report = seal_report(new.report, key, new.id)
        written: list[str] = []
        with mapped_errors():
            note = self.blobs.begin(sealed)
            try:
                for name, data in sealed.items():
                    self.blobs.write(data, name)
                    written.append(name)
                with self.lock:
                    kept = self._commit(new, rows, wrapped, sealed_report)
            except (OSError, SQLAlchemyError, DafecError) as error:
                if not (self.shared and _outcome_unknown(error)):
                    self._remove_unused(written, note)
                raise
            if not kept:
                self._remove_unused(written, note)
                return False
            try:
                self.blobs.finish(note)
            except OSError as error:  # kept all the same: its rows are there, and at a start they go before the note
                _log.warning("note_not_removed", error=type(error).__name__)
            return True

    def _commit(self, new: NewScreening, rows: list[Image], wrapped: WrappedKey, sealed_report: bytes) -> bool:
        try:
            with Session(self.writer) as session, session.begin():
                if _has_key(session, new.key_digest):
                    return False
                row = Screening(
                    id=new.id,
                    created=_utc(new.created),
                    level=new.level,
                    made=new.made,
                    not_possible=new.not_possible,
                    report=new.result,
                    images_digest=new.images_digest,
                    key_digest=new.key_digest,
                    sealed_report=sealed_report,
                    held=new.held,
                    desk=new.desk,
                    made_by=new.actor or actor(),
                    specimen=new.specimen,
                    origin=new.origin,
                    images=rows,
                )
                session.add(row)
                session.flush()
                session.add(CaseKey(screening_number=row.number, master=wrapped.master, wrapped=wrapped.wrapped))
                details: dict[str, str | int] = {"level": new.level, "images": len(rows)}
                if new.level in FLAGGED_LEVELS:
                    session.add(new_case(row, "flagged"))  # the entry's level says so
                self._add_completion(session, row, new)
                append_events(session, AuditEvent("screening.made", f"screening:{new.id}", details, new.actor))
                told = {"id": new.id, "level": new.level, "origin": new.origin}
                completion = "due" if new.completion_due else "none"
                add_desk_event(session, row.desk, "screening.made", {**told, "completion": completion})
        except IntegrityError:
            with Session(self.writer) as session, session.begin():  # another process was faster with the same key
                if _has_key(session, new.key_digest):
                    return False
            raise
        return True

    @staticmethod
    def _add_completion(session: Session, row: Screening, new: NewScreening) -> None:
        if new.completion_due:
            due = Completion(
                screening_number=row.number, state="due", changed=_utc(datetime.now(UTC)), first_level=new.level
            )
            session.add(due)

    def _remove_unused(self, names: list[str], note: Note) -> None:
        """Removes files of a write that failed; no row refers to them."""
        with suppress(OSError):  # what cannot be removed now is noted, and removed at the next start
            for name in names:
                self.blobs.remove(name)
            self.blobs.abandon(note)

    def sweep(self, min_age_s: float) -> None:
        """Clears up after writes that were cut off; see ``Blobs.sweep``."""
        with mapped_errors():
            strangers = self.blobs.sweep(self.known_blobs, min_age_s)
        if strangers:
            _log.warning("images_set_aside", count=strangers)

    def known_blobs(self, names: Sequence[str]) -> set[str]:
        """Those of the names that a row refers to."""
        known: set[str] = set()
        with mapped_errors(), Session(self.reader) as session:
            for part in in_parts(names, _NAMES_AT_ONCE):
                known.update(name for name in session.scalars(select(Image.blob).where(Image.blob.in_(part))) if name)
        return known

    def get(self, screening_id: str) -> ScreeningRecord | None:
        """The screening of that id, if there is one."""
        return self._one(Screening.id == screening_id)

    def get_by_key(self, key_digest: bytes) -> ScreeningRecord | None:
        """The screening that was made under that key, if there is one."""
        return self._one(Screening.key_digest == key_digest)

    def _one(self, condition: object) -> ScreeningRecord | None:
        with mapped_errors(), Session(self.reader) as session:
            row = session.scalar(select(Screening).where(condition))  # type: ignore[arg-type]
            return self._record(session, row) if row is not None else None

    def _record(self, session: Session, row: Screening) -> ScreeningRecord:
        if row.deleted is not None:
            return record(row, row.report, "deleted")
        stored = session.get(CaseKey, row.number)
        if stored is None or row.sealed_report is None:  # an older DAFEC wrote it, and it is not sealed yet
            return record(row, row.report, "kept")
        try:
            key = self.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), row.id)
        except ServiceError:
            return record(row, row.report, "unreadable")
        with self._noticed():
            return record(row, open_report(row.sealed_report, key, row.id), "kept")

    def image(self, screening_id: str, image: ImageRecord) -> bytes:
        """The bytes of an image as handed in.

        Args:
            screening_id: whose it is.
            image: as its record names it.

        Raises:
            ServiceError: ``screening.images_deleted``; ``storage.key_lost``; ``storage.unreachable`` and the like.
            InstallationError: ``storage.damaged`` where what is kept is not what was handed in.
        """
        with mapped_errors(), Session(self.reader) as session:
            query = select(Screening.number, Screening.deleted).where(Screening.id == screening_id)
            found = session.execute(query).one_or_none()
            stored = session.get(CaseKey, found.number) if found is not None else None
        if found is None or found.deleted is not None or image.blob is None:
            raise ServiceError("screening.images_deleted", status=410)
        with mapped_errors(), self._noticed():
            if not image.sealed:
                return self.blobs.read(image.blob)
            if stored is None:
                raise InstallationError("storage.damaged")
            key = self.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening_id)
            return open_sealed(self.blobs.read(image.blob), key, image_context(screening_id, image.sha256))

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        """Remembers that something kept is damaged."""
        try:
            yield
        except InstallationError:
            self._damaged = True
            raise

    def newest(self, limit: int, after: str | None = None) -> ScreeningPage | None:
        """Screenings that whoever acts now may see, newest first.

        Args:
            limit: at most so many.
            after: id of a screening; only older ones follow.

        Returns:
            The page, or None where ``after`` names no screening.
        """
        who = current_actor()
        with mapped_errors(), Session(self.reader) as session:
            whole = (defer(Screening.report, raiseload=True), defer(Screening.sealed_report, raiseload=True))
            query = select(Screening).options(*whole).order_by(Screening.number.desc()).limit(limit + 1)
            query = query.where(seen_by(who))
            if after is not None:
                number = session.scalar(select(Screening.number).where(Screening.id == after, seen_by(who)))
                if number is None:
                    return None
                query = query.where(Screening.number < number)
            rows = session.scalars(query).all()
            items: tuple[ScreeningSummary, ...] = tuple(summary(row) for row in rows[:limit])
        return ScreeningPage(items, items[-1].id if len(rows) > limit else None)

    def set_hold(self, screening_id: str, *, held: bool, who: str = "") -> bool:
        """Keeps a screening's images and personal data until released, or releases them.

        Returns:
            Whether anything changed.

        Raises:
            ServiceError: ``screening.not_found``, or ``screening.images_deleted`` where nothing is left to be held.
        """
        with self.lock, mapped_errors(), Session(self.writer) as session, session.begin():
            row = session.scalar(select(Screening).where(Screening.id == screening_id).with_for_update())
            if row is None:
                raise ServiceError("screening.not_found", status=404)
            if row.deleted is not None:
                raise ServiceError("screening.images_deleted", status=410)
            if row.held == held:
                return False
            row.held = held
            row.released = None if held else _utc(datetime.now(UTC))
            action = "screening.held" if held else "screening.released"
            append_events(session, AuditEvent(action, f"screening:{screening_id}", actor=who))
        return True

    def log(self, *events: AuditEvent) -> None:
        """Adds entries to the audit log, durably. Raises ServiceError where that does not work."""
        with self.lock, mapped_errors(), Session(self.writer) as session, session.begin():
            append_events(session, *events)

    def sign_head(self) -> bool:
        """Signs and keeps a head of the audit log where entries were added since the last; tells whether it did."""
        with self.lock, mapped_errors(), Session(self.writer) as session, session.begin():
            return AuditLog(session).keep_head(self.audit_key)

    def has_images(self, images_digest: str) -> bool:
        """Whether the very same images were screened before."""
        with mapped_errors(), Session(self.reader) as session:
            return session.scalar(select(Screening.number).where(Screening.images_digest == images_digest)) is not None

    def count(self) -> int:
        """How many screenings are kept."""
        with mapped_errors(), Session(self.reader) as session:
            return session.scalar(select(func.count()).select_from(Screening)) or 0

    def notices(self) -> tuple[str, ...]:
        """Codes of what is wrong although screenings are made and kept: ``storage.key_lost``, ``storage.damaged``."""
        with mapped_errors(), Session(self.reader) as session:
            lost = bool(lost_keys(session, self.keyring))
        return tuple(code for code, there in (("storage.key_lost", lost), ("storage.damaged", self._damaged)) if there)

    def probe(self) -> None:
        """Writes to the database, as a screening would. Raises ServiceError."""
        with self.lock, mapped_errors(), Session(self.writer) as session, session.begin():
            session.merge(Probe(number=1, written=_utc(datetime.now(UTC))))

    def probe_blobs(self) -> None:
        """Writes where the images go, as a screening would. Raises ServiceError."""
        with self.lock, mapped_errors():
            self.blobs.probe()

    def free_bytes(self) -> int:
        """Free space where the data lie; of database and images the smaller."""
        with mapped_errors():
            free = shutil.disk_usage(self.places.folder).free
            beside = self.blobs.free_bytes()
        return free if beside is None else min(free, beside)


def _seal_images(images: Iterable[StoredImage], key: bytes, screening_id: str) -> tuple[list[Image], dict[str, bytes]]:
    """The rows of images, and what is to be written under which name; a file of several pages is written once."""
    names: dict[str, str] = {}
    sealed: dict[str, bytes] = {}
    rows = []
    for image in images:
        sha256 = hashlib.sha256(image.data).hexdigest()
        if sha256 not in names:
            data = seal(image.data, key, image_context(screening_id, sha256))
            names[sha256] = hashlib.sha256(data).hexdigest()
            sealed[names[sha256]] = data
        rows.append(
            Image(
                page=image.page,
                light=image.light,
                sha256=sha256,
                media_type=image.media_type,
                size_bytes=len(image.data),
                blob=names[sha256],
                sealed=True,
            )
        )
    return rows, sealed


def _outcome_unknown(error: Exception) -> bool:
    """Whether a commit may have succeeded although it failed."""
    return (
        isinstance(error, DBAPIError)
        and not isinstance(error, IntegrityError)
        and storage_error(error).code in {"storage.unreachable", "storage.failed"}
    )


def _has_key(session: Session, key_digest: bytes | None) -> bool:
    if key_digest is None:
        return False
    return session.scalar(select(Screening.number).where(Screening.key_digest == key_digest)) is not None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
