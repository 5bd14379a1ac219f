"""The command line end to end: what it prints, and the exit codes others rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import picture_files as files
import pytest
from rich.cells import cell_len

import dafec
from dafec import cli
from dafec.commands.output import MARKS, Tally, language_of
from dafec.commands.verify import differences
from dafec.errors import InputError
from dafec.features.contract import Outcome
from dafec.features.registry import all_checks
from dafec.messages import LANGUAGES, catalogue, text
from dafec.verdict import LEVELS

SAMPLES = Path(dafec.__file__).parents[1] / "sample_docs"
GOOD_LINES = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\n"


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, out, err


@pytest.fixture(autouse=True)
def _keep_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def sample(name: str) -> tuple[Path, list[str]]:
    """A sample document of the repository and the lines printed on it."""
    listed = {entry["id"]: entry for entry in json.loads((SAMPLES / "manifest.json").read_text())["samples"]}
    return SAMPLES / listed[name]["path"], listed[name]["mrz"]


PAGE_LINES = sample("td3-arabic")[1]


@pytest.fixture(scope="module")
def page() -> Path:
    return sample("td3-arabic")[0] / "visible.jpg"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("broken") / "cut.png"
    path.write_bytes(files.encode(files.drawing(), "PNG")[:200])
    return path


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("blank") / "blank.png"
    path.write_bytes(files.encode(files.drawing() * 0 + 255, "PNG"))
    return path


def test_help_shows_every_command_with_examples(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capfd, "--help")
    assert code == 0
    for name in ("screen", "mrz", "verify", "models", "settings", "serve", "enrol", "series", "specimens", "audit"):
        assert f" {name} " in out
    assert "anonymise" not in out  # not there yet: nothing is promised
    for name in ("screen", "mrz", "specimens"):
        assert f"dafec {name} " in run(capfd, name, "--help")[1]


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "--version")[:2] == (0, f"dafec {dafec.__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["scren"],
        ["screen"],
        ["mrz", "--lang", "fr", "x"],
        ["mrz"],
        ["mrz", "--text", "-", "x.png"],
        ["screen", "x", "--library", "/nowhere"],
        ["mrz", "--colour"],
    ],
)
def test_bad_usage_ends_with_2(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, out, err = run(capfd, *arguments)
    assert code == 2
    assert out == ""
    assert err


def test_mrz_reads_a_page(capfd: pytest.CaptureFixture[str], page: Path) -> None:
    code, out, _ = run(capfd, "mrz", page, "--json")
    (line,) = out.splitlines()
    found = json.loads(line)
    assert code == 0
    assert found.keys() == {"file", "zones", "elapsed_ms"}
    assert found["file"] == str(page)
    assert [zone["lines"] for zone in found["zones"]] == [PAGE_LINES]
    assert found["zones"][0]["fields"]["primary_identifier"] == PAGE_LINES[0][5:].split("<<")[0].replace("<", " ")
    assert 0 < found["elapsed_ms"] < 60_000


def test_mrz_goes_on_after_a_bad_input(
    capfd: pytest.CaptureFixture[str], page: Path, broken: Path, blank: Path
) -> None:
    code, out, _ = run(capfd, "mrz", broken, page, blank, "no\nsuch.png", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 3
    assert [line["file"] for line in lines] == [str(broken), str(page), str(blank), "no\nsuch.png"]
    assert [line["error"]["code"] for line in lines if "error" in line] == ["capture.truncated", "capture.not_found"]
    assert lines[0]["error"].keys() == {"code", "message", "remedy", "details"}
    assert lines[2]["zones"] == []


def test_mrz_for_people(capfd: pytest.CaptureFixture[str], page: Path, blank: Path, broken: Path) -> None:
    (zone,) = json.loads(run(capfd, "mrz", page, "--json")[1])["zones"]
    code, out, err = run(capfd, "mrz", page, blank, broken)
    assert code == 3
    assert PAGE_LINES[1] in out
    assert f"{MARKS[zone['status']][0]} {text('cli.read.' + zone['status'])}" in out
    assert text("cli.read.not_found") in out
    assert "[capture.truncated]" in err
    assert text("errors.capture.truncated.remedy") in err


def test_mrz_tells_faults_and_notes_in_the_language_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    picture = sample("td3-forged-birth")[0] / "visible.jpg"
    told: dict[str, list[str]] = {}
    for language in LANGUAGES:
        (zone,) = json.loads(run(capfd, "mrz", picture, "--json", "--lang", language)[1])["zones"]
        told[language] = [remark["message"] for remark in (*zone["faults"], *zone["notes"])]
        flowed = " ".join(run(capfd, "mrz", picture, "--lang", language)[1].split())
        assert text(f"cli.outcome.{zone['outcome']}", language) in flowed
        assert zone["faults"]
        assert zone["notes"]
        for message in told[language]:
            assert " ".join(message.split()) in flowed
    assert not set(told["en"]) & set(told["ar"])


def test_mrz_reads_by_the_depth_of_the_frame(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    depths: list[int | None] = []

    def noted(_: object, *, context: object, bit_depth: int | None = None) -> list[object]:
        assert context is not None
        depths.append(bit_depth)
        return []

    monkeypatch.setattr("dafec.ocr.reader.read_image", noted)
    path = tmp_path / "deep.png"
    path.write_bytes(files.encode_16(files.grey_drawing(), ".png"))
    assert run(capfd, "mrz", path, "--json")[0] == 0
    assert depths == [16]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [(GOOD_LINES, "valid"), (GOOD_LINES.replace("10\n", "11\n"), "invalid"), ("nothing", "invalid")],
)
def test_mrz_text(capfd: pytest.CaptureFixture[str], tmp_path: Path, given: str, outcome: str) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(given)
    code, out, _ = run(capfd, "mrz", "--text", path, "--json")
    parsed = json.loads(out)
    assert code == 0
    assert parsed["outcome"] == outcome
    assert {"outcome", "format", "fields", "check_digits", "notes", "faults"} <= parsed.keys()
    code, out, _ = run(capfd, "mrz", "--text", path, "--lang", "ar")
    assert code == 0
    assert text(f"cli.outcome.{outcome}", "ar") in out


def test_states_are_named_in_the_readers_language(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "zone.txt"
    path.write_text(
        "P<D<<MUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<\nC01X00T478IRQ6408125F2702283<<<<<<<<<<<<<<<4\n", encoding="utf-8"
    )
    _, arabic, _ = run(capfd, "mrz", "--text", path, "--lang", "ar")
    assert "ألمانيا" in arabic
    assert "العراق" in arabic
    assert "Germany" not in arabic
    _, english, _ = run(capfd, "mrz", "--text", path)
    assert "Germany" in english
    assert "Iraq" in english


def test_mrz_text_from_standard_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "dafec.cli", "mrz", "--text", "-", "--json"],
        input=GOOD_LINES, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(ended.stdout)["format"] == "TD3"


@pytest.mark.parametrize(
    ("data", "code"), [(b"\xff\xfe\0", "cli.not_text"), (b"<" * 5000, "cli.text_too_long"), (None, "capture.not_found")]
)
def test_mrz_text_that_is_none(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, data: bytes | None, code: str
) -> None:
    path = tmp_path / "lines.txt"
    if data is not None:
        path.write_bytes(data)
    exit_code, out, _ = run(capfd, "mrz", "--text", path, "--json")
    assert exit_code == 3
    assert json.loads(out)["error"]["code"] == code


def test_screen_gives_one_report_a_line(capfd: pytest.CaptureFixture[str], page: Path, broken: Path) -> None:
    code, out, _ = run(capfd, "screen", page, broken, page, "--json")
    first, bad, last = (json.loads(line) for line in out.splitlines())
    assert code == 3
    assert first["schema"] == "dafec.report/1"
    assert first["mrz"]["lines"] == PAGE_LINES
    assert first["id"] != last["id"]
    assert (bad["file"], bad["error"]["code"]) == (str(broken), "capture.truncated")


def test_screen_refers_a_wrong_check_digit(capfd: pytest.CaptureFixture[str]) -> None:
    folder, lines = sample("td3-forged-birth")
    code, out, _ = run(capfd, "screen", folder)
    assert code == 1
    assert f"{MARKS['refer'][0]} {text('cli.level.refer')}" in out
    assert f"{MARKS['failed'][0]} {text('cli.result.failed')}" in out
    assert lines[1] in out


def test_a_bad_input_does_not_hide_a_referral(capfd: pytest.CaptureFixture[str], broken: Path) -> None:
    folder, _ = sample("td3-forged-birth")
    for order in ([broken, folder], [folder, broken]):
        code, out, err = run(capfd, "screen", *order)
        assert code == 1
        assert text("cli.level.refer") in out
        assert "[capture.truncated]" in err
    assert "hidden by a bad input" in " ".join(run(capfd, "screen", "--help")[1].split()).replace("│ │ ", "")


def test_what_was_screened_is_told_when_the_installation_breaks(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    from dafec import screening
    from dafec.errors import InstallationError

    real, calls = screening.screen_capture, iter(range(9))

    def second_fails(*given: Any, **options: Any) -> Any:
        if next(calls) == 1:
            raise InstallationError("models.run_failed", name="mrz_reader")
        return real(*given, **options)

    monkeypatch.setattr(screening, "screen_capture", second_fails)
    code, out, err = run(capfd, "screen", page, page)
    assert code == 4
    assert out.count(page.name) == 1
    assert "[models.run_failed]" in err


@pytest.mark.parametrize("lang", ["en", "ar"])
def test_the_table_names_reasons_in_words_within_80_columns(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, page: Path, blank: Path, lang: str
) -> None:
    monkeypatch.setattr("dafec.commands.output._WIDTH_WITHOUT_TERMINAL", 80)
    forged = [sample(name)[0] for name in ("td3-forged-birth", "td3-forged-ink", "td3-forged-paper")]
    _, out, _ = run(capfd, "screen", *forged, page, blank, "--lang", lang)
    assert max(cell_len(line) for line in out.splitlines()) <= 80
    flowed = " ".join(out.split())
    for level in ("refer", "not_checked"):
        assert text(f"cli.level.{level}", lang) in out  # type: ignore[arg-type]
    for label in ("reason.MRZ-digit-birth_date", "reason.IR-AB-MR", "note.no_mrz"):
        first_word = text(f"cli.{label}", lang).split()[0]  # type: ignore[arg-type]
        assert first_word in flowed
    for code in ("MRZ-", "IR-AB", "UV-BR", "no_mrz", "no_page", "unknown_series", "cli."):
        assert code not in out


def test_reasons_go_before_notes_and_nothing_is_said_twice(page: Path) -> None:
    from types import SimpleNamespace

    from dafec.commands.screen import _short_reasons

    stood_on = SimpleNamespace(reasons=("MRZ-expiry", "IR-AB-MR"), notes=("expired", "no_uv", "no_page"))
    assert _short_reasons(stood_on, "en") == "expired, ink of the zone, no ultraviolet, … (+1)"  # type: ignore[arg-type]
    assert _short_reasons(SimpleNamespace(reasons=(), notes=()), "ar") == "–"  # type: ignore[arg-type]
    many = SimpleNamespace(reasons=("MRZ-expiry", "IR-AB-MR"), notes=("no_uv", "unknown_series", "specimen"))
    assert _short_reasons(many, "en").endswith("no ultraviolet, … (+2)")  # type: ignore[arg-type]


def test_every_check_and_note_has_a_short_label() -> None:
    notes = [key.removeprefix("verdict.notes.") for key in catalogue("en") if key.startswith("verdict.notes.")]
    keys = [f"cli.note.{note}" for note in notes] + [f"cli.reason.{check.id}" for check in all_checks()]
    assert len(keys) > 30
    for language in LANGUAGES:
        labels = [catalogue(language).get(key) for key in keys]
        assert None not in labels
        assert all(len(str(label)) <= 30 for label in labels)


EVIL = "na\nme\x1b[31m\x9b\u202egpj.png"


@pytest.mark.parametrize("command", ["mrz", "screen"])
def test_a_file_name_cannot_steer_the_terminal(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, blank: Path, command: str
) -> None:
    path = tmp_path / EVIL
    path.write_bytes(blank.read_bytes())
    missing = tmp_path / f"missing {EVIL}"
    for arguments in ([path, missing], [path, missing, "--json"]):
        _, out, err = run(capfd, command, *arguments)
        for steering in ("\x1b", "\x9b", "\u202e", "na\nme"):
            assert steering not in out + err
    assert "na?me?[31m??gpj.png" in run(capfd, command, path)[1]
    named = [line.get("file") for line in map(json.loads, run(capfd, "mrz", path, missing, "--json")[1].splitlines())]
    assert named == [str(path), str(missing)]


def test_text_cannot_steer_the_terminal(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(GOOD_LINES.replace("ERIKSSON", "ERIK\x1b[2J\u202e"))
    for extra in ([], ["--json"]):
        _, out, err = run(capfd, "mrz", "--text", path, *extra)
        assert out
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err


def test_screen_in_arabic(capfd: pytest.CaptureFixture[str], page: Path) -> None:
    _, out, _ = run(capfd, "screen", page, page, "--lang", "ar")
    assert text("cli.column.verdict", "ar") in out
    assert out.count(page.name) == 2


def test_limits_come_from_the_environment(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    monkeypatch.setenv("DAFEC_MAX_MEGAPIXELS", "0.01")
    for command in ("screen", "mrz"):
        code, out, _ = run(capfd, command, page, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (3, "capture.too_large")


def test_verify(capfd: pytest.CaptureFixture[str], tmp_path: Path, page: Path, blank: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(run(capfd, "screen", page, "--json")[1])
    assert run(capfd, "verify", report, page)[0] == 0
    code, out, _ = run(capfd, "verify", report, blank, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "cli.other_capture")
    altered = json.loads(report.read_text())
    altered["checks"][0]["llr"] += 1
    report.write_text(json.dumps(altered))
    code, out, _ = run(capfd, "verify", report, page, "--json")
    assert json.loads(out)["error"]["details"] == {"place": "checks.0.llr", "count": 1}
    altered["software"]["models"] = dict.fromkeys(altered["software"]["models"], "0" * 64)
    report.write_text(json.dumps(altered))
    code, out, _ = run(capfd, "verify", report, page, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "cli.other_software")


def test_differences_are_named_and_the_incidental_passed_over() -> None:
    left = {"id": 1, "a": {"b": [1.0, 2.0], "c": True}, "d": "x"}
    assert list(differences(left, {"id": 2, "a": {"b": [1.0005, 2.0], "c": True}, "d": "x"})) == []
    rounded = {"id": 2, "a": {"b": [1.0005, 2.0], "c": True}, "d": "x"}
    assert list(differences(left, rounded, tolerance=0.0)) == ["a.b.0"]
    assert list(differences(left, {"a": {"b": [1.0, 2.1], "c": 1}, "d": None})) == ["a.b.1", "a.c", "d"]
    assert list(differences(left, {"a": {"b": [1.0], "c": True}, "d": "x"})) == ["a.b"]


def test_models_and_settings(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(capfd, "models", "--json")
    assert code == 0
    assert {json.loads(line)["state"] for line in out.splitlines()} == {"ok"}
    monkeypatch.setenv("DAFEC_SITE", "Basra 3")
    listed = {entry["name"]: entry for entry in map(json.loads, run(capfd, "settings", "--json")[1].splitlines())}
    assert listed["DAFEC_SITE"]["value"] == "Basra 3"
    assert listed["DAFEC_SITE"]["default"] == ""
    assert "DAFEC_PRIOR" in run(capfd, "settings")[1]


def test_a_missing_model_is_a_broken_installation(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    from dafec.errors import InstallationError

    def missing(*_: object) -> None:
        raise InstallationError("models.missing", name="mrz_reader", file="mrz_reader.onnx")

    monkeypatch.setattr("dafec.ocr.reader.OcrContext.load", missing)
    for command in ("mrz", "screen"):
        code, out, _ = run(capfd, command, page, "--json")
        assert (code, json.loads(out)["error"]["code"]) == (4, "models.missing")


def test_an_add_on_that_cannot_be_loaded_says_so(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [EntryPoint("lost", "no_such_package:command", "dafec.commands")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: entries)
    assert "lost" not in run(capfd, "--help")[1]
    code, _, err = run(capfd, "lost")
    assert code == 4
    assert "[cli.command_broken]" in err


def test_an_unforeseen_error_does_not_end_with_1() -> None:
    program = "import sys; from dafec import cli; cli.build_app = None; cli.main(['models'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert "TypeError" in ended.stderr


def test_a_reader_that_goes_away_is_no_error(page: Path) -> None:
    program = f"import sys; from dafec import cli; cli.main(['mrz', {str(page)!r}, {str(page)!r}, '--json'])"
    command = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=60)
    assert command.returncode == 141
    assert b"Traceback" not in err


def test_the_gravest_outcome_decides_the_exit_code() -> None:
    tally = Tally()
    for code, expected in ((0, 0), (3, 3), (0, 3), (1, 1), (3, 1), (4, 4), (1, 4)):
        tally.add(code)
        assert tally.code == expected


@pytest.mark.parametrize(
    ("arguments", "variable", "expected"),
    [
        ([], None, "en"),
        ([], "ar", "ar"),
        (["--lang", "ar"], None, "ar"),
        (["--lang=en"], "ar", "en"),
        (["--lang"], None, "en"),
        ([], "fr", "en"),
    ],
)
def test_language(monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str | None, expected: str) -> None:
    if variable is not None:
        monkeypatch.setenv("DAFEC_LANGUAGE", variable)
    assert language_of(arguments) == expected


def test_every_level_and_result_has_a_symbol_of_its_own_one_cell_wide() -> None:
    for kinds in (LEVELS, Outcome.__args__):
        symbols = [MARKS[kind][0] for kind in kinds]
        assert len(set(symbols)) == len(symbols)
        assert all(cell_len(symbol) == 1 for symbol in symbols)
    for language in ("en", "ar"):
        for level in LEVELS:
            assert text(f"cli.level.{level}", language) != f"cli.level.{level}"


def test_errors_are_told_in_the_language_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capfd, "mrz", "--json", "--lang", "ar")
    assert json.loads(out)["error"] == InputError("cli.no_input").body("ar")


@pytest.mark.slow
def test_cold_start_of_mrz_is_under_a_second_and_a_half_of_processor_time(page: Path) -> None:
    before = os.times()
    subprocess.run([sys.executable, "-m", "dafec.cli", "mrz", str(page), "--json"], capture_output=True, check=True)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.5
