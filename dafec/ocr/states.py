"""State codes of Doc 9303-3 section 5, with their names in English and Arabic, and who may stand where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from dafec.messages import Language
from dafec.ocr.data_files import load_table
from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Remark

__all__ = ["State", "check_state", "find_state", "state_name", "uses_arabic_script"]

_SOURCE = "Doc 9303-3 5"


@dataclass(frozen=True, slots=True)
class State:
    """One code and what it stands for."""

    code: str
    english: str
    arabic: str
    kind: str  # state, citizenship, organisation, person, specimen, reserved, withdrawn, alias
    roles: frozenset[str]  # "issuer", "nationality"
    note: str | None = None  # remark that goes with every use
    last_year: int | None = None  # a document that expires later cannot carry this withdrawn code


@cache
def _states() -> dict[str, State]:
    table = load_table("states")
    both = frozenset({"issuer", "nationality"})
    states = {code: State(code, english, arabic, "state", both) for code, (english, arabic) in table["iso"].items()}
    for entry in table["code"]:
        english, arabic = entry["names"]
        states[entry["code"]] = State(
            entry["code"],
            english,
            arabic,
            entry["kind"],
            frozenset(entry["roles"]),
            entry.get("note"),
            entry.get("last_year"),
        )
    return states


@cache
def _arabic_script() -> frozenset[str]:
    return frozenset(load_table("states")["arabic_script"])


def find_state(printed: str) -> State | None:
    """The state of a printed three-character code (``"IRQ"``, ``"D<<"``); None where it is no code."""
    return _states().get(printed.rstrip("<")) if len(printed) == 3 else None


def state_name(printed: str, language: Language = "en") -> str | None:
    """The name of a printed code in the caller's language."""
    state = find_state(printed)
    if state is None:
        return None
    return state.arabic if language == "ar" else state.english


def uses_arabic_script(code: str | None) -> bool:
    """Whether the state writes its people's names in Arabic script (Arabic, Persian, Urdu, Pashto)."""
    return code in _arabic_script()


def check_state(printed: Printed, field: str, expiry: date | None) -> list[Remark]:
    """What there is to say about the code in ``field`` ("issuer" or "nationality")."""
    raw = printed.raw(field)
    if raw is None:
        return []
    state = find_state(raw)
    if state is None:
        return [printed.remark("state_code_unknown", field, "fault", detail=raw, source=_SOURCE)]
    if state.kind == "reserved" or field not in state.roles:
        return [printed.remark("state_code_misplaced", field, "fault", detail=raw, source=_SOURCE)]
    remarks = []
    if state.kind == "specimen":
        remarks.append(printed.remark("specimen", field, "information", detail=raw, source=_SOURCE))
    if state.note is not None:
        outlived = state.last_year is not None and expiry is not None and expiry.year > state.last_year
        remarks.append(printed.remark(state.note, field, "fault" if outlived else "note", detail=raw, source=_SOURCE))
    return remarks
