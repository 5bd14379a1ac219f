"""Invented MRZ texts: what a zone may say, so that the recogniser learns glyphs and not one country's habits.

Persons are invented from name lists of the package ``faker``. About a quarter of all check digits are wrong on purpose
and a tenth of all lines are random characters: the reader must not learn to repair by arithmetic or by grammar.
"""

from __future__ import annotations

import importlib
import random
import unicodedata
from dataclasses import dataclass
from functools import cache

from dafec.ocr.types import ALPHABET

__all__ = ["MrzText", "random_text"]

_LOCALES = ["en_US", "en_GB", "fr_FR", "de_DE", "es_ES", "es_MX", "pt_PT", "pt_BR", "it_IT", "nl_NL", "pl_PL", "cs_CZ", "sk_SK", "hu_HU", "ro_RO", "hr_HR", "sl_SI", "lt_LT", "lv_LV", "et_EE", "fi_FI", "sv_SE", "no_NO", "dk_DK", "tr_TR", "id_ID", "vi_VN", "en_IN", "en_NZ", "yo_NG", "zu_ZA", "az_AZ", "sq_AL", "tw_GH", "ga_IE", "fr_QC", "ar_AA", "fa_IR", "ru_RU", "uk_UA", "bg_BG", "el_GR", "ka_GE", "hy_AM", "he_IL"]
_CYRILLIC = dict(
    zip(
        "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁІЇЄҐ",
        ["A", "B", "V", "G", "D", "E", "ZH", "Z", "I", "I", "K", "L", "M", "N", "O", "P", "R", "S", "T", "U", "F", "KH", "TS", "CH", "SH", "SHCH", "IE", "Y", "", "E", "IU", "IA", "E", "I", "I", "IE", "G"],
        strict=True,
    )
)
_GREEK = dict(
    zip("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", ["A", "V", "G", "D", "E", "Z", "I", "TH", "I", "K", "L", "M", "N", "X", "O", "P", "R", "S", "T", "Y", "F", "CH", "PS", "O"], strict=True)
)
_ARABIC = dict(
    zip(
        "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژگکی",
        ["XE", "XAA", "XAE", "U", "I", "XI", "A", "B", "XTA", "T", "XTH", "J", "XH", "XKH", "D", "XDH", "R", "Z", "S", "XSH", "XSS", "XDZ", "XTT", "XZZ", "E", "G", "F", "Q", "K", "L", "M", "N", "H", "W", "XAY", "Y", "P", "XC", "XJ", "XGG", "XKK", "XYA"],
        strict=True,
    )
)
_SPECIAL = {
    "Æ": "AE",
    "Ø": "OE",
    "Å": "AA",
    "Ä": "AE",
    "Ö": "OE",
    "Ü": "UE",
    "ß": "SS",
    "Þ": "TH",
    "Ð": "D",
    "Ł": "L",
    "Đ": "D",
    "Œ": "OE",
    "Ñ": "N",
    "İ": "I",
    "ı": "I",
}
_STATES = ["D<<", "IRQ", "IRN", "TUR", "SYR", "JOR", "KWT", "SAU", "USA", "GBR", "FRA", "ITA", "ESP", "PRT", "NLD", "BEL", "LUX", "CHE", "AUT", "POL", "CZE", "SVK", "HUN", "ROU", "BGR", "HRV", "SVN", "SRB", "BIH", "MKD", "ALB", "GRC", "CYP", "MLT", "IRL", "ISL", "NOR", "SWE", "FIN", "DNK", "EST", "LVA", "LTU", "BLR", "UKR", "RUS", "MDA", "GEO", "ARM", "AZE", "KAZ", "UZB", "TKM", "TJK", "KGZ", "AFG", "PAK", "IND", "BGD", "LKA", "NPL", "CHN", "TWN", "HKG", "MAC", "JPN", "KOR", "PRK", "MNG", "VNM", "LAO", "KHM", "THA", "MYS", "SGP", "IDN", "PHL", "AUS", "NZL", "FJI", "PNG", "EGY", "LBY", "TUN", "DZA", "MAR", "SDN", "SOM", "ETH", "ERI", "KEN", "UGA", "TZA", "NGA", "GHA", "SEN", "CIV", "CMR", "COD", "ZAF", "ZWE", "AGO", "CAN", "MEX", "CUB", "DOM", "JAM", "BRA", "ARG", "CHL", "PER", "BOL", "COL", "VEN", "ECU", "URY", "PRY", "UTO", "RKS", "EUE", "UNO", "XXA", "XXB", "XXC", "XOM", "GBD", "ARE", "QAT", "BHR", "OMN", "YEM", "LBN", "PSE", "ISR", "MDV"]
_SYLLABLES = [
    i + f
    for i in ["B", "P", "M", "F", "D", "T", "N", "L", "G", "K", "H", "J", "Q", "X", "ZH", "CH", "SH", "R", "Z", "C", "S", "Y", "W"]
    for f in ["A", "O", "E", "AI", "EI", "AO", "OU", "AN", "EN", "ANG", "ENG", "ONG", "I", "IA", "IE", "IU", "IAN", "IN", "ING", "U", "UA", "UO", "UI", "UAN", "UN"]
]


