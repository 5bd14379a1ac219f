"""Every text the pages and their scripts ask for is in the catalogues, and none is put together from pieces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import api.viewer
from dafec.messages import LANGUAGES, catalogue

VIEWER = Path(api.viewer.__file__).parent
TEMPLATES = sorted((VIEWER / "templates").glob("*.html"))
SCRIPTS = sorted((VIEWER / "static").glob("*.js"))
#: Words that stand in a page in Latin letters in both languages.
PLAIN = re.compile(r"^(DAFEC|onnxruntime|Esc|Enter|desk:|user:|▲|v|[A-Z0-9?<·✕+−←↑→↓/:%–,.()\s-]{0,12})$")


def asked(source: str, function: str) -> set[str]:
    return set(re.findall(rf"\b{function}\([\"']([a-z0-9_.]+)[\"'][,)]", source))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_ask_for_texts_that_exist(template: Path) -> None:
    source = template.read_text("utf-8")
    wanted = {f"viewer.{key}" for key in asked(source, "v")} | {f"api.{key}" for key in asked(source, "t")}
    for language in LANGUAGES:
        assert wanted - catalogue(language).keys() == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(template: Path) -> None:
    source = template.read_text("utf-8")
    for pattern in (
        r"\{#.*?#\}",
        r"\{% block body_class %\}.*?endblock %\}",
        r"<script.*?</script>",
        r"<head>.*?</title>",
        r"<svg.*?</svg>",
        r"\{[{%].*?[}%]\}",
    ):
        source = re.sub(pattern, "\n", source, flags=re.DOTALL)
    for piece in re.split(r"<[^>]*>", source):
        for line in piece.splitlines():
            assert PLAIN.match(line.strip()), (template.name, line.strip())
    for attribute in re.findall(r"(?:aria-label|alt|placeholder|title)=\"([^\"]*)\"", source):
        assert not re.search(r"[A-Za-z]{2}", attribute), (template.name, attribute)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_ask_for_texts_that_exist_and_say_nothing_themselves(script: Path) -> None:
    source = script.read_text("utf-8")
    keys = set(re.findall(r"data\.texts\.([a-z_]+)", source))
    if script.name != "arrivals.js":  # the desk's own
        for language in LANGUAGES:
            assert {f"viewer.script.{key}" for key in keys} - catalogue(language).keys() == set()
    source = re.sub(r"\$\{[^}]*\}", "", source)
    said = re.findall(r"(?:textContent|innerText|innerHTML)\s*=\s*[\"'`]([^\"'`]*)", source)
    assert [text for text in said if re.search(r"[A-Za-z]{3}", text)] == []


def test_every_state_a_case_can_have_has_its_word() -> None:
    from typing import get_args

    from api.casework_cases import DESK_REASONS
    from api.store.case_records import Conclusion, DeskAction, OpinionKind, Origin, Shape, Status

    wanted = {f"viewer.status.{name}" for name in get_args(Status)}
    wanted |= {f"viewer.queue.origin_{name}" for name in get_args(Origin)}
    wanted |= {f"viewer.shape.{name}" for name in get_args(Shape)}
    wanted |= {f"viewer.opinion.{name}" for name in get_args(OpinionKind)}
    wanted |= {f"viewer.conclusion.{name}" for name in get_args(Conclusion)}
    wanted |= {f"viewer.desk_action.{name}" for name in get_args(DeskAction)}
    wanted |= {f"viewer.desk_reason.{name}" for names in DESK_REASONS.values() for name in (*names, "machine")}
    wanted |= {f"viewer.support.{step}" for step in range(6)}
    for language in LANGUAGES:
        assert wanted - catalogue(language).keys() == set()


def test_pages_use_logical_properties_alone() -> None:
    for sheet in (VIEWER / "static").glob("*.css"):
        source = re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL)
        found = re.findall(
            r"[;{\s](?:margin|padding|border|inset)?-?(?:left|right)\s*:|text-align:\s*(?:left|right)|float:", source
        )
        assert found == [], (sheet.name, found)
