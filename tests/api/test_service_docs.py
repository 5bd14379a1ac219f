"""The documentation of the service says what the code says; run as a program, this writes its settings anew."""

from __future__ import annotations

import re
from pathlib import Path

from api.security.audit_entry import ACTIONS
from api.settings import Settings
from api.store.events import EVENT_NAMES
from dafec.messages import catalogue

DOCUMENT = Path(__file__).parents[2] / "docs" / "service.md"
README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- settings: ", "<!-- end of settings -->"


def settings_table() -> str:
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        shown = "" if field.default in (None, ()) else f"`{field.default}`"
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(rows)


def split(text: str) -> tuple[str, str, str]:
    head, rest = text.split(BEGIN, 1)
    line, rest = rest.split("\n", 1)
    table, tail = rest.split(END, 1)
    return f"{head}{BEGIN}{line}\n", table.strip(), f"{END}{tail}"


def test_every_setting_is_documented_with_its_default() -> None:
    assert split(DOCUMENT.read_text("utf-8"))[1] == settings_table()


def test_every_code_and_setting_the_document_names_exists() -> None:
    text = DOCUMENT.read_text("utf-8")
    codes = set(re.findall(r"`((?:storage|store|screening|audit|keys)\.[a-z_]+)`", text))
    codes -= {"audit.key", "audit.pub"}  # files
    codes -= set(EVENT_NAMES)
    assert len(codes) >= 7
    assert {f"errors.{code}.message" for code in codes} <= set(catalogue("en"))
    named = {name.lower() for name in re.findall(r"DAFEC_SERVICE_([A-Z_]+[A-Z])", text + README.read_text("utf-8"))}
    assert named >= {"database", "blobs", "keep_cleared_hours"}
    assert named <= set(Settings.model_fields)


def test_readme_leads_there_and_names_keys_and_backup() -> None:
    text = README.read_text("utf-8")
    assert "(docs/service.md)" in text
    for word in ("dafec backup", "dafec restore", "dafec audit", "-keys"):
        assert word in text


def test_retention_in_the_document_is_that_of_the_settings() -> None:
    settings = Settings()
    text = DOCUMENT.read_text("utf-8")
    assert f"| {settings.keep_cleared_hours:g} hours |" in text
    assert f"| {settings.keep_open_hours / 24:g} days |" in text
    assert f"{settings.keep_held_days / 365:g} years at most" in text
    assert "screening.viewed" in ACTIONS


if __name__ == "__main__":
    head, _, tail = split(DOCUMENT.read_text("utf-8"))
    DOCUMENT.write_text(f"{head}{settings_table()}\n{tail}", "utf-8")
