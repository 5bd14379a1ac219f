"""The watched folder: images that a reader's program writes are gathered to documents and screened.

The folder is looked at again and again; shares of a network tell nobody when a file changes, so nothing else is relied
upon, and one look that hangs is waited for without a second being begun. A file counts once its size and time stayed
the same for a while and nothing of it changed while it was read. One that is cut off all the same is taken for
half-written until patience ends.

A document is screened when the lights and sides that are waited for are there, or when an incomplete one had no new
file for the time-out. Its key is made of its contents: the same bytes are one document, however often they come or
the service stops in between. Only after the result is on the disk the files leave the folder: they are removed, or
moved to ``processed``; what cannot be used goes to ``refused`` with a note of the reason beside it. Both are emptied
after the set hours, because images of documents must not outlive their screening elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

import structlog

from api.errors import ServiceError
from api.parts import PARTS, Part
from api.scanners.config import FolderConfig
from api.scanners.contract import Arrival, Outlet, ScannerError, ScannerState
from api.scanners.naming import Naming
from api.scanners.patience import Patient
from dafec.errors import DafecError, InputError

__all__ = ["FolderDriver", "statement_of"]

PROCESSED, REFUSED = "processed", "refused"
#: What an image that is still being written looks like to the decoder.
_CUT_OFF = frozenset({"capture.truncated", "capture.empty", "capture.damaged", "capture.unknown_format"})
_MOST_FILES = 2_000  # of one look; what is beyond waits
_MOST_DEPTH = 4
_ROOM_BYTES = 1 << 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as one look found it."""

    path: Path
    part: Part
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class _Watched:
    """A file since it looks as it does."""

    seen: _Seen
    since_s: float  # on the clock of ``time.monotonic``
    age_s: float  # by its own time, when it was first seen


_Group = tuple[str, str]  # folder, document


