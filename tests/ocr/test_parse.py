"""The parser on vectors of its own, on the shared ones, and on any text at all."""

from __future__ import annotations

import json
import os
import string
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dafec.messages import LANGUAGES, catalogue
from dafec.ocr.parse import normalise_text, parse_mrz, parse_text, parse_to_dict, remark_message

ROOT = Path(__file__).resolve().parents[2]
OWN = json.loads((ROOT / "tests" / "data" / "mrz_vectors.json").read_text(encoding="utf-8"))
TODAY = date.fromisoformat(OWN["today"])
SHARED = Path(os.environ.get("DAFEC_SHARED_DATA", ROOT.parent / "shared" / "data"))

BASE = ("PPIRQJABER<<NOOR<SALIM<<<<<<<<<<<<<<<<<<<<<<", "K704123588IRQ8502142F3106305<<<<<<<<<<<<<<<6")


@pytest.mark.parametrize("vector", OWN["vectors"], ids=lambda vector: vector["id"])
def test_own_vectors(vector: dict[str, Any]) -> None:
    parse = parse_mrz(vector["lines"], today=TODAY)
    assert (parse.outcome, parse.format) == (vector["expect"], vector["format"])
    assert parse.lines == tuple(vector["lines"])
    if "remark" in vector:
        wanted = parse.faults if vector["expect"] == "invalid" else parse.notes
        assert vector["remark"] in {remark.code for remark in wanted}


def test_own_vectors_cover_all_outcomes_and_formats() -> None:
    assert len(OWN["vectors"]) >= 150
    assert {vector["expect"] for vector in OWN["vectors"]} == {"valid", "valid_note", "invalid"}
    assert {vector["format"] for vector in OWN["vectors"]} == {None, "TD1", "TD2", "TD3", "MRV-A", "MRV-B", "FRA-ID"}
    assert len({vector["id"] for vector in OWN["vectors"]}) == len(OWN["vectors"])


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mrz_vectors.json").is_file(), reason="the shared development data is not beside it")
def test_shared_vectors() -> None:
    vectors = json.loads((SHARED / "mrz_vectors.json").read_text(encoding="utf-8"))
    wrong = []
    for vector in vectors:
        parse = parse_mrz(vector["lines"], today=TODAY)
        if (parse.outcome, parse.format) != (vector["expect"], vector["format"]):
            wrong.append(vector["id"])
        named = vector["note"] if vector["expect"] == "valid_note" and "_" in vector["note"] else None
        if named is not None and named not in {note.code for note in parse.notes}:
            wrong.append(vector["id"])
    assert not wrong
    assert len(vectors) >= 25


@pytest.mark.shared
@pytest.mark.skipif(not (SHARED / "mrz_images").is_dir(), reason="the shared development data is not beside it")
def test_printed_digits_of_the_shared_specimens() -> None:
    wrong = []
    for entry in json.loads((SHARED / "mrz_images" / "manifest.json").read_text(encoding="utf-8")):
        parse = parse_mrz(entry["mrz"], today=TODAY)
        bad = sorted(digit.field for digit in parse.check_digits if not digit.ok)
        if bad != sorted(entry["check_digits_bad"]) or str(parse.format).replace("-", "") != entry["kind"]:
            wrong.append(entry["id"])
    assert not wrong


def test_fields_of_a_passport() -> None:
    fields = parse_mrz(BASE, today=TODAY).fields
    assert fields["document_code"] == "PP"
    assert (fields["issuer"], fields["issuer_name"]) == ("IRQ", "Iraq")
    assert fields["document_number"] == "K70412358"
    assert (fields["primary_identifier"], fields["secondary_identifier"]) == ("JABER", "NOOR SALIM")
    assert fields["names"] == "JABER<<NOOR<SALIM"
    assert (fields["birth_date"], fields["expiry_date"], fields["sex"]) == ("1985-02-14", "2031-06-30", "F")
    assert fields["optional_data"] == ""
    assert fields["optional_data_2"] is None


def test_german_code_has_its_fillers_off_and_its_name() -> None:
    lines = (BASE[0].replace("IRQ", "D<<"), "K704123588D<<8502142F3106305<<<<<<<<<<<<<<<6")
    fields = parse_mrz(lines, today=TODAY).fields
    assert (fields["issuer"], fields["issuer_name"], fields["nationality"]) == ("D", "Germany", "D")


