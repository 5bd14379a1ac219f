"""Which file is which light of which document, by its name: vendors' exports differ, so that the names are settings.

A glob's ``*`` stands for what tells documents apart, the first one before the extension counts: ``*_IR.tif`` takes
``0042_IR.tif`` for the infrared image of document ``0042``, and ``ir.*`` takes any extension. A regular expression,
after ``re:``, names it as the group ``set``, and may name the side as the group ``side``: 1 to 8, ``front`` or
``back``. Files in different folders never belong to one document, but for folders ``page-2``, ``page-3``, ... of a
capture folder. Names are compared without regard to case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from api.parts import Part, parse_part
from dafec.capture import LIGHTS, Light

__all__ = ["Naming", "Place"]


#: Of a capture folder, as ``dafec.capture_folder`` has it.
_PAGE_FOLDER = re.compile(r"page-([1-8])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file belongs."""

    folder: str  # relative to the watched one; empty for itself
    document: str  # what the names of its images have in common; may be empty
    part: Part


class Naming:
    """Names by light.

    Args:
        names: globs and regular expressions, as in the settings.
    """

    def __init__(self, names: Mapping[Light, tuple[str, ...]]) -> None:
        self._patterns = [(light, _compiled(pattern)) for light in LIGHTS for pattern in names.get(light, ())]

    def place(self, path: PurePath) -> Place | None:
        """Where a file belongs by its path relative to the watched folder; None: it is no image of a document."""
        for light, pattern in self._patterns:
            match = pattern.fullmatch(path.name)
            if match is None:
                continue
            named = match.groupdict()
            part, folder = parse_part(light, named.get("side")), path.parent
            page = _PAGE_FOLDER.fullmatch(folder.name)
            if page is not None and not named.get("side"):
                part, folder = parse_part(light, page[1]), folder.parent
            if part is not None:
                return Place(str(folder) if str(folder) != "." else "", (named.get("set") or "").casefold(), part)
        return None


def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern.startswith("re:"):
        return re.compile(pattern.removeprefix("re:"), re.IGNORECASE)
    stem, dot, extension = pattern.rpartition(".")
    if not dot:
        stem, extension = pattern, ""
    head, star, tail = stem.partition("*")
    document = "(?P<set>.*)" if star else ""
    return re.compile(
        _translated(head) + document + _translated(tail) + (re.escape(dot) + _translated(extension)), re.IGNORECASE
    )


def _translated(part: str) -> str:
    """A piece of a glob as a regular expression."""
    found: list[str] = []
    rest = part
    while rest:
        bracket = re.match(r"\[!?\]?[^\]]*\]", rest)
        if bracket is not None:
            found.append(bracket[0].replace("[!", "[^", 1).replace("\\", "\\\\"))
            rest = rest[bracket.end() :]
            continue
        found.append({"*": ".*", "?": "."}.get(rest[0], re.escape(rest[0])))
        rest = rest[1:]
    return "".join(found)
