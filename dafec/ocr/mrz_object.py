"""The report's ``mrz`` object as plain data: one zone as read and as parsed.

Takes what the reader gives (``MrzRead``) and what the parser makes of it (``MrzParse``); gives a dict of plain JSON
values. ``dafec mrz`` prints it as it is, and ``dafec.report`` validates the same dict against the schema: the one shape
has one builder. This module imports nothing heavy, so that a cold ``dafec mrz`` pays for the reader alone.

The lines are the printed text as read. Nothing here repairs a character, and check digits are shown as printed beside
the expected ones.
"""

from __future__ import annotations

from typing import Any

from dafec.messages import Language
from dafec.ocr.parse import MrzParse, parse_to_dict
from dafec.ocr.types import LineRead, MrzRead

__all__ = ["alternatives", "mrz_object"]

#: A second reading is worth listing when it has at least this probability. Below it, the list of a clean zone of 88
#: characters would drown the one character that matters.
_LISTED_ALTERNATIVE = 0.01


def _not_found() -> dict[str, Any]:
    return {
        "status": "not_found",
        "format": None,
        "lines": [],
        **_not_parsed(),
        "confidence": 0.0,
        "alternatives": [],
        "corners_px": None,
    }


def _not_parsed() -> dict[str, Any]:
    return {"outcome": None, "fields": {}, "check_digits": [], "notes": [], "faults": []}


def _line_alternatives(number: int, line: LineRead) -> list[dict[str, Any]]:
    listed = []
    for position, read in enumerate(line.chars):
        others = [[char, round(p, 4)] for char, p in read.alternatives if p >= _LISTED_ALTERNATIVE]
        if others:
            listed.append(
                {
                    "line": number,
                    "position": position,
                    "char": read.char,
                    "probability": round(read.probability, 4),
                    "others": others,
                }
            )
    return listed


def alternatives(read: MrzRead) -> list[dict[str, Any]]:
    """The characters of a read that the image also supports reading otherwise.

    Args:
        read: one zone as read.

    Returns:
        One dict for each such character, in reading order: ``line`` and ``position`` (0-based), ``char`` as read with
        its ``probability`` (0..1), and ``others``, pairs of character and probability of at least 0.01, falling.
    """
    return [entry for number, line in enumerate(read.lines) for entry in _line_alternatives(number, line)]


def mrz_object(read: MrzRead | None, parse: MrzParse | None, language: Language = "en") -> dict[str, Any]:
    """The report's ``mrz`` object for one zone.

    Args:
        read: the zone as read, or None where the image shows none.
        parse: its lines taken apart, or None where they could not be.
        language: of the messages of notes and faults.

    Returns:
        A dict with the keys ``status``, ``format``, ``lines``, ``outcome``, ``fields``, ``check_digits``,
        ``confidence``, ``alternatives``, ``corners_px``, ``notes`` and ``faults``. Without a zone ``status`` is
        ``not_found``, the lists are empty, ``confidence`` is 0 and ``corners_px`` is None.
    """
    if read is None or read.status == "not_found":
        return _not_found()
    parsed = _not_parsed() if parse is None else parse_to_dict(parse, language)
    return {
        "status": read.status,
        "format": parsed.get("format") or read.format,
        "lines": list(read.texts),
        "outcome": parsed["outcome"],
        "fields": parsed["fields"],
        "check_digits": parsed["check_digits"],
        "notes": parsed["notes"],
        "faults": parsed["faults"],
        "confidence": round(read.confidence, 6),
        "alternatives": alternatives(read),
        "corners_px": read.corners_px.as_list(),
    }
