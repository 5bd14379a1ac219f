"""The second, complete pass of screenings, as the store keeps it.

A screening that is to have one is written with a row that says so, in the same transaction. The complete report takes
the place of the first one, and the first one, as it was acknowledged, is kept beside it under the same key; both
happen in one transaction. A pass that was cut off is due again: at the next start, or, where several processes share
a database, when the claim of the one that died is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.audit_entry import AuditEvent
from api.store.arrival_models import Completion
from api.store.audit_log import append_events
from api.store.case_models import FLAGGED_LEVELS, Case, new_case
from api.store.database import mapped_errors
from api.store.events import add_desk_event
from api.store.models import CaseKey, Screening
from api.store.retention import held_from_the_start
from api.store.sealing import WrappedKey, open_report, seal_report
from api.store.store import Store

__all__ = [
    "CompleteReport",
    "claim_completion",
    "due_completions",
    "fail_completion",
    "first_report",
    "give_back",
    "keep_completion",
    "release_claims",
]

#: A pass takes seconds; one that was claimed this long ago died with its process.
_CLAIM = timedelta(seconds=120)
#: One that ended the process so often is given up.
_MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class CompleteReport:
    """The outcome of a complete pass."""

    screening_id: str
    level: str
    made: int
    not_possible: int
    report: str  # JSON
    result: str  # JSON without personal data


def release_claims(store: Store) -> None:
    """Gives every claim up: for the start of the only process of a store."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        session.execute(update(Completion).where(Completion.state == "due").values(claimed=None))


def due_completions(store: Store) -> int:
    """How many complete passes are due."""
    with mapped_errors(), Session(store.reader) as session:
        query = select(func.count()).select_from(Completion).where(Completion.state == "due")
        return session.scalar(query) or 0


def claim_completion(store: Store) -> str | None:
    """The id of the oldest screening whose complete pass is due, claimed for this process; None where there is none.

    One whose claims ended without an outcome too often is given up on the way, and its desk is told.
    """
    now = _now()
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        free = or_(Completion.claimed.is_(None), Completion.claimed < now - _CLAIM)
        query = (
            select(Completion)
            .where(Completion.state == "due", free)
            .order_by(Completion.screening_number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        while (row := session.scalar(query)) is not None:
            screening = session.get_one(Screening, row.screening_number)
            if row.attempts < _MOST_ATTEMPTS and screening.deleted is None:
                row.attempts += 1
                row.claimed = now
                return screening.id
            code = "screening.completion_failed" if screening.deleted is None else "screening.images_deleted"
            _fail(session, row, screening, code)
    return None


def keep_completion(store: Store, complete: CompleteReport) -> bool:
    """Puts the complete report in the first one's place, durably; False where the screening was forgotten meanwhile.

    Raises:
        ServiceError: ``storage.*``; nothing changed.
    """
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        found = _locked(session, complete.screening_id)
        if found is None:
            return False
        row, screening = found
        stored = session.get(CaseKey, screening.number)
        if stored is None or screening.sealed_report is None:
            _fail(session, row, screening, "screening.images_deleted")
            return False
        key = store.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening.id)
        first = open_report(screening.sealed_report, key, screening.id)
        row.first_report = seal_report(first, key, _first_of(screening.id))
        row.first_level = screening.level
        row.state, row.changed, row.claimed = "done", _now(), None
        screening.sealed_report = seal_report(complete.report, key, screening.id)
        screening.report = complete.result
        screening.made, screening.not_possible = complete.made, complete.not_possible
        changed = screening.level != complete.level
        screening.level = complete.level
        if changed and held_from_the_start(complete.level):
            screening.held, screening.released = True, None
        _update_case(session, screening)
        details = {"level": complete.level}  # where it flags what was not flagged, a case is there from now on
        append_events(session, AuditEvent("screening.completed", f"screening:{screening.id}", details, "service"))
        told: dict[str, str | int | bool | None] = {"id": screening.id, "level": complete.level}
        told |= {"first_level": row.first_level, "changed": changed}
        add_desk_event(session, screening.desk, "screening.completed", told)
    return True


def _update_case(session: Session, screening: Screening) -> None:
    """Brings the screening's case in line with its report, or opens one where the level asks for it now."""
    case = session.scalar(select(Case).where(Case.screening_number == screening.number))
    fresh = new_case(screening, "flagged")
    if case is not None:
        case.findings, case.issuer, case.series, case.format = fresh.findings, fresh.issuer, fresh.series, fresh.format
    elif screening.level in FLAGGED_LEVELS:
        session.add(fresh)


def fail_completion(store: Store, screening_id: str, code: str) -> None:
    """Notes that there will be no complete report; the first one stays. Raises ServiceError ``storage.*``."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        found = _locked(session, screening_id)
        if found is not None:
            _fail(session, *found, code)


def give_back(store: Store, screening_id: str) -> None:
    """Ends a claim without an outcome that counts as an attempt: the store could not be read or written."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        found = _locked(session, screening_id)
        if found is not None:
            found[0].claimed = None
            found[0].attempts = max(found[0].attempts - 1, 0)


def first_report(store: Store, screening_id: str) -> str | None:
    """The report as it was acknowledged first, where a complete one took its place; None where none did.

    Raises:
        ServiceError: ``screening.images_deleted`` where it is gone, ``storage.key_lost``.
    """
    with mapped_errors(), Session(store.reader) as session:
        query = (
            select(Screening.number, Completion)
            .join(Completion, Completion.screening_number == Screening.number)
            .where(Screening.id == screening_id, Completion.state == "done")
        )
        found = session.execute(query).one_or_none()
        if found is None:
            return None
        stored = session.get(CaseKey, found.number)
        sealed = found.Completion.first_report
    if stored is None or sealed is None:
        raise ServiceError("screening.images_deleted", status=410)
    key = store.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening_id)
    return open_report(sealed, key, _first_of(screening_id))


def _locked(session: Session, screening_id: str) -> tuple[Completion, Screening] | None:
    """A due completion and its screening, locked; None where it is not due."""
    screening = session.scalar(select(Screening).where(Screening.id == screening_id).with_for_update())
    row = session.get(Completion, screening.number, with_for_update=True) if screening is not None else None
    return (row, screening) if row is not None and screening is not None and row.state == "due" else None


def _fail(session: Session, row: Completion, screening: Screening, code: str) -> None:
    row.state, row.changed, row.claimed, row.code = "failed", _now(), None, code[:64]
    told = {"id": screening.id, "level": screening.level, "code": code[:64]}
    add_desk_event(session, screening.desk, "screening.completion_failed", told)


def _first_of(screening_id: str) -> str:
    """What the first report is bound to: it must not open in the complete one's place."""
    return f"{screening_id}/first"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
