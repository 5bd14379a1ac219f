"""Who may what: permissions, roles, and the actor a request comes from. Plain values; nothing here knows HTTP.

What a permission opens is a *function*. Which *records* an actor sees, and which *fields* of them, follows from the
same actor (``Actor.sees``, ``Actor.sees_personal_data``), so that there is one place to read it:

- an officer or a desk sees the screenings of the own desk, or made by the same person;
- a trainer sees specimens only;
- whoever lacks ``screenings.personal`` gets reports without the holder's data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dafec.messages import Language

__all__ = [
    "DEMONSTRATION_PERMISSIONS",
    "DESK_PERMISSIONS",
    "NOBODY",
    "ROLE_PERMISSIONS",
    "Actor",
    "ActorKind",
    "Pending",
    "Permission",
    "RecordScope",
    "Role",
    "acting_for",
    "current_actor",
    "permissions_of",
    "set_actor",
]


class Permission(StrEnum):
    """One function of the service."""

    SCREENINGS_MAKE = "screenings.make"  # hand in a document
    SCREENINGS_READ = "screenings.read"  # reports, within the actor's records
    SCREENINGS_IMAGES = "screenings.images"  # pictures of these, within the actor's records
    SCREENINGS_PERSONAL = "screenings.personal"  # fields of the holder in them; images as they were handed in
    SCREENINGS_HOLD = "screenings.hold"  # keep or release images and personal data
    CASES_READ = "cases.read"
    CASES_ANNOTATE = "cases.annotate"  # notes, marks, measurements
    CASES_DECIDE = "cases.decide"
    REFERENCES_READ = "references.read"
    REFERENCES_ENROL = "references.enrol"
    REFERENCES_APPROVE = "references.approve"  # by a second person
    EXERCISES_READ = "exercises.read"  # results of a course
    EXERCISES_TAKE = "exercises.take"  # take part
    EXERCISES_MANAGE = "exercises.manage"  # make and run
    ANALYSIS_READ = "analysis.read"
    USERS_MANAGE = "users.manage"
    DESKS_MANAGE = "desks.manage"
    AUDIT_READ = "audit.read"
    SETTINGS_READ = "settings.read"
    METRICS_READ = "metrics.read"
    SCANNERS_READ = "scanners.read"  # states of the readers
    SCANNERS_MANAGE = "scanners.manage"  # start, stop, set


class Role(StrEnum):
    """What a user is in the house; a user may have several."""

    OFFICER = "officer"
    EXAMINER = "examiner"
    TRAINER = "trainer"
    ANALYST = "analyst"
    ADMINISTRATOR = "administrator"


_P = Permission

#: Administrators run the service and see no document: who makes accounts does not read what they are for.
ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OFFICER: frozenset(
        {
            _P.SCREENINGS_MAKE,
            _P.SCREENINGS_READ,
            _P.SCREENINGS_IMAGES,
            _P.SCREENINGS_PERSONAL,
            _P.EXERCISES_TAKE,
            _P.SCANNERS_READ,
        }
    ),
    Role.EXAMINER: frozenset(
        {
            _P.SCREENINGS_MAKE,
            _P.SCREENINGS_READ,
            _P.SCREENINGS_IMAGES,
            _P.SCREENINGS_PERSONAL,
            _P.SCREENINGS_HOLD,
            _P.CASES_READ,
            _P.CASES_ANNOTATE,
            _P.CASES_DECIDE,
            _P.REFERENCES_READ,
            _P.REFERENCES_ENROL,
            _P.REFERENCES_APPROVE,
            _P.EXERCISES_TAKE,
            _P.ANALYSIS_READ,
            _P.SCANNERS_READ,
        }
    ),
    Role.TRAINER: frozenset(
        {
            _P.SCREENINGS_READ,
            _P.SCREENINGS_IMAGES,
            _P.REFERENCES_READ,
            _P.EXERCISES_READ,
            _P.EXERCISES_TAKE,
            _P.EXERCISES_MANAGE,
        }
    ),
    Role.ANALYST: frozenset({_P.SCREENINGS_READ, _P.REFERENCES_READ, _P.ANALYSIS_READ}),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.USERS_MANAGE,
            _P.DESKS_MANAGE,
            _P.AUDIT_READ,
            _P.SETTINGS_READ,
            _P.METRICS_READ,
            _P.SCANNERS_READ,
            _P.SCANNERS_MANAGE,
        }
    ),
}

#: What a desk's key opens: documents of that desk, and nothing else.
DESK_PERMISSIONS: frozenset[Permission] = frozenset(
    {_P.SCREENINGS_MAKE, _P.SCREENINGS_READ, _P.SCREENINGS_IMAGES, _P.SCREENINGS_PERSONAL}
)

#: What anyone may at a service that is not locked: everything, on the one machine it can be reached from.
DEMONSTRATION_PERMISSIONS: frozenset[Permission] = frozenset(Permission)

#: nobody: a request nobody is known of yet, or whose route does not ask.
ActorKind = Literal["user", "desk", "demonstration", "nobody"]
#: What a user has to do before anything else is open.
Pending = Literal["password", "second_factor"]
RecordScope = Literal["all", "desk", "specimens", "none"]


def permissions_of(roles: frozenset[Role]) -> frozenset[Permission]:
    """What the roles may together."""
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a request comes from."""

    kind: ActorKind
    id: str  # of the user or the desk, random; empty for the demonstration
    permissions: frozenset[Permission]
    roles: frozenset[Role] = frozenset()  # of a user
    desk: str | None = None  # id of the desk a user works at, or of the desk itself
    language: Language = "en"  # of this request
    name: str = ""  # to be shown to the user alone; never logged
    session: str | None = None  # id of the session, where there is one
    pending: tuple[Pending, ...] = ()  # while something is, permissions are empty

    @property
    def audit_name(self) -> str:
        """As the audit log names it."""
        return f"{self.kind}:{self.id}" if self.kind in ("user", "desk") else "anonymous"

    def may(self, permission: Permission) -> bool:
        """Whether the function is open to the actor."""
        return permission in self.permissions

    @property
    def records(self) -> RecordScope:
        """Which screenings: all, those of the own desk, specimens only, or none."""
        if self.kind == "demonstration" or self.roles & {Role.EXAMINER, Role.ANALYST}:
            return "all"
        if self.kind == "desk" or Role.OFFICER in self.roles:
            return "desk"
        return "specimens" if Role.TRAINER in self.roles else "none"

    @property
    def sees_personal_data(self) -> bool:
        """Whether fields about a document's holder are shown."""
        return Permission.SCREENINGS_PERSONAL in self.permissions

    def sees(self, *, desk: str | None, made_by: str, specimen: bool) -> bool:
        """Whether a screening is among the actor's records.

        Args:
            desk: id of the desk it was made at; None where it was made at none.
            made_by: who made it, as the audit log names people.
            specimen: whether the document says that it is a specimen.
        """
        if self.records == "all":
            return True
        own = made_by == self.audit_name or (desk is not None and desk == self.desk)
        return (own and self.records == "desk") or (specimen and self.records == "specimens")


#: Who a request comes from until its route has asked; sees nothing and may nothing.
NOBODY = Actor("nobody", "", frozenset())

_current: ContextVar[Actor | None] = ContextVar("dafec_current_actor", default=None)


def current_actor() -> Actor | None:
    """Who asks now; None where no request is handled and the service acts by itself."""
    return _current.get()


def set_actor(actor: Actor) -> None:
    """Says who asks from here to the end of the request."""
    _current.set(actor)


@contextmanager
def acting_for(actor: Actor) -> Iterator[None]:
    """Everything in the block is asked for by ``actor``, unless ``set_actor`` says better within it."""
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)
