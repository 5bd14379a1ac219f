"""Files that hold keys: made once, complete or not at all, for their owner only, never overwritten."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dafec.errors import InstallationError

__all__ = ["read_or_create"]


def read_or_create(file: Path, make: Callable[[], bytes] | None) -> tuple[bytes, bool]:
    """The bytes of a key file.

    Args:
        file: its folder is made where it is missing.
        make: gives the bytes of a new one, two processes that start at once get the same; None makes none.

    Returns:
        The bytes, and whether they are new.

    Raises:
        InstallationError: ``keys.unusable`` where the file can be neither read nor made.
    """
    try:
        with suppress(FileNotFoundError):
            return file.read_bytes(), False
        if make is None:
            raise InstallationError("keys.unusable", file=str(file))
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        data = make()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            try:
                os.link(new, file)  # unlike a rename it does not replace what another process made meanwhile
            except FileExistsError:
                return file.read_bytes(), False
        finally:
            new.unlink(missing_ok=True)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise InstallationError("keys.unusable", file=str(file)) from error
    return data, True
