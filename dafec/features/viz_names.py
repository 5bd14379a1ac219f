"""Names of the visual zone against the machine-readable zone: Latin letters, and Arabic script.

Latin. Every component of the zone's name has to stand among the printed words, in any spelling the standard allows for
its diacritics (Doc 9303-3 section 6 A); components may be joined or parted. A field that fills its place may be
truncated (section 4.6): then a printed word may go on where the zone breaks off, and names may be missing. More names
in the visual zone than in the other are usual. Only a labelled name, read surely, of which nothing fits, is different.

Arabic. Where the zone was transliterated by the table (section 6 C), the printed name is transliterated too and
compared by ``matching_key``. Most zones hold a phonetic spelling instead: then letters are aligned with the Latin
letters they are commonly written with, vowels free. A difference fails only where the labelled name has nothing in
common with the zone's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise, product

from dafec.errors import InputError
from dafec.features.viz_compare import SURE, Finding, ZoneText
from dafec.features.viz_fields import Labelled
from dafec.features.viz_text import fold, loose, spellings
from dafec.ocr.arabic import arabic_to_mrz, matching_key, mrz_to_arabic
from dafec.ocr.parsed import MrzParse
from dafec.ocr.states import uses_arabic_script

__all__ = ["compare_arabic_names", "compare_names", "phonetic_distance"]

_MOST_JOINED = 4  # words that may be one component: VAN DER BERG
_ALIKE = 0.2  # share of an Arabic name's letters that may disagree with its phonetic spelling
_SILENT = 0.25  # a long vowel or glottal letter of which the spelling shows nothing
_APART = 0.45  # from which nothing is in common
_ARABIC_SURE = 0.6  # least probability of a letter of an Arabic name that is to fail

_SOUNDS: dict[str, tuple[str, ...]] = {
    "ا": ("A", "E", "I", "O", "U", ""), "أ": ("A", "E", "I", "O", "U", ""), "إ": ("I", "E", "A", ""), "آ": ("AA", "A"),
    "ب": ("B", "P"), "ت": ("T",), "ث": ("TH", "S", "T"), "ج": ("J", "G", "DJ"), "ح": ("H",), "خ": ("KH", "K", "H"),
    "د": ("D",), "ذ": ("DH", "TH", "Z", "D"), "ر": ("R",), "ز": ("Z",), "س": ("S", "C"), "ش": ("SH", "CH", "S"),
    "ص": ("S",), "ض": ("D", "DH", "Z"), "ط": ("T",), "ظ": ("Z", "DH", "TH"), "ع": ("A", "E", "I", "O", "U", ""),
    "غ": ("GH", "G", "R"), "ف": ("F", "PH"), "ق": ("Q", "K", "G", "GH"), "ك": ("K", "C"), "ل": ("L",), "م": ("M",),
    "ن": ("N",), "ه": ("H", ""), "و": ("W", "U", "O", "V", "OU", ""), "ي": ("Y", "I", "E", ""),
    "ى": ("A", "Y", "I", "E", ""),
    "ة": ("A", "H", "T", "AH", "E", ""), "ء": ("A", ""), "ؤ": ("W", "U", "O", ""), "ئ": ("I", "E", "Y", ""),
    "پ": ("P", "B"), "چ": ("CH",), "ژ": ("J", "ZH"), "ڤ": ("V",), "گ": ("G",), "ٱ": ("A", "E", ""),
}  # fmt: skip
_FREE = frozenset("AEIOU")
_NUMBER = re.compile(r"[A-Z]?\d{4,}[A-Z]?\b")


def _components(parse: MrzParse, field: str) -> list[str]:
    return (parse.fields.get(field) or "").split()


def _is_truncated(parse: MrzParse) -> bool:
    return any(note.code == "possibly_truncated" for note in parse.notes)


def _words(text: str) -> list[str]:
    """Words of a name; a digit between letters is a letter that looks like one, a run of digits is a number."""
    without = _NUMBER.sub(" ", text)
    words = "".join(c if c.isalnum() or c in "'’" else " " for c in without).split()
    return [word for word in words if any(c.isalpha() for c in word)]


@lru_cache(maxsize=4096)
def _keys(joined: str) -> frozenset[str]:
    return frozenset(loose(form) for form in spellings(joined))


def _groups(words: Sequence[str]) -> list[frozenset[str]]:
    """Keys of every word and of neighbours written as one."""
    return [
        _keys("".join(words[start : start + count]))
        for count in range(1, _MOST_JOINED + 1)
        for start in range(len(words) - count + 1)
    ]


def _holds(components: Sequence[str], groups: Sequence[frozenset[str]], *, truncated: bool) -> bool:
    """Whether every component stands among the printed words, alone or joined with its neighbours."""
    known = frozenset().union(*groups) if groups else frozenset()

    def stands(joined: str, *, cut: bool) -> bool:
        key = loose(joined)
        return key in known or (cut and len(key) >= 1 and any(printed.startswith(key) for printed in known))

    if not components:
        return True
    if stands("".join(components), cut=truncated):
        return True
    return all(stands(part, cut=truncated) for part in components)


def _is_latin(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return len(letters) > 1 and all(char < "\u0250" for char in letters)


def _labelled_names(text: ZoneText, *fields: str) -> list[Labelled]:
    return [value for field in fields for value in text.labelled.get(field, ())]


def _differs(value: Labelled, parse: MrzParse) -> bool:
    """Whether a labelled name has a word that is none of the zone's, and lacks what the zone has."""
    known = {*_components(parse, "primary_identifier"), *_components(parse, "secondary_identifier")}
    groups = _groups(_words(value.text))
    keys = {loose(part) for part in known} | {loose("".join(_components(parse, "primary_identifier")))}
    keys.add(loose("".join(_components(parse, "secondary_identifier"))))
    return not any(keys & group for group in groups)


