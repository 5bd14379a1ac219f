"""Desks and their keys: made by an administrator, shown once, kept as SHA-256, renewed or revoked at any time.

A key is ``dafec-desk.<id>.<secret>`` and goes into ``Authorization: Bearer``. Who sends documents without a browser
also says when (``DAFEC-Time``) and a number used once (``DAFEC-Nonce``), so that a request that was recorded does
nothing when it is sent again; ``take_nonce`` keeps them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.tables import Tables, utc
from api.store.account_models import Desk, UsedNonce

__all__ = ["DeskKey", "DeskRecord", "Desks"]

#: How far the clock of a desk may be off, either way; nonces are kept this long and as long again.
CLOCK_TOLERANCE = timedelta(minutes=5)
_PREFIX = "dafec-desk"
_SECRET_BYTES = 32
_NAME = re.compile(r"\w(?:[\w.\-/ ]{0,62}\w)?")
_KEY = re.compile(rf"{_PREFIX}\.([0-9a-f]{{16}})\.[0-9A-Za-z_-]{{43}}")
_NONCE = re.compile(r"[0-9A-Za-z_.:-]{16,128}")


@dataclass(frozen=True, slots=True)
class DeskRecord:
    """A desk as an administrator sees it."""

    id: str
    name: str
    created: datetime  # UTC
    key_made: datetime  # UTC
    revoked: datetime | None  # UTC


@dataclass(frozen=True, slots=True)
class DeskKey:
    """A desk and its key, which is shown once."""

    id: str
    key: str


class Desks:
    """What can be done with desks; each change is on record in the audit log, in the same transaction.

    Args:
        tables: where they stand.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def list(self) -> list[DeskRecord]:
        """Every desk by name."""
        with self._tables.reading() as session:
            return [_record(row) for row in session.scalars(select(Desk).order_by(Desk.name))]

    def get(self, desk_id: str) -> DeskRecord:
        """One desk. Raises ServiceError ``desk.not_found``."""
        with self._tables.reading() as session:
            return _record(_desk(session, desk_id))

    def id_of(self, name: str) -> str:
        """The id of a name. Raises ServiceError ``desk.not_found``."""
        with self._tables.reading() as session:
            found = session.scalar(select(Desk.id).where(Desk.name == _folded(name)))
        if found is None:
            raise ServiceError("desk.not_found", status=404)
        return found

    def create(self, name: str) -> DeskKey:
        """Makes a desk with a key.

        Args:
            name: 1 to 64 letters, digits, ``. _ - /`` and blanks of any script: "Hall 2 / desk 4".

        Raises:
            ServiceError: ``desk.bad_name``, ``desk.name_taken``.
        """
        folded = _folded(name)
        if not _NAME.fullmatch(folded):
            raise ServiceError("desk.bad_name", status=422)
        made = _new_key(secrets.token_hex(8))
        now = utc(datetime.now(UTC))
        with self._tables.writing() as writing:
            if writing.session.scalar(select(Desk.number).where(Desk.name == folded)) is not None:
                raise ServiceError("desk.name_taken", status=409)
            writing.session.add(
                Desk(id=made.id, name=folded, key_digest=_digest(made.key), created=now, key_made=now, revoked=None)
            )
            writing.log("desk.created", f"desk:{made.id}")
        return made

    def renew(self, desk_id: str) -> DeskKey:
        """Gives a desk a new key; the old one opens nothing any more. Raises ServiceError ``desk.not_found``."""
        made = _new_key(desk_id)
        with self._tables.writing() as writing:
            row = _desk(writing.session, desk_id)
            row.key_digest = _digest(made.key)
            row.key_made = utc(datetime.now(UTC))
            row.revoked = None
            writing.log("desk.renewed", f"desk:{desk_id}")
        return made

    def revoke(self, desk_id: str) -> DeskRecord:
        """Takes a desk's key away; it holds from the next request on. Raises ServiceError ``desk.not_found``."""
        with self._tables.writing() as writing:
            row = _desk(writing.session, desk_id)
            if row.revoked is None:
                row.revoked = utc(datetime.now(UTC))
                writing.log("desk.revoked", f"desk:{desk_id}")
        return self.get(desk_id)

    def desk_of_key(self, key: str) -> str | None:
        """The id of the desk a key belongs to; None where it opens nothing."""
        form = _KEY.fullmatch(key)
        if form is None:
            return None
        with self._tables.reading() as session:
            row = session.scalar(select(Desk).where(Desk.id == form[1], Desk.revoked.is_(None)))
            if row is None or not hmac.compare_digest(row.key_digest, _digest(key)):
                return None
            return row.id

    def take_nonce(self, desk_id: str, nonce: str, moment: datetime, now: datetime | None = None) -> None:
        """Takes a desk's number used once; durable when it returns.

        Args:
            desk_id: of the desk.
            nonce: 16 to 128 letters, digits or ``_ . : -``.
            moment: the desk's clock, with zone.
            now: with zone; the present where it is left out.

        Raises:
            ServiceError: ``desk.clock`` where the clocks differ by more than five minutes, ``desk.bad_nonce``,
                ``desk.replayed`` where the number was used before, ``desk.not_found``.
        """
        now = now or datetime.now(UTC)
        if abs(now - moment) > CLOCK_TOLERANCE:
            raise ServiceError("desk.clock", status=401)
        if not _NONCE.fullmatch(nonce):
            raise ServiceError("desk.bad_nonce", status=422)
        digest = hashlib.sha256(nonce.encode("ascii")).digest()
        with self._tables.writing() as writing:
            row = _desk(writing.session, desk_id)
            writing.session.execute(delete(UsedNonce).where(UsedNonce.expires < utc(now)))
            if writing.session.get(UsedNonce, (row.number, digest)) is not None:
                raise ServiceError("desk.replayed", status=409)
            expires = utc(now + 2 * CLOCK_TOLERANCE)
            writing.session.add(UsedNonce(desk_number=row.number, digest=digest, expires=expires))


def _new_key(desk_id: str) -> DeskKey:
    return DeskKey(desk_id, f"{_PREFIX}.{desk_id}.{secrets.token_urlsafe(_SECRET_BYTES)}")


def _digest(key: str) -> bytes:
    return hashlib.sha256(b"dafec desk key " + key.encode("utf-8", "replace")).digest()


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).split())


def _desk(session: Session, desk_id: str) -> Desk:
    row = session.scalar(select(Desk).where(Desk.id == desk_id))
    if row is None:
        raise ServiceError("desk.not_found", status=404)
    return row


def _record(row: Desk) -> DeskRecord:
    return DeskRecord(
        row.id,
        row.name,
        row.created.replace(tzinfo=UTC),
        row.key_made.replace(tzinfo=UTC),
        row.revoked.replace(tzinfo=UTC) if row.revoked else None,
    )
