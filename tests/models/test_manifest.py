import json
from pathlib import Path

import pytest

from dafec.errors import InstallationError, UsageError
from dafec.models import manifest
from dafec.models.manifest import ModelEntry, digest, find_model, list_models, read_model, verify_models, write_entry


def entry(name: str = "toy", file: str = "toy.onnx", **changes: object) -> ModelEntry:
    values: dict[str, object] = {
        "name": name,
        "file": file,
        "sha256": "",
        "input": "float32 (n,)",
        "output": "float32 (n,)",
        "command": "python -m dafec.models.training.toy --seed 1",
        "seeds": (1, 2),
        "data": "synthetic",
        "figures": {"exact": 0.5},
    }
    return ModelEntry(**{**values, **changes})  # type: ignore[arg-type]


def test_an_entry_carries_the_digest_of_its_file_and_is_listed_by_name(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(b"weights")
    (tmp_path / "ant.onnx").write_bytes(b"other")
    written = write_entry(entry(), tmp_path)
    write_entry(entry("ant", "ant.onnx"), tmp_path)
    assert written.sha256 == digest(b"weights")
    assert [known.name for known in list_models(tmp_path)] == ["ant", "toy"]
    assert find_model("toy", tmp_path) == written
    assert read_model(written, tmp_path) == b"weights"


def test_writing_an_entry_again_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(b"one")
    write_entry(entry(), tmp_path)
    (tmp_path / "toy.onnx").write_bytes(b"two")
    write_entry(entry(), tmp_path)
    assert [known.sha256 for known in list_models(tmp_path)] == [digest(b"two")]


def test_every_state_of_a_file_is_told_apart(tmp_path: Path) -> None:
    for name in ("good", "gone", "altered", "folder"):
        (tmp_path / f"{name}.onnx").write_bytes(name.encode())
        write_entry(entry(name, f"{name}.onnx"), tmp_path)
    (tmp_path / "gone.onnx").unlink()
    (tmp_path / "altered.onnx").write_bytes(b"altereD")
    (tmp_path / "folder.onnx").unlink()
    (tmp_path / "folder.onnx").mkdir()
    states = {state.entry.name: state.state for state in verify_models(tmp_path)}
    assert states == {"good": "ok", "gone": "missing", "altered": "digest_mismatch", "folder": "unreadable"}


@pytest.mark.parametrize(
    ("name", "code"),
    [("gone", "models.missing"), ("altered", "models.digest_mismatch"), ("folder", "models.unreadable")],
)
def test_a_bad_file_is_refused(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "x.onnx").write_bytes(b"weights")
    written = write_entry(entry(file="x.onnx"), tmp_path)
    (tmp_path / "x.onnx").unlink()
    if name == "altered":
        (tmp_path / "x.onnx").write_bytes(b"weightS")
    elif name == "folder":
        (tmp_path / "x.onnx").mkdir()
    with pytest.raises(InstallationError) as caught:
        read_model(written, tmp_path)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"schema": "dafec.models/2", "models": []}',
        b'{"schema": "dafec.models/1", "models": {}}',
        b'{"schema": "dafec.models/1", "models": [1]}',
        b'{"schema": "dafec.models/1", "models": [{"name": "a"}]}',
        b'{"schema": "dafec.models/1", "models": [{"surprise": 1}]}',
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InstallationError) as caught:
        list_models(tmp_path)
    assert caught.value.code == "models.manifest_invalid"


@pytest.mark.parametrize("file", ["../evil.onnx", "/etc/passwd", "", "a/b.onnx", ".."])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    raw = {"name": "a", "file": file, "sha256": "", "input": "", "output": "", "command": "", "seeds": [], "data": ""}
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": "dafec.models/1", "models": [raw]}))
    with pytest.raises(InstallationError) as caught:
        list_models(tmp_path)
    assert caught.value.code == "models.manifest_invalid"


def test_a_missing_manifest_and_an_unlisted_model_have_their_own_codes(tmp_path: Path) -> None:
    with pytest.raises(InstallationError) as caught:
        list_models(tmp_path)
    assert caught.value.code == "models.manifest_missing"
    (tmp_path / "manifest.json").write_text('{"schema": "dafec.models/1", "models": []}')
    with pytest.raises(InstallationError) as caught:
        find_model("nothing", tmp_path)
    assert caught.value.code == "models.not_listed"


def test_the_command_writes_and_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "toy.onnx").write_bytes(b"weights")
    monkeypatch.setattr(manifest, "write_entry", lambda written: write_entry(written, tmp_path))
    monkeypatch.setattr(manifest, "verify_models", lambda: verify_models(tmp_path))
    given = ["--update", "toy", "toy.onnx", "--command", "make toy", "--seed", "3", "--figure", "exact=0.9"]
    assert manifest.main(given) == 0
    assert find_model("toy", tmp_path).figures == {"exact": 0.9}
    assert manifest.main([]) == 0
    (tmp_path / "toy.onnx").write_bytes(b"altered")
    assert manifest.main([]) == 4
    assert "digest_mismatch" in capsys.readouterr().out


def test_a_figure_without_a_value_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        manifest.main(["--update", "toy", "toy.onnx", "--figure", "exact"])
    assert caught.value.code == "models.figure_invalid"
