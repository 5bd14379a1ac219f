"""Capture: the frames of one document by light, decoded from untrusted bytes within limits.

A capture comes as one file, as a folder (``dafec.capture_folder`` says how it is laid out) or as named parts of an
HTTP request. JPEG, PNG, TIFF, BMP, JPEG 2000, WebP and PDF are taken; a TIFF or PDF of several pages gives several
pages. Kind, size, depth and completeness are checked from the header before any pixel is decoded, so that memory
stays bounded; everything that cannot be used is an ``InputError`` with a code of its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast

from dafec.capture_folder import FolderPlan, read_plan, read_statement
from dafec.decoding.images import open_images
from dafec.decoding.model import DEFAULT_LIMITS, EncodedImage, Limits, Pixels
from dafec.errors import InputError
from dafec.lights import LIGHTS, Light

__all__ = [
    "DEFAULT_LIMITS",
    "LIGHTS",
    "Capture",
    "CapturedPage",
    "Frame",
    "Light",
    "Limits",
    "Pixels",
    "capture_from_parts",
    "decode_frame",
    "load_capture",
    "read_file",
    "shown_name",
]

DpiSource = Literal["file", "capture.toml", "request"]

_MAX_SHOWN_NAME = 80
#: Control, format (direction overrides among them), surrogate, private use, unassigned, line and paragraph separator.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAME_ERRORS = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
_PART_NAME = re.compile(r"(visible|ir|uv)(?:-([1-9][0-9]?))?")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded image in one light."""

    light: Light
    pixels: Pixels  # upright by EXIF; RGB or grey
    bit_depth: int  # significant bits a sample, 8 to 16: full scale is 2**bit_depth - 1
    dpi: float | None  # pixels per inch as the file, capture.toml or the request states; None where unknown
    dpi_source: DpiSource | None
    sha256: str  # of the bytes as handed in, 64 hex digits
    media_type: str  # "image/png", ...

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class CapturedPage:
    """The frames of one page (or one side) by light; at least one."""

    frames: dict[Light, Frame]

    def frame(self, light: Light) -> Frame | None:
        """The frame in ``light``, if the capture has it."""
        return self.frames.get(light)

    @property
    def primary(self) -> Frame:
        """The frame geometry is taken from: visible, else infrared, else ultraviolet."""
        return next(self.frames[light] for light in LIGHTS if light in self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """All pages of one document as handed in."""

    name: str  # file or folder name for messages; never used as a path
    pages: tuple[CapturedPage, ...]
    reader: str | None = None  # make and model where capture.toml states it


def load_capture(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> Capture:
    """Load a capture from disk.

    Args:
        path: one image or PDF, taken as visible light, or a capture folder.
        limits: what one capture may ask for.

    Returns:
        The capture with at least one page.

    Raises:
        InputError: anything that cannot be used, from a missing file to a decompression bomb.
    """
    name = shown_name(path)
    try:
        is_folder = path.is_dir()
    except PermissionError as error:
        raise InputError("capture.unreadable", file=name) from error
    except (OSError, ValueError) as error:
        raise InputError("capture.bad_name", file=name) from error
    plan = read_plan(path, name) if is_folder else FolderPlan(((1, "visible", path),))
    assembly = _Assembly(limits)
    for page, light, file in plan.files:
        assembly.add(page, light, read_file(file, limits), shown_name(file))
    return assembly.capture(name, plan.dpi, "capture.toml", plan.reader)


def capture_from_parts(
    parts: Mapping[str, bytes],
    *,
    name: str = "upload",
    limits: Limits = DEFAULT_LIMITS,
    dpi: float | None = None,
    reader: str | None = None,
    statement: bytes = b"",
) -> Capture:
    """Make a capture from the parts of a request.

    Args:
        parts: bytes by part name: ``visible``, ``ir``, ``uv``; ``visible-2`` is the visible frame of page 2.
        name: for messages.
        limits: what one capture may ask for.
        dpi: the true resolution, 50 to 2400, where the sender knows it; goes before what the files say.
        reader: make and model of the device.
        statement: a capture.toml whose ``dpi`` and ``reader`` hold where the arguments above say nothing.

    Returns:
        The capture with at least one page.

    Raises:
        InputError: as ``load_capture``, and ``capture.no_light``, ``capture.unknown_light`` or ``capture.bad_dpi``.
    """
    if not parts:
        raise InputError("capture.no_light")
    if dpi is not None and not 50 <= dpi <= 2400:
        raise InputError("capture.bad_dpi", dpi=dpi)
    assembly = _Assembly(limits)
    for part, data in parts.items():
        match = _PART_NAME.fullmatch(part)
        if match is None:
            raise InputError("capture.unknown_light", part=shown_name(part))
        assembly.add(int(match[2] or 1), cast(Light, match[1]), data, part)
    stated, stated_reader = read_statement(statement, shown_name(name))
    if dpi is not None:
        stated = dict.fromkeys(LIGHTS, dpi)
    return assembly.capture(shown_name(name), stated, "request", reader or stated_reader)


def decode_frame(data: bytes, light: Light, *, name: str, limits: Limits = DEFAULT_LIMITS) -> Frame:
    """Decode one image; of a TIFF or PDF of several pages the first.

    Args:
        data: the whole file.
        light: which light it was taken in.
        name: for messages.
        limits: what it may ask for.

    Returns:
        The frame, upright.

    Raises:
        InputError: anything that cannot be used.
    """
    shown = shown_name(name)
    return _frame(open_images(data, shown, limits)[0], light, hashlib.sha256(data).hexdigest())


def read_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes of a regular file within the size limit.

    Raises:
        InputError: ``capture.not_found``, ``capture.unreadable``, ``capture.not_a_file``, ``capture.bad_name`` or
            ``capture.file_too_large``.
    """
    name = shown_name(path)
    try:
        # O_NONBLOCK: opening a pipe nobody writes to must not wait for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise InputError("capture.not_a_file", file=name)
            limit = int(limits.max_file_mb * 1e6)
            # The size is read again while reading: the file may grow in between.
            data = file.read(limit + 1) if facts.st_size <= limit else b""
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError("capture.not_found", file=name) from error
    except IsADirectoryError as error:
        raise InputError("capture.not_a_file", file=name) from error
    except MemoryError as error:
        raise InputError("capture.no_memory", file=name) from error
    except PermissionError as error:
        raise InputError("capture.unreadable", file=name) from error
    except OSError as error:
        code = "capture.bad_name" if error.errno in _NAME_ERRORS else "capture.unreadable"
        raise InputError(code, file=name) from error
    except ValueError as error:  # a NUL byte, or characters the file system cannot hold
        raise InputError("capture.bad_name", file=name) from error
    size = max(facts.st_size, len(data))
    if size > limit:
        raise InputError("capture.file_too_large", file=name, megabytes=round(size / 1e6, 1), limit=limits.max_file_mb)
    return data


def shown_name(path: Path | str) -> str:
    """The last part of a path, safe to print: no control or direction characters, at most 80 characters long."""
    raw = str(path).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or str(path)
    kept = "".join("?" if unicodedata.category(c) in _UNPRINTABLE else c for c in raw[: 4 * _MAX_SHOWN_NAME])
    return kept if len(kept) <= _MAX_SHOWN_NAME else kept[: _MAX_SHOWN_NAME - 1] + "…"


@dataclass(slots=True)
class _Assembly:
    """Frames on their way to pages, with the memory their pixels have asked for."""

    limits: Limits
    pages: dict[int, dict[Light, Frame]] = field(default_factory=dict)
    used_bytes: int = 0

    def add(self, first_page: int, light: Light, data: bytes, name: str) -> None:
        images = open_images(data, name, self.limits)
        self.used_bytes += sum(image.header.decoded_bytes for image in images)
        if self.used_bytes > self.limits.max_capture_mb * 1e6:
            raise InputError("capture.capture_too_large", file=name, limit=self.limits.max_capture_mb)
        digest = hashlib.sha256(data).hexdigest()
        for number, image in enumerate(images, start=first_page):
            frames = self.pages.setdefault(number, {})
            if light in frames:
                raise InputError("capture.duplicate_light", file=name, light=light, page=number)
            if len(self.pages) > self.limits.max_pages:
                raise InputError(
                    "capture.too_many_pages", file=name, pages=len(self.pages), limit=self.limits.max_pages
                )
            frames[light] = _frame(image, light, digest)

    def capture(self, name: str, dpi: Mapping[Light, float], source: DpiSource, reader: str | None) -> Capture:
        pages = []
        for _, frames in sorted(self.pages.items()):
            for light, frame in frames.items():
                if light in dpi:
                    frames[light] = replace(frame, dpi=dpi[light], dpi_source=source)
            pages.append(CapturedPage({light: frames[light] for light in LIGHTS if light in frames}))
        return Capture(name, tuple(pages), reader)


def _frame(image: EncodedImage, light: Light, sha256: str) -> Frame:
    header = image.header
    source: DpiSource | None = None if header.dpi is None else "file"
    return Frame(light, image.decode(), header.bit_depth, header.dpi, source, sha256, header.media_type)
