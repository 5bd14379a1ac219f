"""Encryption at rest: every screening has a key of its own, wrapped by a master key that lies outside the data.

- AES-256-GCM throughout (NIST SP 800-38D) with a random nonce of 96 bits. A screening's key seals its report and a
  few images, far below the 2^32 messages that random nonces allow; the master key wraps one key a screening.
- What is sealed is bound to its place: the additional data name what it is and of which screening, so that a row or a
  file that was put under another screening does not open.
- Destroying a screening's wrapped key destroys its images and its personal data, wherever copies of them lie.

Master keys are files ``master-<id>.key`` in the folder of keys; the id is a digest of the key and stands beside every
key it wrapped. Several may lie there: one that was lost and came back is used again for what it wrapped.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import zlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.errors import ServiceError
from api.security.key_files import read_or_create
from dafec.errors import InstallationError

__all__ = ["Keyring", "WrappedKey", "image_context", "open_report", "open_sealed", "seal", "seal_report"]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_HEADER = b"DAFEC\x01"
_PREFIX = "dafec-master-key-1 "
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A screening's key as it is stored."""

    master: str  # id of the master key
    wrapped: bytes


class Keyring:
    """The master keys that are there.

    Args:
        folder: of the keys; made with a first key where one is needed.

    Raises:
        InstallationError: ``keys.unusable``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[str, bytes] = {}
        self._current: str | None = None
        self.reload()

    def reload(self) -> None:
        """Looks for keys that were put into the folder meanwhile."""
        try:
            files = sorted(self._folder.glob("master-*.key"))
            found = [(file, file.read_text("ascii")) for file in files]
        except (OSError, ValueError) as error:
            raise InstallationError("keys.unusable", file=str(self._folder)) from error
        for file, text in found:
            key = _parse(text)
            if key is None or file.name != f"master-{_id_of(key)}.key":
                raise InstallationError("keys.unusable", file=str(file))
            if file.stat().st_mode & 0o077:
                _log.warning("key_file_open_to_others")
            self._keys[_id_of(key)] = key

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the keys that are there."""
        return frozenset(self._keys)

    @property
    def current(self) -> str:
        """Id of the key that wraps from now on."""
        if self._current is None:
            raise ServiceError("storage.key_lost", status=503)
        return self._current

    def choose(self, used: Collection[str]) -> str:
        """Takes the newest of the used keys that is there, else any that is there, else a new one.

        Args:
            used: ids of every key the database knows, oldest first.

        Raises:
            InstallationError: ``keys.unusable`` where a new one cannot be kept.
        """
        known = [key for key in used if key in self._keys] or sorted(self._keys)
        self._current = known[-1] if known else self._create()
        return self._current

    def _create(self) -> str:
        key = secrets.token_bytes(_KEY_BYTES)
        text = f"{_PREFIX}{base64.b64encode(key).decode('ascii')}\n"
        read_or_create(self._folder / f"master-{_id_of(key)}.key", lambda: text.encode("ascii"))
        self._keys[_id_of(key)] = key
        _log.warning("master_key_created")
        return _id_of(key)

    def new_case_key(self, screening_id: str) -> tuple[bytes, WrappedKey]:
        """A new key for a screening, and as it is stored."""
        key = secrets.token_bytes(_KEY_BYTES)
        wrapped = seal(key, self._keys[self.current], _context("case-key", screening_id))
        return key, WrappedKey(self.current, wrapped)

    def unwrap(self, stored: WrappedKey, screening_id: str) -> bytes:
        """A screening's key.

        Raises:
            ServiceError: ``storage.key_lost`` where its master key is not there.
            InstallationError: ``storage.damaged`` where the stored key is not what it was.
        """
        if stored.master not in self._keys:
            with suppress(InstallationError):  # it may have been put back
                self.reload()
        master = self._keys.get(stored.master)
        if master is None:
            raise ServiceError("storage.key_lost", status=503)
        return open_sealed(stored.wrapped, master, _context("case-key", screening_id))


def seal(data: bytes, key: bytes, context: bytes) -> bytes:
    """Encrypts and authenticates ``data``, bound to ``context``."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _HEADER + nonce + AESGCM(key).encrypt(nonce, data, context)


def open_sealed(data: bytes, key: bytes, context: bytes) -> bytes:
    """Decrypts what ``seal`` gave.

    Raises:
        InstallationError: ``storage.damaged`` where one byte, the key or the context is another.
    """
    begin = len(_HEADER)
    if not data.startswith(_HEADER) or len(data) < begin + _NONCE_BYTES + 16:
        raise InstallationError("storage.damaged")
    try:
        return AESGCM(key).decrypt(data[begin : begin + _NONCE_BYTES], data[begin + _NONCE_BYTES :], context)
    except InvalidTag as error:
        raise InstallationError("storage.damaged") from error


def seal_report(report: str, key: bytes, screening_id: str) -> bytes:
    """A report as it is stored."""
    return seal(zlib.compress(report.encode("utf-8")), key, _context("report", screening_id))


def open_report(data: bytes, key: bytes, screening_id: str) -> str:
    """The report of what ``seal_report`` gave. Raises InstallationError ``storage.damaged``."""
    return zlib.decompress(open_sealed(data, key, _context("report", screening_id))).decode("utf-8")


def image_context(screening_id: str, sha256: str) -> bytes:
    """What an image is bound to: its screening, and what it was as handed in."""
    return _context("image", f"{screening_id}/{sha256}")


def _context(kind: str, name: str) -> bytes:
    return f"dafec/1/{kind}/{name}".encode()


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"dafec master key " + key).hexdigest()[:16]


def _parse(text: str) -> bytes | None:
    if not text.startswith(_PREFIX):
        return None
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX).strip(), validate=True)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None
