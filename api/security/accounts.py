"""Users: made by an administrator with a one-time password, changed, disabled; never deleted, as the log names them."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.passwords import hash_password, random_words
from api.security.permissions import Permission, Role, permissions_of
from api.security.tables import Tables, Writing, utc
from api.security.throttle import OF_NAME
from api.store.account_models import Desk, LoginAttempt, LoginSession, RecoveryCode, SecondFactor, User

__all__ = ["FIRST_ADMINISTRATOR", "Accounts", "NewUser", "UserRecord", "fold_name", "name_digest", "roles_of"]

#: Name of the account the first start makes.
FIRST_ADMINISTRATOR = "administrator"
#: ASVS 6.4.1: an initial secret is random, short-lived, and not the one that is used afterwards.
_ONE_TIME_PASSWORD_LASTS = timedelta(hours=72)
_NAME = re.compile(r"\w(?:[\w.\- ]{0,62}\w)?")


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user as an administrator sees him."""

    id: str
    name: str
    roles: frozenset[Role]
    desk: str | None  # id
    created: datetime  # UTC
    disabled: datetime | None  # UTC
    second_factor: bool
    must_change: bool  # has a one-time password
    blocked_until: datetime | None  # UTC; after failed logins


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user and the password that is good for the first login."""

    id: str
    one_time_password: str


def fold_name(name: str) -> str:
    """A user's name as it is compared: compatible forms (NFKC) and case are one."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def name_digest(name: str) -> bytes:
    """What failed logins of a name are counted under."""
    return hashlib.sha256(b"dafec login name " + fold_name(name).encode("utf-8", "replace")).digest()


def roles_of(text: str) -> frozenset[Role]:
    """The roles of a row."""
    return frozenset(Role(word) for word in text.split("+") if word)


