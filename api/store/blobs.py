"""Blobs: bytes in files named by their SHA-256, on disk before anything refers to them.

A file appears under its name only when it is complete: it is written beside, flushed to the disk and renamed, and the
folder's entry is flushed too. What is read is compared with its name again, so that a rotten file is an error and not
an image.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dafec.errors import InstallationError

__all__ = ["BlobFolder"]


class BlobFolder:
    """A folder of blobs. Writing and removing are not safe against each other; ``Store`` serialises them.

    Args:
        folder: made where it is missing; leftovers of interrupted writes in it are removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    def path(self, sha256: str) -> Path:
        """Where the blob of that hash lies; two levels, so that no folder grows too large."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise ValueError("not a SHA-256 in lower-case hexadecimal")
        return self._folder / sha256[:2] / sha256

    def write(self, data: bytes, sha256: str) -> bool:
        """Makes ``data`` durable under its hash.

        Args:
            data: the bytes.
            sha256: their SHA-256, 64 hex digits.

        Returns:
            True where the file is new, False where it was there already.

        Raises:
            OSError: the disk is full or refuses; nothing of the blob is left under its name.
        """
        path = self.path(sha256)
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return False
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            _flush_folder(self._folder)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # gone already where the rename succeeded
        try:
            _flush_folder(path.parent)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return True

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob.

        Raises:
            InstallationError: ``storage.damaged`` where the file is missing or is not what its name says.
        """
        try:
            data = self.path(sha256).read_bytes()
        except OSError as error:
            raise InstallationError("storage.damaged") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InstallationError("storage.damaged")
        return data

    def hashes(self) -> Iterator[str]:
        """The hash of every blob."""
        for path in self._folder.glob("??/*"):
            if len(path.name) == 64:
                yield path.name

    def remove(self, sha256: str) -> None:
        """Removes a blob that nothing refers to."""
        with suppress(FileNotFoundError):
            self.path(sha256).unlink()

    def probe(self) -> None:
        """Writes and removes a small file. Raises OSError where that does not work."""
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"probe")
                file.flush()
                os.fsync(file.fileno())
        finally:
            Path(name).unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Makes a folder's entries durable: without it a rename can be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
