"""Where the store's parts lie: the data folder, the database, the blobs, the keys."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import Engine

from api.store.blobs import BlobFolder, Blobs
from api.store.database import outside_transactions
from dafec.errors import InstallationError, UsageError

__all__ = ["RESTORING", "StorePlaces", "files_may_go", "files_stay", "open_blobs", "own_folder"]

#: File in the data folder as long as a restore is not finished.
RESTORING = "restoring"
#: Advisory lock of PostgreSQL that whoever reads every image holds, and whoever removes images asks for.
_FILES_LOCK = 0x44414646
#: The same for SQLite: a lock on this file in the data folder.
_FILES = "files.lock"


@dataclass(frozen=True, slots=True)
class StorePlaces:
    """Where everything lies."""

    folder: Path  # of the data; made where it is missing, for its owner only
    database: str | None = None  # postgresql://...; None: SQLite in the folder
    blobs: str | None = None  # s3://bucket/prefix?endpoint=...; None: files in the folder
    keys: Path | None = None  # folder of the keys; None: beside the data folder
    new_key: bool = False  # go on with a new master key though those of a shared database are not here

    def keys_folder(self) -> Path:
        """The folder of the keys.

        Raises:
            UsageError: ``keys.inside_data``: whoever copies the data would have the keys as well.
        """
        data = self.folder.resolve()
        keys = (self.keys if self.keys is not None else data.with_name(f"{data.name}-keys")).resolve()
        if keys == data or data in keys.parents:
            raise UsageError("keys.inside_data", folder=str(keys))
        return keys


def open_blobs(places: StorePlaces) -> Blobs:
    """The store of blobs. Raises UsageError ``store.bad_blobs_url``, InstallationError ``store.extra_missing``."""
    if places.blobs is None:
        return BlobFolder(places.folder / "blobs")
    from api.store.blobs_s3 import S3Blobs  # takes a second and 40 MB; most installations do without

    return S3Blobs(places.blobs)


def own_folder(places: StorePlaces) -> IO[bytes]:
    """Takes the folder for this process: alone with SQLite, beside others with a shared database.

    The operating system gives it up when the process ends, however it ends.

    Raises:
        UsageError: ``store.in_use``.
        InstallationError: ``store.not_writable``.
    """
    folder = places.folder
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _FILES).touch(mode=0o600)
        handle = (folder / "owner.lock").open("ab")
    except OSError as error:
        raise InstallationError("store.not_writable", folder=str(folder)) from error
    how = fcntl.LOCK_EX if places.database is None else fcntl.LOCK_SH
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError as error:
        handle.close()
        raise UsageError("store.in_use", folder=str(folder)) from error
    return handle


@contextmanager
def files_stay(places: StorePlaces, engine: Engine) -> Iterator[None]:
    """No image is removed as long as the block runs, by whichever process; keys of images may be destroyed."""
    if places.database is None:
        with ExitStack() as stack:
            with suppress(OSError):  # on a disk that cannot be written nothing is removed either
                handle = stack.enter_context((places.folder / _FILES).open("ab"))
                fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        return
    with outside_transactions(engine) as run:
        run(f"SELECT pg_advisory_lock_shared({_FILES_LOCK})")
        try:
            yield
        finally:
            run(f"SELECT pg_advisory_unlock_shared({_FILES_LOCK})")


@contextmanager
def files_may_go(places: StorePlaces, engine: Engine) -> Iterator[bool]:
    """Whether images may be removed within the block: not while somebody reads them all."""
    if places.database is None:
        with (places.folder / _FILES).open("ab") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        return
    with outside_transactions(engine) as run:
        free = bool(run(f"SELECT pg_try_advisory_lock({_FILES_LOCK})"))
        try:
            yield free
        finally:
            if free:
                run(f"SELECT pg_advisory_unlock({_FILES_LOCK})")
