"""Where a digit fails: does the image support another reading, or is it a finding."""

from __future__ import annotations

import pytest
from mrz_zones import PASSPORT, TODAY, Doubts, read_of, swap

from dafec.ocr.digit_support import SUPPORT_RATIO, DigitAssessment, assess_check_digits, supported_alternatives
from dafec.ocr.parse import parse_mrz

WRONG = swap(PASSPORT, 1, 4, "7")  # K7041... printed as K7047...


def assessed(
    lines: tuple[str, ...], doubts: Doubts | None = None, status: str | None = None
) -> dict[str, DigitAssessment]:
    found = assess_check_digits(parse_mrz(lines, today=TODAY), read_of(lines, doubts, status))
    return {one.digit.field: one for one in found}


def test_certain_characters_make_a_finding() -> None:
    found = assessed(WRONG)
    assert found["document_number"].result == "failed"
    assert found["composite"].result == "failed"
    assert found["birth_date"].result == "passed"


def test_a_supported_alternative_makes_a_doubt_and_is_named() -> None:
    found = assessed(WRONG, {(1, 4): (("1", 0.2),)})
    assert found["document_number"].result == "undetermined"
    assert [(one.place, one.char) for one in found["document_number"].reading] == [((1, 4), "1")]
    assert found["document_number"].ratio == pytest.approx(0.25)
    assert found["composite"].result == "undetermined"
    assert found["birth_date"].result == "passed"


def test_nothing_is_repaired() -> None:
    parse = parse_mrz(WRONG, today=TODAY)
    assess_check_digits(parse, read_of(WRONG, {(1, 4): (("1", 0.45),)}))
    assert parse.lines == WRONG
    assert parse.fields["document_number"] == "K70472358"
    assert not parse.check_digits[0].ok


def test_an_alternative_below_the_limit_does_not_count() -> None:
    below = SUPPORT_RATIO / (1 + SUPPORT_RATIO) * 0.9
    above = SUPPORT_RATIO / (1 + SUPPORT_RATIO) * 1.1
    assert assessed(WRONG, {(1, 4): (("1", below),)})["document_number"].result == "failed"
    assert assessed(WRONG, {(1, 4): (("1", above),)})["document_number"].result == "undetermined"


def test_an_alternative_that_does_not_mend_it_is_no_excuse() -> None:
    assert assessed(WRONG, {(1, 4): (("4", 0.3),)})["document_number"].result == "failed"


def test_two_alternatives_together() -> None:
    wrong = swap(swap(PASSPORT, 1, 4, "7"), 1, 6, "5")
    mended = {(1, 4): (("1", 0.3),), (1, 6): (("3", 0.3),)}
    assert assessed(wrong, mended)["document_number"].result == "undetermined"
    assert len(assessed(wrong, mended)["document_number"].reading) == 2
    unlikely = {(1, 4): (("1", 0.1),), (1, 6): (("3", 0.1),)}
    assert assessed(wrong, unlikely)["document_number"].result == "failed"


def test_the_printed_digit_itself_may_be_the_doubt() -> None:
    wrong = swap(PASSPORT, 1, 9, "3")
    assert assessed(wrong)["document_number"].result == "failed"
    assert assessed(wrong, {(1, 9): (("8", 0.3),)})["document_number"].result == "undetermined"


def test_illegal_alternatives_are_no_reading() -> None:
    wrong = swap(PASSPORT, 1, 14, "6")
    parse = parse_mrz(wrong, today=TODAY)
    read = read_of(wrong, {(1, 14): (("P", 0.4),)})
    assert supported_alternatives(parse, read, [(1, 14)]) == ()
    assert assessed(wrong, {(1, 14): (("P", 0.4),)})["birth_date"].result == "failed"
    assert assessed(wrong, {(1, 14): (("5", 0.4),)})["birth_date"].result == "undetermined"


def test_a_right_digit_over_a_doubtful_character_is_no_pass() -> None:
    found = assessed(PASSPORT, {(1, 4): (("7", 0.3),)})
    assert found["document_number"].result == "undetermined"
    assert found["expiry_date"].result == "passed"


def test_a_right_digit_over_an_alias_passes_whichever_is_right() -> None:
    assert assessed(PASSPORT, {(1, 4): (("L", 0.4),)})["document_number"].result == "passed"


def test_a_filler_for_an_unused_field_is_right_and_for_a_used_one_wrong() -> None:
    assert assessed(PASSPORT)["optional_data"].result == "passed"
    used = swap(PASSPORT, 1, 28, "A")
    assert assessed(used)["optional_data"].result == "failed"
    assert assessed(used, {(1, 28): (("<", 0.4),)})["optional_data"].result == "undetermined"


def test_another_read_judges_nothing() -> None:
    parse = parse_mrz(PASSPORT, today=TODAY)
    found = assess_check_digits(parse, read_of(WRONG))
    assert {one.result for one in found} == {"undetermined"}
