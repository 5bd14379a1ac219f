"""The report's ``mrz`` object as plain data: one zone as read and as parsed.

Takes what the reader gives (``MrzRead``) and what the parser makes of it (``MrzParse``); gives a dict of plain JSON
values. ``dafec mrz`` prints it as it is, and ``dafec.report`` validates the same dict against the schema: the one shape
has one builder. This module imports nothing heavy, so that a cold ``dafec mrz`` pays for the reader alone.

The lines are the printed text as read. Nothing here repairs a character, and check digits are shown as printed beside
the expected ones.
"""

from __future__ import annotations

from typing import Any

from dafec.ocr.parse import MrzParse, Remark
from dafec.ocr.types import LineRead, MrzRead

__all__ = ["alternatives", "mrz_object", "parse_object"]

#: A second reading is worth listing when it has at least this probability. Below it, the list of a clean zone of 88
#: characters would drown the one character that matters.
_LISTED_ALTERNATIVE = 0.01


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "code": remark.code,
        "field": remark.field,
        "line": remark.line,
        "start": remark.start,
        "end": remark.end,
        "source": remark.source,
    }


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


def parse_object(parse: MrzParse | None) -> dict[str, Any]:
    """What the parser says, as plain data.

    Args:
        parse: the lines taken apart; None where there was nothing to parse.

    Returns:
        ``outcome`` (``valid``, ``valid_note``, ``invalid``, or None), ``fields``, ``check_digits``, ``notes`` and
        ``faults``; empty where ``parse`` is None.
    """
    if parse is None:
        return {"outcome": None, "fields": {}, "check_digits": [], "notes": [], "faults": []}
    return {
        "outcome": parse.outcome,
        "fields": dict(parse.fields),
        "check_digits": [
            {
                "field": digit.field,
                "printed": digit.printed,
                "expected": digit.expected,
                "ok": digit.ok,
                "line": digit.line,
                "position": digit.position,
            }
            for digit in parse.check_digits
        ],
        "notes": [_remark(note) for note in parse.notes],
        "faults": [_remark(fault) for fault in parse.faults],
    }


def mrz_object(read: MrzRead | None, parse: MrzParse | None) -> dict[str, Any]:
    """The report's ``mrz`` object for one zone.

    Args:
        read: the zone as read, or None where the image shows none.
        parse: its lines taken apart, or None where they could not be.

    Returns:
        A dict with the keys ``status``, ``format``, ``lines``, ``outcome``, ``fields``, ``check_digits``,
        ``confidence``, ``alternatives``, ``corners_px``, ``notes`` and ``faults``. Without a zone ``status`` is
        ``not_found``, the lists are empty, ``confidence`` is 0 and ``corners_px`` is None.
    """
    found = read is not None and read.status != "not_found"
    fmt = (parse.format if parse is not None else None) or (read.format if read is not None else None)
    return {
        "status": read.status if read is not None else "not_found",
        "format": fmt if found else None,
        "lines": list(read.texts) if read is not None and found else [],
        **parse_object(parse if found else None),
        "confidence": round(read.confidence, 6) if read is not None and found else 0.0,
        "alternatives": alternatives(read) if read is not None and found else [],
        "corners_px": read.corners_px.as_list() if read is not None and found else None,
    }
