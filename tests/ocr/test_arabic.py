"""Arabic names: the table in both directions, matching, and telling transliterated from phonetic names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dafec.errors import InputError
from dafec.ocr.arabic import arabic_to_mrz, classify, decode_component, matching_key, mrz_to_arabic
from dafec.ocr.data_files import load_table

TABLE = load_table("arabic")
LETTERS = "".join(TABLE["letters"]) + TABLE["teh_marbuta"]


@pytest.mark.parametrize(
    ("arabic", "mrz"),
    [
        ("ابو بكر محمد بن زكريا الرازي", "ABW<BKR<MXHMD<BN<ZKRYA<ALRAZY"),
        ("هارون", "HARWN"),
        ("فاطمة", "FAXTTMXAH"),
        ("فاطمة الزهراء", "FAXTTMXAH<ALZHRAXE"),
        ("عبد الله", "EBD<ALLH"),
        ("مؤمن", "MUMN"),
        ("إبراهيم", "IBRAHYM"),
        ("آمنة أحمد", "XAAMNXAH<XAEXHMD"),
        ("ضحى", "XDZXHXAY"),
        ("پرویز ژاله گلی", "PRWXYAZ<XJALH<XGGLXYA"),
        ("ڤيكتور", "VYKTWR"),
        ("نور-الهدى", "NWR<ALHDXAY"),
    ],
)
def test_worked_examples(arabic: str, mrz: str) -> None:
    assert arabic_to_mrz(arabic) == mrz
    assert mrz_to_arabic(mrz) == arabic.replace("-", " ")


def test_vowel_signs_and_tatweel_are_left_out_and_shadda_doubles() -> None:
    assert arabic_to_mrz("مُحَمَّد") == "MXHMMD"
    assert arabic_to_mrz("محـــمد") == "MXHMD"
    assert arabic_to_mrz("بخّ") == "BXKHXKH"


def test_teh_marbuta_inside_and_at_the_end() -> None:
    assert arabic_to_mrz("ةب") == "XTAB"
    assert arabic_to_mrz("بة ب") == "BXAH<B"
    assert mrz_to_arabic("BXTA") == mrz_to_arabic("BXAH") == "بة"


def test_presentation_forms_are_the_same_letters() -> None:
    assert arabic_to_mrz("\ufee3\ufea4\ufee4\ufeaa") == arabic_to_mrz("محمد")


@pytest.mark.parametrize("name", ["Ali", "علي3", "علي!", "あ"])
def test_what_has_no_code_is_refused_with_a_stable_code(name: str) -> None:
    with pytest.raises(InputError) as caught:
        arabic_to_mrz(name)
    assert caught.value.code == "mrz.letter_without_code"
    assert caught.value.remedy("ar") != caught.value.remedy("en")


def test_codes_are_prefix_free_and_unique() -> None:
    codes = [*TABLE["letters"].values(), TABLE["teh_marbuta_inside"], TABLE["teh_marbuta_final"]]
    assert len(codes) == len(set(codes))
    assert not [(a, b) for a in codes for b in codes if a != b and b.startswith(a)]


@given(st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=5))
def test_round_trip_from_arabic(components: list[str]) -> None:
    name = " ".join(components)
    assert mrz_to_arabic(arabic_to_mrz(name)) == name


@given(st.lists(st.lists(st.sampled_from(sorted(TABLE["letters"].values())), min_size=1, max_size=8), min_size=1))
def test_round_trip_from_codes(components: list[list[str]]) -> None:
    mrz = "<".join("".join(codes) for codes in components)
    arabic = mrz_to_arabic(mrz)
    assert arabic is not None
    assert arabic_to_mrz(arabic) == mrz


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ<", max_size=39))
def test_reading_back_never_raises(name: str) -> None:
    mrz_to_arabic(name)
    matching_key(name)
    classify(name, arabic_issuer=True)


@pytest.mark.parametrize("component", ["COLE", "MAX", "FELIX", "XA", "O"])
def test_what_is_not_made_of_codes_does_not_read_back(component: str) -> None:
    assert decode_component(component) is None
    assert mrz_to_arabic(component) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FAXTTMXAH", "FAXTTMXTA"),
        ("MXHMMD", "MXHMD"),
        ("محمّد", "محمد"),
        ("مصطفى", "مصطفي"),
        ("علی", "علي"),
        ("کریم", "كريم"),
        ("EBD<ALLH", "EBD ALH"),
        ("فاطمة", "FAXTTMXAH"),
    ],
)
def test_matching_keys_are_equal(one: str, other: str) -> None:
    assert matching_key(one) == matching_key(other)


@pytest.mark.parametrize(("one", "other"), [("محمد", "محمود"), ("حسن", "حسين"), ("هند", "حند"), ("سعيد", "صعيد")])
def test_matching_keys_of_other_names_differ(one: str, other: str) -> None:
    assert matching_key(one) != matching_key(other)


@pytest.mark.parametrize(
    "name", ["ALRAZY<<ABW<BKR<MXHMD<BN<ZKRYA", "ALJBWRY<<EBDALLH<XHSYN", "MXHMWD<<EBD<ALRXHYM", "FAXTTMXAH"]
)
def test_transliterated_names(name: str) -> None:
    assert classify(name, arabic_issuer=True) == "icao_transliterated"


@pytest.mark.parametrize(
    "name",
    [
        "AL<BASRI<<HUDA<MUHAMMAD<JAWAD",
        "HUSSEIN<<ALI",
        "AHMED<<KHALED",
        "ALSHAMMARY<<FATIMA",
        "HASAN<SALAH",
        "COHEN<<OMAR",
        "ABU<BAKR<MOHAMMED<IBN<ZAKARIA",
    ],
)
def test_phonetic_names(name: str) -> None:
    assert classify(name, arabic_issuer=True) == "phonetic"


@pytest.mark.parametrize("name", ["ERIKSSON<<ANNA<MARIA", "SMITH<<JOHN", "MAXIMUS<<FELIX", "KRZWK<<BRT", ""])
def test_names_of_other_states_are_not_classified(name: str) -> None:
    assert classify(name, arabic_issuer=False) is None
