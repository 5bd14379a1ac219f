"""Published specimens by name: said, and nothing stops (Doc 9303-2 Appendix C.14)."""

from __future__ import annotations

from functools import cache

from dafec.ocr.data_files import load_table
from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Remark

__all__ = ["check_specimen"]


@cache
def _words() -> frozenset[str]:
    return frozenset(load_table("specimens")["words"])


@cache
def _holders() -> frozenset[tuple[str, str]]:
    return frozenset((entry["issuer"], entry["names"]) for entry in load_table("specimens")["holder"])


@cache
def _beginnings() -> tuple[tuple[str, str], ...]:
    return tuple((entry["issuer"], entry["names"]) for entry in load_table("specimens")["beginning"])


def check_specimen(printed: Printed, names: str | None) -> list[Remark]:
    """Information where the name is a published specimen's.

    Args:
        printed: the zone.
        names: the name field without its trailing fillers.
    """
    if not names:
        return []
    issuer = printed.raw("issuer") or ""
    known = (issuer, names) in _holders() or ("*", names) in _holders()
    known = known or any(issuer == code and names.startswith(start) for code, start in _beginnings())
    if known or not _words().isdisjoint(names.split("<")):
        return [printed.remark("specimen", "names", "information", source="Doc 9303-2 C.14")]
    return []
