"""Passwords: argon2id hashes, the rules for a new one, and passwords that are good once.

The rules are those of OWASP ASVS 5.0, 6.2 (STANDARDS 7.1): length and nothing about kinds of characters, taken exactly
as typed, nothing that is widely known. Widely known is what stands in a list of 30,000 frequent passwords and what is
made of such words, years, names and keyboard walks (zxcvbn's estimate of the guesses it takes), what names the house
or the user, and, where the site keeps an offline copy, what stands in the list of breached ones.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher
from zxcvbn import zxcvbn

from api.errors import ServiceError
from dafec.errors import InstallationError

__all__ = [
    "MAX_PASSWORD_LENGTH",
    "MIN_PASSWORD_LENGTH",
    "check_password",
    "hash_password",
    "is_breached",
    "random_words",
    "verify_password",
]

#: ASVS 6.2.1 asks for 8 and recommends 15; there is a second factor, and officers type it at every shift.
MIN_PASSWORD_LENGTH = 12
#: ASVS 6.2.9 asks for 64 at least; without any limit a request could be made to hash megabytes.
MAX_PASSWORD_LENGTH = 256
#: 10^8 guesses and more: safe against guessing at the service, slow against guessing at a stolen hash (zxcvbn).
_LEAST_SCORE = 3
#: The estimate grows with the square of the length; what follows makes a password no easier to guess.
_ESTIMATED = 72
#: Words an attacker of this house tries first (ASVS 6.2.11).
_OF_THE_HOUSE = ("dafec", "basra", "basrah", "airport", "iraq", "passport", "border", "البصرة", "مطار", "العراق")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another in print
_HASHES_AT_ONCE = threading.BoundedSemaphore(2)  # 64 MiB each

#: RFC 9106, second recommended option: argon2id, 3 passes over 64 MiB, 4 lanes, salt of 128 bits.
_hashes = PasswordHash((Argon2Hasher(time_cost=3, memory_cost=65536, parallelism=4, hash_len=32, salt_len=16),))


def hash_password(password: str) -> str:
    """The hash that is kept of a password."""
    with _HASHES_AT_ONCE:
        return _hashes.hash(password)


def verify_password(password: str, kept: str | None) -> bool:
    """Whether it is the password of a hash.

    Args:
        password: as typed.
        kept: the hash; None where there is no such user: the same work is done, and it is False.
    """
    nobodys = _nobodys_hash()  # before it is known whether it is needed: the first call takes longer
    with _HASHES_AT_ONCE:
        try:
            fits = _hashes.verify(password[:MAX_PASSWORD_LENGTH], kept or nobodys)
        except PwdlibError:  # not a hash of ours
            fits = False
    return fits and kept is not None and len(password) <= MAX_PASSWORD_LENGTH


@cache
def _nobodys_hash() -> str:
    return _hashes.hash(secrets.token_urlsafe(32))


def check_password(password: str, about_user: Iterable[str] = (), breached: Path | None = None) -> None:
    """Refuses a new password that is too short, too long or widely known.

    Args:
        password: as typed.
        about_user: words that are known of the user, such as the name.
        breached: list of breached passwords, see ``is_breached``.

    Raises:
        ServiceError: ``password.too_short``, ``password.too_long``, ``password.too_common``.
        InstallationError: ``password.list_unusable`` where the list cannot be read.
    """
    if len(password) < MIN_PASSWORD_LENGTH:
        raise ServiceError("password.too_short", status=422, least=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        raise ServiceError("password.too_long", status=422, most=MAX_PASSWORD_LENGTH)
    known = [*_OF_THE_HOUSE, *(word for given in about_user for word in (given, *given.replace(".", " ").split()))]
    folded = unicodedata.normalize("NFKC", password).casefold()
    rest = folded
    for word in known:
        rest = rest.replace(word.casefold(), "") if len(word) >= 4 else rest
    guessable = zxcvbn(password[:_ESTIMATED], user_inputs=known)["score"] < _LEAST_SCORE
    if len(set(rest)) < 5 or guessable or (breached is not None and is_breached(password, breached)):
        raise ServiceError("password.too_common", status=422)


def is_breached(password: str, file: Path) -> bool:
    """Whether a password stands in an offline list of breached ones.

    Args:
        password: as typed.
        file: lines ``SHA1-in-hexadecimal:count``, sorted by hash, as haveibeenpwned's downloader writes them. It is
            searched on the disk: the whole list has some 40 GB.

    Raises:
        InstallationError: ``password.list_unusable``.
    """
    wanted = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
    try:
        with file.open("rb") as lines:
            low, high = 0, file.stat().st_size
            while low < high:  # the first line that begins at or after the middle
                middle = (low + high) // 2
                lines.seek(middle)
                if middle:
                    lines.readline()
                found = lines.readline().strip().decode("ascii", "replace").upper().partition(":")[0]
                if found == wanted:
                    return True
                if found and found < wanted:
                    low = middle + 1
                else:
                    high = middle
            lines.seek(0)
            return lines.readline().strip().decode("ascii", "replace").upper().startswith(wanted)
    except OSError as error:
        raise InstallationError("password.list_unusable", file=str(file)) from error


def random_words(groups: int, length: int) -> str:
    """Random letters and digits in groups, to be read out and typed: 4.95 bits a character."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(length)) for _ in range(groups))