@dataclass(frozen=True, slots=True)
class MrzText:
    """A zone's text: ``format`` of dafec.geometry or ``"OTHER"``, and its lines of equal length."""

    format: str
    lines: tuple[str, ...]


def _latin(name: str) -> str:
    out = []
    for char in name.upper():
        if char in _SPECIAL:
            out.append(_SPECIAL[char])
        elif char in _CYRILLIC:
            out.append(_CYRILLIC[char])
        elif char in _ARABIC:
            out.append(_ARABIC[char])
        else:
            plain = unicodedata.normalize("NFD", char)
            base = plain[0] if plain else ""
            out.append(_GREEK.get(base, base))
    joined = "".join(out).replace("'", "").replace("’", "")
    return "".join(c if c in ALPHABET and not c.isdigit() else "<" for c in joined).strip("<")


@cache
def _names() -> tuple[list[str], list[str]]:
    first: set[str] = set()
    last: set[str] = set()
    for locale in _LOCALES:
        try:
            provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        except ImportError:
            continue
        for attribute in dir(provider):
            value = getattr(provider, attribute)
            if (
                not isinstance(value, (list, tuple, dict))
                or "name" not in attribute
                or "format" in attribute
                or "prefix" in attribute
            ):
                continue
            target = last if "last" in attribute else first
            target.update(name for item in value if isinstance(item, str) and len(item) < 26 and (name := _latin(item)))
    return sorted(n for n in first if len(n) > 1), sorted(n for n in last if len(n) > 1)


def _digit(text: str) -> str:
    return str(sum((0 if c == "<" else ALPHABET.index(c)) * (7, 3, 1)[i % 3] for i, c in enumerate(text)) % 10)


def _alnum(rng: random.Random, n: int) -> str:
    return "".join(rng.choice(ALPHABET[:36]) for _ in range(n))


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _letters(rng: random.Random, n: int) -> str:
    return "".join(rng.choice(ALPHABET[10:36]) for _ in range(n))


def _name(rng: random.Random, width: int) -> str:
    first, last = _names()
    style = rng.random()
    if style < 0.08:
        surname = rng.choice(_SYLLABLES)
        given = (
            "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(1, 2)))
            if rng.random() < 0.6
            else "<".join(rng.choice(_SYLLABLES) for _ in range(2))
        )
    elif style < 0.16:
        surname, given = _letters(rng, rng.randint(2, 14)), _letters(rng, rng.randint(1, 14))
    elif style < 0.22:
        surname, given = (
            rng.choice(["SPECIMEN", "MUSTERMANN", "ERIKSSON", "VZOR", "MUSTER", "SAMPLE", "TEST", "MODELO", "PARAUGS"]),
            rng.choice(first),
        )
    else:
        surname, given = rng.choice(last), rng.choice(first)
    for chance in (0.35, 0.15, 0.1):
        if rng.random() < chance:
            given += "<" + rng.choice(first)
    if rng.random() < 0.2:
        surname += "<" + rng.choice(last)
    text = surname if rng.random() < 0.04 else surname + "<<" + given
    return text[:width].ljust(width, "<")


def _date(rng: random.Random) -> str:
    if rng.random() < 0.03:
        return rng.choice([_digits(rng, 6), "<<<<<<", _digits(rng, 2) + "<<<<", _digits(rng, 4) + "<<"])
    return f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 31):02d}"


def _number(rng: random.Random, width: int = 9) -> str:
    style = rng.random()
    if style < 0.3:
        text = _digits(rng, width)
    elif style < 0.5:
        text = _letters(rng, rng.randint(1, 2)) + _digits(rng, 7)
    elif style < 0.6:
        text = _digits(rng, 2) + _letters(rng, 2) + _digits(rng, 5)
    elif style < 0.75:
        text = _alnum(rng, rng.randint(6, 9))
    elif style < 0.85:
        text = rng.choice("CFGHJKLMNPRTVWXYZ") + "".join(rng.choice("0123456789CFGHJKLMNPRTVWXYZ") for _ in range(8))
    else:
        text = _letters(rng, rng.randint(0, 3)) + "0" * rng.randint(3, 6) + _digits(rng, rng.randint(0, 3))
    return text[:width].ljust(width, "<")


def _optional(rng: random.Random, width: int) -> str:
    style = rng.random()
    if style < 0.4:
        return "<" * width
    if style < 0.7:
        return _digits(rng, rng.randint(1, width)).ljust(width, "<")
    if style < 0.85:
        return _alnum(rng, rng.randint(1, width)).ljust(width, "<")
    return "".join(rng.choice("0123456789<ABCDEF<<<") for _ in range(width))


def _state(rng: random.Random) -> str:
    return _letters(rng, 3) if rng.random() < 0.1 else rng.choice(_STATES)


def _maybe_wrong(rng: random.Random, digit: str) -> str:
    return rng.choice("0123456789") if rng.random() < 0.25 else digit


