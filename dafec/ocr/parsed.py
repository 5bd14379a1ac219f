"""What the parser gives: the zone's fields, its check digits, and remarks.

Plain frozen data. Everything that judges (``dafec.ocr.parse`` and the modules it calls) writes these; the checks, the
report and the command line read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from dafec.geometry import DocumentFormat

__all__ = ["CheckDigit", "MrzParse", "ParseOutcome", "Place", "Remark", "RemarkLevel", "Span"]

ParseOutcome = Literal["valid", "valid_note", "invalid"]

#: ``information``: said, and changes nothing (a specimen). ``note``: accepted, but worth a look (a truncated name).
#: ``fault``: against the standard.
RemarkLevel = Literal["information", "note", "fault"]

#: A character's place in the zone: 0-based line and position.
Place = tuple[int, int]

#: A run of characters: 0-based line, first position, position after the last.
Span = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CheckDigit:
    """One printed check digit beside the one the standard's weights give."""

    field: str  # "document_number", "birth_date", "expiry_date", "optional_data", "composite"
    printed: str
    expected: str  # "" where a character it covers has no value (a lower-case letter, say)
    ok: bool
    line: int  # 0-based line of the printed digit
    position: int  # 0-based position in that line
    covers: tuple[Place, ...] = ()  # the characters it is computed over, in the order of the weights


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth knowing (information, note) or against the standard (fault)."""

    code: str  # stable: "possibly_truncated", "unknown_birth_date", "state_code_unknown", ...
    field: str
    line: int | None = None
    start: int | None = None  # 0-based, inclusive
    end: int | None = None  # exclusive
    source: str | None = None  # "Doc 9303-3 4.7"
    level: RemarkLevel = "note"
    detail: str | None = None  # the erratum's id, the printed and expected digit, the length found


@dataclass(frozen=True, slots=True)
class MrzParse:
    """Two or three lines of text, taken apart."""

    outcome: ParseOutcome
    format: DocumentFormat | None
    lines: tuple[str, ...]
    fields: Mapping[str, str | None]
    check_digits: tuple[CheckDigit, ...]
    notes: tuple[Remark, ...]  # levels information and note
    faults: tuple[Remark, ...]
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)  # where each field stands
