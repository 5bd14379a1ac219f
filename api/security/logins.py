"""Logging in and what follows: sessions on the server, a user's own password and second factor.

- One refusal for everything that can be wrong, ``login.failed``, and the same work behind it whether the name exists
  or not; failures of names that do not exist are counted like those of others.
- A session's token is random (256 bits) and only its SHA-256 is kept. It ends by itself when nothing came for a while
  and, whatever comes, after a longer while; roles, desk and whether a user is disabled are read anew with each request.
- A new password and a new second factor need the present password, end the user's other sessions, and give this one a
  new token.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.accounts import fold_name, name_digest, roles_of
from api.security.attempts import blocked_for_s, clear_name, count_failure
from api.security.factors import confirm_factor, confirmed_factor, keep_recovery_codes, propose_factor, take_code
from api.security.passwords import check_password, hash_password, verify_password
from api.security.permissions import Role
from api.security.tables import Tables, Writing, utc
from api.store.account_models import Desk, LoginSession, User
from dafec.errors import DafecError

__all__ = ["Login", "Logins", "OwnSession", "SessionLimits", "SessionUser"]

_TOKEN_BYTES = 32
#: ASVS 7.1.2: how many sessions at once; the one that was not used for longest makes room.
MOST_SESSIONS = 5
#: ``last_seen`` is written this often at most: a page loads a dozen pictures at once.
_SEEN_EVERY = timedelta(seconds=30)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Login:
    """A session that was just begun or renewed."""

    token: str  # for the cookie, and nowhere else
    session: str  # id
    user: str  # id


@dataclass(frozen=True, slots=True)
class SessionUser:
    """Who a session's token stands for."""

    user: str  # id
    name: str
    roles: frozenset[Role]
    desk: str | None  # id
    session: str  # id
    must_change: bool
    second_factor: bool  # confirmed


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session as its user sees it."""

    id: str
    created: datetime  # UTC
    last_seen: datetime  # UTC
    address: str
    current: bool


class Logins:
    """Sessions and what users do for themselves.

    Args:
        tables: where they stand.
        limits: of sessions.
        breached: offline list of breached passwords, if there is one.
    """

    def __init__(self, tables: Tables, limits: SessionLimits, breached: Path | None = None) -> None:
        self._tables = tables
        self._limits = limits
        self._breached = breached

    def log_in(
        self,
        name: str,
        password: str,
        code: str,
        address: str,
        *,
        before: str | None = None,
        now: datetime | None = None,
    ) -> Login:
        """Begins a session. Blocks for the third of a second a hash takes; call it in a thread.

        Args:
            name: of the user, as typed.
            password: as typed.
            code: of the authenticator, or a recovery code; empty where the user has none yet.
            address: where the request comes from.
            before: token of the session this browser had; it is ended.
            now: with zone; the present where it is left out.

        Raises:
            ServiceError: ``login.blocked`` while nothing is tried after failures, else ``login.failed``.
        """
        now = now or datetime.now(UTC)
        with self._tables.reading() as session:
            wait_s = blocked_for_s(session, name_digest(name), address, now)
            row = session.scalar(select(User).where(User.name == fold_name(name)))
            kept = row.password_hash if row is not None else None
        if wait_s:
            raise ServiceError("login.blocked", status=429, retry_after_s=wait_s, seconds=wait_s)
        fits = verify_password(password, kept)
        with self._tables.writing() as writing:
            row = writing.session.scalar(select(User).where(User.name == fold_name(name)))
            taken = (
                row is not None
                and fits
                and row.password_hash == kept  # it was not changed meanwhile
                and _may_log_in(row, now)
                and take_code(writing, self._tables.keyring, row, code, now)
            )
            if not taken or row is None:
                count_failure(writing, name_digest(name), address, now, f"user:{row.id}" if row is not None else "")
                login = None
            else:
                clear_name(writing, name_digest(name))
                if before is not None:
                    _end_by_token(writing, before, f"user:{row.id}")
                login = _begin(writing, row, address, now, self._limits)
                writing.log("login.succeeded", f"user:{row.id}", f"user:{row.id}")
        if login is None:  # after the transaction: the failure is to be counted
            raise ServiceError("login.failed", status=401)
        return login

    def user_of(self, token: str, now: datetime | None = None, *, seen: bool = True) -> SessionUser | None:
        """Who the token of a cookie stands for; None where the session is over or never was.

        Args:
            token: of the cookie.
            now: with zone; the present where it is left out.
            seen: the request is one of somebody who is there, and keeps the session from becoming idle.
        """
        now = now or datetime.now(UTC)
        with self._tables.reading() as session:
            found = _alive(session, token, now, self._limits)
            if found is None:
                return None
            row, user = found
            desk = session.get(Desk, user.desk_number) if user.desk_number is not None else None
            known = SessionUser(
                user.id,
                user.name,
                roles_of(user.roles),
                desk.id if desk is not None and desk.revoked is None else None,
                row.id,
                user.must_change,
                confirmed_factor(session, user) is not None,
            )
            stale = seen and utc(now) - row.last_seen >= _SEEN_EVERY
        if stale:
            self._seen(token, now)
        return known

    def session_lasts(self, token: str, user_id: str, now: datetime | None = None) -> bool:
        """Whether the token still stands for a session of that user; asking does not keep it from becoming idle."""
        with self._tables.reading() as session:
            found = _alive(session, token, now or datetime.now(UTC), self._limits)
            return found is not None and found[1].id == user_id

    def _seen(self, token: str, now: datetime) -> None:
        try:
            with self._tables.writing() as writing:
                found = _alive(writing.session, token, now, self._limits)
                if found is not None:
                    found[0].last_seen = utc(now)
        except DafecError as error:  # a full disk lets nobody out; the session only ends sooner
            _log.warning("session_not_extended", code=error.code)

    def sessions_of(self, user_id: str, current: str | None) -> list[OwnSession]:
        """The sessions of a user that are not over, the latest first."""
        now = datetime.now(UTC)
        with self._tables.reading() as session:
            query = select(LoginSession).join(User, User.number == LoginSession.user_number).where(User.id == user_id)
            rows: Sequence[LoginSession] = session.scalars(query.order_by(LoginSession.last_seen.desc())).all()
            return [
                OwnSession(
                    row.id,
                    row.created.replace(tzinfo=UTC),
                    row.last_seen.replace(tzinfo=UTC),
                    row.address,
                    row.id == current,
                )
                for row in rows
                if _lasts(row, now, self._limits)
            ]

    def end(self, user_id: str, session_id: str) -> None:
        """Ends a session of a user. Raises ServiceError ``session.not_found``, for those of others too."""
        with self._tables.writing() as writing:
            row = writing.session.scalar(select(LoginSession).where(LoginSession.id == session_id))
            owner = writing.session.get(User, row.user_number) if row is not None else None
            if row is None or owner is None or owner.id != user_id:
                raise ServiceError("session.not_found", status=404)
            writing.session.delete(row)
            writing.log("session.ended", f"session:{session_id}")

    def change_password(self, user_id: str, session_id: str, present: str, new: str) -> Login:
        """Gives a user another password; every other session ends, this one gets a new token.

        Raises:
            ServiceError: ``password.wrong``, ``password.same``, ``password.too_short``, ``password.too_long``,
                ``password.too_common``, ``user.not_found``, ``session.not_found``, ``login.blocked``.
        """
        name = self._confirm(user_id, present)
        if new == present:
            raise ServiceError("password.same", status=422)
        check_password(new, (name,), self._breached)
        kept = hash_password(new)
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            row.password_hash = kept
            row.password_changed = utc(datetime.now(UTC))
            row.must_change = False
            row.password_expires = None
            writing.log("password.changed", f"user:{user_id}")
            return _renew(writing, row, session_id)

    def propose_second_factor(self, user_id: str, present: str) -> str:
        """A secret for a user's authenticator, which counts once a code of it is confirmed.

        Raises:
            ServiceError: ``password.wrong``, ``user.not_found``, ``login.blocked``.
        """
        self._confirm(user_id, present)
        with self._tables.writing() as writing:
            return propose_factor(writing, self._tables.keyring, _user(writing.session, user_id))

    def confirm_second_factor(self, user_id: str, session_id: str, code: str) -> tuple[Login, list[str]]:
        """Puts the proposed authenticator in force; gives the session's new token and new recovery codes.

        Raises:
            ServiceError: ``second_factor.none_proposed``, ``second_factor.wrong_code``, ``session.not_found``.
        """
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            confirm_factor(writing, self._tables.keyring, row, code, datetime.now(UTC))
            codes = keep_recovery_codes(writing, row)
            return _renew(writing, row, session_id), codes

    def new_recovery_codes(self, user_id: str, present: str) -> list[str]:
        """New recovery codes; the old ones open nothing any more.

        Raises:
            ServiceError: ``password.wrong``, ``second_factor.none``, ``user.not_found``, ``login.blocked``.
        """
        self._confirm(user_id, present)
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            if confirmed_factor(writing.session, row) is None:
                raise ServiceError("second_factor.none", status=409)
            return keep_recovery_codes(writing, row)

    def _confirm(self, user_id: str, present: str) -> str:
        """The name of a user who knows the present password; failures count like those of logins."""
        now = datetime.now(UTC)
        with self._tables.reading() as session:
            row = _user(session, user_id)
            name, kept = row.name, row.password_hash
            wait_s = blocked_for_s(session, name_digest(name), None, now)
        if wait_s:
            raise ServiceError("login.blocked", status=429, retry_after_s=wait_s, seconds=wait_s)
        if not verify_password(present, kept):
            with self._tables.writing() as writing:
                count_failure(writing, name_digest(name), None, now, f"user:{user_id}")
            raise ServiceError("password.wrong", status=403)
        return name

    def forget_old(self, now: datetime | None = None) -> None:
        """Removes sessions that are over."""
        now = now or datetime.now(UTC)
        idle, absolute = utc(now - self._limits.idle), utc(now - self._limits.absolute)
        over = (LoginSession.last_seen < idle) | (LoginSession.created < absolute)
        with self._tables.writing() as writing:
            writing.session.execute(delete(LoginSession).where(over))


def _may_log_in(row: User, now: datetime) -> bool:
    return row.disabled is None and (row.password_expires is None or row.password_expires > utc(now))


def _digest(token: str) -> bytes:
    return hashlib.sha256(b"dafec session " + token.encode("utf-8", "replace")).digest()


def _lasts(row: LoginSession, now: datetime, limits: SessionLimits) -> bool:
    return utc(now) < min(row.last_seen + limits.idle, row.created + limits.absolute)


def _alive(session: Session, token: str, now: datetime, limits: SessionLimits) -> tuple[LoginSession, User] | None:
    row = session.scalar(select(LoginSession).where(LoginSession.token_digest == _digest(token)))
    user = session.get(User, row.user_number) if row is not None else None
    if row is None or user is None or user.disabled is not None or not _lasts(row, now, limits):
        return None
    return row, user


def _begin(writing: Writing, row: User, address: str, now: datetime, limits: SessionLimits) -> Login:
    query = select(LoginSession).where(LoginSession.user_number == row.number).order_by(LoginSession.last_seen.desc())
    alive = 0
    for other in writing.session.scalars(query).all():
        alive += _lasts(other, now, limits)
        if alive >= MOST_SESSIONS or not _lasts(other, now, limits):
            writing.session.delete(other)
            writing.log("session.ended", f"session:{other.id}")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    begun = LoginSession(
        id=secrets.token_hex(8),
        token_digest=_digest(token),
        user_number=row.number,
        created=utc(now),
        last_seen=utc(now),
        address=address[:45],
    )
    writing.session.add(begun)
    return Login(token, begun.id, row.id)


def _end_by_token(writing: Writing, token: str, actor: str) -> None:
    row = writing.session.scalar(select(LoginSession).where(LoginSession.token_digest == _digest(token)))
    if row is not None:
        writing.session.delete(row)
        writing.log("session.ended", f"session:{row.id}", actor)


def _renew(writing: Writing, row: User, session_id: str) -> Login:
    """Ends the user's other sessions and gives this one a new token; its time does not begin anew."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    current = None
    for own in writing.session.scalars(select(LoginSession).where(LoginSession.user_number == row.number)).all():
        if own.id == session_id:
            current = own
            continue
        writing.session.delete(own)
        writing.log("session.ended", f"session:{own.id}")
    if current is None:
        raise ServiceError("session.not_found", status=404)
    current.token_digest = _digest(token)
    return Login(token, session_id, row.id)


def _user(session: Session, user_id: str) -> User:
    row = session.scalar(select(User).where(User.id == user_id))
    if row is None:
        raise ServiceError("user.not_found", status=404)
    return row
