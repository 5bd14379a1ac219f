"""What the page says about a report, in both languages."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from service_fakes import draw_page, make_report

import dafec
from api.viewer.presenter import present
from api.viewer.words import age, plural_form, remaining_validity, state_in_words
from dafec.capture import capture_from_parts
from dafec.messages import LANGUAGES, Language, catalogue
from dafec.report import Report

TODAY = date(2026, 11, 23)


def report(level: str = "refer", **fields: str | None) -> Report:
    capture = capture_from_parts({"visible": draw_page(), "uv": draw_page(60)})
    return make_report(capture, level, fields or None)


@pytest.mark.parametrize(
    ("born", "years"),
    [
        ("1990-11-23", 36),
        ("1990-11-24", 35),
        ("2026-11-23", 0),
        ("2026-11-24", None),
        ("2000-02-29", 26),
        ("1990-XX-XX", None),
        ("900101", None),
        (None, None),
    ],
)
def test_age(born: str | None, years: int | None) -> None:
    assert age(born, TODAY) == years


@pytest.mark.parametrize(
    ("expiry", "english", "over"),
    [
        ("2026-11-23", "Valid until today", False),
        ("2026-11-24", "Valid for 1 day", False),
        ("2026-11-22", "Expired 1 day ago", True),
        ("2027-11-20", "Valid for 11 months", False),
        ("2029-11-24", "Valid for 3 years", False),
        ("2016-11-20", "Expired 10 years ago", True),
    ],
)
def test_remaining_validity(expiry: str, english: str, over: bool) -> None:
    found = remaining_validity(expiry, TODAY, "en")
    assert found is not None
    assert (found.text, found.over) == (english, over)


def test_unknown_expiry_is_said_to_be_unknown() -> None:
    assert remaining_validity("2030-0X-01", TODAY, "en") is None
    facts = {fact.label: fact for fact in present(report(birth_date=None, expiry_date=None), "en").facts}
    assert facts["Age"].value == facts["Validity"].value == "Not known"


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (0, "zero"),
        (1, "one"),
        (2, "two"),
        (3, "few"),
        (10, "few"),
        (11, "many"),
        (99, "many"),
        (100, "other"),
        (103, "few"),
    ],
)
def test_arabic_plurals(number: int, form: str) -> None:
    assert plural_form(number, "ar") == form


@pytest.mark.parametrize(
    ("code", "english"), [("IRQ", "Iraq"), ("D<<", "Germany"), ("D", "Germany"), ("QQQ", "QQQ (not a known code)")]
)
def test_state_in_words(code: str, english: str) -> None:
    assert state_in_words(code, "en") == english


def test_reasons_are_at_most_three_in_the_order_of_the_verdict() -> None:
    view = present(report(), "en")
    assert [reason.number for reason in view.reasons] == [1, 2]
    assert view.reasons[0].text == "Second line of the code does not add up: date of birth."
    assert view.reasons[0].crop_url == "/api/v1/screenings/set-by-the-service/checks/MRZ-CD-BIRTH/image"
    assert view.reasons[1].crop_url is None


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("level", ["no_anomaly", "look", "refer", "not_checked"])
def test_no_score_and_no_forbidden_word_on_the_first_screen(level: str, language: Language) -> None:
    view = present(report(level), language)
    said = " ".join([view.cause, view.advice, view.coverage, *view.notes, *(r.text for r in view.reasons)]).lower()
    for forbidden in ("genuine", "authentic", "llr", "probability", "أصلي", "حقيقي"):
        assert forbidden not in said


def test_failing_digit_is_marked_where_it_is_printed_and_named_beside() -> None:
    view = present(report(), "en")
    faults = [piece for line in view.mrz_lines for piece in line if piece.kind == "fault"]
    assert [piece.text for piece in faults] == ["7"]
    assert (view.digit_faults[0].printed, view.digit_faults[0].expected) == ("7", "1")
    assert view.digit_faults[0].text == "Check digit in line 2, date of birth"


@given(st.sets(st.integers(0, 43)), st.sets(st.integers(0, 43)))
def test_marking_never_changes_the_printed_line(bad: set[int], unsure: set[int]) -> None:
    source = _REPORT.model_dump(by_alias=True)
    digit, other = source["mrz"]["check_digits"][0], source["mrz"]["alternatives"][0]
    source["mrz"]["check_digits"] = [{**digit, "position": p, "ok": False} for p in bad]
    source["mrz"]["alternatives"] = [{**other, "line": 0, "position": p} for p in unsure]
    view = present(Report.model_validate(source), "ar")
    assert ["".join(piece.text for piece in line) for line in view.mrz_lines] == _REPORT.mrz.lines
    assert sum(piece.kind == "fault" for piece in view.mrz_lines[1]) == len(bad)


_REPORT = report()


def test_light_that_was_not_captured_is_said_to_be_missing() -> None:
    pictures = {picture.light: picture.url for picture in present(report(), "en").pictures}
    assert pictures["ir"] is None
    assert pictures["uv"] is not None


def test_nationality_other_than_the_issuer_is_set_apart() -> None:
    facts = {fact.label: fact for fact in present(report(nationality="IRQ"), "en").facts}
    assert facts["Nationality"].alert is True
    assert facts["Nationality"].value == "Iraq"


def test_coverage_counts_in_words() -> None:
    assert present(report(), "en").coverage == "2 checks made, 1 not possible"
    assert present(report(), "ar").coverage == "أُجري فحصان، وتعذّر 1"


def test_first_screen_says_what_was_found_without_figures() -> None:
    source = report().model_dump(by_alias=True)
    source["checks"][0]["text"] = {
        "en": "The paper shines (brightness 0.88, usual 0.2 at most) like office paper. Look under the lamp.",
        "ar": "الورق يتوهج (السطوع 0.88). انظر.",
    }
    changed = Report.model_validate(source)
    assert present(changed, "en").reasons[0].text == "The paper shines like office paper."
    assert present(changed, "ar").reasons[0].text == "الورق يتوهج."
    assert "0.88" in present(changed, "en").checks[0].text


def test_look_without_a_reason_says_why_and_sends_nobody_to_marks() -> None:
    source = report("look").model_dump(by_alias=True)
    source["verdict"] |= {"reasons": [], "notes": ["no_ir", "unknown_series", "low_coverage", "specimen"]}
    view = present(Report.model_validate(source), "en")
    assert view.cause == (
        "Too little could be checked: no infrared image, no reference for this document in the library."
    )
    assert "marked" not in view.advice
    assert view.notes == ("This is a specimen, not a document of a person.",)
    source["verdict"]["notes"] = ["low_coverage"]
    assert present(Report.model_validate(source), "en").cause.startswith("Too little could be checked")


def test_reason_without_a_place_sends_nobody_to_marks() -> None:
    source = report("look").model_dump(by_alias=True)
    assert "marked" in present(Report.model_validate(source), "en").advice
    source["verdict"]["reasons"] = ["UV-BR-FU"]
    view = present(Report.model_validate(source), "en")
    assert (view.cause, view.reasons[0].marks) == ("", ())
    assert "marked" not in view.advice


def bright_paper(*places: str) -> Report:
    """A report that refers for bright paper at several places and one wrong digit."""
    source = report().model_dump(by_alias=True)
    regions = {"FU": (0, 0, 125, 88), "MR": (5, 65, 115, 18), "PH": (6, 15, 32, 40), "VZ": (45, 15, 70, 40)}
    paper = next(check for check in source["checks"] if check["id"] == "UV-BR-FU")
    source["checks"] = [check for check in source["checks"] if check is not paper]
    for place in places:
        name = f"UV-BR-{place}"
        source["checks"].append(
            {**paper, "id": name, "message": f"checks.{name}.failed", "region_mm": regions[place], "result": "failed"}
        )
    source["verdict"]["reasons"] = [f"UV-BR-{place}" for place in places] + ["MRZ-CD-BIRTH"]
    return Report.model_validate(source)


def test_one_sheet_of_bright_paper_is_one_reason() -> None:
    view = present(bright_paper("FU", "MR", "PH"), "en")
    assert [reason.text for reason in view.reasons] == [
        "The paper shines blue-white under ultraviolet light like office paper (page, machine-readable zone, photo).",
        "Second line of the code does not add up: date of birth.",
    ]
    assert len(view.reasons[0].marks) == 2  # not round the whole page where there are places within it
    assert view.reasons[0].crop_url is not None
    assert "UV-BR-PH" in view.reasons[0].crop_url


def test_single_bright_place_keeps_its_own_words() -> None:
    assert present(bright_paper("PH"), "en").reasons[0].text == "The paper shines under ultraviolet light."


def test_picture_of_the_first_reasons_light_comes_first() -> None:
    assert [p.light for p in present(bright_paper("PH"), "en").pictures if p.first] == ["uv"]
    assert present(bright_paper("PH"), "en").reasons[0].light == "uv"
    assert [p.light for p in present(report(), "en").pictures if p.first] == ["visible"]
    assert [p.light for p in present(report("no_anomaly"), "en").pictures if p.first] == ["visible"]


def test_details_say_units_in_the_language_and_no_empty_range() -> None:
    source = report().model_dump(by_alias=True)
    source["checks"][0] |= {"value": 0.0, "unit": "characters", "expected": (0.0, 0.0)}
    source["checks"][1]["expected"] = (0.6, 1.0)
    source["checks"][2] |= {"value": 0.1, "unit": "of full scale", "expected": (0.0, 0.2)}
    english, arabic = (present(Report.model_validate(source), language).checks for language in ("en", "ar"))
    assert [(row.measured, row.unit, row.expected) for row in english] == [
        ("0", "characters", "0"),
        ("0.42", "print contrast", "\u2265 0.6"),
        ("0.1", "of full scale", "\u2264 0.2"),
    ]
    assert [row.unit for row in arabic] == ["حرف", "تباين الطباعة", "من أقصى المدى"]


def test_every_unit_of_a_check_has_words() -> None:
    named = set()
    for path in (Path(dafec.__file__).parent / "features").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            said = node.value if isinstance(node, ast.keyword) and node.arg == "unit" else None
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Measured" and len(node.args) > 1:
                said = node.args[1]
            if said is not None:
                named |= {c.value for c in ast.walk(said) if isinstance(c, ast.Constant) and c.value}
    assert len(named) >= 5
    for language in LANGUAGES:
        known = {key.removeprefix("api.unit_name.").split(".")[0] for key in catalogue(language) if "unit_name" in key}
        lacking = {unit for unit in named if unit.replace(" ", "_") not in known}
        assert lacking == set()


def test_missing_light_is_said_once() -> None:
    source = report().model_dump(by_alias=True)
    issue = {
        "kind": "missing_band", "light": "ir", "value": None, "limit": None, "unit": "", "affects": [],
        "message": "x", "text": {"en": "There is no infrared image.", "ar": "x"},
    }  # fmt: skip
    source["capture"]["quality"] = [issue]
    assert present(Report.model_validate(source), "en").quality == ("There is no infrared image.",)
    source["verdict"]["notes"] = ["no_ir"]
    assert present(Report.model_validate(source), "en").quality == ()


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("GEN-photo", "Feel the edge of the photo"),
        ("IR-AB-MR", "with the loupe: scraped paper"),
        ("MRZ-digit-birth_date", "figure by figure"),
        ("UV-BR-FU", "ultraviolet lamp"),
        ("VI-AB-AF-seal", "Tilt the page"),
        ("XX-unknown", ""),
    ],
)
def test_the_heaviest_reason_says_what_hands_and_eyes_can_do(reason: str, words: str) -> None:
    report = make_report(capture_from_parts({"visible": draw_page()}, name="x"))
    told = report.model_copy(update={"verdict": report.verdict.model_copy(update={"reasons": [reason]})})
    assert words in present(told, "en").hands
    assert bool(present(told, "ar").hands) == bool(words)
    calm = told.model_copy(update={"verdict": told.verdict.model_copy(update={"level": "no_anomaly"})})
    assert present(calm, "en").hands == ""
