"""Parsing of MRZ text by Doc 9303 parts 3 to 7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dafec.geometry import DocumentFormat

__all__ = ["CheckDigit", "MrzParse", "Remark"]

ParseOutcome = Literal["valid", "valid_note", "invalid"]


@dataclass(frozen=True, slots=True)
class CheckDigit:
    """One printed check digit beside the one the standard's weights give."""

    field: str  # "document_number", "birth_date", "expiry_date", "optional_data", "composite"
    printed: str
    expected: str
    ok: bool
    line: int  # 0-based line of the printed digit
    position: int  # 0-based position in that line


@dataclass(frozen=True, slots=True)
class Remark:
    """A note (accepted, worth knowing) or a fault (against the standard)."""

    code: str  # stable: "possibly_truncated", "unknown_birth_date", "state_code_unknown", ...
    field: str
    line: int | None = None
    start: int | None = None  # 0-based, inclusive
    end: int | None = None  # exclusive
    source: str | None = None  # "Doc 9303-3 4.7"


@dataclass(frozen=True, slots=True)
class MrzParse:
    """Two or three lines of text, taken apart."""

    outcome: ParseOutcome
    format: DocumentFormat | None
    lines: tuple[str, ...]
    fields: Mapping[str, str | None]
    check_digits: tuple[CheckDigit, ...]
    notes: tuple[Remark, ...]
    faults: tuple[Remark, ...]
