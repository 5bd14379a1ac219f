"""Failed logins, counted by name and by address; nothing more is tried until a growing delay is over.

Both are kept as digests, and a name that does not exist is counted like one that does. ``api.security.throttle`` holds
the delays and where they come from.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from api.security.tables import Writing, utc
from api.security.throttle import OF_ADDRESS, OF_NAME, DelayRule
from api.store.account_models import LoginAttempt

__all__ = ["blocked_for_s", "clear_name", "count_failure", "forget_attempts"]


def blocked_for_s(session: Session, name: bytes, address: str | None, now: datetime) -> int:
    """Whole seconds nothing is tried for this name from this address; 0 where it is.

    Args:
        session: to read in.
        name: digest of the name.
        address: None where only the name counts.
        now: with zone.
    """
    keys = [name] if address is None else [name, _address_digest(address)]
    waits = [0.0]
    for key in keys:
        row = session.get(LoginAttempt, key)
        if row is not None and row.blocked_until is not None:
            waits.append((row.blocked_until - utc(now)).total_seconds())
    return math.ceil(max(waits))


def count_failure(writing: Writing, name: bytes, address: str | None, now: datetime, target: str) -> None:
    """Counts one more failure of the name and the address, and logs it.

    Args:
        writing: the transaction.
        name: digest of the name.
        address: None where only the name counts.
        now: with zone.
        target: "user:<id>", or nothing where there is no such user.
    """
    actor = target or "anonymous"
    writing.log("login.failed", target, actor)
    rules: list[tuple[str, bytes, DelayRule]] = [("name", name, OF_NAME)]
    if address is not None:
        rules.append(("address", _address_digest(address), OF_ADDRESS))
    for word, key, rule in rules:
        row = writing.session.get(LoginAttempt, key)
        if row is None:
            row = LoginAttempt(digest=key, failures=0, last=utc(now), blocked_until=None)
            writing.session.add(row)
        if utc(now) - row.last > rule.forgotten_after:
            row.failures = 0
        row.failures += 1
        row.last = utc(now)
        delay = rule.delay(row.failures)
        row.blocked_until = utc(now + delay) if delay is not None else None
        if delay is not None:
            known = target if word == "name" else ""
            writing.log("login.blocked", known, actor, of=word, wait_s=round(delay.total_seconds()))


def clear_name(writing: Writing, name: bytes) -> None:
    """Forgets the failures of a name; those of the address stay, else one's own account would clear them."""
    writing.session.execute(delete(LoginAttempt).where(LoginAttempt.digest == name))


def forget_attempts(writing: Writing, now: datetime) -> None:
    """Removes what counts no longer."""
    writing.session.execute(delete(LoginAttempt).where(LoginAttempt.last < utc(now - OF_NAME.forgotten_after)))


def _address_digest(address: str) -> bytes:
    return hashlib.sha256(b"dafec login address " + address.encode("utf-8", "replace")).digest()
