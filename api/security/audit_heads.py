"""Signed tree heads: what a log was at one moment, signed with Ed25519, to be kept where the log's host cannot reach.

The signature covers ``dafec.audit-head/1``, a line feed, and the canonical JSON of the head without its signature. The
private key lies in the folder of keys, outside the data; whoever can write the database alone cannot sign.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from api.security.audit_entry import canonical_json
from api.security.key_files import read_or_create
from dafec.errors import InputError, InstallationError

__all__ = ["AuditKey", "SignedHead", "log_id", "parse_head", "read_public_key"]

_CONTEXT = b"dafec.audit-head/1\n"
_LOG_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The state of a log."""

    log: str  # which log: of its first entry's hash
    size: int  # entries
    root: str  # hexadecimal
    at: str  # UTC
    key: str  # public key that signed, hexadecimal
    signature: str  # hexadecimal

    def signature_holds(self) -> bool:
        """Whether the head's own key signed it; whether that key is to be trusted is another question."""
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            public.verify(bytes.fromhex(self.signature), _signed(self))
        except (ValueError, InvalidSignature):
            return False
        return True

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class AuditKey:
    """The key that signs heads.

    Args:
        file: PEM; made for its owner only where it is missing, with the public key beside it as ``*.pub``.
        create: False leaves a missing one missing.

    Raises:
        InstallationError: ``keys.unusable``.
    """

    def __init__(self, file: Path, *, create: bool = True) -> None:
        data, self.created = read_or_create(file, _new_key if create else None)
        try:
            private = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError) as error:
            raise InstallationError("keys.unusable", file=str(file)) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise InstallationError("keys.unusable", file=str(file))
        self._private = private
        public = private.public_key()
        self.public = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        with suppress(InstallationError):  # for people to copy; nothing here reads it
            read_or_create(file.with_suffix(".pub"), lambda: pem)

    def sign(self, log: str, size: int, root: bytes, at: datetime) -> SignedHead:
        """The signed head of a log."""
        moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        head = SignedHead(log, size, root.hex(), moment, self.public, "")
        return SignedHead(log, size, root.hex(), moment, self.public, self._private.sign(_signed(head)).hex())


def log_id(first_leaf: bytes) -> str:
    """Which log it is, of the hash of its first entry."""
    return first_leaf[:_LOG_ID_BYTES].hex()


def parse_head(value: object) -> SignedHead:
    """A head of plain values or JSON text.

    Raises:
        InputError: ``audit.unreadable``.
    """
    if isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InputError("audit.unreadable", line=1) from error
    if isinstance(value, dict) and isinstance(value.get("head"), dict):  # as ``dafec audit head`` prints it
        value = value["head"]
    kinds = {"log": str, "size": int, "root": str, "at": str, "key": str, "signature": str}
    if not isinstance(value, dict) or set(value) != set(kinds):
        raise InputError("audit.unreadable", line=1)
    if any(type(value[name]) is not kind for name, kind in kinds.items()):
        raise InputError("audit.unreadable", line=1)
    return SignedHead(**value)


def read_public_key(data: bytes) -> str:
    """The public key of a PEM file or of 64 hexadecimal digits, as hexadecimal digits.

    Raises:
        InputError: ``audit.no_public_key``.
    """
    text = data.strip()
    try:
        if len(text) == 64:
            return bytes.fromhex(text.decode("ascii")).hex()
        public = serialization.load_pem_public_key(text)
    except ValueError as error:
        raise InputError("audit.no_public_key") from error
    if not isinstance(public, Ed25519PublicKey):
        raise InputError("audit.no_public_key")
    return public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()


def _signed(head: SignedHead) -> bytes:
    return _CONTEXT + canonical_json({name: value for name, value in asdict(head).items() if name != "signature"})


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
