"""One entry of the audit log: who did what to which thing when, as canonical JSON without personal data.

Canonical: keys sorted, no blanks, ASCII, no fractions; the same entry has the same bytes everywhere (within these
limits that is RFC 8785). What may stand in an entry is closed: actions and names of details are listed here, texts are
lower-case words, hexadecimal digests and the service's own random ids. A name or a document's number fits nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = ["ACTIONS", "DETAILS", "AuditEvent", "act_as", "acting", "actor", "canonical_entry", "canonical_json"]

#: Everything that is logged, and what it means.
ACTIONS: Mapping[str, str] = {
    "log.begun": "First entry of a log; its random number tells logs apart.",
    "audit_key.used": "Heads are signed with this key from here on.",
    "master_key.used": "Screenings are sealed under this master key from here on.",
    "master_key.lost": "Screenings are sealed under a master key that is not there.",
    "service.started": "The service opened the store.",
    "service.stopped": "The service closed the store in an orderly way.",
    "store.migrated": "The database was brought to a newer schema.",
    "store.restored": "The data came from a backup.",
    "backup.made": "A backup was written.",
    "screening.made": "A document was screened and the result kept.",
    "screening.completed": "The complete report took the place of the first one, which is kept beside it.",
    "screening.rescreened": "A run over the archive said something of a document; it lies beside what was there.",
    "rescreening.begun": "A run that screens the archive again was begun.",
    "rescreening.resumed": "A run that was cut off goes on.",
    "rescreening.ended": "Nothing of a run is due any more.",
    "screening.viewed": "A report was handed out.",
    "screening.held": "Images and personal data are kept until released.",
    "screening.released": "The hold was lifted.",
    "screening.sealed": "Images that an older DAFEC had kept in the clear were encrypted.",
    "image.viewed": "A picture for the screen was handed out.",
    "image.exported": "An image was handed out as it was handed in.",
    "screening.read_corrected": "An officer typed the zone as read on the document; the machine's read stays.",
    "case.opened": "An officer referred a screening that was no case yet; what is flagged is one from the start.",
    "case.viewed": "A case was opened on a screen.",
    "case.listed": "The queue of cases was looked at.",
    "case.assigned": "A case was given to an examiner.",
    "case.unassigned": "A case was given back to the queue.",
    "case.noted": "A note was added.",
    "case.annotated": "A mark was put on a picture.",
    "case.annotation_removed": "A mark was taken back by its author.",
    "case.concluded": "An examiner's conclusion was recorded.",
    "case.second_asked": "A second, blind opinion was asked for.",
    "case.exported": "The report on a case was handed out.",
    "desk.refer": "An officer referred a document.",
    "desk.let_pass": "An officer let a document pass against the machine's verdict.",
    "series.enrolled": "A document series was learned; it is silent until approved.",
    "series.approved": "A second person approved a document series: it counts from here on.",
    "series.retired": "A document series was taken out of use.",
    "series.viewed": "What was learned about a document series was looked at.",
    "personal_data.deleted": "The key of a screening was destroyed, and with it its images and personal data.",
    "login.succeeded": "A user logged in.",
    "login.failed": "A login was refused; without a target there is no such user.",
    "login.blocked": "After failed logins nothing more is tried for a while.",
    "login.unblocked": "The waiting after failed logins was lifted.",
    "session.ended": "A user's session was ended.",
    "access.refused": "Somebody who is known asked for what is not open to him.",
    "user.created": "A user was made, with a one-time password.",
    "user.changed": "Roles or desk of a user were changed.",
    "user.disabled": "A user can log in no more.",
    "user.enabled": "A user can log in again.",
    "password.changed": "A user chose a new password.",
    "password.reset": "A user got a new one-time password.",
    "second_factor.set": "A user confirmed an authenticator.",
    "second_factor.removed": "A user's authenticator and recovery codes were removed.",
    "recovery_code.used": "A recovery code stood in for the second factor.",
    "recovery_codes.made": "A user got new recovery codes.",
    "desk.created": "A desk was made, with a key.",
    "desk.renewed": "A desk got a new key; the old one opens nothing any more.",
    "desk.revoked": "A desk's key opens nothing any more.",
}

#: Names of details, and what they mean.
DETAILS: Mapping[str, str] = {
    "log": "random number of the log",
    "key": "id of a key: a digest",
    "level": "level of the verdict",
    "images": "number of images",
    "page": "0-based page",
    "light": "visible, ir or uv",
    "form": "display, original, region, tiles or report",
    "check": "id of a check, lower case",
    "reason": "why: retention, request, decision, requested, flagged",
    "case": "number of a case",
    "origin": "referred",
    "kind": "view, first or second opinion",
    "conclusion": "in the field's vocabulary",
    "support": "0 to 5 on the conclusion scale",
    "outcome": "valid, valid_note or invalid",
    "language": "en or ar",
    "captures": "number of captures a series was learned from",
    "schema": "number of the database's schema",
    "from_schema": "number of the schema before",
    "screenings": "number of screenings",
    "entries": "number of entries in the log",
    "version": "version of DAFEC",
    "roles": "roles of a user, joined by +",
    "desk": "id of a desk",
    "function": "what was asked for, as a permission",
    "of": "what is waited for: name or address",
    "wait_s": "seconds",
    "run": "name of a run over the archive",
    "software": "digest of version, models, series and policy",
    "failed": "number of documents a run could say nothing of",
}

_TARGET = re.compile(r"(?:[a-z_]{1,24}:[0-9A-Za-z_-]{1,64})?")
_ACTOR = re.compile(r"[a-z]{1,24}(?::[0-9A-Za-z_-]{1,64})?")
_WORD = re.compile(r"[0-9a-z_.+-]{0,80}")

_actor: ContextVar[str] = ContextVar("dafec_actor", default="service")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What is to be logged.

    Raises:
        ValueError: the event says something the log does not take.
    """

    action: str  # one of ACTIONS
    target: str = ""  # "screening:<id>", or nothing
    details: Mapping[str, str | int] = field(default_factory=dict)  # names as in DETAILS
    actor: str = ""  # "service", "anonymous", "command", "user:<id>", "desk:<id>"; empty: whoever acts now

    def __post_init__(self) -> None:
        """Refuses what the log does not take; the value itself is not repeated."""
        if self.action not in ACTIONS:
            raise ValueError("an action the audit log does not know")
        if not _TARGET.fullmatch(self.target):
            raise ValueError("a target the audit log does not take")
        object.__setattr__(self, "actor", self.actor or _actor.get())
        if not _ACTOR.fullmatch(self.actor):
            raise ValueError("an actor the audit log does not take")
        for name, value in self.details.items():
            if name not in DETAILS:
                raise ValueError("a detail the audit log does not know")
            if isinstance(value, str) and not _WORD.fullmatch(value):
                raise ValueError(f"a text the audit log does not take in {name}")
            if not isinstance(value, str | int):
                raise ValueError(f"a kind of value the audit log does not take in {name}")


@contextmanager
def acting(who: str) -> Iterator[None]:
    """Everything logged in the block is done by ``who``."""
    token = _actor.set(who)
    try:
        yield
    finally:
        _actor.reset(token)


def act_as(who: str) -> None:
    """Everything logged from here to the end of the block of ``acting`` around it is done by ``who``."""
    _actor.set(who)


def actor() -> str:
    """Who acts now."""
    return _actor.get()


def canonical_json(value: Mapping[str, object]) -> bytes:
    """The one encoding of plain values without fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def canonical_entry(event: AuditEvent, position: int, at: datetime) -> bytes:
    """The bytes of an entry.

    Args:
        event: what happened.
        position: 0-based; stands in the entry as ``n``, so that a gap or a swap shows without any hash.
        at: with zone.
    """
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return canonical_json(
        {
            "action": event.action,
            "actor": event.actor,
            "at": moment,
            "details": dict(event.details),
            "n": position,
            "target": event.target,
        }
    )
