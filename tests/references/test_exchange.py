from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from series_samples import CODE, TODAY

from dafec.errors import DafecError, InputError, UsageError
from dafec.references.enrolment import approve
from dafec.references.exchange import export_series, import_series, make_keys
from dafec.references.series import read_series


@pytest.fixture
def sent(library: Path, tmp_path: Path) -> Path:
    make_keys(tmp_path / "basra", "basra")
    file = tmp_path / "series.dafec"
    export_series(library, CODE, tmp_path / "basra" / "basra.key", file)
    return file


@pytest.fixture
def trusted(sent: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "trusted"
    folder.mkdir()
    (folder / "basra.pub").write_bytes((tmp_path / "basra" / "basra.pub").read_bytes())
    return folder


def refusal(file: Path, target: Path, trusted: Path) -> DafecError:
    with pytest.raises((InputError, UsageError)) as caught:
        import_series(file, target, trusted, "third", TODAY)
    assert not (target / CODE).exists()
    assert "{" not in caught.value.message() + caught.value.remedy("ar")
    return caught.value


def rewritten(file: Path, change: dict[str, bytes | None]) -> Path:
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    other = file.with_name("other.dafec")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in {**entries, **change}.items():
            if data is not None:
                archive.writestr(name, data)
    return other


def test_a_series_travels_and_is_silent_there(sent: Path, trusted: Path, library: Path, tmp_path: Path) -> None:
    target = tmp_path / "there"
    made = import_series(sent, target, trusted, "third", TODAY)
    assert (made.state, made.approved_by) == ("silent", None)
    assert read_series(target / CODE).sides == read_series(library / CODE).sides
    assert made.changes[-1].note == "imported, signed by basra"
    assert not list((target / CODE).glob("proposal.*"))
    assert approve(target, CODE, "fourth", TODAY).state == "approved"


def test_equal_series_give_equal_files(sent: Path, library: Path, tmp_path: Path) -> None:
    export_series(library, CODE, tmp_path / "basra" / "basra.key", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == sent.read_bytes()


def test_an_unknown_signer_is_refused(sent: Path, tmp_path: Path) -> None:
    assert refusal(sent, tmp_path / "there", tmp_path).code == "exchange.unknown_signer"


def test_another_key_of_the_same_name_is_refused(sent: Path, trusted: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "false", "basra")
    (trusted / "basra.pub").write_bytes((tmp_path / "false" / "basra.pub").read_bytes())
    assert refusal(sent, tmp_path / "there", trusted).code == "exchange.bad_signature"


@pytest.mark.parametrize("file", ["series.toml", "data.visible.png", "data.stats.npz"])
def test_a_changed_byte_is_refused(sent: Path, trusted: Path, tmp_path: Path, file: str) -> None:
    with zipfile.ZipFile(sent) as archive:
        data = bytearray(archive.read(file))
    data[len(data) // 2] ^= 1
    assert refusal(rewritten(sent, {file: bytes(data)}), tmp_path / "there", trusted).code == "exchange.altered"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data.ir.png": None}, "exchange.altered"),
        ({"more.png": b"x"}, "exchange.altered"),
        ({"../outside.png": b"x"}, "exchange.damaged"),
        ({"SIGNATURE": None}, "exchange.damaged"),
        ({"SIGNATURE": b"0" * 64}, "exchange.bad_signature"),
        ({"MANIFEST.json": b"{"}, "exchange.damaged"),
        ({"MANIFEST.json": b"[]"}, "exchange.damaged"),
    ],
)
def test_other_damage_is_refused(
    sent: Path, trusted: Path, tmp_path: Path, change: dict[str, bytes | None], code: str
) -> None:
    assert refusal(rewritten(sent, change), tmp_path / "there", trusted).code == code
    assert not (tmp_path / "outside.png").exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00" * 1000])
def test_what_is_no_file_of_a_series(trusted: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert refusal(tmp_path / "x", tmp_path / "there", trusted).code == "exchange.damaged"


def test_an_older_version_replaces_nothing(sent: Path, trusted: Path, library: Path) -> None:
    with pytest.raises(UsageError) as caught:
        import_series(sent, library, trusted, "third", TODAY)
    assert caught.value.code == "exchange.older"
    assert read_series(library / CODE).state == "approved"


def test_keys_are_private_and_never_replaced(tmp_path: Path) -> None:
    private, _ = make_keys(tmp_path, "basra")
    assert private.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError):
        make_keys(tmp_path, "basra")
    with pytest.raises(InputError):
        make_keys(tmp_path, "../basra")
