"""The catalogues: the same keys and placeholders in every language, and a text for everything that is raised."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import dafec
from dafec.messages import LANGUAGES, catalogue, text

ROOT = Path(dafec.__file__).parents[1]
LOCALES = ROOT / "dafec" / "locales"
AREAS = sorted({path.name.split(".", 1)[1] for path in LOCALES.glob("*.toml")})
PLURALS = {"zero", "one", "two", "few", "many", "other"}
ERROR_CLASSES = {"UsageError", "InputError", "InstallationError", "DafecError"}


def placeholders(template: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


def keys(tree: dict, prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def without_plural(key: str) -> str:
    """The key without its plural category: languages have different ones (Unicode CLDR)."""
    return key.rsplit(".", 1)[0] if key.rsplit(".", 1)[-1] in PLURALS else key


def raised_codes() -> Iterator[tuple[str, str]]:
    """Every literal code given to an error class, or passed on as one, with the place it stands in."""
    for path in sorted([*ROOT.glob("dafec/**/*.py"), *ROOT.glob("api/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            first = node.args[0]
            if not name.endswith(("Error", "_Refused")) or not isinstance(first, ast.Constant):
                continue
            code = str(first.value)
            if name in ERROR_CLASSES or re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", code):
                yield code, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_area_exists_in_every_language() -> None:
    assert "capture.toml" in AREAS
    for area in AREAS:
        for language in LANGUAGES:
            assert (LOCALES / f"{language}.{area}").is_file()


@pytest.mark.parametrize("area", AREAS)
def test_languages_have_the_same_keys(area: str) -> None:
    first, *others = (
        {without_plural(key) for key in keys(tomllib.loads((LOCALES / f"{language}.{area}").read_text("utf-8")))}
        for language in LANGUAGES
    )
    for other in others:
        assert first ^ other == set()


def test_languages_have_the_same_placeholders() -> None:
    english = catalogue("en")
    for language in LANGUAGES:
        for key, template in catalogue(language).items():
            if key == without_plural(key):  # "one day" needs no number in one language and does in the other
                assert placeholders(template).keys() == placeholders(english[key]).keys(), (language, key)


def test_no_text_is_empty_and_every_template_can_be_filled() -> None:
    for language in LANGUAGES:
        for key, template in catalogue(language).items():
            assert template.strip(), key
            for name in placeholders(template):
                assert re.fullmatch(r"[a-z][a-z0-9_]*", name), (key, name)
            filled = text(key, language, dict.fromkeys(placeholders(template), "x"))
            assert "{" not in filled, key


def test_arabic_is_arabic() -> None:
    for key, template in catalogue("ar").items():
        english = catalogue("en").get(key, "")
        if template != english and not re.search(r"[\u0600-\u06ff]", english):  # the name of the other language
            assert re.search(r"[\u0600-\u06ff]", template), key
        elif template == english:
            assert len(template) <= 12, f"{key} is not translated"


def test_each_light_has_one_name_in_arabic() -> None:
    """They are rays, الأشعة, which is feminine: pages and the command line call infrared and ultraviolet alike."""
    for key, said in catalogue("ar").items():
        assert "تحت الأحمر" not in said, key
        assert not re.search("فوق البنفسجي(?!ة)", said), key


def test_no_key_is_defined_twice() -> None:
    for language in LANGUAGES:
        found = Counter(
            key for path in LOCALES.glob(f"{language}.*toml") for key in keys(tomllib.loads(path.read_text("utf-8")))
        )
        assert [key for key, times in found.items() if times > 1] == []


def test_every_error_that_is_raised_has_message_and_remedy() -> None:
    codes = dict(raised_codes())
    assert len(codes) > 40
    for language in LANGUAGES:
        texts = catalogue(language)
        missing = {code: place for code, place in codes.items() if f"errors.{code}.message" not in texts}
        assert missing == {}
    errors = {key.removeprefix("errors.").rsplit(".", 1)[0] for key in catalogue("en") if key.startswith("errors.")}
    for code in errors:
        assert {f"errors.{code}.message", f"errors.{code}.remedy"} <= catalogue("en").keys()


def test_no_error_text_is_left_over() -> None:
    source = "\n".join(path.read_text("utf-8") for path in [*ROOT.glob("dafec/**/*.py"), *ROOT.glob("api/**/*.py")])
    errors = {key.removeprefix("errors.").rsplit(".", 1)[0] for key in catalogue("en") if key.startswith("errors.")}
    assert sorted(code for code in errors if f'"{code}"' not in source) == []


def test_no_text_calls_a_document_genuine() -> None:
    for language, words in (("en", ("genuine", "authentic")), ("ar", ("وثيقة أصلية", "جواز أصلي", "غير مزور"))):
        for key, template in catalogue(language).items():
            for word in words:
                assert word not in template.lower(), key


def test_missing_texts_fall_back() -> None:
    assert text("no.such.key", "ar") == "no.such.key"
    assert text("errors.capture.empty.message", "en", {}) == "{file} is empty."


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2024-08-12", "\u20662024\u201108\u201112\u2069"),
        ("AB-12", "\u2066AB-12\u2069"),
        ("a5frz-6d528-3g8tm", "\u2066a5frz-6d528-3g8tm\u2069"),  # a password that is copied
        ("/srv/2024-08-12/a", "\u2066/srv/2024-08-12/a\u2069"),
        ("<", "\u2066<\u2069"),
        (-3, "\u2066-3\u2069"),
        (7, "7"),
        (0.42, "0.42"),
        ("العراق", "العراق"),
    ],
)
def test_what_fills_an_arabic_text_keeps_its_own_direction(value: object, shown: str) -> None:
    template = catalogue("ar")["errors.capture.empty.message"]
    assert text("errors.capture.empty.message", "ar", {"file": value}) == template.replace("{file}", shown)
    assert text("errors.capture.empty.message", "en", {"file": value}) == f"{value} is empty."
