"""How a capture lies on disk.

A capture folder holds one file for each light::

    visible.png  ir.png  uv.png         page 1
    visible-2.png  ir-2.png             page 2
    page-2/visible.png                  or so
    capture.toml                        optional

Any supported format and any file extension will do; notes beside the pictures (``.json``, ``.txt``, ...) are passed
over. ``capture.toml`` may state what the files do not::

    dpi = 400                           # for every light, or: dpi = { visible = 600, ir = 300 }
    reader = "Maker Model"
    [[pages]]                           # names the files itself; nothing else in the folder is then looked at
    visible = "scan-1.png"
    ir = "scan-2.png"

Nothing outside the folder is ever opened: a name that leads out, also by a symbolic link, is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, cast

from dafec.errors import InputError
from dafec.lights import LIGHTS, Light

__all__ = ["FolderPlan", "read_plan", "read_statement"]

_FRAME_NAME = re.compile(r"(visible|ir|uv)(?:-([1-9][0-9]?))?", re.IGNORECASE)
_PAGE_FOLDER = re.compile(r"page-([1-9][0-9]?)", re.IGNORECASE)
_NOTES = frozenset({".json", ".toml", ".txt", ".md", ".xml", ".csv", ".sha256", ".log"})
_TOML_NAME = "capture.toml"
_MAX_TOML_BYTES = 65_536
_MAX_ENTRIES = 2_000
_MAX_READER_LENGTH = 200
_MIN_DPI, _MAX_DPI = 50, 2400


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """Which file holds which page in which light, and what capture.toml states."""

    files: tuple[tuple[int, Light, Path], ...]  # page from 1, light, path
    dpi: Mapping[Light, float] = field(default_factory=dict)
    reader: str | None = None


def read_plan(folder: Path, name: str) -> FolderPlan:
    """Find the frames of a capture folder without opening any of them.

    Raises:
        InputError: no frames, a name that leads out of the folder, a capture.toml that cannot be used.
    """
    try:
        root = folder.resolve(strict=True)
        stated = _read_toml(root, name)
        pages = stated.get("pages")
        files = _find_frames(root, name) if pages is None else _named_frames(root, pages, name)
    except PermissionError as error:
        raise InputError("capture.unreadable", file=name) from error
    except (OSError, ValueError) as error:
        raise InputError("capture.bad_name", file=name) from error
    if not files:
        raise InputError("capture.folder_empty", file=name)
    return FolderPlan(tuple(files), _dpi(stated.get("dpi", {}), name), _reader(stated.get("reader"), name))


def _find_frames(root: Path, name: str) -> list[tuple[int, Light, Path]]:
    found: list[tuple[int, Light, Path]] = []
    for entry in _entries(root, name):
        match = _PAGE_FOLDER.fullmatch(entry.name)
        if match is not None and entry.is_dir():
            inside = _inside(root, entry, name)
            frames = [(_FRAME_NAME.fullmatch(file.stem), file) for file in _entries(inside, name)]
            found += [
                (int(match[1]), cast(Light, m[1].lower()), _inside(root, file, name))
                for m, file in frames
                if m is not None and m[2] is None and file.suffix.lower() not in _NOTES
            ]
            continue
        match = _FRAME_NAME.fullmatch(entry.stem)
        if match is not None and entry.suffix.lower() not in _NOTES:
            found.append((int(match[2] or 1), cast(Light, match[1].lower()), _inside(root, entry, name)))
    return found


def _entries(folder: Path, name: str) -> list[Path]:
    entries: list[Path] = []
    for entry in folder.iterdir():
        entries.append(entry)
        if len(entries) > _MAX_ENTRIES:
            raise InputError("capture.folder_too_full", file=name, limit=_MAX_ENTRIES)
    return sorted(entries)


def _inside(root: Path, path: Path, name: str) -> Path:
    try:
        real = path.resolve(strict=True)
    except FileNotFoundError as error:
        raise InputError("capture.not_found", file=_last(path.name)) from error
    except RuntimeError as error:  # a loop of symbolic links, before Python 3.13
        raise InputError("capture.bad_name", file=_last(path.name)) from error
    if not real.is_relative_to(root):
        raise InputError("capture.outside_folder", file=name)
    return real


def _last(name: str) -> str:
    return name.encode("ascii", "replace").decode()[:80]


def _read_toml(root: Path, name: str) -> Mapping[str, Any]:
    path = root / _TOML_NAME
    if not path.exists():
        return {}
    real = _inside(root, path, name)
    if not real.is_file():
        raise _unusable(name, "file")
    with real.open("rb") as file:
        return _parse_toml(file.read(_MAX_TOML_BYTES + 1), name)


def read_statement(text: bytes, name: str) -> tuple[dict[Light, float], str | None]:
    """What the bytes of a capture.toml state of a capture whose frames are named otherwise; its ``pages`` are not used.

    Returns:
        Pixels per inch by light, and the reader's make and model.

    Raises:
        InputError: ``capture.toml_invalid``.
    """
    stated = _parse_toml(text, name)
    return _dpi(stated.get("dpi", {}), name), _reader(stated.get("reader"), name)


def _parse_toml(text: bytes, name: str) -> Mapping[str, Any]:
    if len(text) > _MAX_TOML_BYTES:
        raise _unusable(name, "size")
    try:
        stated = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable(name, "syntax") from error
    unknown = stated.keys() - {"dpi", "reader", "pages"}
    if unknown:
        raise _unusable(name, _last(min(unknown)))
    return stated


def _named_frames(root: Path, pages: object, name: str) -> list[tuple[int, Light, Path]]:
    if not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise _unusable(name, "pages")
    found: list[tuple[int, Light, Path]] = []
    for number, page in enumerate(pages, start=1):
        if not page or page.keys() - set(LIGHTS):
            raise _unusable(name, "pages")
        for light, file in page.items():
            if not isinstance(file, str):
                raise _unusable(name, f"pages.{light}")
            parts = PurePosixPath(file).parts
            if not file or "\0" in file or "\\" in file or ".." in parts or PurePosixPath(file).is_absolute():
                raise InputError("capture.outside_folder", file=name)
            found.append((number, cast(Light, light), _inside(root, root / file, name)))
    return found


def _dpi(stated: object, name: str) -> dict[Light, float]:
    by_light: Mapping[str, Any] = stated if isinstance(stated, dict) else dict.fromkeys(LIGHTS, stated)
    if by_light.keys() - set(LIGHTS):
        raise _unusable(name, "dpi")
    for value in by_light.values():
        if isinstance(value, bool) or not isinstance(value, int | float) or not _MIN_DPI <= value <= _MAX_DPI:
            raise _unusable(name, "dpi")
    return {cast(Light, light): float(value) for light, value in by_light.items()}


def _reader(stated: object, name: str) -> str | None:
    if stated is None:
        return None
    if not isinstance(stated, str) or len(stated) > _MAX_READER_LENGTH or not stated.isprintable():
        raise _unusable(name, "reader")
    return stated


def _unusable(name: str, what: str) -> InputError:
    return InputError("capture.toml_invalid", file=name, field=what)
