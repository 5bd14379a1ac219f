"""Document codes: the first letter by format, the second letter by the rule in force from 2026.

The zone does not hold the day of issue. It is bounded by the day of expiry: a passport is valid for at most ten years,
so one that expires in 2036 or later was issued in 2026 or later. Where the bound decides, an unlisted second letter is
a fault; where the document surely predates the rule, it is information; in between it is a note.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from dafec.messages import Language
from dafec.ocr.data_files import load_table
from dafec.ocr.dates import years_before
from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Remark, RemarkLevel

__all__ = ["check_document_code", "passport_kind"]

_SOURCE = "Doc 9303-4 4.4"
_FIELD = "document_code"


@cache
def _rules() -> dict[str, Any]:
    return load_table("document_codes")


def passport_kind(code: str, language: Language = "en") -> str | None:
    """What the second letter of a passport's code says, in the caller's language."""
    names = _rules()["passport"]["second"].get(code[1:2]) if code[:1] == "P" else None
    return None if names is None else str(names[1 if language == "ar" else 0])


def _check_passport(printed: Printed, code: str, expiry: date | None) -> list[Remark]:
    rules = _rules()["passport"]
    if code[0] != rules["first"]:
        return [printed.remark("document_code_invalid", _FIELD, "fault", detail=code, source="Doc 9303-4 4.2")]
    second = code[1]
    if second == "<":
        late = expiry is not None and expiry >= rules["without_until"]
        return [printed.remark("document_code_letter_required", _FIELD, "fault", source=_SOURCE)] if late else []
    if second in rules["second"]:
        return []
    earliest_issue = None if expiry is None else years_before(expiry, rules["longest_validity_years"])
    if earliest_issue is not None and earliest_issue >= rules["listed_from"]:
        return [printed.remark("document_code_unlisted", _FIELD, "fault", detail=code, source=_SOURCE)]
    predates = printed.today < rules["listed_from"] or (expiry is not None and expiry < rules["listed_from"])
    level: RemarkLevel = "information" if predates else "note"
    return [printed.remark("document_code_unlisted", _FIELD, level, detail=code, source=_SOURCE)]


def _check_card(printed: Printed, code: str) -> list[Remark]:
    rules = _rules()["card"]
    name = printed.layout.format
    emergency = rules["emergency"]
    source = printed.layout.source
    if code == emergency["code"] and name in emergency["formats"]:
        return [printed.remark("emergency_document", _FIELD, "information", source="Doc 9303-8")]
    if code[0] not in rules["first"]:
        return [printed.remark("document_code_invalid", _FIELD, "fault", detail=code, source=source)]
    if name in rules["barred"].get(code[1], ()):
        return [printed.remark("document_code_barred", _FIELD, "fault", detail=code, source=source)]
    if code == "AI":
        level: RemarkLevel = "fault" if name in rules["alien_identity"]["fault"] else "note"
        return [printed.remark("document_code_barred", _FIELD, level, detail=code, source=source)]
    if code == rules["crew"]:
        return [printed.remark("crew_certificate", _FIELD, "information", source=source)]
    return []


def check_document_code(printed: Printed, expiry: date | None) -> list[Remark]:
    """What there is to say about the document code.

    Args:
        printed: the zone.
        expiry: the day of expiry where it is known.
    """
    code = printed.raw(_FIELD)
    if code is None:
        return []
    name = printed.layout.format
    if name == "TD3":
        return _check_passport(printed, code, expiry)
    if name in ("TD1", "TD2"):
        return _check_card(printed, code)
    return [printed.remark("national_layout", _FIELD, "information")] if name == "FRA-ID" else []
