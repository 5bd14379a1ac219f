from __future__ import annotations

from dataclasses import replace

import pytest
from series_samples import context_for, look_of, page_of, parse_of

from dafec.references.numbers import NumberRuleCheck, follows, learn_rule


def test_a_rule_is_what_all_numbers_share() -> None:
    assert learn_rule([f"B{n}1234567" for n in range(8)]) == "B########"
    assert learn_rule([f"B{n}1234567" for n in range(6)]) == "@########"  # too few to say that it is always a B
    assert learn_rule(["A12", "B34", "C56", "D78", "E90"]) == "@##"
    assert learn_rule(["A12", "1B2", "C1D", "D78", "E90"]) == "???"


def test_numbers_of_several_lengths_or_few_documents_give_no_rule() -> None:
    assert learn_rule(["A12", "A123", "A12", "A12", "A12"]) is None
    assert learn_rule(["A12"] * 4) is None
    assert learn_rule([]) is None


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("B12345678", "passed"),
        ("X12345678", "letter"),
        ("112345678", "shape"),
        ("BX2345678", "shape"),
        ("B1234567", "shape"),
    ],
)
def test_numbers_follow_the_rule_or_not(number: str, found: str) -> None:
    assert follows(number, "B########") == found


def test_the_check_passes_fails_and_abstains() -> None:
    look = look_of(3)
    page, parse = page_of(look), parse_of(look)
    context = context_for(page, parse)
    number = parse.fields["document_number"]
    assert number is not None
    rule = "".join("#" if c.isdigit() else "@" for c in number)
    passed = NumberRuleCheck(rule, "UTO-P-1-2020 v2", 8).run(context)
    assert (passed.result, passed.message) == ("passed", "checks.SER-number.passed")
    failed = NumberRuleCheck("@@@", "UTO-P-1-2020 v2", 8).run(context)
    assert (failed.result, failed.llr > 0) == ("failed", True)
    other = NumberRuleCheck("Q" + rule[1:], "UTO-P-1-2020 v2", 8).run(context)
    assert other.result == "failed"
    assert 0 < other.llr < failed.llr
    assert NumberRuleCheck(rule, "x", 8).run(replace(context, mrz=None)).result == "not_supported"


def test_a_misread_number_is_not_judged() -> None:
    look = look_of(3)
    parse = parse_of(look)
    digits = tuple(replace(digit, ok=digit.field != "document_number" and digit.ok) for digit in parse.check_digits)
    context = replace(context_for(page_of(look)), mrz=replace(parse, check_digits=digits))
    assert NumberRuleCheck("@@@", "x", 8).run(context).result == "undetermined"
