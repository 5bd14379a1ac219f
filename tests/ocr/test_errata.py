"""Known deviations soften exactly the fault they name, for their issuer only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mrz_zones import PASSPORT, TODAY, swap

from dafec.messages import catalogue
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.data_files import load_table
from dafec.ocr.errata import find_erratum
from dafec.ocr.layouts import identify_format, layout_of
from dafec.ocr.parse import MrzParse, parse_mrz

VECTORS = {
    vector["id"]: tuple(vector["lines"])
    for vector in json.loads((Path(__file__).parents[1] / "data" / "mrz_vectors.json").read_text("utf-8"))["vectors"]
}


def errata_met(parse: MrzParse) -> set[str | None]:
    return {note.detail for note in parse.notes if note.code in ("known_deviation", "expiry_permanent")}


@pytest.mark.parametrize("entry", load_table("errata")["erratum"], ids=lambda entry: entry["id"])
def test_every_erratum_is_whole(entry: dict[str, object]) -> None:
    known = {key.removeprefix("mrz.remarks.") for key in catalogue("en") if key.startswith("mrz.remarks.")}
    assert entry["fault"] == "*" or entry["fault"] in known
    assert entry["note"] in known
    assert entry["source"]
    for name in entry.get("formats", ()):  # type: ignore[attr-defined]
        assert entry["field"] in ("*", "names") or entry["field"] in {*layout_of(name).fields, *layout_of(name).check}


@pytest.mark.parametrize(
    ("vector", "erratum"),
    [
        ("td1-long-filler-counted-PRT", {"PRT-long-number"}),
        ("td1-erratum-SVN", {"SVN-vehicle-code"}),
        ("td1-code-USA-C1", {"USA-resident-card"}),
        ("td1-expiry-permanent-ESP", {"ESP-permanent"}),
        (
            "td3-erratum-RUS",
            {"RUS-internal-names", "RUS-internal-expiry", "RUS-internal-expiry-digit", "RUS-internal-code"},
        ),
    ],
)
def test_vectors_meet_their_errata(vector: str, erratum: set[str]) -> None:
    parse = parse_mrz(VECTORS[vector], today=TODAY)
    assert erratum == errata_met(parse)
    assert not parse.faults


def swedish_card(composite: str) -> tuple[str, ...]:
    number, rest = "K70412358", "7Q3"
    digit = expected_digit(number + "<" + rest)
    first = f"I<SWE{number}<{rest}{digit}".ljust(30, "<")
    return first, f"8502142F3106305SWE<<<<<<<<<<<{composite}", "JABER<<NOOR".ljust(30, "<")


def test_an_issuers_own_composite_is_accepted_only_where_it_adds_up() -> None:
    lines = swedish_card("0")
    own = expected_digit(lines[0][5:15] + lines[1][0:7] + lines[1][8:15] + lines[1][18:29])
    standard = expected_digit(lines[0][5:30] + lines[1][0:7] + lines[1][8:15] + lines[1][18:29])
    assert own is not None
    assert standard is not None
    assert own != standard
    for digit in "0123456789":
        parse = parse_mrz(swedish_card(digit), today=TODAY)
        assert (parse.outcome == "valid_note") == (digit in (own, standard))
        assert ("SWE-long-composite" in errata_met(parse)) == (digit == own)


def test_other_issuers_and_fields_are_not_softened() -> None:
    printed, _ = identify_format(swap(PASSPORT, 0, 2, "RUS"), TODAY)
    assert printed is not None
    assert find_erratum(printed, "illegal_character", "names", "3") is None  # a passport, not the internal one
    assert parse_mrz(swap(PASSPORT, 0, 8, "3"), today=TODAY).outcome == "invalid"


def test_border_crossing_card() -> None:
    lines = list(VECTORS["td1-code-USA-C1"])
    lines[0] = "B1" + lines[0][2:]
    assert "USA-border-card" in errata_met(parse_mrz(lines, today=TODAY))
    lines[0] = lines[0].replace("USA", "UTO")
    assert "document_code_invalid" in {fault.code for fault in parse_mrz(lines, today=TODAY).faults}


@pytest.mark.parametrize(
    ("issuer", "name", "known"),
    [
        ("USA", "TRAVELER<<HAPPYPERSON", True),
        ("FRA", "TRAVELER<<HAPPYPERSON", False),
        ("GBR", "UNITED<KINGDOM<SOMEBODY<<JODIE", True),
        ("FRA", "UNITED<KINGDOM<SOMEBODY<<JODIE", False),
        ("FRA", "SPECIMEN<<NATACHA", True),
        ("FRA", "SPECIMENOV<<IVAN", False),
    ],
)
def test_published_specimens(issuer: str, name: str, known: bool) -> None:
    lines = (f"PP{issuer}{name}".ljust(44, "<"), PASSPORT[1])
    notes = parse_mrz(lines, today=TODAY).notes
    assert any(note.code == "specimen" and note.level == "information" for note in notes) == known
