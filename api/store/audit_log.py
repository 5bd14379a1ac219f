"""The audit log in the database: entries and complete nodes of the tree, appended in the transaction they belong to.

Appending is the last thing a transaction does: in PostgreSQL it takes a lock that is held until the commit, so that
positions have neither gaps nor twins however many processes write.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from api.security.audit_entry import AuditEvent, canonical_entry, canonical_json
from api.security.audit_file import advance, export_lines, receipt
from api.security.audit_heads import AuditKey, SignedHead, log_id, parse_head
from api.security.audit_tree import completed_nodes, consistency_proof, inclusion_proof, leaf_hash, root_hash
from api.store.database import WRITER_LOCK
from api.store.models import AuditEntry, AuditHead, AuditNode
from dafec.errors import InputError, InstallationError

__all__ = ["AuditLog", "append_events"]

_ENTRIES_AT_ONCE = 1000


def append_events(session: Session, *events: AuditEvent) -> None:
    """Adds entries in the session's transaction; the first of a log is preceded by its ``log.begun``."""
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
    size = _size(session)
    if size == 0:
        events = (AuditEvent("log.begun", details={"log": secrets.token_hex(16)}, actor="service"), *events)
    now = datetime.now(UTC)
    for position, event in enumerate(events, size):
        entry = canonical_entry(event, position, now)
        leaf = leaf_hash(entry)
        session.add(AuditEntry(position=position, leaf=leaf, entry=entry.decode("ascii")))
        session.flush()
        for level, index, value in completed_nodes(position, leaf, _Nodes(session)):
            session.add(AuditNode(level=level, position=index, hash=value))
            session.flush()


class _Nodes:
    """Complete subtrees, as the tree's functions ask for them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, level: int, index: int) -> bytes:
        query = (
            select(AuditEntry.leaf).where(AuditEntry.position == index)
            if level == 0
            else select(AuditNode.hash).where(AuditNode.level == level, AuditNode.position == index)
        )
        value = self._session.scalar(query)
        if value is None:
            raise InstallationError("audit.log_damaged")
        return value


class AuditLog:
    """What can be told about the log in a session.

    Args:
        session: reads within one transaction, so that size and entries fit.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._nodes = _Nodes(session)

    @property
    def size(self) -> int:
        """How many entries there are."""
        return _size(self._session)

    def head(self, key: AuditKey) -> SignedHead:
        """A signed head over every entry.

        Raises:
            InputError: ``audit.no_entry`` where there is none.
            InstallationError: ``audit.log_damaged`` where the log no longer is what was signed last: then nothing
                more is signed.
        """
        size = self.size
        if size == 0:
            raise InputError("audit.no_entry")
        last = self._session.scalar(select(AuditHead.head).order_by(AuditHead.size.desc(), AuditHead.number.desc()))
        if last is not None:
            before = parse_head(last)
            if before.size > size or root_hash(before.size, self._nodes).hex() != before.root:
                raise InstallationError("audit.log_damaged")
        return key.sign(log_id(self._nodes(0, 0)), size, root_hash(size, self._nodes), datetime.now(UTC))

    def keep_head(self, key: AuditKey) -> bool:
        """Signs a head and keeps it, where there are entries that no kept head covers; tells whether it did."""
        if self.size <= (self._session.scalar(select(func.max(AuditHead.size))) or 0):
            return False
        head = self.head(key)
        self._session.add(AuditHead(size=head.size, head=canonical_json(head.to_dict()).decode("ascii")))
        return True

    def heads(self) -> list[SignedHead]:
        """The heads that were kept, by rising size."""
        rows = self._session.scalars(select(AuditHead.head).order_by(AuditHead.size, AuditHead.number))
        return [parse_head(row) for row in rows]

    def export(self, key: AuditKey) -> Iterator[bytes]:
        """The lines of an export, ended by a head over everything."""
        last = self.head(key)
        heads = [head for head in self.heads() if head.size <= last.size]
        yield from export_lines(self.entries(last.size), [*heads, last])

    def entries(self, size: int, first: int = 0) -> Iterator[bytes]:
        """Entries from ``first`` up to ``size``."""
        while first < size:
            query = select(AuditEntry.entry).where(AuditEntry.position >= first).order_by(AuditEntry.position)
            rows = self._session.scalars(query.limit(min(_ENTRIES_AT_ONCE, size - first))).all()
            if not rows:
                return
            yield from (row.encode("ascii") for row in rows)
            first += len(rows)

    def receipt(self, position: int, key: AuditKey) -> bytes:
        """The proof that an entry is in the log. Raises InputError ``audit.no_entry``."""
        head = self.head(key)
        if not 0 <= position < head.size:
            raise InputError("audit.no_entry")
        entry = next(self.entries(position + 1, position))
        return receipt(entry, position, inclusion_proof(position, head.size, self._nodes), head)

    def advance(self, since: SignedHead, key: AuditKey) -> bytes:
        """The proof that the log begins as it was at ``since``.

        Raises:
            InputError: ``audit.other_log``, or ``audit.truncated`` where the log is shorter by now.
        """
        head = self.head(key)
        if since.log != head.log:
            raise InputError("audit.other_log")
        if not 1 <= since.size <= head.size:
            raise InputError("audit.truncated", found=head.size, expected=since.size)
        return advance(since, consistency_proof(since.size, head.size, self._nodes), head)


def _size(session: Session) -> int:
    last = session.scalar(select(func.max(AuditEntry.position)))
    return 0 if last is None else last + 1
