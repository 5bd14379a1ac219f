"""Known deviations of issuers on genuine documents: data that turns a fault into a note.

``data/errata.toml`` lists them. A deviation applies to one issuer, the formats and document codes it names, and the one
remark it names, so that the same fault on any other document stays a fault.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from dafec.ocr.check_digits import expected_digit
from dafec.ocr.data_files import load_table
from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Place, Remark

__all__ = ["Erratum", "find_erratum", "soften"]


@dataclass(frozen=True, slots=True)
class Erratum:
    """One known deviation."""

    id: str
    fault: str  # remark code it softens; "*" any
    field: str  # "*" any
    note: str  # remark code instead
    formats: frozenset[str]  # empty: all
    codes: frozenset[str]  # document codes; empty: all
    value: str | None  # the field must be exactly this
    characters: frozenset[str] | None  # an illegal run may hold only these
    composite: tuple[Place, ...]  # the characters this issuer's composite covers; empty: as the standard has it
    long_number: bool  # only where the number continues in the optional field
    source: str

    def explains(self, printed: Printed, code: str, field: str, detail: str | None) -> bool:
        """Whether this deviation, of the zone's issuer, is what remark ``code`` on ``field`` found."""
        return (
            self.fault in ("*", code)
            and self.field in ("*", field)
            and (not self.formats or printed.layout.format in self.formats)
            and (not self.codes or printed.raw("document_code") in self.codes)
            and (self.value is None or printed.raw(field) == self.value)
            and (self.characters is None or self.characters.issuperset(detail or ""))
            and (not self.long_number or printed.char(printed.layout.check["document_number"]) == "<")
            and (not self.composite or self._composite_matches(printed))
        )

    def _composite_matches(self, printed: Printed) -> bool:
        covered = printed.chars(self.composite)
        return covered is not None and expected_digit(covered) == printed.char(printed.layout.check["composite"])


@cache
def _by_issuer() -> dict[str, tuple[Erratum, ...]]:
    found: dict[str, tuple[Erratum, ...]] = {}
    for entry in load_table("errata")["erratum"]:
        erratum = Erratum(
            id=entry["id"],
            fault=entry["fault"],
            field=entry["field"],
            note=entry["note"],
            formats=frozenset(entry.get("formats", ())),
            codes=frozenset(entry.get("codes", ())),
            value=entry.get("value"),
            characters=frozenset(entry["characters"]) if "characters" in entry else None,
            composite=tuple((line, at) for line, start, end in entry.get("composite", ()) for at in range(start, end)),
            long_number=entry.get("long_number", False),
            source=entry["source"],
        )
        found[entry["issuer"]] = (*found.get(entry["issuer"], ()), erratum)
    return found


def find_erratum(printed: Printed, code: str, field: str, detail: str | None = None) -> Erratum | None:
    """The known deviation that explains remark ``code`` on ``field``, if there is one.

    Args:
        printed: the zone.
        code: remark code.
        field: field of the remark.
        detail: the remark's detail; for illegal characters, the run.
    """
    errata = _by_issuer().get(printed.raw("issuer") or "", ())
    return next((erratum for erratum in errata if erratum.explains(printed, code, field, detail)), None)


def soften(printed: Printed, remark: Remark) -> Remark:
    """The remark, or the note a known deviation turns it into."""
    if remark.level == "information":
        return remark
    erratum = find_erratum(printed, remark.code, remark.field, remark.detail)
    if erratum is None:
        return remark
    return replace(remark, code=erratum.note, level="note", detail=erratum.id, source=erratum.source)
