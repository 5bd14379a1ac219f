"""The gate: who a request comes from. Three ways in, and one that is open only where nobody else can come along.

- A session's cookie stands for a user.
- A desk's key in ``Authorization: Bearer`` stands for a desk, with what screening needs and nothing else.
- Where the service listens to its own computer only, the setting ``access`` says ``open-on-loopback``, and there is no
  user yet, everybody at that computer tries it out with every permission. A request that came through a proxy does
  not count as one of that computer. The first user closes this way for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from api.engine import BoundedPool
from api.errors import ServiceError
from api.security.accounts import Accounts
from api.security.attempts import forget_attempts
from api.security.desks import Desks
from api.security.logins import Logins, SessionLimits, SessionUser
from api.security.permissions import (
    DEMONSTRATION_PERMISSIONS,
    DESK_PERMISSIONS,
    Actor,
    Pending,
    permissions_of,
)
from api.security.tables import Tables
from api.security.throttle import RateLimit
from dafec.messages import Language

if TYPE_CHECKING:
    from api.settings import Settings

__all__ = ["Credentials", "Gate"]

#: A hash takes 64 MiB and a third of a second. Whoever sends more logins than this is told to come back, and keeps
#: nobody from working who is in already.
_HASHING_AT_ONCE = 2
_HASHING_QUEUE = 30


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request says about where it comes from."""

    token: str | None  # of the session's cookie
    key: str | None  # of a desk, from Authorization: Bearer
    address: str
    forwarded: bool  # it says that it came through a proxy
    language: Language
    by_itself: bool = False  # a page listens or comes back; nobody did anything


class Gate:
    """Who may come in; made once, when the service starts. What it does blocks: call it in a thread.

    What hashes a password goes to the pool ``hashing``, which is closed when the service stops.

    Args:
        settings: validated.
        tables: of users, desks and sessions.
    """

    def __init__(self, settings: Settings, tables: Tables) -> None:
        limits = SessionLimits(settings.session_idle(), settings.session_absolute())
        self.accounts = Accounts(tables)
        self.logins = Logins(tables, limits, settings.breached_passwords)
        self.desks = Desks(tables)
        self.hashing = BoundedPool("hashing", _HASHING_AT_ONCE, _HASHING_QUEUE)
        self.secure = settings.secure()
        self._may_be_open = settings.may_be_open()
        self._second_factor_required = settings.second_factor == "required"
        self._rate = RateLimit(settings.requests_per_minute)
        self._tables = tables
        self._has_users = False  # remembered once it is true: users are never deleted

    def is_open(self) -> bool:
        """Whether the service is being tried out, without a login."""
        if not self._may_be_open or self._has_users:
            return False
        self._has_users = self.accounts.any()
        return not self._has_users

    def actor(self, given: Credentials) -> Actor | None:
        """Who a request comes from; None where nobody is known.

        Raises:
            ServiceError: ``access.key_refused`` for a desk's key that opens nothing, ``access.too_many_requests``,
                ``storage.*``.
        """
        if given.key is not None:
            found = self._desk(given)
        else:
            found = self._user(given) if given.token else None
            if found is None and not given.forwarded and self.is_open():
                return Actor("demonstration", "", DEMONSTRATION_PERMISSIONS, language=given.language)
        self._count(found.audit_name if found is not None else f"address:{given.address}")
        if found is None and given.key is not None:
            raise ServiceError("access.key_refused", status=401)
        return found

    def still(self, given: Credentials, actor: Actor) -> bool:
        """Whether who was let in would be let in now; asking is no request of his, and keeps no session alive.

        Raises:
            ServiceError: ``storage.*``.
        """
        if actor.kind == "demonstration":
            return self.is_open()
        if actor.kind == "desk":
            return self.desks.desk_of_key(given.key or "") == actor.id
        return self.logins.session_lasts(given.token or "", actor.id)

    def _desk(self, given: Credentials) -> Actor | None:
        desk = self.desks.desk_of_key(given.key or "")
        if desk is None:
            return None
        return Actor("desk", desk, DESK_PERMISSIONS, desk=desk, language=given.language)

    def _user(self, given: Credentials) -> Actor | None:
        user = self.logins.user_of(given.token or "", seen=not given.by_itself)
        return self.user_actor(user, given.language) if user is not None else None

    def user_actor(self, user: SessionUser, language: Language = "en") -> Actor:
        """A user as an actor; while something is pending nothing is open to him."""
        pending = self.pending(user)
        return Actor(
            "user",
            user.user,
            permissions_of(user.roles) if not pending else frozenset(),
            user.roles if not pending else frozenset(),
            user.desk,
            language,
            user.name,
            user.session,
            pending,
        )

    def pending(self, user: SessionUser) -> tuple[Pending, ...]:
        """What a user has to do before anything else is open."""
        left: list[Pending] = []
        if user.must_change:
            left.append("password")
        if self._second_factor_required and not user.second_factor:
            left.append("second_factor")
        return tuple(left)

    def _count(self, who: str) -> None:
        wait_s = self._rate.wait_s(who)
        if wait_s > 0:
            raise ServiceError("access.too_many_requests", status=429, retry_after_s=int(wait_s) + 1)

    def forget_old(self) -> None:
        """Removes sessions that are over and failed logins that count no longer."""
        self.logins.forget_old()
        with self._tables.writing() as writing:
            forget_attempts(writing, datetime.now(UTC))
