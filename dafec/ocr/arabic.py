"""Arabic names in the zone: Doc 9303-3 section 6 C and Appendix B.

One table for both directions (``data/arabic.toml``). X is an escape before a letter, and no code begins another, so a
transliterated name reads back letter by letter. Implemented from the table: the standard's own sample programs disagree
with it (the table gives ڤ as V, the program XV).

Three traps shape the functions here. Teh marbuta has two codes, the yehs and alef maksura are interchanged by many
hands, and doubling (shadda) is optional: ``matching_key`` makes them equal. Most issuers print a phonetic Latin name
instead, which reads back as nonsense: ``classify`` tells the two apart before anything is reversed.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

from dafec.errors import InputError
from dafec.ocr.data_files import load_table

__all__ = ["NameScript", "arabic_to_mrz", "classify", "decode_component", "matching_key", "mrz_to_arabic"]

NameScript = Literal["icao_transliterated", "phonetic"]

_BREAKS = frozenset(" \t\u00a0-‐‑<،,")

#: Invisible marks that typing and bidirectional text leave in a name.
_INVISIBLE = frozenset("\u200b\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_CLUSTER = re.compile(r"[^AWYIUEO]{3,}")
_DIGRAPH = re.compile(r"SH|KH|GH|DH|TH")


@cache
def _codes() -> dict[str, str]:
    """Letter to code, teh marbuta inside a component included."""
    table = load_table("arabic")
    return {**table["letters"], **table["one_way"], table["teh_marbuta"]: table["teh_marbuta_inside"]}


@cache
def _letters() -> dict[str, str]:
    """Code to letter."""
    table = load_table("arabic")
    codes = {code: letter for letter, code in table["letters"].items()}
    codes[table["teh_marbuta_inside"]] = codes[table["teh_marbuta_final"]] = table["teh_marbuta"]
    return codes


def _component_to_mrz(component: str) -> str:
    table = load_table("arabic")
    skipped = set(table["not_coded"])
    written: list[str] = []
    for letter in component:
        if letter in skipped:
            continue
        if letter == table["shadda"]:
            written += written[-1:]
            continue
        code = _codes().get(letter)
        if code is None:
            raise InputError("mrz.letter_without_code", letter=f"U+{ord(letter):04X}")
        written.append(code)
    if written and written[-1] == table["teh_marbuta_inside"]:
        written[-1] = table["teh_marbuta_final"]
    return "".join(written)


def arabic_to_mrz(name: str) -> str:
    """Transliterates a name in Arabic script for the zone.

    Args:
        name: components separated by spaces or hyphens; vowel signs and tatweel are left out, shadda doubles the code.

    Returns:
        Components separated by one ``<``: ``"ABW<BKR"``.

    Raises:
        InputError: ``mrz.letter_without_code`` for a letter that is not in the table.
    """
    composed = "".join(char for char in unicodedata.normalize("NFKC", name) if char not in _INVISIBLE)
    spaced = "".join(" " if char in _BREAKS else char for char in composed)
    return "<".join(part for part in map(_component_to_mrz, spaced.split()) if part)


def decode_component(component: str) -> tuple[str, ...] | None:
    """The codes of one component, in order; None where it is not wholly made of codes."""
    codes: list[str] = []
    at = 0
    letters = _letters()
    while at < len(component):
        code = next((component[at : at + size] for size in (3, 2, 1) if component[at : at + size] in letters), None)
        if code is None:
            return None
        codes.append(code)
        at += len(code)
    return tuple(codes)


def mrz_to_arabic(name: str) -> str | None:
    """Reads a transliterated name back into Arabic script.

    Doubled letters stay doubled: whether they were written with a shadda or twice (الله) the code does not say.

    Args:
        name: components separated by ``<`` or spaces.

    Returns:
        Components separated by spaces, or None where some component is not made of codes.
    """
    components = name.replace("<", " ").split()
    decoded = [decode_component(component) for component in components]
    if not decoded or None in decoded:
        return None
    letters = _letters()
    return " ".join("".join(letters[code] for code in codes) for codes in decoded if codes)


def matching_key(name: str) -> str:
    """A key under which spellings of the same Arabic name are equal.

    XTA and XAH, XAY, Y and XYA, ك and ک are one; doubling is undone. Anything that is not made of codes (a phonetic
    name) keeps its letters, with doubling undone.

    Args:
        name: in Arabic script, or as the zone prints it.
    """
    if any("\u0600" <= char <= "\u06ff" or "\ufb50" <= char <= "\ufefc" for char in name):
        name = arabic_to_mrz(name)
    equal = load_table("arabic")["equal"]
    keys = []
    for component in name.upper().replace("<", " ").split():
        codes = [equal.get(code, code) for code in decode_component(component) or tuple(component)]
        keys.append("".join(code for at, code in enumerate(codes) if at == 0 or code != codes[at - 1]))
    return "<".join(keys)


def _evidence(component: str, codes: tuple[str, ...]) -> int:
    """Evidence of one component for transliteration; negative speaks for a phonetic spelling."""
    score = 2 * sum(code.startswith("X") for code in codes)
    plain = "".join(code if len(code) == 1 else "Q" for code in codes)
    score += len(_CLUSTER.findall(plain))
    score -= len(_DIGRAPH.findall(plain))
    # إ stands at the beginning of a word or after the article; anywhere else an I is a Latin vowel.
    body = plain.removeprefix("AL") if len(plain) > 3 else plain
    score -= 2 * body[1:].count("I") + plain[1:].count("U")
    return score


def classify(name: str, *, arabic_issuer: bool) -> NameScript | None:
    """Whether a name in the zone was transliterated by the ICAO table or spelt phonetically.

    Transliteration writes no short vowels and escapes the letters Latin lacks, so X codes and runs of consonants speak
    for it; a letter that is no code (C, O), vowels in the middle (I, U) and digraphs (SH, KH) speak against it.

    Args:
        name: components separated by ``<`` or spaces.
        arabic_issuer: whether issuer or nationality use Arabic script. Other names are classified only where the
            evidence is strong.

    Returns:
        The class, or None where the name is empty or nothing suggests Arabic script.
    """
    components = name.replace("<", " ").split()
    if not components:
        return None
    score = 0
    escapes = 0
    for component in components:
        codes = decode_component(component)
        if codes is None:
            return "phonetic" if arabic_issuer else None
        score += _evidence(component, codes)
        escapes += sum(code.startswith("X") for code in codes)
    if not arabic_issuer:
        return "icao_transliterated" if escapes >= 2 and score >= 4 else None
    return "icao_transliterated" if score > 0 else "phonetic"
