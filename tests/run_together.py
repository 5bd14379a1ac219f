"""Several processes that test at the same time: who measures has the computer alone, what is dear is made once."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, exclusive: bool = True) -> Iterator[None]:
    """Holds a lock on a file; the system gives it back when the process ends, however it ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may still have the file open
        os.close(file)


@contextmanager
def turn(meeting: Path | None, *, alone: bool) -> Iterator[None]:
    """One test's turn: beside those of other workers, or ``alone``, when no other worker tests.

    All pass one door. Who waits to be alone holds it, so that no further test begins and he need not wait for long.

    Args:
        meeting: Folder of the run's workers; None where there are none, and nothing is waited for.
        alone: Whether no other test may run meanwhile.
    """
    if meeting is None:
        yield
        return
    with locked(meeting / "door"):
        room = locked(meeting / "room", exclusive=alone)
        room.__enter__()
    try:
        yield
    finally:
        room.__exit__(None, None, None)


def made_once(place: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first who asks fills by ``make``; the others wait for it and must not change it."""
    folder = place / name
    with locked(place / f"{name}.lock"):
        if not folder.is_dir():
            half = place / f"{name}.half"
            shutil.rmtree(half, ignore_errors=True)  # of one who failed
            half.mkdir()
            make(half)
            half.rename(folder)
    return folder