def _td3(rng: random.Random, *, visa: bool) -> tuple[str, ...]:
    code = (
        rng.choice(["V<", "V<", "VI", "VC", "VR", "VB", "V" + _letters(rng, 1)])
        if visa
        else rng.choice(["P<"] * 6 + ["PP", "PD", "PO", "PM", "PR", "PS", "PT", "PA", "PN", "P" + _letters(rng, 1)])
    )
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    nationality = state if rng.random() < 0.8 else _state(rng)
    head = (
        number
        + _maybe_wrong(rng, _digit(number))
        + nationality
        + birth
        + _maybe_wrong(rng, _digit(birth))
        + rng.choice("MMFF<")
    )
    head += expiry + _maybe_wrong(rng, _digit(expiry))
    if visa:
        return code + state + _name(rng, 39), head + _optional(rng, 16)
    optional = _optional(rng, 14)
    own = "<" if optional == "<" * 14 and rng.random() < 0.5 else _maybe_wrong(rng, _digit(optional))
    body = head + optional + own
    return code + state + _name(rng, 39), body + _maybe_wrong(rng, _digit(body[:10] + body[13:20] + body[21:43]))


def _td2(rng: random.Random, *, visa: bool) -> tuple[str, ...]:
    code = (
        rng.choice(["V<", "VC", "VR", "V" + _letters(rng, 1)])
        if visa
        else rng.choice(["I<", "ID", "AR", "C<", "IP", "AC", "P<", "I" + _letters(rng, 1)])
    )
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    body = (
        number
        + _maybe_wrong(rng, _digit(number))
        + state
        + birth
        + _maybe_wrong(rng, _digit(birth))
        + rng.choice("MMFF<")
    )
    body += expiry + _maybe_wrong(rng, _digit(expiry))
    if visa:
        return code + state + _name(rng, 31), body + _optional(rng, 8)
    body += _optional(rng, 7)
    return code + state + _name(rng, 31), body + _maybe_wrong(rng, _digit(body[:10] + body[13:20] + body[21:35]))


def _td1(rng: random.Random) -> tuple[str, ...]:
    code = rng.choice(["I<", "ID", "ID", "C<", "AR", "AC", "IR", "A<", "I" + _letters(rng, 1)])
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    own = _maybe_wrong(rng, _digit(number))
    optional = _optional(rng, 15)
    if rng.random() < 0.1:
        rest = _digits(rng, rng.randint(1, 5))
        own, optional = "<", (rest + _digit(number + rest) + "<" * 15)[:15]
    first = code + state + number + own + optional
    second = (
        birth
        + _maybe_wrong(rng, _digit(birth))
        + rng.choice("MMFF<X")
        + expiry
        + _maybe_wrong(rng, _digit(expiry))
        + state
    )
    second += _optional(rng, 11)
    composite = _digit(first[5:] + second[:7] + second[8:15] + second[18:29])
    return first, second + _maybe_wrong(rng, composite), _name(rng, 30)


def _french(rng: random.Random) -> tuple[str, ...]:
    _first, last = _names()
    first = "IDFRA" + rng.choice(last)[:25].ljust(25, "<") + _digits(rng, 3) + _digits(rng, 3)
    number = _digits(rng, 4) + rng.choice("0123456789AB") + _digits(rng, 7)
    second = (
        number + _maybe_wrong(rng, _digit(number)) + _name(rng, 44).replace("<<", "<")[:14].ljust(14, "<") + _date(rng)
    )
    second += _digits(rng, 1) + rng.choice("MF")
    return first, second + _maybe_wrong(rng, _digit(first + second))


def _random_lines(rng: random.Random) -> tuple[str, ...]:
    count, width = rng.choice([(2, 44), (2, 36), (3, 30)])
    weights = [rng.random() ** 3 + 0.05 for _ in ALPHABET]
    weights[-1] *= rng.choice([1, 1, 6])
    return tuple("".join(rng.choices(ALPHABET, weights, k=width)) for _ in range(count))


def random_text(rng: random.Random) -> MrzText:
    """One invented zone. The mix: 46 % TD3, 22 % TD1, 8 % TD2, 8 % MRV-A, 5 % MRV-B, 2 % old French, 9 % random."""
    draw = rng.random()
    for limit, form in (
        (0.46, "TD3"),
        (0.68, "TD1"),
        (0.76, "TD2"),
        (0.84, "MRV-A"),
        (0.89, "MRV-B"),
        (0.91, "FRA-ID"),
        (1.01, "OTHER"),
    ):
        if draw < limit:
            break
    lines = {
        "TD3": lambda: _td3(rng, visa=False),
        "MRV-A": lambda: _td3(rng, visa=True),
        "TD2": lambda: _td2(rng, visa=False),
        "MRV-B": lambda: _td2(rng, visa=True),
        "TD1": lambda: _td1(rng),
        "FRA-ID": lambda: _french(rng),
        "OTHER": lambda: _random_lines(rng),
    }[form]()
    if form != "OTHER" and rng.random() < 0.06:
        noisy = [list(line) for line in lines]
        for line in noisy:
            for _ in range(rng.randint(1, 4)):
                line[rng.randrange(len(line))] = rng.choice(ALPHABET)
        lines = tuple("".join(line) for line in noisy)
    return MrzText(form, lines)