class Accounts:
    """What can be done with users; each change is on record in the audit log, in the same transaction.

    Args:
        tables: where they stand.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def any(self) -> bool:
        """Whether there is a user at all."""
        with self._tables.reading() as session:
            return bool(session.scalar(select(exists().where(User.number.is_not(None)))))

    def list(self) -> list[UserRecord]:
        """Every user by name."""
        with self._tables.reading() as session:
            return [_record(session, row) for row in session.scalars(select(User).order_by(User.name))]

    def get(self, user_id: str) -> UserRecord:
        """One user. Raises ServiceError ``user.not_found``."""
        with self._tables.reading() as session:
            return _record(session, _user(session, user_id))

    def id_of(self, name: str) -> str:
        """The id of a name. Raises ServiceError ``user.not_found``."""
        with self._tables.reading() as session:
            found = session.scalar(select(User.id).where(User.name == fold_name(name)))
        if found is None:
            raise ServiceError("user.not_found", status=404)
        return found

    def create(self, name: str, roles: Iterable[Role], desk: str | None = None) -> NewUser:
        """Makes a user.

        Args:
            name: 1 to 64 letters, digits, ``. _ -`` and blanks of any script.
            roles: one at least.
            desk: id of the desk the user works at.

        Raises:
            ServiceError: ``user.bad_name``, ``user.no_role``, ``user.name_taken``, ``user.first_must_administer``,
                ``desk.not_found``.
        """
        folded = fold_name(name)
        if not _NAME.fullmatch(folded):
            raise ServiceError("user.bad_name", status=422)
        password = random_words(4, 5)
        kept = hash_password(password)
        with self._tables.writing() as writing:
            return _add(writing, folded, frozenset(roles), desk, password, kept)

    def create_first_administrator(self) -> str | None:
        """Makes the first administrator where there is no user yet; the one-time password, or None."""
        if self.any():
            return None
        password = random_words(4, 5)
        kept = hash_password(password)
        with self._tables.writing() as writing:
            if writing.session.scalar(select(User.number).limit(1)) is not None:  # another process was faster
                return None
            _add(writing, FIRST_ADMINISTRATOR, frozenset({Role.ADMINISTRATOR}), None, password, kept)
        return password

    def change(self, user_id: str, roles: Iterable[Role], desk: str | None) -> UserRecord:
        """Gives a user other roles and another desk; it holds from the next request on.

        Raises:
            ServiceError: ``user.not_found``, ``user.no_role``, ``desk.not_found``, ``user.last_administrator``.
        """
        wanted = frozenset(roles)
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            if not wanted:
                raise ServiceError("user.no_role", status=422)
            if Permission.USERS_MANAGE not in permissions_of(wanted):
                _keep_an_administrator(writing.session, row)
            row.roles = _joined(wanted)
            row.desk_number = _desk_number(writing.session, desk)
            details: Mapping[str, str] = {"desk": desk.lower()} if desk else {}
            writing.log("user.changed", f"user:{row.id}", roles=row.roles, **details)
        return self.get(user_id)

    def set_disabled(self, user_id: str, *, disabled: bool) -> UserRecord:
        """Lets a user log in no more, and ends every session; or lets him in again.

        Raises:
            ServiceError: ``user.not_found``, ``user.last_administrator``.
        """
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            if (row.disabled is not None) != disabled:
                if disabled:
                    _keep_an_administrator(writing.session, row)
                    _end_sessions(writing, row)
                row.disabled = utc(datetime.now(UTC)) if disabled else None
                writing.log("user.disabled" if disabled else "user.enabled", f"user:{row.id}")
        return self.get(user_id)

    def reset(self, user_id: str) -> NewUser:
        """Gives a user a new one-time password and removes the second factor; ends every session.

        Raises:
            ServiceError: ``user.not_found``.
        """
        password = random_words(4, 5)
        kept = hash_password(password)
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            _end_sessions(writing, row)
            _forget_factor(writing, row)
            _set_one_time_password(row, kept)
            writing.session.execute(delete(LoginAttempt).where(LoginAttempt.digest == name_digest(row.name)))
            writing.log("password.reset", f"user:{row.id}")
        return NewUser(user_id, password)

    def unblock(self, user_id: str) -> UserRecord:
        """Lifts the waiting after failed logins of a user. Raises ServiceError ``user.not_found``."""
        with self._tables.writing() as writing:
            row = _user(writing.session, user_id)
            writing.session.execute(delete(LoginAttempt).where(LoginAttempt.digest == name_digest(row.name)))
            writing.log("login.unblocked", f"user:{row.id}")
        return self.get(user_id)

    def end_sessions(self, user_id: str) -> None:
        """Ends every session of a user. Raises ServiceError ``user.not_found``."""
        with self._tables.writing() as writing:
            _end_sessions(writing, _user(writing.session, user_id))


def _add(
    writing: Writing, name: str, roles: frozenset[Role], desk: str | None, password: str, password_hash: str
) -> NewUser:
    if not roles:
        raise ServiceError("user.no_role", status=422)
    if writing.session.scalar(select(User.number).where(User.name == name)) is not None:
        raise ServiceError("user.name_taken", status=409)
    if Role.ADMINISTRATOR not in roles and writing.session.scalar(select(User.number).limit(1)) is None:
        raise ServiceError("user.first_must_administer", status=409)  # the first user locks the service
    now = utc(datetime.now(UTC))
    row = User(
        id=secrets.token_hex(8),
        name=name,
        roles=_joined(roles),
        desk_number=_desk_number(writing.session, desk),
        created=now,
        password_hash=password_hash,
        password_changed=now,
    )
    _set_one_time_password(row, password_hash)
    writing.session.add(row)
    writing.log("user.created", f"user:{row.id}", roles=row.roles)
    return NewUser(row.id, password)


def _set_one_time_password(row: User, password_hash: str) -> None:
    now = datetime.now(UTC)
    row.password_hash = password_hash
    row.password_changed = utc(now)
    row.must_change = True
    row.password_expires = utc(now + _ONE_TIME_PASSWORD_LASTS)


def _user(session: Session, user_id: str) -> User:
    row = session.scalar(select(User).where(User.id == user_id))
    if row is None:
        raise ServiceError("user.not_found", status=404)
    return row


def _joined(roles: frozenset[Role]) -> str:
    return "+".join(sorted(roles))


def _desk_number(session: Session, desk: str | None) -> int | None:
    if desk is None:
        return None
    number = session.scalar(select(Desk.number).where(Desk.id == desk))
    if number is None:
        raise ServiceError("desk.not_found", status=404)
    return number


def _keep_an_administrator(session: Session, leaving: User) -> None:
    """Refuses to take away the last user who may manage users."""
    others: Sequence[str] = session.scalars(
        select(User.roles).where(User.disabled.is_(None), User.number != leaving.number)
    ).all()
    if Role.ADMINISTRATOR in roles_of(leaving.roles) and not any(Role.ADMINISTRATOR in roles_of(o) for o in others):
        raise ServiceError("user.last_administrator", status=409)


def _end_sessions(writing: Writing, row: User) -> None:
    for ended in writing.session.scalars(select(LoginSession).where(LoginSession.user_number == row.number)):
        writing.session.delete(ended)
        writing.log("session.ended", f"session:{ended.id}")


def _forget_factor(writing: Writing, row: User) -> None:
    known = writing.session.scalar(select(SecondFactor.number).where(SecondFactor.user_number == row.number).limit(1))
    writing.session.execute(delete(SecondFactor).where(SecondFactor.user_number == row.number))
    writing.session.execute(delete(RecoveryCode).where(RecoveryCode.user_number == row.number))
    if known is not None:
        writing.log("second_factor.removed", f"user:{row.id}")


def _record(session: Session, row: User) -> UserRecord:
    now = utc(datetime.now(UTC))
    attempt = session.get(LoginAttempt, name_digest(row.name))
    blocked = attempt.blocked_until if attempt is not None else None
    if blocked is not None and (blocked <= now or attempt is None or attempt.last + OF_NAME.forgotten_after < now):
        blocked = None
    factor = select(exists().where(SecondFactor.user_number == row.number, SecondFactor.confirmed.is_not(None)))
    desk = session.get(Desk, row.desk_number) if row.desk_number is not None else None
    return UserRecord(
        row.id,
        row.name,
        roles_of(row.roles),
        desk.id if desk is not None else None,
        row.created.replace(tzinfo=UTC),
        row.disabled.replace(tzinfo=UTC) if row.disabled else None,
        bool(session.scalar(factor)),
        row.must_change,
        blocked.replace(tzinfo=UTC) if blocked else None,
    )
