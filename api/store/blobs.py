"""Blobs: bytes in files named by their SHA-256, on disk before anything refers to them.

A file appears under its name only when it is complete: it is written beside, flushed to the disk and renamed, and the
folder's entry is flushed too. What is read is compared with its name again, so that a rotten file is an error and not
an image.

A write that spans several blobs and the database leaves a note of what it is about to put down (``begin``) and takes
it away when it is over (``finish``). Only what such a note names is provably left over from a write that was cut off;
anything else that no row refers to is put aside (``set_aside``) and never removed: the row may be what was lost.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
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
        self._notes = folder / "unfinished"
        self._aside = folder / "quarantine"
        for part in (self._incoming, self._notes, self._aside):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in self._incoming.iterdir():
            leftover.unlink()

    def path(self, sha256: str) -> Path:
        """Where the blob of that hash lies; two levels, so that no folder grows too large."""
        if not _is_hash(sha256):
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

    def begin(self, hashes: Iterable[str]) -> Path:
        """Notes that the blobs of these hashes are about to be written and that nothing refers to them yet.

        The note need not outlast a loss of power: without it the blobs are put aside instead of removed.
        """
        new = sorted({sha256 for sha256 in hashes if not self.path(sha256).exists()})
        note = self._notes / secrets.token_hex(16)
        note.write_text("".join(f"{sha256}\n" for sha256 in new), encoding="ascii")
        return note

    def abandon(self, note: Path) -> None:
        """Takes a note away after its blobs were removed again. Raises OSError."""
        note.unlink(missing_ok=True)

    def finish(self, note: Path) -> None:
        """Takes a note away for good: it must not come back with a loss of power and name what is kept by now.

        Raises:
            OSError: the note may come back.
        """
        note.unlink(missing_ok=True)
        _flush_folder(self._notes)

    def unfinished(self) -> Iterator[str]:
        """The hashes in the notes of writes that were cut off; a note that is cut off itself names what is whole."""
        for note in self._notes.iterdir():
            for line in note.read_text(encoding="ascii", errors="replace").split("\n")[:-1]:
                if _is_hash(line):
                    yield line

    def forget_unfinished(self) -> None:
        """Takes every note away, once what they name is dealt with."""
        for note in self._notes.iterdir():
            note.unlink()

    def hashes(self) -> Iterator[str]:
        """The hash of every blob."""
        for path in self._folder.glob("??/*"):
            if _is_hash(path.name):
                yield path.name

    def set_aside(self, sha256: str) -> None:
        """Moves a blob that nothing refers to out of the way, without losing it."""
        self.path(sha256).replace(self._aside / sha256)

    def aside(self) -> Iterator[str]:
        """The hashes of the blobs that were set aside."""
        return (path.name for path in self._aside.iterdir() if _is_hash(path.name))

    def bring_back(self, sha256: str) -> None:
        """Moves a blob that was set aside to its place again."""
        path = self.path(sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        (self._aside / sha256).replace(path)
        _flush_folder(path.parent)

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


def _is_hash(name: str) -> bool:
    return len(name) == 64 and all(c in "0123456789abcdef" for c in name)


def _flush_folder(folder: Path) -> None:
    """Makes a folder's entries durable: without it a rename can be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
