"""What the store does by itself: forget what may be forgotten, seal what is not sealed, clear up, sign the log.

Forgetting is destroying a screening's key: one transaction removes the key and the sealed report and puts
``personal_data.deleted`` into the audit log. From then on nothing of the images can be decrypted, wherever copies of
the files lie. The files go afterwards; a row names them until they are gone, so that a crash between the two is made
good at the next run.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from api.security.audit_entry import AuditEvent
from api.store.arrival_models import Completion
from api.store.audit_log import append_events
from api.store.blobs import BlobFolder, Note
from api.store.database import mapped_errors, outside_transactions
from api.store.models import CaseKey, Image, Screening
from api.store.places import files_may_go
from api.store.rescreen_models import Rescreening
from api.store.retention import RetentionPolicy
from api.store.sealing import image_context, seal, seal_report
from api.store.store import Store
from dafec.errors import InputError, InstallationError

__all__ = ["Upkeep"]

#: In the clear, in the tables of before: what a report is without personal data.
Strip = Callable[[str], str]

_AT_ONCE = 200
#: A write of another process takes seconds; what is this old was cut off.
_CUT_OFF_AFTER_S = 3600.0
_log = structlog.get_logger(__name__)


class Upkeep:
    """The store's upkeep; safe beside a running service, and with several processes at once.

    Args:
        store: open.
        policy: how long what is kept.
        strip: takes the personal data out of a report's JSON. Raises InputError where it is no report.
    """

    def __init__(self, store: Store, policy: RetentionPolicy, strip: Strip) -> None:
        self._store = store
        self._policy = policy
        self._strip = strip
        self._swept_s = float("-inf")  # on the clock of ``time.monotonic``

    def run(self, now: datetime | None = None, go_on: Callable[[], bool] = lambda: True) -> int:
        """Forgets what is due, removes files, seals what an older DAFEC left.

        Args:
            now: with zone; the present where it is left out.
            go_on: asked between two pieces of long work.

        Raises:
            ServiceError: ``storage.*``; what was done is done.

        Returns:
            How many screenings were forgotten.
        """
        forgotten = self.forget_due(now or datetime.now(UTC))
        self.remove_files()
        while go_on() and self.seal_old(go_on):
            pass
        if self._store.shared and time.monotonic() - self._swept_s > _CUT_OFF_AFTER_S:  # it lists every image there is
            self._store.sweep(_CUT_OFF_AFTER_S)
            self._swept_s = time.monotonic()
        return forgotten

    def forget_due(self, now: datetime) -> int:
        """Destroys the keys of the screenings whose time is over."""
        total = 0
        while numbers := self._due(now):
            for number in numbers:
                total += self._forget(number, self._policy.due(now))
        if total:
            self._scrub()
            _log.info("personal_data_deleted", count=total)
        return total

    def _due(self, now: datetime) -> list[int]:
        with mapped_errors(), Session(self._store.reader) as session:
            query = select(Screening.number).where(self._policy.due(now)).order_by(Screening.number).limit(_AT_ONCE)
            return list(session.scalars(query))

    def _forget(self, number: int, condition: ColumnElement[bool]) -> int:
        store = self._store
        with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
            row = session.scalar(select(Screening).where(Screening.number == number, condition).with_for_update())
            if row is None:  # held or forgotten meanwhile
                return 0
            stored = session.get(CaseKey, number)
            if stored is None:
                row.report = self._stripped(row.report)
            session.execute(delete(CaseKey).where(CaseKey.screening_number == number))
            row.sealed_report = None
            session.execute(update(Completion).where(Completion.screening_number == number).values(first_report=None))
            again = update(Rescreening).where(Rescreening.screening_number == number)
            session.execute(again.values(sealed_report=None))
            row.deleted = datetime.now(UTC).replace(tzinfo=None)
            row.held = False
            details: dict[str, str | int] = {"images": len(row.images), "reason": "retention", "level": row.level}
            append_events(session, AuditEvent("personal_data.deleted", f"screening:{row.id}", details))
        return 1

    def _stripped(self, report: str) -> str:
        try:
            return self._strip(report)
        except InputError:  # of a schema that is no longer known; its verdict stands in the row
            return "{}"

    def _scrub(self) -> None:
        """Takes destroyed keys out of the write-ahead log, and out of the pages of PostgreSQL."""
        with self._store.lock, mapped_errors(), outside_transactions(self._store.writer) as run:
            if self._store.shared:
                run("VACUUM case_keys")
                run("VACUUM screenings")
                run("VACUUM completions")
                run("VACUUM rescreenings")
            else:
                run("PRAGMA wal_checkpoint(TRUNCATE)")

    def remove_files(self) -> int:
        """Removes the files of forgotten screenings, unless a backup is reading them; how many there were."""
        with mapped_errors(), files_may_go(self._store.places, self._store.reader) as may:
            return self._remove_files() if may else 0

    def _remove_files(self) -> int:
        total = 0
        while True:
            with mapped_errors(), Session(self._store.reader) as session:
                gone = select(Image.blob).join(Screening).where(Screening.deleted.is_not(None), Image.blob.is_not(None))
                names = [name for name in session.scalars(gone.distinct().limit(_AT_ONCE)) if name]
            if not names:
                return total
            for name in names:
                self._remove_file(name)
            total += len(names)

    def _remove_file(self, name: str) -> None:
        """Removes one file and the mention of it, unless a screening that is kept has the same (in the clear)."""
        store = self._store
        with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
            of_name = select(Image.number).join(Screening).where(Image.blob == name)
            if session.scalar(of_name.where(Screening.deleted.is_(None)).limit(1)) is None:
                store.blobs.remove(name)
            gone = select(Screening.number).where(Screening.deleted.is_not(None)).scalar_subquery()
            session.execute(
                update(Image)
                .where(Image.blob == name, Image.screening_number.in_(gone))
                .values(blob=None)
                .execution_options(synchronize_session=False)
            )

    def seal_old(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Seals some screenings that an older DAFEC kept in the clear; how many were found."""
        with mapped_errors(), Session(self._store.reader) as session:
            plain = (
                select(Screening.number)
                .outerjoin(CaseKey, CaseKey.screening_number == Screening.number)
                .where(CaseKey.screening_number.is_(None), Screening.deleted.is_(None))
            )
            numbers = list(session.scalars(plain.order_by(Screening.number).limit(_AT_ONCE)))
        for number in numbers:
            if go_on():
                self._seal(number)
        if numbers:
            self._scrub()
        return len(numbers)

    def _seal(self, number: int) -> None:
        store = self._store
        with store.lock, mapped_errors():
            with Session(store.writer) as session, session.begin():
                row = session.get_one(Screening, number, with_for_update=True)
                key, wrapped = store.keyring.new_case_key(row.id)
                plain, notes = self._seal_images(row, key)
                row.sealed_report = seal_report(row.report, key, row.id)
                row.report = self._stripped(row.report)
                session.add(CaseKey(screening_number=number, master=wrapped.master, wrapped=wrapped.wrapped))
                session.flush()
                used = set(session.scalars(select(Image.blob).where(Image.blob.in_(plain)))) if plain else set()
                details = {"images": len(row.images)}
                append_events(session, AuditEvent("screening.sealed", f"screening:{row.id}", details))
            for name in plain - used:
                store.blobs.remove(name)
            for note in notes:
                store.blobs.finish(note)

    def _seal_images(self, row: Screening, key: bytes) -> tuple[set[str], list[Note]]:
        """Writes a screening's images encrypted; the names they had, and the notes of both.

        A note names the old files: should the process end before they are removed, the next start removes them. An
        image that is damaged stays as it is and says so when it is asked for.
        """
        store = self._store
        sealed: dict[str, bytes] = {}
        for image in row.images:
            if image.sealed or image.blob is None or image.blob in sealed:
                continue
            try:
                data = store.blobs.read(image.blob)
            except InstallationError:
                _log.error("image_damaged", code="storage.damaged")
                continue
            sealed[image.blob] = seal(data, key, image_context(row.id, image.sha256))
        names = {old: _sha256(data) for old, data in sealed.items()}
        notes = [store.blobs.begin(names.values())]
        if isinstance(store.blobs, BlobFolder):
            notes.append(store.blobs.note(names))
        for old, data in sealed.items():
            store.blobs.write(data, names[old])
        for image in row.images:
            if image.blob in names:
                image.blob, image.sealed = names[image.blob], True
        return set(names), notes


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
