"""A user's second factor and recovery codes in the database; the secret is sealed under a key of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.second_factor import new_recovery_codes, new_secret, recovery_digest, step_of_code
from api.security.tables import Writing, utc
from api.store.account_models import RecoveryCode, SecondFactor, User
from api.store.sealing import Keyring, WrappedKey, open_sealed, seal

__all__ = ["confirm_factor", "confirmed_factor", "keep_recovery_codes", "propose_factor", "take_code"]


def confirmed_factor(session: Session, user: User) -> SecondFactor | None:
    """The authenticator that is in force."""
    query = select(SecondFactor).where(SecondFactor.user_number == user.number, SecondFactor.confirmed.is_not(None))
    return session.scalar(query)


def take_code(writing: Writing, keyring: Keyring, user: User, code: str, now: datetime) -> bool:
    """Whether a code of the authenticator, or a recovery code, is good; then it is used up.

    A user without a second factor gives none, and any code is wrong.
    """
    factor = confirmed_factor(writing.session, user)
    if factor is None:
        return not code.strip()
    step = step_of_code(_open(keyring, factor, user), code, now, factor.last_step)
    if step is not None:
        factor.last_step = step
        return True
    kept = writing.session.get(RecoveryCode, recovery_digest(code))
    if kept is None or kept.user_number != user.number:
        return False
    writing.session.delete(kept)
    writing.log("recovery_code.used", f"user:{user.id}", f"user:{user.id}")
    return True


def propose_factor(writing: Writing, keyring: Keyring, user: User) -> str:
    """A new secret; one that was proposed before and not confirmed is dropped."""
    not_confirmed = (SecondFactor.user_number == user.number, SecondFactor.confirmed.is_(None))
    writing.session.execute(delete(SecondFactor).where(*not_confirmed))
    secret = new_secret()
    key, wrapped = keyring.new_case_key(_context(user))
    writing.session.add(
        SecondFactor(
            user_number=user.number,
            master=wrapped.master,
            wrapped=wrapped.wrapped,
            sealed=seal(secret.encode("ascii"), key, _context(user).encode("ascii")),
            made=utc(datetime.now(UTC)),
        )
    )
    return secret


def confirm_factor(writing: Writing, keyring: Keyring, user: User, code: str, now: datetime) -> None:
    """Puts the proposed secret in force in place of the one before.

    Raises:
        ServiceError: ``second_factor.none_proposed``, ``second_factor.wrong_code``.
    """
    query = select(SecondFactor).where(SecondFactor.user_number == user.number, SecondFactor.confirmed.is_(None))
    proposed = writing.session.scalar(query)
    if proposed is None:
        raise ServiceError("second_factor.none_proposed", status=409)
    step = step_of_code(_open(keyring, proposed, user), code, now, 0)
    if step is None:
        raise ServiceError("second_factor.wrong_code", status=422)
    writing.session.execute(
        delete(SecondFactor).where(SecondFactor.user_number == user.number, SecondFactor.number != proposed.number)
    )
    proposed.confirmed = utc(now)
    proposed.last_step = step
    writing.log("second_factor.set", f"user:{user.id}")


def keep_recovery_codes(writing: Writing, user: User) -> list[str]:
    """New recovery codes in place of the old ones."""
    codes = new_recovery_codes()
    writing.session.execute(delete(RecoveryCode).where(RecoveryCode.user_number == user.number))
    writing.session.add_all(RecoveryCode(digest=recovery_digest(code), user_number=user.number) for code in codes)
    writing.log("recovery_codes.made", f"user:{user.id}")
    return codes


def _open(keyring: Keyring, factor: SecondFactor, user: User) -> str:
    """The secret. Raises ServiceError ``storage.key_lost``, InstallationError ``storage.damaged``."""
    key = keyring.unwrap(WrappedKey(factor.master, factor.wrapped), _context(user))
    return open_sealed(factor.sealed, key, _context(user).encode("ascii")).decode("ascii")


def _context(user: User) -> str:
    return f"second-factor/{user.id}"
