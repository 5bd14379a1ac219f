"""State codes: complete, named in both languages, and only where they may stand."""

from __future__ import annotations

import pytest

from dafec.ocr.data_files import load_table
from dafec.ocr.document_codes import passport_kind
from dafec.ocr.states import find_state, state_name, uses_arabic_script

PART_D = ("XBA", "XIM", "XCC", "XCE", "XCO", "XEC", "XPO", "XES", "XMP", "XOM", "XDC")
PART_E = ("XXA", "XXB", "XXC", "XXX")


def test_iso_is_complete_but_for_germany() -> None:
    codes = load_table("states")["iso"]
    assert len(codes) == 248
    assert "DEU" not in codes
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in codes)


def test_every_code_has_both_names() -> None:
    table = load_table("states")
    names = [*table["iso"].values(), *(entry["names"] for entry in table["code"])]
    assert all(english and any("\u0600" <= char <= "\u06ff" for char in arabic) for english, arabic in names)
    assert len({english for english, _ in names}) >= len(names) - 1  # D and DEU share theirs


@pytest.mark.parametrize(
    "code", [*PART_D, *PART_E, "D<<", "GBD", "GBN", "GBO", "GBP", "GBS", "RKS", "EUE", "UNO", "UNK"]
)
def test_codes_the_standard_adds(code: str) -> None:
    state = find_state(code)
    assert state is not None
    assert "nationality" in state.roles
    assert ("issuer" in state.roles) == (code not in PART_E)


@pytest.mark.parametrize("printed", ["", "D", "<<<", "<D<", "ZZZ", "irq", "IRQ<", "D<"])
def test_what_is_no_code(printed: str) -> None:
    assert find_state(printed) is None
    assert state_name(printed) is None


def test_names_in_the_callers_language() -> None:
    assert state_name("IRQ") == "Iraq"
    assert state_name("IRQ", "ar") == "العراق"
    assert state_name("D<<", "ar") == "ألمانيا"


def test_arabic_script() -> None:
    assert uses_arabic_script("IRQ")
    assert uses_arabic_script("PAK")
    assert not uses_arabic_script("UTO")
    assert not uses_arabic_script(None)
    assert all(find_state(code) for code in load_table("states")["arabic_script"])


def test_passport_kinds() -> None:
    assert passport_kind("PD") == "diplomatic passport"
    assert passport_kind("PD", "ar") == "جواز سفر دبلوماسي"
    assert passport_kind("P<") is None
    assert passport_kind("ID") is None
