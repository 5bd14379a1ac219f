"""Which keys the data were sealed and the log was signed with, and what to do where one of them is not there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from api.security.audit_entry import AuditEvent
from api.store.audit_log import append_events
from api.store.database import WRITER_LOCK, mapped_errors
from api.store.models import CaseKey, UsedKey
from api.store.schema import SCHEMA_VERSION
from api.store.sealing import Keyring
from dafec.errors import InstallationError

if TYPE_CHECKING:
    from api.store.store import Store

__all__ = ["lost_keys", "take_up_keys"]

_log = structlog.get_logger(__name__)


def lost_keys(session: Session, keyring: Keyring) -> list[str]:
    """Ids of master keys that something is sealed under and that are not there."""
    absent = [master for master in _used(session, "master") if master not in keyring.ids]
    if absent:
        keyring.reload()  # it may have been put back
    return [
        master
        for master in absent
        if master not in keyring.ids
        and session.scalar(select(CaseKey.screening_number).where(CaseKey.master == master).limit(1)) is not None
    ]


def take_up_keys(store: Store) -> None:
    """Chooses the master key, makes the first one, and puts on record what is used and what is lost.

    A lost key does not stop screening: what comes is sealed under another key, what was sealed under the lost one
    stays and opens again when the file is put back. With a shared database a missing key more likely was not copied
    to this machine yet, and a new one would lock the other machines out: there the start is refused.

    Raises:
        InstallationError: ``store.key_missing``, ``keys.unusable``.
    """
    with mapped_errors(), Session(store.writer) as session, session.begin():
        if store.shared:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        store.keyring.reload()  # another process on this machine may just have made it
        used = _used(session, "master")
        if store.shared and used and not store.keyring.ids.intersection(used) and not store.places.new_key:
            raise InstallationError("store.key_missing", key=used[-1], folder=str(store.places.keys_folder()))
        current = store.keyring.choose(used)
        events = []
        if store.schema_before not in (None, SCHEMA_VERSION):
            details = {"from_schema": store.schema_before or 0, "schema": SCHEMA_VERSION}
            events.append(AuditEvent("store.migrated", details=details))
        for kind, key, known in (
            ("master", current, used),
            ("audit", store.audit_key.public, _used(session, "audit")),
        ):
            if key not in known:
                session.add(UsedKey(kind=kind, id=key, first_used=datetime.now(UTC).replace(tzinfo=None)))
                events.append(AuditEvent(f"{kind}_key.used", details={"key": key}))
        for lost in lost_keys(session, store.keyring):
            _log.error("master_key_lost", code="storage.key_lost")
            events.append(AuditEvent("master_key.lost", details={"key": lost}))
        if events:
            append_events(session, *events)


def _used(session: Session, kind: str) -> list[str]:
    """Ids of the keys of a kind, oldest first."""
    return list(session.scalars(select(UsedKey.id).where(UsedKey.kind == kind).order_by(UsedKey.number)))
