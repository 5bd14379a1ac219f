"""Texts for the Arabic line recogniser: invented names, labels of forms, and letters in any order.

Names are put together from Faker's Arabic and Persian lists, so none is a person's. A quarter of the texts are letters
drawn one by one: a recogniser that only ever saw names would read names into what is no name, and an altered letter is
what it has to show.
"""

from __future__ import annotations

import importlib
import random
import re
import unicodedata
from functools import cache

from dafec.ocr.visual_zone_arabic import ARABIC_ALPHABET, LATIN_WORD

__all__ = ["draw_text", "labels", "names"]

_FAKER = ("ar_AA", "ar_PS", "ar_DZ", "fa_IR")
_LETTERS = [c for c in ARABIC_ALPHABET if "\u0620" <= c <= "\u06d3" and not c.isdigit()]
_COMMON = list("ءأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيآ")
_FOLDED = {"ک": "ك", "ھ": "ه", "ہ": "ه", "ی": "ي"}
_FINAL = re.compile("[ىی](?![\u0620-\u064a\u066e-\u06d3])")
_INSIDE = re.compile("ى(?=[\u0620-\u064a\u066e-\u06d3])")
_ARTICLES = ("ال", "ال", "عبد ال", "أبو ", "بن ", "بنت ", "آل ")

labels = (
    "الاسم", "الاسم الكامل", "اسم", "اللقب", "الاسم الأول", "اسم العائلة", "اسم الأب", "اسم الأم", "الجنسية", "الجنس",
    "تاريخ الولادة", "تاريخ الميلاد", "محل الولادة", "مكان الميلاد", "تاريخ الإصدار", "تاريخ الانتهاء", "تاريخ النفاذ",
    "رقم الجواز", "رقم جواز السفر", "جواز سفر", "رقم البطاقة", "البطاقة الوطنية", "جهة الإصدار", "النوع",
    "رمز الدولة", "توقيع حامل الجواز", "الرقم الوطني", "المهنة", "ذكر", "أنثى", "الجمهورية", "الدولة", "المملكة",
    "السلطة", "صالح لغاية", "نام", "نام خانوادگی", "تاریخ تولد", "ملیت", "محل تولد", "مديرية الجوازات", "بغداد",
)  # fmt: skip


def _clean(text: str) -> str:
    """Without vowel signs, tatweel and what the alphabet lacks."""
    composed = unicodedata.normalize("NFKC", text).replace("ـ", "")
    composed = _INSIDE.sub("ي", _FINAL.sub("ى", composed))
    composed = "".join(_FOLDED.get(char, char) for char in composed)
    return re.sub(" +", " ", "".join(c for c in composed if c in ARABIC_ALPHABET)).strip()


@cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given names and surnames of the lists."""
    first: set[str] = set()
    last: set[str] = set()
    for locale in _FAKER:
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        first |= {_clean(name) for name in provider.first_names}
        last |= {_clean(name) for name in provider.last_names}
    return tuple(sorted(first - {""})), tuple(sorted(last - {""}))


def _word(rng: random.Random) -> str:
    pool = _COMMON if rng.random() < 0.8 else _LETTERS
    return _INSIDE.sub("ي", "".join(rng.choice(pool) for _ in range(rng.randint(2, 8))))


def _mutated(rng: random.Random, text: str) -> str:
    """One letter of a name exchanged, so that the neighbours do not give it away."""
    at = rng.randrange(len(text))
    return text if text[at] == " " else _INSIDE.sub("ي", text[:at] + rng.choice(_COMMON) + text[at + 1 :])


def _name(rng: random.Random) -> str:
    first, last = names()
    parts = [rng.choice(first) for _ in range(rng.choice((1, 1, 2, 3, 4)))]
    if rng.random() < 0.6:
        surname = rng.choice(last)
        parts.append(rng.choice(_ARTICLES) + surname if rng.random() < 0.35 and surname[:2] != "ال" else surname)
    text = " ".join(parts)
    return _mutated(rng, text) if rng.random() < 0.35 else text


def _number(rng: random.Random) -> str:
    digits = "٠١٢٣٤٥٦٧٨٩"
    return "".join(rng.choice(digits) for _ in range(rng.randint(1, 4)))


def draw_text(rng: random.Random) -> str:
    """One line in reading order; ``*`` stands for a Latin word, which the drawing makes up."""
    kind = rng.random()
    if kind < 0.62:
        return _name(rng)
    if kind < 0.82:
        return " ".join(_word(rng) for _ in range(rng.randint(1, 4)))
    if kind < 0.9:
        return _clean(rng.choice(labels)) + rng.choice(("", "", ":", " :"))
    if kind < 0.94:
        return "/".join((_number(rng), _number(rng), _number(rng)))
    text = _name(rng) if rng.random() < 0.5 else _clean(rng.choice(labels))
    latin = " ".join([LATIN_WORD] * rng.randint(1, 2))
    return f"{text} {rng.choice(('', '/ ', '- '))}{latin}" if rng.random() < 0.7 else f"{latin} {text}"