class FolderDriver:
    """Watches one folder.

    Args:
        config: of the scanner.
        max_image_bytes: a larger file is refused without being read.
    """

    kind = "folder"
    can_scan = False

    def __init__(self, config: FolderConfig, max_image_bytes: int) -> None:
        self._config = config
        self._limit = max_image_bytes
        self._naming = Naming(config.names)
        self._patient = Patient(f"folder-{config.name}", config.answer_s)
        self._files: dict[Path, _Watched] = {}
        self._done: dict[Path, tuple[int, int]] = {}  # screened, but it could not be moved: size and time
        self._tidied_s = float("-inf")

    async def run(self, outlet: Outlet) -> None:
        """Looks, screens what is whole, pauses; until it is to stop."""
        while not outlet.stopping:
            found = await self._patient.call(self._look)
            self._remember(found)
            outlet.tell(*self._standing())
            for group in self._ripe():
                if outlet.stopping:
                    break
                await self._screen(outlet, group)
            await self._tidy()
            await outlet.pause(self._config.interval_s)

    def _standing(self) -> tuple[ScannerState, str | None]:
        stuck = any(self._done)
        return (ScannerState.ERROR, "scanner.cannot_move") if stuck else (ScannerState.READY, None)

    # ---- looking

    def _look(self) -> list[_Seen]:
        root = self._config.folder
        try:
            return list(self._walk(root, PurePath(), 0))
        except FileNotFoundError as error:
            raise ScannerError("scanner.folder_missing", state=ScannerState.UNPLUGGED) from error
        except PermissionError as error:
            raise ScannerError("scanner.folder_unreadable") from error
        except OSError as error:  # a share that went away gives many kinds of these
            raise ScannerError("scanner.folder_missing", state=ScannerState.UNPLUGGED) from error

    def _walk(self, folder: Path, below: PurePath, depth: int) -> Iterator[_Seen]:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        count = 0
        for entry in listed:
            if entry.name.startswith(".") or (depth == 0 and entry.name in (PROCESSED, REFUSED)):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < _MOST_DEPTH:
                    with suppress(FileNotFoundError, PermissionError):
                        yield from self._walk(Path(entry.path), below / entry.name, depth + 1)
                continue
            place = self._naming.place(below / entry.name)
            if place is None:
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # gone in between
                continue
            if stat.S_ISREG(facts.st_mode):
                count += 1
                if count > _MOST_FILES:
                    return
                yield _Seen(Path(entry.path), place.part, facts.st_size, facts.st_mtime_ns)

    def _remember(self, found: list[_Seen]) -> None:
        now = time.monotonic()
        known, self._files = self._files, {}
        there = {seen.path for seen in found}
        self._done = {path: facts for path, facts in self._done.items() if path in there}
        for seen in found:
            if self._done.get(seen.path) == (seen.size_bytes, seen.mtime_ns):
                continue
            before = known.get(seen.path)
            if before is not None and before.seen == seen:
                self._files[seen.path] = before
            else:
                age_s = before.age_s if before is not None else time.time() - seen.mtime_ns / 1e9
                self._files[seen.path] = _Watched(seen, now, age_s)

    def _ripe(self) -> list[list[_Watched]]:
        """Documents that can be screened or refused now, those that waited longest first."""
        groups: dict[_Group, list[_Watched]] = {}
        root = self._config.folder
        for watched in self._files.values():
            place = self._naming.place(PurePath(watched.seen.path.relative_to(root)))
            if place is not None:
                groups.setdefault((place.folder, place.document), []).append(watched)
        now = time.monotonic()
        ripe = []
        for files in groups.values():
            quiet_s = now - max(file.since_s for file in files)
            whole = self._is_whole(files)
            if quiet_s >= (self._config.settle_s if whole else self._config.set_timeout_s):
                ripe.append(files)
        return sorted(ripe, key=lambda files: max(file.since_s for file in files))

    def _is_whole(self, files: list[_Watched]) -> bool:
        """Whether every light that is waited for is there, of every side."""
        there = {file.seen.part for file in files}
        sides = range(1, self._config.sides + 1)
        return all(Part(light, side) in there for light in self._config.wait_for for side in sides)

    # ---- screening

    async def _screen(self, outlet: Outlet, files: list[_Watched]) -> None:
        paths = [file.seen.path for file in files]
        if len({file.seen.part for file in files}) < len(files):
            await self._refuse(outlet, paths, InputError("capture.duplicate_light", file="", light="", page=1))
            return
        if not self._is_whole(files) and self._config.partial == "refuse":
            await self._refuse(outlet, paths, InputError("scanner.incomplete"))
            return
        try:
            images = await self._patient.call(lambda: self._read(files))
        except InputError as error:
            await self._refuse(outlet, paths, error)
            return
        if images is None:  # it changed while it was read; the next look knows more
            return
        outlet.tell(ScannerState.BUSY)
        try:
            await outlet.deliver(self._arrival(files, images))
        except InputError as error:
            young = time.monotonic() - max(file.since_s for file in files) < self._config.patience_s
            if error.code in _CUT_OFF and young:
                return
            await self._refuse(outlet, paths, error)
        except ServiceError as error:
            if error.code not in _NOT_ANOTHER_TIME:
                raise
            await self._refuse(outlet, paths, error)
        else:
            await self._away(paths, files)
        outlet.tell(*self._standing())

    def _read(self, files: list[_Watched]) -> dict[str, bytes] | None:
        """The images by part; None where one is not what it was when it was last looked at."""
        images: dict[str, bytes] = {}
        for file in files:
            seen = file.seen
            if seen.size_bytes > self._limit:
                raise InputError(
                    "capture.file_too_large",
                    file="",
                    megabytes=round(seen.size_bytes / 1e6, 1),
                    limit=self._limit / 1e6,
                )
            try:
                with seen.path.open("rb") as opened:
                    data = opened.read(self._limit + 1)
                    facts = os.fstat(opened.fileno())
            except PermissionError:
                return None  # whoever writes it may still hold it
            except OSError:
                return None
            if (facts.st_size, facts.st_mtime_ns, len(data)) != (seen.size_bytes, seen.mtime_ns, seen.size_bytes):
                return None
            images[seen.part.name] = data
        return {name: images[name] for name in PARTS if name in images}

    def _arrival(self, files: list[_Watched], images: dict[str, bytes]) -> Arrival:
        digest = hashlib.sha256()
        for name, data in images.items():
            digest.update(f"{name}:{hashlib.sha256(data).hexdigest()}\n".encode())
        old = any(file.age_s > self._config.live_within_s for file in files)
        return Arrival(
            images,
            f"folder:{self._config.name}:{digest.hexdigest()}",
            "recorded" if self._config.recorded or old else "live",
            statement_of(self._config.dpi, self._config.reader),
        )

    # ---- putting away

    async def _away(self, paths: list[Path], files: list[_Watched]) -> None:
        try:
            await self._patient.call(lambda: self._put_away(paths, PROCESSED, self._config.keep_processed_hours))
        except OSError:
            self._done |= {f.seen.path: (f.seen.size_bytes, f.seen.mtime_ns) for f in files}
            _log.error("files_not_moved", code="scanner.cannot_move", count=len(paths))
        for path in paths:
            self._files.pop(path, None)

    async def _refuse(self, outlet: Outlet, paths: list[Path], error: DafecError) -> None:
        """Puts files aside that cannot be used, with a note; the desk was told by the outlet, or is told now."""
        outlet.refuse(error.code)
        files = [self._files[path] for path in paths if path in self._files]
        try:
            await self._patient.call(
                lambda: self._put_away(paths, REFUSED, self._config.keep_refused_hours, error.code)
            )
        except OSError:
            self._done |= {f.seen.path: (f.seen.size_bytes, f.seen.mtime_ns) for f in files}
            _log.error("files_not_moved", code="scanner.cannot_move", count=len(paths))
        for path in paths:
            self._files.pop(path, None)

    def _put_away(self, paths: list[Path], where: str, hours: float, code: str = "") -> None:
        """Moves or removes files. Raises OSError."""
        if hours == 0:
            for path in paths:
                path.unlink(missing_ok=True)
        else:
            target = self._config.folder / where / time.strftime("%Y%m%d-%H%M%S") / os.urandom(4).hex()
            target.mkdir(parents=True, mode=0o700)
            for path in paths:
                kept = target / path.name
                path.rename(kept if not kept.exists() else target / f"{path.parent.name}-{path.name}")
            if code:
                note = {"code": code, "at": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
                (target / "reason.json").write_text(json.dumps(note) + "\n", encoding="ascii")
        for folder in sorted({path.parent for path in paths} - {self._config.folder}, reverse=True):
            with suppress(OSError):  # something else lies there
                folder.rmdir()

    async def _tidy(self) -> None:
        """Empties what was put away, when its time is over; once a minute."""
        if time.monotonic() - self._tidied_s < 60:
            return
        self._tidied_s = time.monotonic()
        with suppress(OSError):  # tried again in a minute
            await self._patient.call(self._remove_old)

    def _remove_old(self) -> None:
        for where, hours in (
            (PROCESSED, self._config.keep_processed_hours),
            (REFUSED, self._config.keep_refused_hours),
        ):
            root = self._config.folder / where
            if not root.is_dir() or root.is_symlink():
                continue
            limit = time.time() - hours * 3600
            for folder in [path for path in root.glob("*/*") if path.is_dir() and not path.is_symlink()]:
                if folder.stat().st_mtime < limit:
                    for file in folder.iterdir():
                        file.unlink()
                    folder.rmdir()
            for day in [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]:
                with suppress(OSError):
                    day.rmdir()


#: Errors of the service a second try changes nothing about.
_NOT_ANOTHER_TIME = frozenset({"screening.recorded_refused", "screening.key_reused"})


def statement_of(dpi: float | None, reader: str | None) -> bytes:
    """A capture.toml of what the settings say about a device."""
    lines = [f"dpi = {dpi}"] if dpi is not None else []
    lines += [f"reader = {json.dumps(reader, ensure_ascii=False)}"] if reader else []
    return "\n".join(lines).encode()
