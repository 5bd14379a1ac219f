"""Blobs: bytes named by their SHA-256, durable before anything refers to them.

What is kept is encrypted; the name is that of the encrypted bytes, so that a copy can be checked without any key and
tells nothing about the picture. ``Blobs`` is what a store of them does; ``BlobFolder`` keeps them as files.

A file appears under its name only when it is complete: it is written beside, flushed to the disk and renamed, and the
folder's entry is flushed too. What is read is compared with its name again, so that a rotten file is an error and not
an image.

A write that spans several blobs and the database leaves a note of what it is about to put down (``begin``) and takes
it away when it is over (``finish``). Only what such a note names is provably left over from a write that was cut off;
anything else that no row refers to is put aside (``sweep``) and never removed: the row may be what was lost.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from dafec.errors import InstallationError

__all__ = ["BlobFolder", "Blobs", "Known", "Note", "in_parts", "is_blob_name"]

T = TypeVar("T")

#: Which of these names something refers to.
Known = Callable[[Sequence[str]], set[str]]
#: What is left of a write until it is over; None where a store keeps no notes.
Note = Path | None

_NAMES_AT_ONCE = 500


class Blobs(Protocol):
    """A store of blobs. Errors of the medium are OSError."""

    def write(self, data: bytes, sha256: str) -> bool:
        """Makes ``data`` durable under its hash; False where it was there already."""
        ...

    def read(self, sha256: str) -> bytes:
        """The bytes of a blob. Raises InstallationError ``storage.damaged`` where they are not what the name says."""
        ...

    def remove(self, sha256: str) -> None:
        """Removes a blob that nothing refers to; one that is not there is no error."""
        ...

    def begin(self, hashes: Iterable[str]) -> Note:
        """Notes what is about to be written."""
        ...

    def abandon(self, note: Note) -> None:
        """Takes a note away after what it names was removed again."""
        ...

    def finish(self, note: Note) -> None:
        """Takes a note away for good."""
        ...

    def names(self) -> Iterator[str]:
        """The name of every blob."""
        ...

    def count(self) -> int:
        """How many blobs there are, those that were set aside among them; a store may stop counting at one."""
        ...

    def sweep(self, known: Known, min_age_s: float) -> int:
        """Clears up after writes that were cut off; how many blobs that nothing refers to were set aside."""
        ...

    def probe(self) -> None:
        """Writes and removes a little."""
        ...

    def free_bytes(self) -> int | None:
        """Free space; None where nothing tells."""
        ...


class BlobFolder:
    """A folder of blobs. Writing and removing the same blob at once is not safe; sealed ones are written once only.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._notes = folder / "unfinished"
        self._aside = folder / "quarantine"
        levels = [folder / f"{number:02x}" for number in range(256)]
        for part in (self._incoming, self._notes, self._aside, *levels):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        _flush_folder(folder)

    def path(self, sha256: str) -> Path:
        """Where the blob of that hash lies; two levels, so that no folder grows too large."""
        if not is_blob_name(sha256):
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

    def begin(self, hashes: Iterable[str]) -> Note:
        """Notes that the blobs of these hashes are about to be written and that nothing refers to them yet.

        The note need not outlast a loss of power: without it the blobs are put aside instead of removed.
        """
        return self.note(sha256 for sha256 in hashes if not self.path(sha256).exists())

    def note(self, hashes: Iterable[str]) -> Path:
        """Notes that these blobs are to go unless something refers to them when the note is found."""
        new = sorted(set(hashes))
        note = self._notes / secrets.token_hex(16)
        note.write_text("".join(f"{sha256}\n" for sha256 in new), encoding="ascii")
        return note

    def abandon(self, note: Note) -> None:
        """Takes a note away after its blobs were removed again. Raises OSError."""
        if note is not None:
            note.unlink(missing_ok=True)

    def finish(self, note: Note) -> None:
        """Takes a note away for good: it must not come back with a loss of power and name what is kept by now.

        Raises:
            OSError: the note may come back.
        """
        self.abandon(note)
        _flush_folder(self._notes)

    def names(self) -> Iterator[str]:
        """The name of every blob."""
        return (path.name for path in self._folder.glob("??/*") if is_blob_name(path.name))

    def count(self) -> int:
        """How many blobs there are, those that were set aside among them."""
        return sum(1 for _ in self.names()) + sum(1 for _ in self._set_aside_names())

    def _set_aside_names(self) -> Iterator[str]:
        return (path.name for path in self._aside.iterdir() if is_blob_name(path.name))

    def sweep(self, known: Known, min_age_s: float) -> int:
        """Removes what a write that was cut off left behind; sets aside every other file that nothing refers to.

        The second kind was acknowledged once: a database that was restored from yesterday, or lost its last pages,
        does not know today's images, and they must be there when its rows come back.

        Args:
            known: tells which names something refers to.
            min_age_s: what is younger belongs to a write that goes on; 0 where nobody else writes.

        Returns:
            How many files were set aside.
        """
        before = time.time() - min_age_s if min_age_s else float("inf")
        for leftover in _older(self._incoming.iterdir(), before):
            leftover.unlink(missing_ok=True)
        for note in list(_older(self._notes.iterdir(), before)):
            names = _names_in(note)
            for name in set(names) - known(names):
                self.remove(name)
            note.unlink(missing_ok=True)
        for name in known(list(self._set_aside_names())):
            if not self.path(name).exists():
                self._bring_back(name)
        strangers = 0
        for part in in_parts(_older(self._folder.glob("??/*"), before), _NAMES_AT_ONCE):
            names = [path.name for path in part if is_blob_name(path.name)]
            for name in set(names) - known(names):
                self.path(name).replace(self._aside / name)
                strangers += 1
        return strangers

    def _bring_back(self, sha256: str) -> None:
        path = self.path(sha256)
        (self._aside / sha256).replace(path)
        _flush_folder(path.parent)

    def remove(self, sha256: str) -> None:
        """Removes a blob that nothing refers to."""
        with suppress(FileNotFoundError):
            self.path(sha256).unlink()

    def free_bytes(self) -> int:
        """Free space on the disk of the folder."""
        return shutil.disk_usage(self._folder).free

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


def is_blob_name(name: str) -> bool:
    """Whether it is a SHA-256 in lower-case hexadecimal."""
    return len(name) == 64 and all(c in "0123456789abcdef" for c in name)


def _flush_folder(folder: Path) -> None:
    """Makes a folder's entries durable: without it a rename can be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def in_parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _older(paths: Iterable[Path], before: float) -> Iterator[Path]:
    for path in paths:
        with suppress(FileNotFoundError):  # another process was faster
            if path.is_file() and path.stat().st_mtime <= before:
                yield path


def _names_in(note: Path) -> list[str]:
    """The names in a note; one that is cut off itself names what is whole."""
    try:
        lines = note.read_text(encoding="ascii", errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [line for line in lines if is_blob_name(line)]
