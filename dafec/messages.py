"""Texts in the caller's language.

The catalogues are ``dafec/locales/en.toml`` and ``ar.toml`` and every further ``*.toml`` beside them that begins with
the same language code (``en.capture.toml``), so that each area of the code keeps its own file. Keys are dotted. A text
may hold ``{name}`` placeholders. A key that is missing from the asked language falls back to English; a key that is
missing from both is returned as it is, and a test fails.

What fills a placeholder of an Arabic text runs from left to right by itself (Unicode UAX #9, isolates): without that,
the parts of ``12-08-2024`` or ``AB-12`` change places after an Arabic word. Its hyphens do not break over two lines.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

__all__ = ["LANGUAGES", "Language", "catalogue", "text"]

Language = Literal["en", "ar"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value)
    return flat


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """Every text of one language, by dotted key."""
    merged: dict[str, str] = {}
    for entry in sorted(files("dafec").joinpath("locales").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml") and entry.name.split(".")[0] == language:
            merged.update(_flatten(tomllib.loads(entry.read_text(encoding="utf-8"))))
    return merged


_ARABIC = re.compile(r"[\u0590-\u08ff\u2066-\u2069]")
_PLAIN_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")


def _left_to_right(value: object) -> object:
    """The value in an isolate where it would be torn apart between Arabic words; else as it is."""
    said = "" if value is None else str(value)
    if not said or _PLAIN_NUMBER.fullmatch(said) or _ARABIC.search(said):
        return value
    if _DATE.fullmatch(said):  # unlike a password or a path, nobody copies it
        said = said.replace("-", "\u2011")
    return f"\u2066{said}\u2069"


class _Lenient(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def text(key: str, language: Language = "en", values: Mapping[str, object] | None = None) -> str:
    """The text for ``key`` with its placeholders filled; English where the language lacks it, else the key itself."""
    found = catalogue(language).get(key) or catalogue("en").get(key)
    if found is None:
        return key
    if language == "ar" and values:
        values = {name: _left_to_right(value) for name, value in values.items()}
    return found.format_map(_Lenient(values or {}))
