"""Screening an archive again, as the store keeps it: exactly one outcome a document and run, beside what was there.

Every document of a run has its row from the beginning. Whoever screens it settles the row in one transaction with the
sealed report and the entry of the audit log, and only if it still is due: a worker that is thought dead and answers
after all, or a task that is tried twice, changes nothing. What was cut off is due, and the next start goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, func, insert, literal, select
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.audit_entry import AuditEvent
from api.store.audit_log import append_events
from api.store.database import mapped_errors
from api.store.models import CaseKey, Screening
from api.store.readonly import StoreReader
from api.store.records import PersonalData
from api.store.rescreen_models import Rescreening, RescreenRun
from api.store.sealing import WrappedKey, open_report, seal_report
from api.store.store import Store

__all__ = [
    "Rescreened",
    "RescreenedSummary",
    "Run",
    "Wanted",
    "begin_run",
    "due_numbers",
    "end_run",
    "find_run",
    "keep_rescreened",
    "level_changes",
    "list_runs",
    "note_resumed",
    "rescreened_report",
    "rescreened_summaries",
    "settle_without",
    "still_due",
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which documents of the archive a run is about; what is None or empty does not restrict."""

    since: datetime | None = None  # with zone; screened then or later
    until: datetime | None = None  # with zone; screened before
    levels: tuple[str, ...] = ()  # of the verdict

    def conditions(self) -> Iterable[ColumnElement[bool]]:
        """What a screening must be; its images and its key must be there in any case."""
        yield Screening.deleted.is_(None)
        if self.since is not None:
            yield Screening.created >= _utc(self.since)
        if self.until is not None:
            yield Screening.created < _utc(self.until)
        if self.levels:
            yield Screening.level.in_(self.levels)


@dataclass(frozen=True, slots=True)
class Run:
    """One run and how far it is."""

    name: str
    begun: datetime  # UTC
    ended: datetime | None  # UTC
    software: str  # digest
    complete: bool
    due: int
    done: int
    failed: int
    gone: int  # images and personal data were deleted meanwhile

    @property
    def total(self) -> int:
        """Documents of the run."""
        return self.due + self.done + self.failed + self.gone


@dataclass(frozen=True, slots=True)
class Rescreened:
    """What a run says of one document."""

    level: str
    made: int
    not_possible: int
    report: str  # JSON
    result: str  # JSON without personal data


@dataclass(frozen=True, slots=True)
class RescreenedSummary:
    """What a run says of one document, without the report."""

    run: str
    at: datetime  # UTC
    level_before: str
    level: str
    made: int
    not_possible: int


def begin_run(store: Store, name: str, software: str, wanted: Wanted, *, complete: bool) -> Run:
    """Begins a run over what the archive holds now.

    Raises:
        ServiceError: ``rescreen.run_exists``, ``storage.*``.
    """
    now = _now()
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        if session.scalar(_of_name(name)) is not None:
            raise ServiceError("rescreen.run_exists", status=409)
        run = RescreenRun(name=name, begun=now, software=software, complete=complete)
        session.add(run)
        session.flush()
        chosen = (
            select(literal(run.number), Screening.number, literal("due"), literal(now), Screening.level)
            .join(CaseKey, CaseKey.screening_number == Screening.number)
            .where(*wanted.conditions())
        )
        columns = ["run_number", "screening_number", "state", "changed", "level_before"]
        session.execute(insert(Rescreening).from_select(columns, chosen))
        count = session.scalar(
            select(func.count()).select_from(Rescreening).where(Rescreening.run_number == run.number)
        )
        details: dict[str, str | int] = {"run": name, "screenings": count or 0, "software": software}
        append_events(session, AuditEvent("rescreening.begun", details=details))
    found = find_run(store, name)
    assert found is not None
    return found


def note_resumed(store: Store, run: Run) -> None:
    """Puts on record that a run goes on."""
    store.log(AuditEvent("rescreening.resumed", details={"run": run.name, "screenings": run.due}))


