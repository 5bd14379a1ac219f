"""The store: screenings are durable when ``add`` returns, or they are not there at all.

Order of a write: images to disk under their hashes (flushed), then one transaction with the report and the images'
rows (flushed by the commit). A crash between the two leaves files that nothing refers to, never a row without its
images. What the cut-off write noted before it began is removed at the next start; a file nobody noted and no row
refers to is put aside, because then it is the row that was lost. All writes go through one lock, and one process owns
a data folder at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.store.blobs import BlobFolder
from api.store.database import mapped_errors, open_reader, open_writer, prepare_schema
from api.store.models import Image, Probe, Screening
from dafec.capture import Light
from dafec.errors import InstallationError, UsageError

__all__ = ["ImageRecord", "NewScreening", "ScreeningPage", "ScreeningRecord", "Store", "StoredImage"]


_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as handed in."""

    page: int  # 0-based, as in the report's capture.pages
    light: Light
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewScreening:
    """A screening that is to be kept."""

    id: str  # random, at least 128 bits
    created: datetime  # with zone
    level: str
    made: int
    not_possible: int
    report: str  # JSON
    images_digest: str  # SHA-256 over lights and contents
    key_digest: bytes | None  # SHA-256 of the Idempotency-Key
    images: tuple[StoredImage, ...]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is known of a stored image without its bytes."""

    page: int
    light: Light
    sha256: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ScreeningRecord:
    """A stored screening."""

    id: str
    created: datetime  # UTC
    level: str
    made: int
    not_possible: int
    report: str
    images_digest: str
    images: tuple[ImageRecord, ...]


@dataclass(frozen=True, slots=True)
class ScreeningPage:
    """Some screenings, newest first, and where the next ones begin."""

    items: tuple[ScreeningRecord, ...]
    next: str | None  # id of the last item where more follow


class Store:
    """The one owner of a data folder.

    Args:
        folder: made where it is missing, for its owner only.
        lock_timeout_s: how long a write waits for the database.

    Raises:
        UsageError: ``store.in_use`` where another process owns the folder.
        InstallationError: ``store.not_writable``, ``store.newer_schema``, ``store.foreign_database``,
            ``store.database_lost``.
    """

    def __init__(self, folder: Path, lock_timeout_s: float = 5.0) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._owner = _own(folder)
        try:
            self.blobs = BlobFolder(folder / "blobs")
            self._writer = open_writer(folder / "dafec.sqlite3", lock_timeout_s)
            self._reader = open_reader(folder / "dafec.sqlite3", lock_timeout_s)
            prepare_schema(self._writer, self._count_images)
            self._sweep()
        except OSError as error:
            self._owner.close()
            raise InstallationError("store.not_writable", folder=str(folder)) from error
        except (InstallationError, ServiceError):
            self.close()
            raise

    def close(self) -> None:
        """Closes every connection and gives the folder up; safe to call twice."""
        self._writer.dispose()
        self._reader.dispose()
        self._owner.close()

    def add(self, new: NewScreening) -> bool:
        """Keeps a screening, durably.

        Args:
            new: the screening with its images.

        Returns:
            True where it was kept; False where a screening with the same key is there already, and nothing changed.

        Raises:
            ServiceError: ``storage.full``, ``storage.busy``, ``storage.failed``; nothing of it was kept.
        """
        hashes = [hashlib.sha256(image.data).hexdigest() for image in new.images]
        written: list[str] = []
        with self._lock, mapped_errors():
            note = self.blobs.begin(hashes)
            try:
                pairs = zip(new.images, hashes, strict=True)
                rows = [self._write_image(image, sha256, written) for image, sha256 in pairs]
                kept = self._commit(new, rows)
            except (OSError, SQLAlchemyError):
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

    def _write_image(self, image: StoredImage, sha256: str, written: list[str]) -> Image:
        if self.blobs.write(image.data, sha256):
            written.append(sha256)
        return Image(
            page=image.page,
            light=image.light,
            sha256=sha256,
            media_type=image.media_type,
            size_bytes=len(image.data),
        )

    def _commit(self, new: NewScreening, rows: list[Image]) -> bool:
        with Session(self._writer) as session, session.begin():
            if new.key_digest is not None and session.scalar(
                select(Screening.number).where(Screening.key_digest == new.key_digest)
            ):
                return False
            session.add(
                Screening(
                    id=new.id,
                    created=new.created.astimezone(UTC).replace(tzinfo=None),
                    level=new.level,
                    made=new.made,
                    not_possible=new.not_possible,
                    report=new.report,
                    images_digest=new.images_digest,
                    key_digest=new.key_digest,
                    images=rows,
                )
            )
        return True

    def _remove_unused(self, hashes: list[str], note: Path) -> None:
        """Removes files of a write that failed. They are new, and the lock is held: no other row refers to them."""
        with suppress(OSError):  # what cannot be removed now is noted, and removed at the next start
            for sha256 in hashes:
                self.blobs.remove(sha256)
            self.blobs.abandon(note)

    def _count_images(self) -> int:
        return sum(1 for _ in self.blobs.hashes()) + sum(1 for _ in self.blobs.aside())

    def _sweep(self) -> None:
        """Removes what a write that was cut off left behind; sets aside every other file that no row refers to.

        The second kind was acknowledged once: a database that was restored from yesterday, or lost its last pages,
        does not know today's images, and they must be there when its rows come back.
        """
        with mapped_errors(), Session(self._reader) as session:
            known = set(session.scalars(select(Image.sha256).distinct()))
        for sha256 in self.blobs.unfinished():
            if sha256 not in known:
                self.blobs.remove(sha256)
        self.blobs.forget_unfinished()
        present = set(self.blobs.hashes())
        for sha256 in sorted(known.intersection(self.blobs.aside()) - present):
            self.blobs.bring_back(sha256)
        strangers = present - known
        for sha256 in strangers:
            self.blobs.set_aside(sha256)
        if strangers:
            _log.warning("images_set_aside", count=len(strangers))

    def get(self, screening_id: str) -> ScreeningRecord | None:
        """The screening of that id, if there is one."""
        return self._one(Screening.id == screening_id)

    def get_by_key(self, key_digest: bytes) -> ScreeningRecord | None:
        """The screening that was made under that key, if there is one."""
        return self._one(Screening.key_digest == key_digest)

    def _one(self, condition: object) -> ScreeningRecord | None:
        with mapped_errors(), Session(self._reader) as session:
            row = session.scalar(select(Screening).where(condition))  # type: ignore[arg-type]
            return _record(row) if row is not None else None

    def newest(self, limit: int, after: str | None = None) -> ScreeningPage | None:
        """Screenings, newest first.

        Args:
            limit: at most so many.
            after: id of a screening; only older ones follow.

        Returns:
            The page, or None where ``after`` names no screening.
        """
        with mapped_errors(), Session(self._reader) as session:
            query = select(Screening).order_by(Screening.number.desc()).limit(limit + 1)
            if after is not None:
                number = session.scalar(select(Screening.number).where(Screening.id == after))
                if number is None:
                    return None
                query = query.where(Screening.number < number)
            rows = session.scalars(query).all()
            items = tuple(_record(row) for row in rows[:limit])
        return ScreeningPage(items, items[-1].id if len(rows) > limit else None)

    def count(self) -> int:
        """How many screenings are kept."""
        with mapped_errors(), Session(self._reader) as session:
            return session.scalar(select(func.count()).select_from(Screening)) or 0

    def probe(self) -> None:
        """Writes to the database and to the folder of images, as a screening would. Raises ServiceError."""
        with self._lock, mapped_errors():
            self.blobs.probe()
            with Session(self._writer) as session, session.begin():
                session.merge(Probe(number=1, written=datetime.now(UTC).replace(tzinfo=None)))

    def free_bytes(self) -> int:
        """Free space where the data lie."""
        with mapped_errors():
            return shutil.disk_usage(self._folder).free


def _own(folder: Path) -> IO[bytes]:
    """Takes the folder for this process; the operating system gives it up when the process ends, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = (folder / "owner.lock").open("ab")
    except OSError as error:
        raise InstallationError("store.not_writable", folder=str(folder)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise UsageError("store.in_use", folder=str(folder)) from error
    return handle


def _record(row: Screening) -> ScreeningRecord:
    return ScreeningRecord(
        id=row.id,
        created=row.created.replace(tzinfo=UTC),
        level=row.level,
        made=row.made,
        not_possible=row.not_possible,
        report=row.report,
        images_digest=row.images_digest,
        images=tuple(
            ImageRecord(image.page, _light(image.light), image.sha256, image.media_type, image.size_bytes)
            for image in row.images
        ),
    )


_LIGHTS: Mapping[str, Light] = {"visible": "visible", "ir": "ir", "uv": "uv"}


def _light(name: str) -> Light:
    return _LIGHTS[name]
