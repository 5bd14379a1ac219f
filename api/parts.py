"""The parts of an upload: one image a light and side, named as the files of a capture folder are.

``visible``, ``ir`` and ``uv`` are the first side or page, ``visible-2``, ``ir-2`` and ``uv-2`` the second one, such as
the back of a card. An image of several pages (TIFF, PDF) is one part, and stands in the store under each of its pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from api.errors import ServiceError
from api.store.records import ImageRecord, ScreeningRecord
from dafec.capture import LIGHTS, Capture, Frame, Light
from dafec.errors import InputError

__all__ = [
    "MOST_SIDES",
    "PARTS",
    "SIDE_WORDS",
    "Decode",
    "Part",
    "parse_part",
    "refuse_same_side",
    "stored_frame",
    "stored_parts",
]

#: As many pages as a capture may have (``dafec.decoding.model.Limits``).
MOST_SIDES = 8


@dataclass(frozen=True, slots=True)
class Part:
    """Where an image belongs."""

    light: Light
    side: int = 1  # from 1

    @property
    def name(self) -> str:
        """``visible``, ``visible-2``."""
        return self.light if self.side == 1 else f"{self.light}-{self.side}"


#: Every part an upload may have, by name: side by side, as lights are ordered.
PARTS: Mapping[str, Part] = {
    part.name: part for part in (Part(light, side) for side in range(1, MOST_SIDES + 1) for light in LIGHTS)
}
#: What the end of a file's name says of its side, in the exports of readers.
SIDE_WORDS: Mapping[str, int] = {"front": 1, "recto": 1, "back": 2, "rear": 2, "verso": 2}
_SIDE = re.compile(r"0*([1-8])")

#: Decodes parts to a capture, as ``Screener.decode`` does.
Decode = Callable[[Mapping[str, bytes], str], Capture]


def parse_part(light: Light, side: str | None) -> Part | None:
    """The part of a light and of what a name says of the side: a number, a word, or nothing; None where it is none."""
    if not side:
        return Part(light)
    number = SIDE_WORDS.get(side.lower())
    if number is None and (match := _SIDE.fullmatch(side)) is not None:
        number = int(match[1])
    return Part(light, number) if number is not None else None


def refuse_same_side(digests: Iterable[tuple[str, str]]) -> None:
    """Refuses an upload in which two sides have the very same image.

    No device gives the same bytes twice: somebody took one file for both sides, and the other side was not screened.

    Args:
        digests: name and SHA-256 of every part.

    Raises:
        InputError: ``upload.same_side``.
    """
    seen: dict[tuple[Light, str], str] = {}
    for name, digest in digests:
        first = seen.setdefault((PARTS[name].light, digest), name)
        if first != name:
            raise InputError("upload.same_side", part=first, other=name)


def stored_parts(record: ScreeningRecord, read: Callable[[ImageRecord], bytes]) -> dict[str, bytes]:
    """The parts of a screening as they were handed in.

    Args:
        record: of the screening.
        read: gives the bytes of one of its images.
    """
    found: dict[str, bytes] = {}
    seen: set[tuple[Light, str]] = set()
    for image in sorted(record.images, key=lambda image: (image.page, LIGHTS.index(image.light))):
        if (image.light, image.sha256) not in seen:  # else a further page of a file that is there already
            seen.add((image.light, image.sha256))
            found[Part(image.light, image.page + 1).name] = read(image)
    return found


def stored_frame(record: ScreeningRecord, page: int, light: Light, data: bytes, decode: Decode) -> Frame:
    """The frame of one page from the bytes of the file it came in.

    Args:
        record: of the screening.
        page: 0-based, as in the report's capture.pages.
        light: of the frame.
        data: of the file.
        decode: of the core.

    Raises:
        ServiceError: ``screening.no_image``.
        InputError: what the core says of the bytes.
    """
    image = next((i for i in record.images if i.page == page and i.light == light), None)
    if image is None:
        raise ServiceError("screening.no_image", status=404)
    first = min(i.page for i in record.images if i.light == light and i.sha256 == image.sha256)
    pages = decode({light: data}, "stored").pages
    frame = pages[page - first].frame(light) if page - first < len(pages) else None
    if frame is None:
        raise ServiceError("screening.no_image", status=404)
    return frame