def test_transliterated_name_is_given_in_arabic() -> None:
    first = "P<IRQALRAZY<<ABW<BKR<MXHMD<BN<ZKRYA".ljust(44, "<")
    fields = parse_mrz((first, BASE[1]), today=TODAY).fields
    assert fields["name_script"] == "icao_transliterated"
    assert fields["name_arabic"] == "ابو بكر محمد بن زكريا الرازي"
    assert parse_mrz(BASE, today=TODAY).fields["name_script"] == "phonetic"
    assert parse_mrz(BASE, today=TODAY).fields["name_arabic"] is None


def _vector(identity: str) -> list[str]:
    return next(vector["lines"] for vector in OWN["vectors"] if vector["id"] == identity)


def test_long_number_is_put_together_and_its_rest_is_data() -> None:
    parse = parse_mrz(_vector("td1-long-then-data"), today=TODAY)
    assert parse.fields["document_number"] == "K704123587Q3"
    assert parse.fields["optional_data"] == "ABC12"
    assert parse.spans["document_number"] == ((0, 5, 14), (0, 15, 18))
    digit = parse.check_digits[0]
    assert (digit.field, digit.line, digit.position, len(digit.covers)) == ("document_number", 0, 18, 12)


@pytest.mark.parametrize(
    ("identity", "birth"),
    [
        ("td3-birth-unknown", "XXXX-XX-XX"),
        ("td3-birth-year-only", "1985-XX-XX"),
        ("td3-birth-no-day", "1985-02-XX"),
        ("td3-birth-no-year", "XXXX-02-14"),
        ("td3-birth-no-month", "1985-XX-14"),
        ("td3-birth-000229", "2000-02-29"),
        ("td3-birth-newborn", "2026-05-20"),
        ("td3-birth-later-this-year", "1926-12-20"),
        ("td3-birth-after-expiry", "1925-01-01"),
        ("td3-birth-850229", None),
    ],
)
def test_birth_dates(identity: str, birth: str | None) -> None:
    assert parse_mrz(_vector(identity), today=TODAY).fields["birth_date"] == birth


def test_french_card_has_its_fields_and_month_of_issue() -> None:
    fields = parse_mrz(_vector("fra-base"), today=TODAY).fields
    assert (fields["primary_identifier"], fields["secondary_identifier"]) == ("MOREAU", "CAMILLE")
    assert (fields["issue_month"], fields["nationality"], fields["expiry_date"]) == ("2012-05", "FRA", None)


def test_a_wrong_digit_stays_as_printed_beside_the_expected_one() -> None:
    parse = parse_mrz((BASE[0], BASE[1][:9] + "3" + BASE[1][10:]), today=TODAY)
    digit = parse.check_digits[0]
    assert (digit.printed, digit.expected, digit.ok, digit.line, digit.position) == ("3", "8", False, 1, 9)
    assert parse.fields["document_number"] == "K70412358"


def test_lines_missing_above_keep_places_on_the_lines_given() -> None:
    lines = _vector("td1-base")[1:]
    parse = parse_mrz(lines, today=TODAY)
    assert parse.fields["birth_date"] == "1985-02-14"
    assert parse.fields["document_number"] is None
    assert parse.spans["birth_date"] == ((0, 0, 6),)
    assert {digit.line for digit in parse.check_digits} == {0}
    assert all(0 <= line < 2 for digit in parse.check_digits for line, _ in digit.covers)


def test_a_line_of_a_wrong_length_gives_no_fields() -> None:
    parse = parse_mrz((BASE[0], BASE[1][:-1]), today=TODAY)
    assert parse.fields["primary_identifier"] == "JABER"
    assert parse.fields["document_number"] is None
    assert parse.check_digits == ()
    assert [fault.code for fault in parse.faults] == ["line_length"]


def test_normalise_text_strips_and_replaces_guillemets() -> None:
    given_text = f"\ufeff  {BASE[0].replace('<<', '«')}\r\n\n\t{BASE[1]}  \n"
    assert normalise_text(given_text) == BASE
    assert normalise_text("p<utoß x\n") == ("p<utoß x",)
    assert normalise_text("\n \n") == ()


