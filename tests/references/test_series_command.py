from __future__ import annotations

import json
from pathlib import Path

import pytest
from series_samples import CODE

from dafec.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_the_library_is_listed(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "series", "list", "--library", library, "--json")
    listed = json.loads(out)
    assert (code, listed["series"], listed["state"], listed["approved_by"]) == (0, CODE, "approved", "second")


def test_a_broken_series_is_listed_with_its_fault(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (library / CODE / "series.toml").write_text("x = [", "utf-8")
    code, out, _ = run(capsys, "series", "list", "--library", library, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (3, "series.invalid")


def test_a_series_is_shown_in_both_languages(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("en", "ar"):
        code, out, _ = run(capsys, "series", "show", CODE, "--library", library, "--lang", language)
        assert code == 0
        assert "VI-AB-IS-print" in out


def test_a_series_goes_to_another_site(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, file, there = tmp_path / "keys", tmp_path / "one.dafec", tmp_path / "there"
    assert run(capsys, "series", "keys", "basra", "--library", library, "--trusted", keys)[0] == 0
    export = ("series", "export", CODE, "--library", library, "--key", keys / "basra.key", "--file", file)
    assert run(capsys, *export)[0] == 0
    code, out, _ = run(capsys, "series", "import", file, "--library", there, "--trusted", keys, "--json")
    assert (code, json.loads(out)["state"]) == (0, "silent")
    code, _, said = run(capsys, "series", "import", file, "--library", tmp_path / "x", "--trusted", tmp_path)
    assert (code, "exchange.unknown_signer" in said) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("series", "burn", CODE), 2, "series.no_such_action"),
        (("series", "show"), 2, "series.needs_option"),
        (("series", "show", "XXX-P-1"), 3, "library.no_such_series"),
        (("enrol", CODE), 3, "enrol.too_few"),
        (("enrol", CODE, "--approve", "second"), 2, "enrol.same_person"),
        (("enrol", "nonsense", "--approve", "third"), 3, "series.bad_code"),
    ],
)
def test_what_cannot_be_done_is_said(
    library: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended, _, err = run(capsys, *arguments, "--library", library)
    assert (ended, said in err) == (code, True)


def test_a_retired_series_is_out_of_use(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "series", "retire", CODE, "--library", library, "--by", "third", "--json")
    assert json.loads(out)["state"] == "retired"
