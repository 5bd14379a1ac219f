"""What the command line says to newcomers: examples, settings in both languages, labels, and what is no report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.settings import ENVIRONMENT_PREFIX as SERVICE_PREFIX
from api.settings import Settings as ServiceSettings
from dafec.cli import build_app
from dafec.commands.screen import _reason
from dafec.errors import InputError
from dafec.messages import catalogue
from dafec.report import parse_report
from dafec.settings import ENVIRONMENT_PREFIX, Settings


@pytest.mark.parametrize("command", ["serve", "models", "settings", "verify", "backup", "restore", "audit", "screen"])
def test_help_shows_how_a_command_is_used(command: str) -> None:
    said = CliRunner().invoke(build_app(), [command, "--help"]).output
    assert "For example:" in said
    assert f"dafec {command}" in said.split("For example:")[1]


def test_every_setting_is_explained_in_both_languages() -> None:
    described = {
        f"{ENVIRONMENT_PREFIX}{name}".upper(): field.description for name, field in Settings.model_fields.items()
    }
    described |= {
        f"{SERVICE_PREFIX}{name}".upper(): field.description for name, field in ServiceSettings.model_fields.items()
    }
    listed = {key: said for key, said in catalogue("en").items() if key.startswith("settings.help.")}
    assert listed == {f"settings.help.{name}": said for name, said in described.items()}
    said = CliRunner().invoke(build_app(), ["settings", "--lang", "ar"], env={"COLUMNS": "400"}).output
    assert "مجلد قاعدة البيانات والصور" in said
    assert "Folder of the database" not in said


@pytest.mark.parametrize(
    ("check", "language", "label"),
    [
        ("IR-AB-MR", "en", "ink of the zone"),
        ("VI-AB-AF-portrait", "en", "portrait, in visible light"),
        ("UV-BR-AF-seal", "ar", "\u2066seal\u2069، بالأشعة فوق البنفسجية"),
        ("XX-of-another-version", "en", "XX-of-another-version"),
    ],
)
def test_a_finding_of_a_series_has_a_label(check: str, language: str, label: str) -> None:
    assert _reason(check, language) == label  # type: ignore[arg-type]


def test_a_picture_is_no_report() -> None:
    with pytest.raises(InputError) as caught:
        parse_report(b"\xff\xd8\xff\xe0 no JSON")
    assert caught.value.code == "report.not_json"


def test_json_of_a_first_user_is_json_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dafec.cli", "users", "add", "boss", "--role", "administrator"]
    ended = subprocess.run(
        [*command, "--data", str(tmp_path / "data"), "--json"], capture_output=True, text=True, check=True
    )
    assert set(json.loads(ended.stdout)) == {"id", "one_time_password"}
