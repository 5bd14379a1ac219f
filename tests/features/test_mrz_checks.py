"""Every MRZ check: a clean zone passes, its own defect fails, a missing prerequisite never passes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mrz_zones import CARD, PASSPORT, SPECIMEN, TODAY, VISA, Doubts, context_of, read_of, swap

from dafec.features.contract import CheckContext, CheckResult
from dafec.features.mrz_checks import MRZ_CHECKS
from dafec.messages import catalogue
from dafec.ocr.types import ALPHABET
from dafec.quality import IssueKind, Quality, QualityIssue

CHECKS = {check.id: check for check in MRZ_CHECKS}

#: A French card before 2021, which has no nationality and no date of expiry.
FRENCH = next(
    tuple(vector["lines"])
    for vector in json.loads((Path(__file__).parents[1] / "data" / "mrz_vectors.json").read_text("utf-8"))["vectors"]
    if vector["id"] == "fra-base"
)

DIGIT_PLACE = {"document_number": 9, "birth_date": 19, "expiry_date": 27, "optional_data": 42, "composite": 43}


def run(identity: str, context: CheckContext) -> CheckResult:
    result = CHECKS[identity].run(context)
    assert result.id == identity
    assert result.message in catalogue("en")
    assert result.message in catalogue("ar")
    assert (result.calibration == "none") == (result.llr == 0)
    for language in ("en", "ar"):
        template = catalogue(language)[result.message]  # type: ignore[arg-type]
        assert "{" not in template.format_map(dict(result.values))
    return result


def test_the_list_is_whole_and_its_ids_are_unique() -> None:
    assert set(CHECKS) == {
        "MRZ-found",
        "MRZ-format",
        "MRZ-digit-document_number",
        "MRZ-digit-birth_date",
        "MRZ-digit-expiry_date",
        "MRZ-digit-optional_data",
        "MRZ-digit-composite",
        "MRZ-characters",
        "MRZ-document_code",
        "MRZ-issuer",
        "MRZ-nationality",
        "MRZ-dates",
        "MRZ-expiry",
        "MRZ-names",
        "MRZ-specimen",
        "MRZ-second_reader",
        "MRZ-lights",
    }
    assert len(MRZ_CHECKS) == len(CHECKS)
    for check in MRZ_CHECKS:
        assert check.version >= 1
        assert not check.needs_series
        for result in ("title", "passed", "failed", "undetermined", "aborted"):
            assert f"checks.{check.id}.{result}" in catalogue("ar")


@pytest.mark.parametrize("identity", sorted(CHECKS))
def test_clean_passes(identity: str) -> None:
    context = context_of(PASSPORT, infrared=read_of(PASSPORT), second=PASSPORT)
    result = run(identity, context)
    assert result.result == "passed"
    assert result.llr <= 0


@pytest.mark.parametrize("identity", sorted(CHECKS))
def test_without_a_zone_nothing_passes(identity: str) -> None:
    assert run(identity, context_of(None)).result in ("undetermined", "not_supported")


@pytest.mark.parametrize("identity", sorted(set(CHECKS) - {"MRZ-second_reader"}))
def test_without_a_read_behind_the_text_nothing_passes(identity: str) -> None:
    assert run(identity, context_of(PASSPORT, with_read=False)).result in ("undetermined", "not_supported")


@pytest.mark.parametrize("identity", sorted(set(CHECKS) - {"MRZ-second_reader", "MRZ-lights"}))
def test_a_read_of_other_lines_is_no_read(identity: str) -> None:
    context = replace(context_of(PASSPORT), reads={"visible": read_of(SPECIMEN)})
    assert run(identity, context).result == "undetermined"


@pytest.mark.parametrize("identity", sorted(set(CHECKS) - {"MRZ-second_reader", "MRZ-lights", "MRZ-found"}))
def test_text_that_is_no_zone_never_passes(identity: str) -> None:
    assert run(identity, context_of(("HELLO", "WORLD"))).result != "passed"


@pytest.mark.parametrize("identity", sorted(set(CHECKS) - {"MRZ-found", "MRZ-second_reader", "MRZ-lights"}))
def test_a_lost_second_line_passes_only_what_the_first_holds(identity: str) -> None:
    result = run(identity, context_of((PASSPORT[0], PASSPORT[1][:-1]))).result
    of_the_first = {"MRZ-document_code", "MRZ-issuer", "MRZ-names", "MRZ-specimen"}
    assert (result == "passed") == (identity in of_the_first)


def test_without_a_page_there_is_no_region() -> None:
    assert run("MRZ-names", context_of(PASSPORT, with_page=False)).region_mm is None


@pytest.mark.parametrize("field", sorted(DIGIT_PLACE))
def test_a_wrong_digit_fails_with_its_place(field: str) -> None:
    at = DIGIT_PLACE[field]
    wrong = swap(PASSPORT, 1, at, "7")
    result = run(f"MRZ-digit-{field}", context_of(wrong))
    assert result.result == "failed"
    assert result.llr > 1
    assert result.values["printed"] == "7"
    assert result.values["expected"] == (PASSPORT[1][at] if field != "optional_data" else "0")
    assert result.region_mm is not None
    assert result.region_mm.x + result.region_mm.width == pytest.approx(5 + 2.5 * (at + 1))
    assert result.region_mm.y == 66.0


@pytest.mark.parametrize("field", sorted(DIGIT_PLACE))
def test_a_wrong_digit_the_image_doubts_is_undetermined(field: str) -> None:
    at = DIGIT_PLACE[field]
    right = PASSPORT[1][at]
    result = run(f"MRZ-digit-{field}", context_of(swap(PASSPORT, 1, at, "7"), {(1, at): ((right, 0.3),)}))
    assert (result.result, result.llr) == ("undetermined", 0.0)
    assert (result.values["read"], result.values["other"], result.values["position"]) == ("7", right, at + 1)
    assert result.region_mm is not None
    assert result.region_mm.width == pytest.approx(2.5)


@pytest.mark.parametrize("field", ["optional_data", "composite"])
def test_a_visa_has_no_such_digit(field: str) -> None:
    assert run(f"MRZ-digit-{field}", context_of(VISA)).result == "not_supported"
    assert run("MRZ-digit-document_number", context_of(VISA)).result == "passed"


def test_a_card_has_its_digits() -> None:
    assert run("MRZ-digit-composite", context_of(CARD)).result == "passed"
    assert run("MRZ-digit-optional_data", context_of(CARD)).result == "not_supported"


def test_a_digit_that_counts_the_filler_is_undetermined_for_an_unknown_issuer() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "data" / "mrz_vectors.json").read_text("utf-8"))["vectors"]
    lines = {vector["id"]: tuple(vector["lines"]) for vector in vectors}
    unknown = run("MRZ-digit-document_number", context_of(lines["td1-long-filler-counted"]))
    known = run("MRZ-digit-document_number", context_of(lines["td1-long-filler-counted-PRT"]))
    assert (unknown.result, known.result) == ("undetermined", "passed")
    assert unknown.llr > 0


DEFECTS: list[tuple[str, tuple[str, ...], str]] = [
    ("MRZ-format", (PASSPORT[0], PASSPORT[1][:-1]), "mrz.remarks.line_length"),
    ("MRZ-format", (PASSPORT[1],), "mrz.remarks.line_count"),
    ("MRZ-characters", swap(PASSPORT, 0, 8, "3"), "checks.MRZ-characters.illegal_character"),
    ("MRZ-characters", swap(PASSPORT, 1, 2, "k"), "checks.MRZ-characters.lower_case"),
    ("MRZ-characters", swap(PASSPORT, 1, 20, "H"), "mrz.remarks.sex_invalid"),
    ("MRZ-characters", swap(PASSPORT, 1, 0, "<<<<<<<<<0"), "mrz.remarks.document_number_empty"),
    ("MRZ-document_code", swap(PASSPORT, 0, 0, "A<"), "mrz.remarks.document_code_invalid"),
    ("MRZ-document_code", swap(CARD, 0, 0, "AI"), "mrz.remarks.document_code_barred"),
    (
        "MRZ-document_code",
        swap(swap(PASSPORT, 0, 0, "P<"), 1, 21, "380101"),
        "mrz.remarks.document_code_letter_required",
    ),
    ("MRZ-document_code", swap(swap(PASSPORT, 0, 0, "PX"), 1, 21, "360201"), "mrz.remarks.document_code_unlisted"),
    ("MRZ-issuer", swap(PASSPORT, 0, 2, "QQQ"), "checks.MRZ-issuer.state_code_unknown"),
    ("MRZ-issuer", swap(PASSPORT, 0, 2, "XXA"), "checks.MRZ-issuer.state_code_misplaced"),
    ("MRZ-issuer", swap(PASSPORT, 0, 2, "YUG"), "checks.MRZ-issuer.state_code_withdrawn"),
    ("MRZ-nationality", swap(PASSPORT, 1, 10, "QQQ"), "checks.MRZ-nationality.state_code_unknown"),
    ("MRZ-dates", swap(PASSPORT, 1, 13, "851301"), "mrz.remarks.birth_date_impossible"),
    ("MRZ-dates", swap(PASSPORT, 1, 21, "310431"), "mrz.remarks.expiry_date_impossible"),
    ("MRZ-dates", swap(PASSPORT, 1, 21, "<<<<<<"), "mrz.remarks.expiry_date_unknown"),
    ("MRZ-expiry", swap(PASSPORT, 1, 21, "260531"), "checks.MRZ-expiry.failed"),
    ("MRZ-names", swap(PASSPORT, 0, 16, "<<"), "mrz.remarks.names_separator_repeated"),
    ("MRZ-names", swap(PASSPORT, 0, 10, "<<<"), "mrz.remarks.names_separator_long"),
    ("MRZ-names", (PASSPORT[0][:5].ljust(44, "<"), PASSPORT[1]), "mrz.remarks.names_empty"),
    ("MRZ-names", swap(PASSPORT, 0, 5, "<"), "mrz.remarks.names_leading_filler"),
    ("MRZ-names", swap(PASSPORT, 0, 8, "3"), "checks.MRZ-names.illegal_character"),
]


@pytest.mark.parametrize(("identity", "lines", "message"), DEFECTS)
def test_its_own_defect_fails(identity: str, lines: tuple[str, ...], message: str) -> None:
    result = run(identity, context_of(lines))
    assert (result.result, result.message) == ("failed", message)
    assert result.llr > 0


def test_a_defect_is_shown_where_it_is() -> None:
    result = run("MRZ-characters", context_of(swap(PASSPORT, 0, 8, "3")))
    assert result.region_mm is not None
    assert result.region_mm.as_list() == [25.0, 60.0, 2.5, 3.0]


UNDECIDED = [
    ("MRZ-document_code", swap(PASSPORT, 0, 0, "PX"), "mrz.remarks.document_code_unlisted"),
    ("MRZ-issuer", swap(PASSPORT, 0, 2, "DEU"), "checks.MRZ-issuer.state_code_alias"),
    ("MRZ-nationality", swap(PASSPORT, 1, 10, "ANT"), "checks.MRZ-nationality.state_code_withdrawn"),
    ("MRZ-dates", swap(PASSPORT, 1, 21, "500101"), "mrz.remarks.expiry_implausible"),
]


@pytest.mark.parametrize(("identity", "lines", "message"), UNDECIDED)
def test_what_the_standard_leaves_open_is_undetermined(identity: str, lines: tuple[str, ...], message: str) -> None:
    result = run(identity, context_of(lines))
    assert (result.result, result.message) == ("undetermined", message)
    assert result.llr > 0


@pytest.mark.parametrize("identity", ["MRZ-nationality", "MRZ-expiry"])
def test_the_french_card_has_neither(identity: str) -> None:
    assert run(identity, context_of(FRENCH)).result == "not_supported"
    assert run("MRZ-dates", context_of(FRENCH)).result == "passed"
    assert run("MRZ-names", context_of(FRENCH)).result == "passed"


DOUBTED: list[tuple[str, tuple[str, ...], Doubts]] = [
    ("MRZ-issuer", swap(PASSPORT, 0, 2, "IRO"), {(0, 4): (("Q", 0.3),)}),
    ("MRZ-nationality", swap(PASSPORT, 1, 10, "IRO"), {(1, 12): (("Q", 0.3),)}),
    ("MRZ-dates", swap(PASSPORT, 1, 15, "22"), {(1, 15): (("0", 0.3),)}),
    ("MRZ-names", swap(PASSPORT, 0, 8, "0"), {(0, 8): (("O", 0.3),)}),
    ("MRZ-characters", swap(PASSPORT, 0, 8, "0"), {(0, 8): (("O", 0.3),)}),
    ("MRZ-expiry", swap(PASSPORT, 1, 21, "210630"), {(1, 21): (("3", 0.3),)}),
    ("MRZ-document_code", swap(PASSPORT, 0, 0, "F"), {(0, 0): (("P", 0.3),)}),
]


@pytest.mark.parametrize(("identity", "lines", "doubts"), DOUBTED)
def test_a_doubtful_character_behind_a_defect_is_undetermined(
    identity: str, lines: tuple[str, ...], doubts: Doubts
) -> None:
    assert run(identity, context_of(lines)).result == "failed"
    result = run(identity, context_of(lines, doubts))
    assert (result.result, result.llr) == ("undetermined", 0.0)


@pytest.mark.parametrize(
    ("identity", "doubts"),
    [
        ("MRZ-issuer", {(0, 4): (("O", 0.3),)}),
        ("MRZ-dates", {(1, 15): (("2", 0.3),)}),
        ("MRZ-names", {(0, 8): (("3", 0.3),)}),
        ("MRZ-expiry", {(1, 21): (("1", 0.3),)}),
        ("MRZ-digit-birth_date", {(1, 14): (("6", 0.3),)}),
    ],
)
def test_a_doubtful_character_that_would_fail_is_no_pass(identity: str, doubts: Doubts) -> None:
    assert run(identity, context_of(PASSPORT, doubts)).result == "undetermined"


def test_a_doubt_that_changes_nothing_lets_it_pass() -> None:
    assert run("MRZ-names", context_of(PASSPORT, {(0, 8): (("F", 0.3),)})).result == "passed"
    assert run("MRZ-digit-expiry_date", context_of(PASSPORT, {(0, 8): (("F", 0.3),)})).result == "passed"


def test_expiry_counts_the_days() -> None:
    result = run("MRZ-expiry", context_of(PASSPORT))
    assert (result.value, result.unit, result.expected) == (1855.0, "d", (0.0, None))
    last_day = run("MRZ-expiry", context_of(swap(PASSPORT, 1, 21, "260601")))
    assert (last_day.result, last_day.value) == ("passed", 0.0)
    assert run("MRZ-expiry", context_of(swap(PASSPORT, 1, 21, "<<<<<<"))).result == "undetermined"
    assert run("MRZ-expiry", context_of(swap(PASSPORT, 1, 21, "260531"))).llr < 1


def test_specimens_inform_and_weigh_nothing() -> None:
    for lines in (SPECIMEN, swap(PASSPORT, 0, 5, "SPECIMEN<<NOOR<<<")):
        result = run("MRZ-specimen", context_of(lines))
        assert (result.result, result.llr) == ("undetermined", 0.0)
        assert result.region_mm is not None


def test_found_needs_every_character() -> None:
    assert run("MRZ-found", context_of(PASSPORT)).result == "passed"
    assert run("MRZ-found", context_of(PASSPORT, {(0, 5): (("I", 0.4),)})).result == "undetermined"
    assert run("MRZ-found", context_of(PASSPORT, status="not_found")).result == "undetermined"


def test_second_reader() -> None:
    assert run("MRZ-second_reader", context_of(PASSPORT)).result == "not_supported"
    differs = run("MRZ-second_reader", context_of(PASSPORT, second=swap(PASSPORT, 1, 4, "I")))
    assert (differs.result, differs.value) == ("undetermined", 1.0)
    assert (differs.values["line"], differs.values["position"]) == (2, 5)
    assert differs.region_mm is not None
    assert differs.region_mm.as_list() == [15.0, 66.0, 2.5, 3.0]
    for other in ((), (PASSPORT[0],), (PASSPORT[0], PASSPORT[1][:-1])):
        assert run("MRZ-second_reader", context_of(PASSPORT, second=other)).result == "undetermined"


def test_lights_that_differ_in_certain_characters_fail() -> None:
    other = swap(PASSPORT, 1, 14, "6")
    result = run("MRZ-lights", context_of(PASSPORT, infrared=read_of(other)))
    assert (result.result, result.value) == ("failed", 1.0)
    assert result.llr >= 3
    assert (result.values["printed"], result.values["other"]) == ("5", "6")
    assert result.region_mm is not None


def test_lights_that_differ_within_the_doubt_are_undetermined() -> None:
    other = swap(PASSPORT, 1, 14, "6")
    soft = read_of(other, {(1, 14): (("5", 0.3),)})
    assert run("MRZ-lights", context_of(PASSPORT, infrared=soft)).result == "undetermined"
    doubted = context_of(PASSPORT, {(1, 14): (("6", 0.2),)}, infrared=read_of(other))
    assert run("MRZ-lights", doubted).result == "undetermined"


def _flawed(context: CheckContext, kind: IssueKind) -> CheckContext:
    issue = QualityIssue(kind, "ir", 1.0, 0.96, "correlation", ("MRZ-lights",), f"quality.{kind}.ir")
    return replace(context, quality=Quality({}, (issue,)))


def test_a_picture_compared_with_itself_is_undetermined() -> None:
    context = _flawed(context_of(PASSPORT, infrared=read_of(PASSPORT)), "repeats_visible")
    result = run("MRZ-lights", context)
    assert (result.result, result.message) == ("undetermined", "checks.MRZ-lights.not_infrared")


def test_agreement_in_a_frame_out_of_place_is_undetermined() -> None:
    context = _flawed(context_of(PASSPORT, infrared=read_of(PASSPORT)), "unregistered")
    result = run("MRZ-lights", context)
    assert (result.result, result.message) == ("undetermined", "checks.MRZ-lights.unregistered")
    other = read_of(swap(PASSPORT, 1, 14, "6"))
    assert run("MRZ-lights", replace(context, reads={**context.reads, "ir": other})).result == "failed"


def test_lights_that_differ_almost_everywhere_show_two_documents() -> None:
    other = tuple("".join("B" if char == "A" else "A" for char in line) for line in PASSPORT)
    result = run("MRZ-lights", context_of(PASSPORT, infrared=read_of(other)))
    assert (result.result, result.message) == ("failed", "checks.MRZ-lights.two_documents")
    assert (result.values["count"], result.values["total"]) == (88, 88)
    assert 0 < result.llr < run("MRZ-lights", context_of(PASSPORT, infrared=read_of(swap(PASSPORT, 1, 14, "6")))).llr
    doubted = run("MRZ-lights", context_of(PASSPORT, infrared=read_of(other, status="uncertain")))
    assert (doubted.result, doubted.llr, doubted.message) == ("undetermined", 0, result.message)


def test_lights_need_both_reads() -> None:
    assert run("MRZ-lights", context_of(PASSPORT)).result == "not_supported"
    unread = read_of(PASSPORT, status="not_found")
    assert run("MRZ-lights", context_of(PASSPORT, infrared=unread)).result == "undetermined"
    shorter = read_of((PASSPORT[0], PASSPORT[1][:-1]))
    assert run("MRZ-lights", context_of(PASSPORT, infrared=shorter)).result == "undetermined"
    uncertain = read_of(PASSPORT, status="uncertain")
    assert run("MRZ-lights", context_of(PASSPORT, infrared=uncertain)).result == "undetermined"
    context = context_of(PASSPORT, infrared=read_of(PASSPORT))
    without = replace(context, reads={"visible": context.reads["visible"]})
    assert run("MRZ-lights", without).result == "undetermined"


@given(
    st.sampled_from([PASSPORT, CARD, VISA, FRENCH]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 43), st.sampled_from(ALPHABET)), max_size=4),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_zone_gets_a_result_from_every_check(
    lines: tuple[str, ...], changes: list[tuple[int, int, str]], doubted: bool
) -> None:
    doubts = {}
    for line, at, char in changes:
        if line < len(lines) and at < len(lines[line]):
            doubts[line, at] = ((lines[line][at], 0.3),)
            lines = swap(lines, line, at, char)
    doubts = {
        place: tuple(pair for pair in pairs if pair[0] != lines[place[0]][place[1]]) for place, pairs in doubts.items()
    }
    context = context_of(lines, doubts if doubted else None, second=lines)
    for identity in CHECKS:
        result = run(identity, context)
        if result.result == "failed":
            assert result.llr > 0
        if doubted and result.result == "passed":
            assert result.llr <= 0


def test_today_decides() -> None:
    later = TODAY.replace(year=2032)
    assert run("MRZ-expiry", context_of(PASSPORT, today=later)).result == "failed"
