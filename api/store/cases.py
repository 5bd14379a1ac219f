"""Cases in the store: one transaction for every change, with its entry in the audit log.

What people typed and drew is sealed under the screening's key (``api.store.sealing``) and goes with it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from api.errors import ServiceError
from api.security.audit_entry import AuditEvent
from api.store.audit_log import append_events
from api.store.case_models import (
    Case,
    CaseAnnotation,
    CaseNote,
    CaseOpinion,
    CorrectedRead,
    DeskDecision,
    new_case,
)
from api.store.case_records import (
    AnnotationRecord,
    CaseFilter,
    CasePage,
    CaseRecord,
    CaseSummary,
    CorrectedReadRecord,
    DeskAction,
    DeskDecisionRecord,
    NewAnnotation,
    NewOpinion,
    NoteRecord,
    OpinionRecord,
    Status,
)
from api.store.database import mapped_errors
from api.store.models import CaseKey, Screening
from api.store.sealing import WrappedKey, open_sealed, seal
from api.store.store import Store

__all__ = ["CaseStore"]


class CaseStore:
    """Everything about cases in one store.

    Args:
        store: where screenings are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    # Reading -----------------------------------------------------------------------------------------------------

    def queue(self, wanted: CaseFilter, who: str) -> CasePage:
        """Cases that fit, oldest first: who waits longest stands first.

        What is hidden from ``who`` (see ``blind_among``) is not searched for him either: that a case fits would tell.
        """
        with mapped_errors(), Session(self._store.reader) as session:
            query = _summaries().where(*self._conditions(session, wanted, who)).order_by(Case.number)
            rows = session.execute(query.limit(wanted.limit + 1)).all()
            items = tuple(_summary(row[0], row[1], row[2]) for row in rows[: wanted.limit])
            counted = session.execute(select(Case.status, func.count()).group_by(Case.status)).all()
        return CasePage(
            items,
            items[-1].number if len(rows) > wanted.limit else None,
            {str(status): int(count) for status, count in counted},
        )

    def blind_among(self, ids: Sequence[str], who: str) -> set[str]:
        """Those screenings on whose cases a second opinion is wanted of somebody who knows of no first: of ``who``."""
        query = select(Screening.id).join(Case, Case.screening_number == Screening.number)
        with mapped_errors(), Session(self._store.reader) as session:
            return set(session.scalars(query.where(Screening.id.in_(ids), _blind_to(who))))

    def _conditions(self, session: Session, wanted: CaseFilter, who: str) -> Iterator[ColumnElement[bool]]:
        if wanted.status:
            yield Case.status.in_(wanted.status)
        if wanted.assignee is not None:
            yield Case.assignee == wanted.assignee if wanted.assignee else Case.assignee.is_(None)
        if wanted.origin is not None:
            yield Case.origin == wanted.origin
        if wanted.level is not None:
            yield and_(Screening.level == wanted.level, ~_blind_to(who))
        if wanted.before is not None:
            yield Case.opened < wanted.before.astimezone(UTC).replace(tzinfo=None)
        for word in wanted.text.split()[:8]:
            yield or_(_matches(word), and_(_finding_matches(word), ~_blind_to(who)))
        if wanted.like is not None:
            like = session.scalar(select(Case).join(Screening).where(Screening.id == wanted.like))
            fits = _alike(like, Case) if like is not None else Case.number.is_(None)
            yield and_(fits, ~_blind_to(who)) if not self.blind_among([wanted.like], who) else Case.number.is_(None)
        if wanted.after is not None:
            yield Case.number > wanted.after

    def get(self, case_id: str) -> CaseRecord | None:
        """A case with everything people added, or None where there is none."""
        with mapped_errors(), Session(self._store.reader) as session:
            row = session.execute(_summaries().where(Screening.id == case_id)).one_or_none()
            if row is None:
                return None
            summary = _summary(row[0], row[1], row[2])
            key = self._key(session, case_id)
            return CaseRecord(
                summary,
                _notes(session, summary, key),
                _annotations(session, summary, key),
                _opinions(session, summary, key),
                _decisions(session, case_id),
                readable=key is not None,
            )

    def desk_decisions(self, screening_id: str) -> tuple[DeskDecisionRecord, ...]:
        """What officers decided about a screening, oldest first."""
        with mapped_errors(), Session(self._store.reader) as session:
            return _decisions(session, screening_id)

    def corrected_reads(self, screening_id: str) -> tuple[CorrectedReadRecord, ...]:
        """The zone as officers read it, oldest first."""
        with mapped_errors(), Session(self._store.reader) as session:
            key = self._key(session, screening_id)
            query = select(CorrectedRead).join(Screening).where(Screening.id == screening_id)
            return tuple(
                CorrectedReadRecord(row.author, _zoned(row.created), row.outcome, *_typed(row, key, screening_id))
                for row in session.scalars(query.order_by(CorrectedRead.number))
            )

    def _key(self, session: Session, screening_id: str) -> bytes | None:
        """The screening's key; None where it was destroyed, or its master key is not there."""
        query = select(CaseKey).join(Screening, Screening.number == CaseKey.screening_number)
        stored = session.scalar(query.where(Screening.id == screening_id, Screening.deleted.is_(None)))
        if stored is None:
            return None
        try:
            return self._store.keyring.unwrap(WrappedKey(stored.master, stored.wrapped), screening_id)
        except ServiceError:
            return None

    # Changing ----------------------------------------------------------------------------------------------------

    def assign(self, case_id: str, assignee: str | None, who: str) -> None:
        """Gives a case to somebody, or to nobody."""
        with self._change(case_id) as (session, case):
            case.assignee = assignee
            action = "case.assigned" if assignee else "case.unassigned"
            append_events(session, AuditEvent(action, f"case:{case_id}", {"case": case.number}, who))

    def add_note(self, case_id: str, text: str, who: str) -> str:
        """Keeps a note; gives its id."""
        note_id = secrets.token_hex(16)
        with self._change(case_id) as (session, case):
            sealed = self._sealed(session, text, "note", case_id)
            session.add(CaseNote(id=note_id, case_number=case.number, author=who, created=case.changed, sealed=sealed))
            append_events(session, AuditEvent("case.noted", f"case:{case_id}", {"case": case.number}, who))
        return note_id

    def annotate(self, case_id: str, new: NewAnnotation, who: str) -> str:
        """Keeps a mark; gives its id."""
        mark_id = secrets.token_hex(16)
        body = json.dumps({"points": new.points, "text": new.text}, ensure_ascii=False)
        with self._change(case_id) as (session, case):
            sealed = self._sealed(session, body, "annotation", case_id)
            session.add(
                CaseAnnotation(
                    id=mark_id,
                    case_number=case.number,
                    author=who,
                    created=case.changed,
                    page=new.page,
                    light=new.light,
                    shape=new.shape,
                    sealed=sealed,
                )
            )
            details: dict[str, str | int] = {"case": case.number, "page": new.page, "light": new.light}
            append_events(session, AuditEvent("case.annotated", f"case:{case_id}", details, who))
        return mark_id

    def take_back(self, case_id: str, mark_id: str, who: str) -> None:
        """Takes one's own mark back; it stays in the database with the time.

        Raises:
            ServiceError: ``case.no_annotation`` where there is none of that id, by that person, still standing.
        """
        with self._change(case_id) as (session, case):
            mark = session.scalar(
                select(CaseAnnotation).where(
                    CaseAnnotation.id == mark_id,
                    CaseAnnotation.case_number == case.number,
                    CaseAnnotation.author == who,
                    CaseAnnotation.removed.is_(None),
                )
            )
            if mark is None:
                raise ServiceError("case.no_annotation", status=404)
            mark.removed = case.changed
            append_events(session, AuditEvent("case.annotation_removed", f"case:{case_id}", {"case": case.number}, who))

    def conclude(self, case_id: str, new: NewOpinion, who: str) -> None:
        """Keeps a conclusion, and moves the case on.

        Raises:
            ServiceError: ``case.already_concluded``; ``case.same_examiner`` where the second opinion would be by the
                first examiner; ``case.no_second_asked``.
        """
        try:
            with self._change(case_id) as (session, case):
                _refuse_opinion(session, case, new, who)
                sealed = self._sealed(session, new.grounds, "opinion", case_id)
                session.add(
                    CaseOpinion(
                        case_number=case.number,
                        author=who,
                        created=case.changed,
                        kind=new.kind,
                        conclusion=new.conclusion,
                        support=new.support,
                        sealed=sealed,
                    )
                )
                if new.kind != "view":
                    case.status = "decided"
                details = {"case": case.number, "kind": new.kind, "conclusion": new.conclusion, "support": new.support}
                append_events(session, AuditEvent("case.concluded", f"case:{case_id}", details, who))
        except IntegrityError as error:
            raise ServiceError("case.already_concluded", status=409) from error

    def ask_second(self, case_id: str, who: str) -> None:
        """Asks for a second opinion, by somebody who does not know the first.

        Raises:
            ServiceError: ``case.no_first_opinion``, ``case.second_asked``.
        """
        with self._change(case_id) as (session, case):
            kinds = set(session.scalars(select(CaseOpinion.kind).where(CaseOpinion.case_number == case.number)))
            if "first" not in kinds:
                raise ServiceError("case.no_first_opinion", status=409)
            if case.second_asked_by is not None:
                raise ServiceError("case.second_asked", status=409)
            case.second_asked_by = who
            case.status = "second"
            case.assignee = None
            append_events(session, AuditEvent("case.second_asked", f"case:{case_id}", {"case": case.number}, who))

    def decide_at_desk(self, screening_id: str, action: DeskAction, reason: str, who: str) -> bool:
        """Keeps what an officer decided; a referral holds the pictures and opens a case where there is none.

        Returns:
            Whether a case was opened.

        Raises:
            ServiceError: ``screening.not_found``, ``screening.images_deleted``.
        """
        now = _now()
        with self._store.lock, mapped_errors(), Session(self._store.writer) as session, session.begin():
            row = session.scalar(select(Screening).where(Screening.id == screening_id).with_for_update())
            if row is None:
                raise ServiceError("screening.not_found", status=404)
            if row.deleted is not None:
                raise ServiceError("screening.images_deleted", status=410)
            decision = DeskDecision(screening_number=row.number, author=who, created=now, action=action, reason=reason)
            session.add(decision)
            events = [AuditEvent(f"desk.{action}", f"screening:{screening_id}", {"reason": reason}, who)]
            opened = False
            if action == "refer":
                known = session.scalar(select(Case).where(Case.screening_number == row.number))
                if known is None:
                    session.add(new_case(row, "referred", reason))
                    opened = True
                    events.append(AuditEvent("case.opened", f"case:{screening_id}", {"origin": "referred"}, who))
                elif known.reason is None:
                    known.origin, known.reason, known.changed = "referred", reason, now
                if not row.held:
                    row.held = True
                    row.released = None
                    events.append(AuditEvent("screening.held", f"screening:{screening_id}", actor=who))
            append_events(session, *events)
        return opened

    def correct_read(self, screening_id: str, lines: Sequence[str], outcome: str, report: str, who: str) -> None:
        """Keeps a zone as an officer read it, and the report by it.

        Raises:
            ServiceError: ``screening.not_found``, ``screening.images_deleted``.
        """
        with self._store.lock, mapped_errors(), Session(self._store.writer) as session, session.begin():
            number = session.scalar(select(Screening.number).where(Screening.id == screening_id))
            if number is None:
                raise ServiceError("screening.not_found", status=404)
            body = json.dumps({"lines": list(lines), "report": report})
            sealed = self._sealed(session, body, "read", screening_id)
            session.add(
                CorrectedRead(screening_number=number, author=who, created=_now(), outcome=outcome, sealed=sealed)
            )
            event = AuditEvent("screening.read_corrected", f"screening:{screening_id}", {"outcome": outcome}, who)
            append_events(session, event)

    def _sealed(self, session: Session, text: str, kind: str, screening_id: str) -> bytes:
        key = self._key(session, screening_id)
        if key is None:
            raise ServiceError("screening.images_deleted", status=410)
        return seal(text.encode("utf-8"), key, _context(kind, screening_id))

    @contextmanager
    def _change(self, case_id: str) -> Iterator[tuple[Session, Case]]:
        """A transaction with the case, locked and marked as changed. Raises ServiceError ``case.not_found``."""
        with self._store.lock, mapped_errors(), Session(self._store.writer) as session, session.begin():
            case = session.scalar(select(Case).join(Screening).where(Screening.id == case_id).with_for_update())
            if case is None:
                raise ServiceError("case.not_found", status=404)
            case.changed = _now()
            yield session, case