def end_run(store: Store, name: str) -> bool:
    """Ends a run in which nothing is due; False where something is, or where it has ended already."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        row = session.scalar(_of_name(name).with_for_update())
        if row is None or row.ended is not None:
            return False
        counts = _counts(session, row.number)
        if counts.get("due"):
            return False
        row.ended = _now()
        details: dict[str, str | int] = {
            "run": name,
            "screenings": counts.get("done", 0),
            "failed": counts.get("failed", 0),
        }
        append_events(session, AuditEvent("rescreening.ended", details=details))
    return True


def find_run(store: Store, name: str) -> Run | None:
    """The run of that name; None where there is none."""
    with mapped_errors(), Session(store.reader) as session:
        row = session.scalar(_of_name(name))
        return _run(row, _counts(session, row.number)) if row is not None else None


def list_runs(store: Store | StoreReader) -> list[Run]:
    """Every run, newest first."""
    with mapped_errors(), Session(store.reader) as session:
        rows = session.scalars(select(RescreenRun).order_by(RescreenRun.number.desc())).all()
        return [_run(row, _counts(session, row.number)) for row in rows]


def due_numbers(store: Store, name: str, after: int, limit: int) -> list[int]:
    """Screenings of a run that are due, by their numbers in the store, in order from ``after`` on."""
    query = (
        select(Rescreening.screening_number)
        .join(RescreenRun)
        .where(RescreenRun.name == name, Rescreening.state == "due", Rescreening.screening_number > after)
        .order_by(Rescreening.screening_number)
        .limit(limit)
    )
    with mapped_errors(), Session(store.reader) as session:
        return list(session.scalars(query))


def still_due(store: Store, name: str, number: int) -> str | None:
    """The id of a screening that is due in a run; None where it is settled."""
    query = (
        select(Screening.id)
        .join(Rescreening, Rescreening.screening_number == Screening.number)
        .join(RescreenRun)
        .where(RescreenRun.name == name, Rescreening.state == "due", Screening.number == number)
    )
    with mapped_errors(), Session(store.reader) as session:
        return session.scalar(query)


def keep_rescreened(store: Store, name: str, number: int, said: Rescreened) -> str:
    """Keeps what a run says of a document, durably.

    Returns:
        The row's state now: done, or gone where the images were deleted meanwhile; ``already`` where it was settled
        before, and nothing changed.

    Raises:
        ServiceError: ``storage.*``; nothing changed.
    """
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        found = _locked(session, name, number)
        if found is None:
            return "already"
        row, screening = found
        stored = session.get(CaseKey, number)
        if screening.deleted is not None or stored is None:
            row.state, row.changed = "gone", _now()
            return "gone"
        key = store.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening.id)
        row.sealed_report = seal_report(said.report, key, _context(screening.id, name))
        row.state, row.changed, row.result = "done", _now(), said.result
        row.level, row.made, row.not_possible = said.level, said.made, said.not_possible
        details: dict[str, str | int] = {"run": name, "level": said.level}
        append_events(session, AuditEvent("screening.rescreened", f"screening:{screening.id}", details))
    return "done"


def settle_without(store: Store, name: str, number: int, code: str) -> str:
    """Notes that a run has nothing to say of a document, and why; the row's state now, or ``already``."""
    with store.lock, mapped_errors(), Session(store.writer) as session, session.begin():
        found = _locked(session, name, number)
        if found is None:
            return "already"
        row, screening = found
        row.state = "gone" if screening.deleted is not None or code == "screening.images_deleted" else "failed"
        row.changed, row.code = _now(), code[:64]
        return row.state


def level_changes(store: Store | StoreReader, name: str) -> dict[tuple[str, str], int]:
    """How many documents of a run went from which level to which."""
    query = (
        select(Rescreening.level_before, Rescreening.level, func.count())
        .join(RescreenRun)
        .where(RescreenRun.name == name, Rescreening.state == "done")
        .group_by(Rescreening.level_before, Rescreening.level)
    )
    with mapped_errors(), Session(store.reader) as session:
        return {(before, str(after)): count for before, after, count in session.execute(query)}


def rescreened_summaries(store: Store, screening_id: str) -> list[RescreenedSummary]:
    """What runs say of a screening, newest run first."""
    query = (
        select(RescreenRun.name, Rescreening)
        .join(Rescreening, Rescreening.run_number == RescreenRun.number)
        .join(Screening, Screening.number == Rescreening.screening_number)
        .where(Screening.id == screening_id, Rescreening.state == "done")
        .order_by(RescreenRun.number.desc())
    )
    with mapped_errors(), Session(store.reader) as session:
        return [
            RescreenedSummary(
                name,
                row.changed.replace(tzinfo=UTC),
                row.level_before,
                row.level or "",
                row.made or 0,
                row.not_possible or 0,
            )
            for name, row in session.execute(query)
        ]


def rescreened_report(store: Store, screening_id: str, name: str) -> tuple[str, PersonalData] | None:
    """The report of a run on a screening, and whether it is whole: ``kept``, ``deleted`` or ``unreadable``.

    Where personal data are gone, or their master key is not there, it is the one without them.
    """
    query = (
        select(Screening.number, Rescreening.result, Rescreening.sealed_report)
        .join(Rescreening, Rescreening.screening_number == Screening.number)
        .join(RescreenRun)
        .where(Screening.id == screening_id, RescreenRun.name == name, Rescreening.state == "done")
    )
    with mapped_errors(), Session(store.reader) as session:
        found = session.execute(query).one_or_none()
        if found is None:
            return None
        stored = session.get(CaseKey, found.number)
    if stored is None or found.sealed_report is None:
        return found.result or "", "deleted"
    try:
        key = store.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening_id)
    except ServiceError:
        return found.result or "", "unreadable"
    return open_report(found.sealed_report, key, _context(screening_id, name)), "kept"


def _locked(session: Session, name: str, number: int) -> tuple[Rescreening, Screening] | None:
    """A row that is due and its screening, locked; None where it is settled."""
    screening = session.scalar(select(Screening).where(Screening.number == number).with_for_update())
    run_number = session.scalar(select(RescreenRun.number).where(RescreenRun.name == name))
    if screening is None or run_number is None:
        return None
    row = session.get(Rescreening, (run_number, number), with_for_update=True)
    return (row, screening) if row is not None and row.state == "due" else None


def _of_name(name: str) -> Select[RescreenRun]:
    return select(RescreenRun).where(RescreenRun.name == name)


def _counts(session: Session, number: int) -> dict[str, int]:
    query = select(Rescreening.state, func.count()).where(Rescreening.run_number == number).group_by(Rescreening.state)
    return {state: count for state, count in session.execute(query)}


def _run(row: RescreenRun, counts: dict[str, int]) -> Run:
    return Run(
        row.name,
        row.begun.replace(tzinfo=UTC),
        row.ended.replace(tzinfo=UTC) if row.ended is not None else None,
        row.software,
        row.complete,
        counts.get("due", 0),
        counts.get("done", 0),
        counts.get("failed", 0),
        counts.get("gone", 0),
    )


def _context(screening_id: str, name: str) -> str:
    """What a run's report is bound to: it must not open in another one's place."""
    return f"{screening_id}/rescreened/{name}"


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
