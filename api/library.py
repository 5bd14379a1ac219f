"""The library of document series while the service runs: read anew when it changed on disk, without a restart.

What is looked at is every series' folder and its ``series.toml``: time, size and identity. A library that cannot be
read any more does not stop the desk: the series that were read last stay in use, and readiness says so.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import structlog

from dafec.errors import DafecError
from dafec.references.library import Library
from dafec.references.series import FILE_NAME

__all__ = ["LibraryWatch"]

_log = structlog.get_logger(__name__)

#: What a folder of series looked like: name, then time, size and identity of the folder and of its file.
_Look = tuple[tuple[str, int, int, int, int], ...]


class LibraryWatch:
    """The library in a folder.

    Args:
        folder: of the series; may be missing.
        needed: it is an error if it cannot be read now.
        interval_s: it is not looked at again within so many seconds.

    Raises:
        InputError: ``library.unreadable``, ``library.too_large``, where it is needed.
    """

    def __init__(self, folder: Path, *, needed: bool = False, interval_s: float = 1.0) -> None:
        self._folder = folder
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._seen: _Look | None = None
        self._library: Library | None = None
        self._fault: str | None = None  # why the folder cannot be read now
        self._looked_s = time.monotonic()
        if needed:
            self._library = Library.open(folder)
            self._seen = _look(folder)
        else:
            self._refresh()

    def current(self) -> Library | None:
        """The library as it is on disk now; None where there is none."""
        with self._lock:
            if time.monotonic() - self._looked_s >= self._interval_s:
                self._looked_s = time.monotonic()
                self._refresh()
            return self._library

    def count(self) -> int:
        """How many series are in use."""
        library = self.current()
        return len(library.in_use()) if library is not None else 0

    def notices(self) -> tuple[str, ...]:
        """``library.unreadable``: what was read last is in use. ``library.series_unusable``: a series is left out."""
        library = self.current()
        spoiled = library is not None and bool(library.in_use() is not None and library.problems)
        return tuple(
            code for code, there in ((self._fault or "", self._fault), ("library.series_unusable", spoiled)) if there
        )

    def _refresh(self) -> None:
        try:
            look = _look(self._folder)
            if look is None and self._library is None:
                self._fault = None  # nobody has enrolled a series yet
                return
            if look is not None and look == self._seen:
                self._fault = None
                return
            self._library = Library.open(self._folder)
        except DafecError as error:
            self._note(error.code)
            return
        except OSError:
            self._note("library.unreadable")
            return
        self._seen, self._fault = look, None
        _log.info("library_read", count=len(self._library.codes))

    def _note(self, code: str) -> None:
        if self._fault != code:
            _log.error("library_not_read", code=code)
        self._fault = code


def _look(folder: Path) -> _Look | None:
    """What the folder looks like; None where it is missing. Raises OSError."""
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return None
    seen = []
    for entry in entries:
        try:
            outer, inner = entry.stat(), (entry / FILE_NAME).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        seen.append((entry.name, outer.st_mtime_ns, inner.st_mtime_ns, inner.st_size, inner.st_ino))
    return tuple(seen)