def _refuse_opinion(session: Session, case: Case, new: NewOpinion, who: str) -> None:
    rows = session.execute(
        select(CaseOpinion.kind, CaseOpinion.author).where(CaseOpinion.case_number == case.number)
    ).all()
    by_kind = {kind: author for kind, author in rows if kind != "view"}
    if new.kind in by_kind or (new.kind == "view" and ("view", who) in {(k, a) for k, a in rows}):
        raise ServiceError("case.already_concluded", status=409)
    if new.kind == "second":
        if case.second_asked_by is None:
            raise ServiceError("case.no_second_asked", status=409)
        if who in (by_kind.get("first"), case.second_asked_by):
            raise ServiceError("case.same_examiner", status=409)


def _blind_to(who: str) -> ColumnElement[bool]:
    """The condition on cases that somebody is to look at without knowing what others, or the machine, found."""
    knows = select(CaseOpinion.number).where(
        CaseOpinion.case_number == Case.number, CaseOpinion.kind == "first", CaseOpinion.author == who
    )
    asked = func.coalesce(Case.second_asked_by, "") == who
    return and_(Case.status == "second", ~asked, ~knows.correlate(Case).exists())


def _matches(word: str) -> ColumnElement[bool]:
    """Cases where a word occurs in what is neither personal nor a finding."""
    found = [_has(column, word) for column in (Case.issuer, Case.series, Case.format)]
    if word.lstrip("#").isdecimal() and len(word) < 10:
        found.append(Case.number == int(word.lstrip("#")))
    return or_(*found)