def _may_be_transliterated(parse: MrzParse, groups: Sequence[frozenset[str]]) -> bool:
    """Whether the zone's letters may stand for Arabic ones.

    A short name without an X does not tell by itself (RNA, JEFR); but where one component stands on the page letter by
    letter, the zone holds the phonetic spelling.
    """
    if parse.fields.get("name_script") == "icao_transliterated":
        return True
    states = (parse.fields.get("issuer"), parse.fields.get("nationality"))
    components = [*_components(parse, "primary_identifier"), *_components(parse, "secondary_identifier")]
    literal = any(_holds([part], groups, truncated=False) for part in components if len(part) > 2)
    return not literal and any(state and uses_arabic_script(state) for state in states)


def _sounds(text: ZoneText) -> list[str]:
    """Latin words of the page, alone and joined with the next, in A to Z."""
    words = [fold(word).replace(" ", "") for line in text.lines if _is_latin(line.text) for word in _words(line.text)]
    return [*words, *(a + b for a, b in pairwise(words))]


def _sounds_like(components: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether every component, transliterated letter by letter, is a printed word spelt by its sound."""

    def stands(component: str) -> bool:
        arabic = mrz_to_arabic(component)
        return arabic is not None and any(phonetic_distance(arabic, word) <= _ALIKE for word in printed)

    if not components:
        return False
    return stands("".join(components)) or all(stands(component) for component in components)


def _sounds_apart(components: Sequence[str], printed: str) -> bool:
    """Whether no word of a labelled name has the sound of any component."""
    words = [fold(word).replace(" ", "") for word in _words(printed)]
    words = [*words, *(a + b for a, b in pairwise(words))]
    letters = [arabic for component in components if (arabic := mrz_to_arabic(component)) is not None]
    return bool(letters) and all(phonetic_distance(arabic, word) >= _APART for arabic in letters for word in words)


def compare_names(parse: MrzParse, text: ZoneText) -> Finding:
    """The name in Latin letters."""
    primary, secondary = _components(parse, "primary_identifier"), _components(parse, "secondary_identifier")
    if not primary:
        return Finding("unread")
    truncated = _is_truncated(parse)
    groups = [group for line in text.lines if _is_latin(line.text) for group in _groups(_words(line.text))]
    transliterated = _may_be_transliterated(parse, groups)
    by_sound = _sounds(text) if transliterated else []
    has_primary = _holds(primary, groups, truncated=truncated and not secondary) or _sounds_like(primary, by_sound)
    has_secondary = _holds(secondary, groups, truncated=truncated) or _sounds_like(secondary, by_sound)
    if has_primary and has_secondary:
        value = next(iter(_labelled_names(text, "surname", "names")), None)
        return Finding("same", value.text if value else "", value.box_mm if value else None)
    asked = ([] if has_primary else ["surname"]) + ([] if has_secondary else ["given_names"])
    if not has_primary and not has_secondary:
        asked.append("names")
    for value in _labelled_names(text, *asked):
        if not _is_latin(value.text) or not _differs(value, parse):
            continue
        sure = value.confidence >= SURE and (not transliterated or _sounds_apart(primary + secondary, value.text))
        return Finding("different" if sure else "doubtful", value.text, value.box_mm)
    return Finding("unread")


@lru_cache(maxsize=2048)
def phonetic_distance(arabic: str, latin: str) -> float:
    """How far an Arabic name is from a Latin spelling of it: share of its letters that find no sound, 0 and up.

    Args:
        arabic: letters without vowel signs and spaces.
        latin: A to Z without spaces.
    """
    far = float("inf")
    rows, columns = len(arabic), len(latin)
    cost = [[far] * (columns + 1) for _ in range(rows + 1)]
    cost[0][0] = 0.0
    for i, j in product(range(rows + 1), range(columns + 1)):
        here = cost[i][j]
        if here == far:
            continue
        if j < columns:  # short vowels and doubling are not written in Arabic
            free = latin[j] in _FREE or (j > 0 and latin[j] == latin[j - 1])
            cost[i][j + 1] = min(cost[i][j + 1], here + (0.0 if free else 1.0))
        if i < rows:
            in_article = arabic[i] == "ل" and i == 1 and arabic[0] in "اأ"  # assimilated: AR-RAZI
            cost[i + 1][j] = min(cost[i + 1][j], here + (0.3 if in_article else 1.0))
            for sound in _SOUNDS.get(arabic[i], ()):
                if latin.startswith(sound, j):
                    after = j + len(sound)
                    cost[i + 1][after] = min(cost[i + 1][after], here + (0.0 if sound else _SILENT))
            if j < columns:
                cost[i + 1][j + 1] = min(cost[i + 1][j + 1], here + 1.0)
    letters = sum(1 for char in arabic if "" not in _SOUNDS.get(char, ("",)))
    return cost[rows][columns] / max(letters, 2)


def _arabic_words(text: str) -> list[str]:
    return ["".join(c for c in word if c in _SOUNDS) for word in text.split() if any(c in _SOUNDS for c in word)]


def _nearest(component: str, neighbours: Sequence[str], words: Sequence[str], *, by_table: bool) -> float:
    """Distance of one component of the zone, alone or joined with a neighbour, from the printed words."""
    printed = [*words, *("".join(words[k : k + 2]) for k in range(len(words) - 1))]
    latin = [component, *neighbours]
    if by_table:
        keys = {matching_key(word) for word in printed if _in_table(word)}
        return 0.0 if any(matching_key(form) in keys for form in latin) else 1.0
    return min((phonetic_distance(word, form) for word in printed for form in latin), default=1.0)


def _in_table(word: str) -> bool:
    try:
        return bool(arabic_to_mrz(word))
    except InputError:
        return False


def _distances(parse: MrzParse, fields: Sequence[str], words: Sequence[str]) -> list[float]:
    by_table = parse.fields.get("name_script") == "icao_transliterated"
    found = []
    for field in fields:
        components = _components(parse, field)
        for at, component in enumerate(components):
            if component in ("AL", "EL"):
                continue
            before, after = "".join(components[at - 1 : at + 1]), "".join(components[at : at + 2])
            joined = [form for form in (before, after) if len(form) > len(component)]
            found.append(_nearest(component, joined, words, by_table=by_table))
    return found


def compare_arabic_names(parse: MrzParse, text: ZoneText) -> Finding:
    """The name in Arabic script."""
    if not text.arabic_read:
        return Finding("unread", reason="checks.viz.no_arabic_reader")
    issuer_writes_it = uses_arabic_script(parse.fields.get("issuer") or "")
    named = [v for v in _labelled_names(text, "surname", "given_names", "names") if v.line.arabic]
    lines = [line for line in text.lines if line.arabic]
    if not lines or not (named or issuer_writes_it):
        return Finding("unread")
    both = ("primary_identifier", "secondary_identifier")
    words = [word for line in lines for word in _arabic_words(line.arabic)]
    distances = _distances(parse, both, words)
    if distances and max(distances) <= _ALIKE:
        shown = named[0].line if named else lines[0]
        return Finding("same", shown.arabic, shown.box_mm)
    own = {"surname": both[:1], "given_names": both[1:], "names": both}
    for field, fields in own.items():
        for value in text.labelled.get(field, ()):
            if not value.line.arabic:
                continue
            apart = _distances(parse, fields, _arabic_words(value.line.arabic))
            if (
                apart
                and min(apart) >= _APART
                and min(_distances(parse, both, _arabic_words(value.line.arabic))) >= _APART
            ):
                sure = value.line.arabic_weakest >= _ARABIC_SURE
                return Finding("different" if sure else "doubtful", value.line.arabic, value.box_mm)
    return Finding("unread")
