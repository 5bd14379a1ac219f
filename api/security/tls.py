"""TLS: a certificate from given files, or one of a private authority that is made for this installation.

A closed network has no public name and no way to ask a public authority (STANDARDS 7.1, 12.2.2), so the service makes
its own: an authority whose certificate is installed once on every desk, and a certificate of the service that is
renewed at a start when its time runs out or its names change. Keys are ECDSA on P-256, 128 bits of strength (ASVS
11.2.3). The authority can sign nothing but certificates of servers, and no further authority.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from api.security.key_files import read_or_create
from dafec.errors import InstallationError, UsageError

__all__ = ["TlsFiles", "own_certificate", "server_context"]

_AUTHORITY_LASTS = timedelta(days=3650)
#: Browsers take no longer one, from whichever authority.
_CERTIFICATE_LASTS = timedelta(days=397)
_RENEWED_BEFORE = timedelta(days=30)
_CLOCKS_DIFFER = timedelta(days=1)
#: TLS 1.2 with forward secrecy and authenticated encryption; those of TLS 1.3 are all so.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate and its private key, PEM."""

    certificate: Path
    key: Path
    authority: Path | None = None  # certificate of the private authority, to be installed on the desks


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """What the server speaks: TLS 1.2 and 1.3.

    Raises:
        UsageError: ``serve.tls_unusable``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError("serve.tls_unusable", file=str(files.certificate)) from error
    return context


def own_certificate(folder: Path, names: Sequence[str], now: datetime | None = None) -> TlsFiles:
    """The certificate of the private authority for these names; both are made where they are missing.

    Args:
        folder: of the authority and the certificate, beside the other keys.
        names: host names and addresses the service is called by.
        now: with zone; the present where it is left out.

    Raises:
        InstallationError: ``keys.unusable``.
    """
    now = now or datetime.now(UTC)
    files = TlsFiles(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    wanted = sorted({name.strip("[]").lower() for name in names if name})
    try:
        authority_key = _private_key(folder / "authority.key")
        authority = _authority(folder / "authority.pem", authority_key, now)
        key = _private_key(files.key)
        if not _still_good(files.certificate, key, authority, wanted, now):
            _write(files.certificate, _issue(key, authority, authority_key, wanted, now))
            _log.warning("certificate_issued")
    except (OSError, ValueError, TypeError) as error:
        raise InstallationError("keys.unusable", file=str(folder)) from error
    return files


def _private_key(file: Path) -> ec.EllipticCurvePrivateKey:
    def make() -> bytes:
        return ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    data, _ = read_or_create(file, make)
    key = serialization.load_pem_private_key(data, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not the kind of key that is made here")
    return key


def _authority(file: Path, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    def make() -> bytes:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DAFEC"),
                x509.NameAttribute(NameOID.COMMON_NAME, f"DAFEC private authority {secrets.token_hex(4)}"),
            ]
        )
        usage = _usage(sign=True)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + _AUTHORITY_LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    data, _ = read_or_create(file, make)
    return x509.load_pem_x509_certificate(data)


def _issue(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
) -> bytes:
    shown = next((name for name in names if len(name) <= 64), "dafec")
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(min(now + _CERTIFICATE_LASTS - _CLOCKS_DIFFER, authority.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))


def _still_good(
    file: Path, key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, names: Sequence[str], now: datetime
) -> bool:
    if not file.is_file():
        return False
    found = x509.load_pem_x509_certificate(file.read_bytes())
    spoken = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        found.issuer == authority.subject
        and found.public_key() == key.public_key()
        and found.not_valid_after_utc - _RENEWED_BEFORE > now
        and set(spoken) == {_general_name(name) for name in names}
    )


def _write(file: Path, data: bytes) -> None:
    """Replaces a file whole or not at all."""
    new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    new.replace(file)
