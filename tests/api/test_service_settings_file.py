"""The file of settings: what goes before what, what is refused; `dafec settings` says where a value is from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from api.scanners.config import FolderConfig, SaneConfig
from api.settings import load_settings
from api.settings_file import listed_settings
from dafec.errors import UsageError

TEXT = """
port = 9100
workers = 3
database = "postgresql://dafec:secret-word@db/x"

[[scanners]]
name = "reader-1"
driver = "folder"
desk = "Desk 1"
folder = "/srv/reader-1"
wait_for = ["visible", "ir"]
[scanners.names]
visible = ["*_W.jpg"]
ir = ["re:(?P<set>.+)-B900[.]tif"]

[[scanners]]
name = "flatbed"
driver = "sane"
desk = "Desk 1"
device = "test"
lights = { visible = ["--mode", "Color"], ir = ["--mode", "Infrared"] }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "service.toml"
    path.write_text(TEXT)
    return path


def test_command_line_then_environment_then_file_then_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFEC_SERVICE_CONFIG", str(file))
    monkeypatch.setenv("DAFEC_SERVICE_WORKERS", "5")
    settings = load_settings(port=9200)
    assert (settings.port, settings.workers, settings.queue_size) == (9200, 5, 16)
    assert load_settings().port == 9100
    first, second = settings.scanners
    assert isinstance(first, FolderConfig)
    assert first.names == {"visible": ("*_W.jpg",), "ir": ("re:(?P<set>.+)-B900[.]tif",)}
    assert isinstance(second, SaneConfig)
    assert list(second.lights) == ["visible", "ir"]


def test_every_value_is_listed_with_its_source_and_no_password(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFEC_SERVICE_CONFIG", str(file))
    monkeypatch.setenv("DAFEC_SERVICE_WORKERS", "5")
    listed = {entry["name"].removeprefix("DAFEC_SERVICE_").lower(): entry for entry in listed_settings()}
    assert (listed["port"]["value"], listed["port"]["source"]) == (9100, str(file))
    assert (listed["workers"]["value"], listed["workers"]["source"]) == (5, "DAFEC_SERVICE_WORKERS")
    assert (listed["queue_size"]["source"], listed["queue_size"]["default"]) == ("default", 16)
    assert listed["database"]["value"] == "***"
    assert listed["scanners"]["value"][0]["name"] == "reader-1"
    assert "secret-word" not in json.dumps(list(listed.values()))


def test_the_command_lists_the_settings_of_the_service_too(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dafec.cli", "settings", "--json"],
        env={"PATH": "/usr/bin:/bin", "DAFEC_SERVICE_CONFIG": str(file), "DAFEC_PRIOR": "0.01"},
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {entry["name"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    assert (listed["DAFEC_PRIOR"]["value"], listed["DAFEC_PRIOR"]["source"]) == (0.01, "DAFEC_PRIOR")
    assert listed["DAFEC_SERVICE_PORT"]["source"] == str(file)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("prot = 1", "settings.unknown"),
        ('config = "x"', "settings.unknown"),
        ('port = "http"', "settings.invalid"),
        ("port = ", "settings.file_invalid"),
        ('[[scanners]]\nname = "x"\ndriver = "twain"\ndesk = "d"', "settings.invalid"),
        ('[[scanners]]\nname = "x"\ndriver = "folder"\ndesk = "d"', "settings.invalid"),
    ],
)
def test_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "service.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        load_settings(config=path)
    assert refused.value.code == code


def test_file_that_is_not_there_or_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_settings(config=tmp_path / "none.toml")
    assert refused.value.code == "settings.file_unreadable"
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError) as refused:
        load_settings(config=tmp_path / "x.toml")
    assert refused.value.code == "settings.file_invalid"
