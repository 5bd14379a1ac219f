"""A series from site to site: one file, signed with Ed25519 (RFC 8032).

The file is a ZIP of the series' folder without the proposal's pictures, and two more entries: ``MANIFEST.json`` with
the series' code, version, the signer's name and the SHA-256 of every file, and ``SIGNATURE``, the raw signature over
the manifest's bytes. Who receives it lists the signers he trusts in a folder of public keys, ``<name>.pub``, as
``dafec series keys`` writes them. A file by an unknown signer, with a bad signature, or with one byte changed, added
or left out is refused as a whole, before anything is written.

An imported series is silent: each site approves for itself.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path, PurePosixPath

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from dafec.errors import InputError, UsageError
from dafec.references.enrolment import replace_folder
from dafec.references.series import FILE_NAME, Change, Identity, Series, parse_series, read_series, series_text

__all__ = ["SCHEMA", "export_series", "import_series", "make_keys"]

SCHEMA = "dafec.series-export/1"
_MANIFEST, _SIGNATURE = "MANIFEST.json", "SIGNATURE"
_MAX_FILE, _MAX_TOTAL, _MAX_ENTRIES = 24_000_000, 120_000_000, 64
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal series give equal files


def make_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """A site's key pair: ``<name>.key`` stays, ``<name>.pub`` goes to the sites that shall trust it.

    Raises:
        UsageError: ``exchange.key_exists``.
        InputError: ``exchange.bad_name``, ``exchange.unwritable``.
    """
    _refuse_name(name)
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    if private.exists() or public.exists():
        raise UsageError("exchange.key_exists", name=name)
    key = Ed25519PrivateKey.generate()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    except OSError as error:
        raise InputError("exchange.unwritable", file=private.name) from error
    return private, public


def _refuse_name(name: str) -> None:
    if not name or len(name) > 60 or not all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
        raise InputError("exchange.bad_name", name=name[:60])


def export_series(library: Path, code: str, key: Path, target: Path) -> Series:
    """Write a series as one signed file.

    Args:
        library: folder.
        code: of the series.
        key: private key; its file's name is the signer's.
        target: file to write.

    Raises:
        InputError: the series cannot be read, ``exchange.bad_key``, ``exchange.unwritable``.
    """
    Identity.from_code(code)
    if not (library / code / FILE_NAME).is_file():
        raise InputError("library.no_such_series", series=code)
    series = read_series(library / code)
    signer = _private(key)
    files = {FILE_NAME: series_text(series).encode("utf-8")}
    for side in series.sides:
        for name in side.files:
            try:
                files[name] = (library / code / name).read_bytes()
            except OSError as error:
                raise InputError("series.file_missing", series=code, file=name) from error
            if hashlib.sha256(files[name]).hexdigest() != side.files[name]:
                raise InputError("series.altered", series=code, file=name)
    manifest = {
        "schema": SCHEMA,
        "series": code,
        "version": series.version,
        "signer": key.stem,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    stated = json.dumps(manifest, indent=1, sort_keys=True).encode("utf-8")
    entries = {_MANIFEST: stated, _SIGNATURE: signer.sign(stated), **files}
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for name, data in entries.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    except OSError as error:
        raise InputError("exchange.unwritable", file=target.name) from error
    return series


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError("exchange.bad_key", file=path.name) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("exchange.bad_key", file=path.name)
    return key


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise InputError("exchange.bad_key", file=path.name) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("exchange.bad_key", file=path.name)
    return key


def _entries(source: Path) -> dict[str, bytes]:
    """Every entry of the file, bounded; names are plain file names."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.read_bytes())) as archive:
            listed = archive.infolist()
            names = [entry.filename for entry in listed]
            if len(listed) > _MAX_ENTRIES or len(set(names)) != len(names):
                raise InputError("exchange.damaged", file=source.name)
            if any(entry.file_size > _MAX_FILE for entry in listed) or sum(e.file_size for e in listed) > _MAX_TOTAL:
                raise InputError("exchange.damaged", file=source.name)
            if any(PurePosixPath(name).name != name or name.startswith(".") or "\\" in name for name in names):
                raise InputError("exchange.damaged", file=source.name)
            return {name: archive.read(name) for name in names}
    except OSError as error:
        raise InputError("exchange.unreadable", file=source.name) from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        raise InputError("exchange.damaged", file=source.name) from error


def _vetted(entries: Mapping[str, bytes], trusted: Path, file: str) -> tuple[str, str, dict[str, bytes]]:
    """Code, signer and files of a package whose signature and digests hold."""
    stated, signature = entries.get(_MANIFEST), entries.get(_SIGNATURE)
    if stated is None or signature is None:
        raise InputError("exchange.damaged", file=file)
    try:
        manifest = json.loads(stated)
        code, signer, digests = str(manifest["series"]), str(manifest["signer"]), dict(manifest["files"])
        known = manifest["schema"] == SCHEMA
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError("exchange.damaged", file=file) from error
    if not known:
        raise InputError("exchange.damaged", file=file)
    _refuse_name(signer)
    path = trusted / f"{signer}.pub"
    if not path.is_file():
        raise InputError("exchange.unknown_signer", file=file, name=signer)
    try:
        _public(path).verify(signature, stated)
    except InvalidSignature as error:
        raise InputError("exchange.bad_signature", file=file, name=signer) from error
    files = {name: data for name, data in entries.items() if name not in (_MANIFEST, _SIGNATURE)}
    if {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} != digests:
        raise InputError("exchange.altered", file=file, name=signer)
    return code, signer, files


def import_series(source: Path, library: Path, trusted: Path, by: str, today: date) -> Series:
    """Take over a series from a signed file; it replaces an older version and is silent.

    Args:
        source: file as ``export_series`` writes it.
        library: folder.
        trusted: folder of public keys.
        by: who imports.
        today: date of the change note.

    Raises:
        InputError: ``exchange.*``: damaged, unknown signer, bad signature, altered; ``series.invalid``.
        UsageError: ``exchange.older``: the library has this version or a later one.
    """
    code, signer, files = _vetted(_entries(source), trusted, source.name)
    Identity.from_code(code)
    series = parse_series(files.get(FILE_NAME, b""), code)
    wanted = {name for side in series.sides for name in side.files} | {FILE_NAME}
    if set(files) != wanted:
        raise InputError("exchange.altered", file=source.name, name=signer)
    if (library / code / FILE_NAME).is_file() and read_series(library / code).version >= series.version:
        raise UsageError("exchange.older", series=code, version=series.version)
    note = Change(version=series.version, date=today.isoformat(), by=by, note=f"imported, signed by {signer}")
    state = "retired" if series.state == "retired" else "silent"
    made = series.model_copy(update={"state": state, "approved_by": None, "changes": [*series.changes, note]})
    replace_folder(library / code, {**files, FILE_NAME: series_text(made).encode("utf-8")}, made)
    return made
