"""Settings: what is misspelt or dangerous is refused before anything starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import api
from api.settings import Settings, is_loopback, load_settings
from dafec.errors import UsageError
from dafec.messages import LANGUAGES, catalogue


def test_defaults_serve_this_machine_only() -> None:
    settings = load_settings()
    assert is_loopback(settings.host)
    assert settings.host_names() == {"localhost", "127.0.0.1", "::1"}


def test_every_setting_has_a_help_text() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFEC_SERVICE_PORT", "9001")
    monkeypatch.setenv("DAFEC_SERVICE_WORKERS", "3")
    settings = load_settings(port=9002, host=None)
    assert (settings.port, settings.workers) == (9002, 3)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("DAFEC_SERVICE_MAX_IMAGE_BITES", "1", "settings.unknown"),
        ("DAFEC_SERVICE_PORT", "http", "settings.invalid"),
        ("DAFEC_SERVICE_WORKERS", "0", "settings.invalid"),
    ],
)
def test_bad_variable_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused:
        load_settings()
    assert refused.value.code == code
    assert str(refused.value.details["name"]).upper() in name


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "desk.airport.example", ""])
def test_other_hosts_need_the_explicit_option(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        load_settings(host=host)
    assert refused.value.code == "serve.network_refused"
    assert load_settings(host=host, allow_network=True).host == host


def test_listening_everywhere_does_not_allow_every_name() -> None:
    settings = load_settings(host="0.0.0.0", allow_network=True, allowed_hosts=("Desk.Airport.Example",))
    assert settings.host_names() == {"localhost", "127.0.0.1", "::1", "desk.airport.example"}


def _source() -> str:
    folder = Path(api.__file__).parent
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))


def test_every_error_code_of_the_service_has_its_texts_in_both_languages() -> None:
    codes = set(re.findall(r'(?:ServiceError|UsageError|InstallationError|InputError)\(\s*"([a-z_.]+)"', _source()))
    assert len(codes) >= 25
    for language in LANGUAGES:
        for code in codes | {"http.not_found", "http.method_not_allowed", "http.refused", "serve.port_taken"}:
            for part in ("message", "remedy"):
                assert f"errors.{code}.{part}" in catalogue(language)


def test_every_text_the_page_asks_for_is_in_both_languages() -> None:
    template = (Path(api.__file__).parent / "viewer" / "templates" / "desk.html").read_text(encoding="utf-8")
    keys = {f"api.{key}" for key in re.findall(r"""\bt\(["']([a-z_.]+)["'][,)]""", template)}
    keys |= set(re.findall(r'"(api\.page\.[a-z_]+)"', _source())) - {"api.page.coverage"}
    assert len(keys) >= 40
    for language in LANGUAGES:
        assert keys - set(catalogue(language)) == set()


def test_placeholders_are_the_same_in_both_languages() -> None:
    english, arabic = catalogue("en"), catalogue("ar")
    for key in english:
        if key.startswith(("api.", "errors.")) and key in arabic and ".unit." not in key and ".coverage." not in key:
            found = [set(re.findall(r"{(\w+)}", texts[key])) for texts in (english, arabic)]
            assert found[0] == found[1], key