def _finding_matches(word: str) -> ColumnElement[bool]:
    return _has(Case.findings, word)


def _has(column: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.ilike(f"%{escaped}%", escape="\\")


def _alike(one: Case, other: type[Case]) -> ColumnElement[bool]:
    return and_(other.issuer == one.issuer, other.format == one.format, other.findings == one.findings)


def _summaries() -> Select[Case, Screening, int]:
    other = aliased(Case)
    alike = and_(
        other.issuer == Case.issuer,
        other.format == Case.format,
        other.findings == Case.findings,
        other.findings != "",
        other.number != Case.number,
    )
    batch = select(func.count()).select_from(other).where(alike).correlate(Case).scalar_subquery()
    return select(Case, Screening, batch).join(Screening, Screening.number == Case.screening_number)


def _summary(case: Case, screening: Screening, batch: int) -> CaseSummary:
    return CaseSummary(
        id=screening.id,
        number=case.number,
        opened=_zoned(case.opened),
        changed=_zoned(case.changed),
        origin=case.origin,  # type: ignore[arg-type]
        reason=case.reason,
        status=_status(case.status),
        assignee=case.assignee,
        second_asked_by=case.second_asked_by,
        issuer=case.issuer,
        series=case.series,
        format=case.format,
        findings=tuple(case.findings.split()),
        level=screening.level,
        deleted=_zoned(screening.deleted) if screening.deleted is not None else None,
        batch=batch,
    )


def _status(value: str) -> Status:
    return value  # type: ignore[return-value]


def _notes(session: Session, case: CaseSummary, key: bytes | None) -> tuple[NoteRecord, ...]:
    rows = session.scalars(select(CaseNote).where(CaseNote.case_number == case.number).order_by(CaseNote.number))
    return tuple(
        NoteRecord(row.id, row.author, _zoned(row.created), _opened(row.sealed, key, "note", case.id)) for row in rows
    )


def _annotations(session: Session, case: CaseSummary, key: bytes | None) -> tuple[AnnotationRecord, ...]:
    query = select(CaseAnnotation).where(CaseAnnotation.case_number == case.number, CaseAnnotation.removed.is_(None))
    return tuple(
        AnnotationRecord(
            row.id,
            row.author,
            _zoned(row.created),
            row.page,
            row.light,  # type: ignore[arg-type]
            row.shape,  # type: ignore[arg-type]
            *_mark(_opened(row.sealed, key, "annotation", case.id)),
        )
        for row in session.scalars(query.order_by(CaseAnnotation.number))
    )


def _mark(body: str | None) -> tuple[tuple[tuple[float, float], ...] | None, str | None]:
    if body is None:
        return None, None
    values = json.loads(body)
    return tuple((float(x), float(y)) for x, y in values["points"]), str(values["text"])


def _opinions(session: Session, case: CaseSummary, key: bytes | None) -> tuple[OpinionRecord, ...]:
    query = select(CaseOpinion).where(CaseOpinion.case_number == case.number).order_by(CaseOpinion.number)
    return tuple(
        OpinionRecord(
            row.author,
            _zoned(row.created),
            row.kind,  # type: ignore[arg-type]
            row.conclusion,  # type: ignore[arg-type]
            row.support,
            _opened(row.sealed, key, "opinion", case.id),
        )
        for row in session.scalars(query)
    )


def _decisions(session: Session, screening_id: str) -> tuple[DeskDecisionRecord, ...]:
    query = select(DeskDecision).join(Screening).where(Screening.id == screening_id).order_by(DeskDecision.number)
    return tuple(
        DeskDecisionRecord(row.author, _zoned(row.created), row.action, row.reason)  # type: ignore[arg-type]
        for row in session.scalars(query)
    )


def _typed(row: CorrectedRead, key: bytes | None, screening_id: str) -> tuple[tuple[str, ...] | None, str | None]:
    """The lines and the report by them."""
    text = _opened(row.sealed, key, "read", screening_id)
    if text is None:
        return None, None
    if not text.startswith("{"):  # kept before documents were screened again by what was typed: the lines alone
        return tuple(text.split("\n")), None
    body = json.loads(text)
    return tuple(body["lines"]), str(body["report"])


def _opened(sealed: bytes, key: bytes | None, kind: str, screening_id: str) -> str | None:
    """What a person typed; None where the key is gone."""
    return open_sealed(sealed, key, _context(kind, screening_id)).decode("utf-8") if key is not None else None


def _context(kind: str, screening_id: str) -> bytes:
    """What a sealed text is bound to: it does not open under another screening, nor as another kind of text."""
    return f"dafec/1/{kind}/{screening_id}".encode()


def _zoned(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