def test_parse_text_says_what_it_tidied() -> None:
    plain = parse_text("\n".join(BASE), today=TODAY)
    tidied = parse_text("\u200f" + BASE[0].replace("<<", "«") + "\n" + BASE[1], today=TODAY)
    assert plain.outcome == "valid"
    assert tidied.outcome == "valid_note"
    assert {"guillemets_replaced", "invisible_removed"} <= {note.code for note in tidied.notes}
    assert tidied.fields == plain.fields


@pytest.mark.parametrize("language", LANGUAGES)
def test_dict_is_plain_json_and_every_remark_has_a_message(language: Any) -> None:
    for vector in OWN["vectors"]:
        parse = parse_mrz(vector["lines"], today=TODAY)
        plain = parse_to_dict(parse, language)
        assert json.loads(json.dumps(plain)) == plain
        assert list(plain) == ["outcome", "format", "fields", "check_digits", "notes", "faults"]
        assert {f"mrz.fields.{field}" for field in parse.fields} <= catalogue(language).keys()
        for remark in (*parse.notes, *parse.faults):
            assert f"mrz.remarks.{remark.code}" in catalogue(language)
            message = remark_message(remark, language)
            assert "{" not in message.replace(remark.detail or "", "")


def test_catalogues_hold_the_same_keys_and_placeholders() -> None:
    english, arabic = ({k: v for k, v in catalogue(one).items() if "mrz" in k.lower()} for one in LANGUAGES)
    assert english.keys() == arabic.keys()
    for key, template in english.items():
        names = [sorted(name for _, name, _, _ in string.Formatter().parse(t) if name) for t in (template, arabic[key])]
        assert names[0] == names[1], key
        assert "genuine" not in template.lower()


def test_policy_on_look_alikes_needs_both_members() -> None:
    assert parse_mrz(_vector("td3-alias-6G"), today=TODAY).outcome == "valid_note"
    assert parse_mrz(_vector("td3-alias-one-member"), today=TODAY).outcome == "valid"


_ZONE = st.text(alphabet="ABPIVX019<kß \n", max_size=50)


@given(st.lists(st.one_of(_ZONE, st.text(max_size=60)), max_size=5))
def test_never_raises_and_never_changes_a_line(lines: list[str]) -> None:
    parse = parse_mrz(lines, today=TODAY)
    assert parse.lines == tuple(lines)
    assert (parse.outcome == "invalid") == bool(parse.faults)
    json.dumps(parse_to_dict(parse))


@given(st.sampled_from(OWN["vectors"]), st.data())
@settings(max_examples=300)
def test_any_character_anywhere_is_survived(vector: dict[str, Any], data: st.DataObject) -> None:
    lines = list(vector["lines"])
    if not lines or not lines[0]:
        return
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, max(0, len(lines[number]) - 1)))
    char = data.draw(st.characters())
    lines[number] = lines[number][:at] + char + lines[number][at + 1 :]
    parse = parse_mrz(lines, today=TODAY)
    for digit in parse.check_digits:
        assert parse.lines[digit.line][digit.position] == digit.printed
    for spans in parse.spans.values():
        assert all(0 <= start <= end <= len(parse.lines[line]) for line, start, end in spans)


@given(st.text())
def test_parse_text_never_raises(text: str) -> None:
    assert parse_text(text, today=TODAY).outcome in ("valid", "valid_note", "invalid")


def test_one_changed_digit_never_passes_unless_its_value_is_the_same() -> None:
    for at in range(28):
        if at in (10, 11, 12, 20) or not BASE[1][at].isdigit():
            continue
        changed = BASE[1][:at] + str((int(BASE[1][at]) + 1) % 10) + BASE[1][at + 1 :]
        assert parse_mrz((BASE[0], changed), today=TODAY).outcome == "invalid"


@pytest.mark.alone
def test_fast_enough() -> None:
    parse_mrz(BASE, today=TODAY)
    best = min(_timed() for _ in range(5))
    assert best < 0.0005


def _timed() -> float:
    start = time.process_time()
    for _ in range(100):
        parse_mrz(BASE, today=TODAY)
    return (time.process_time() - start) / 100
