"""The tables of users, desks and their sessions. A change here goes with a migration, as in ``api.store.models``.

No password, session token, desk key or recovery code stands here, only what proves it: an argon2id hash for what people
choose, SHA-256 for what is random with at least 120 bits. A second factor's secret must be read again, so it is sealed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models import Base

__all__ = ["Desk", "LoginAttempt", "LoginSession", "RecoveryCode", "SecondFactor", "UsedNonce", "User"]


class Desk(Base):
    """A desk at the border, or a machine there, with a key of its own."""

    __tablename__ = "desks"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)  # random; stands in the audit log
    name: Mapped[str] = mapped_column(String(64), unique=True)
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # SHA-256
    created: Mapped[datetime]
    key_made: Mapped[datetime]
    revoked: Mapped[datetime | None]


class User(Base):
    """A person who may log in. A row stays when the person leaves: the audit log names its id."""

    __tablename__ = "users"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)  # random; stands in the audit log
    name: Mapped[str] = mapped_column(String(64), unique=True)  # as typed at login, folded
    roles: Mapped[str] = mapped_column(String(80))  # sorted, joined by "+"
    desk_number: Mapped[int | None] = mapped_column(ForeignKey("desks.number"))
    created: Mapped[datetime]
    disabled: Mapped[datetime | None]
    password_hash: Mapped[str] = mapped_column(Text)
    password_changed: Mapped[datetime]
    must_change: Mapped[bool] = mapped_column(server_default=false())  # a one-time password
    password_expires: Mapped[datetime | None]  # of a one-time password


class SecondFactor(Base):
    """The secret of a user's authenticator; one that is confirmed, and at most one that is not yet."""

    __tablename__ = "second_factors"

    number: Mapped[int] = mapped_column(primary_key=True)
    user_number: Mapped[int] = mapped_column(ForeignKey("users.number"), index=True)
    master: Mapped[str] = mapped_column(String(16))  # id of the master key
    wrapped: Mapped[bytes] = mapped_column(LargeBinary(128))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    made: Mapped[datetime]
    confirmed: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(default=0, server_default="0")  # of the last code taken: no code twice


class RecoveryCode(Base):
    """A code that stands in for the second factor, once."""

    __tablename__ = "recovery_codes"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # SHA-256
    user_number: Mapped[int] = mapped_column(ForeignKey("users.number"), index=True)


class LoginSession(Base):
    """A user who is logged in at a browser."""

    __tablename__ = "sessions"

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)  # what the user sees; opens nothing
    token_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # SHA-256 of the cookie
    user_number: Mapped[int] = mapped_column(ForeignKey("users.number"), index=True)
    created: Mapped[datetime]
    last_seen: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(45))  # so that users recognise their own


class LoginAttempt(Base):
    """Failed logins of one name or from one address, whether the name exists or not."""

    __tablename__ = "login_attempts"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)  # of the name or the address
    failures: Mapped[int]
    last: Mapped[datetime]
    blocked_until: Mapped[datetime | None]


class UsedNonce(Base):
    """A number used once by a desk; kept as long as its time would be taken."""

    __tablename__ = "nonces"

    desk_number: Mapped[int] = mapped_column(ForeignKey("desks.number"), primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    expires: Mapped[datetime] = mapped_column(index=True)
