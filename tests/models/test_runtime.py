import base64
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dafec.errors import InstallationError
from dafec.models import runtime
from dafec.models.manifest import ModelEntry, write_entry
from dafec.models.runtime import Session, SessionStore, checked_output

#: One node, y = log(x): finite for positive numbers, NaN below zero. Made with onnx.helper, opset 13.
LOG_MODEL = base64.b64decode(
    "CAgSBWRhZmVjOjYKCwoBeBIBeSIDTG9nEgNsb2daEAoBeBILCgkIARIFCgMSAW5iEAoBeRILCgkIARIFCgMSAW5CBAoAEA0="
)


def install(folder: Path, data: bytes = LOG_MODEL) -> None:
    (folder / "log.onnx").write_bytes(data)
    write_entry(ModelEntry("log", "log.onnx", "", "float32 (n,)", "float32 (n,)", "see above", (), "none"), folder)


def test_a_model_runs_and_gives_float32(tmp_path: Path) -> None:
    install(tmp_path)
    (output,) = SessionStore(tmp_path).load("log", 1).run(np.array([1.0, np.e], dtype=np.float32))
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, [0.0, 1.0], atol=1e-6)


def test_an_altered_file_refuses_to_start(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "log.onnx").write_bytes(LOG_MODEL.replace(b"Log", b"Exp"))
    with pytest.raises(InstallationError) as caught:
        SessionStore(tmp_path).load("log", 1)
    assert caught.value.code == "models.digest_mismatch"


def test_bytes_that_are_no_model_are_unreadable_even_with_the_right_digest(tmp_path: Path) -> None:
    install(tmp_path, b"no model at all")
    with pytest.raises(InstallationError) as caught:
        SessionStore(tmp_path).load("log", 1)
    assert caught.value.code == "models.unreadable"


def test_a_result_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    install(tmp_path)
    session = SessionStore(tmp_path).load("log", 1)
    for bad in (-1.0, 0.0):
        with pytest.raises(InstallationError) as caught:
            session.run(np.array([1.0, bad], dtype=np.float32))
        assert caught.value.code == "models.not_finite"


@pytest.mark.parametrize(
    "inputs",
    [
        (np.array(["a"]),),
        (np.ones((1, 1), np.float32),),
        (np.ones(1, np.float64),),
        (),
        (np.ones(1, np.float32), np.ones(1, np.float32)),
    ],
)
def test_errors_of_the_runtime_are_mapped(tmp_path: Path, inputs: tuple[Any, ...]) -> None:
    install(tmp_path)
    with pytest.raises(InstallationError) as caught:
        SessionStore(tmp_path).load("log", 1).run(*inputs)
    assert caught.value.code == "models.run_failed"


def test_a_session_that_raises_is_mapped() -> None:
    class Broken:
        def get_inputs(self) -> Sequence[Any]:
            return ()

        def run(self, outputs: Sequence[str] | None, feed: Mapping[str, Any]) -> Sequence[Any]:
            raise RuntimeError("out of memory")

    with pytest.raises(InstallationError) as caught:
        Session("broken", "0" * 64, 1, Broken()).run()
    assert caught.value.code == "models.run_failed"


def test_a_model_is_opened_once_for_each_thread_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    opened: list[int] = []
    original = runtime._open

    def counting(name: str, data: bytes, options: runtime.SessionOptions) -> runtime.RawSession:
        opened.append(options.threads)
        return original(name, data, options)

    monkeypatch.setattr(runtime, "_open", counting)
    store = SessionStore(tmp_path)
    found: list[Session] = []
    workers = [threading.Thread(target=lambda: found.append(store.load("log", 1))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store.load("log", 2)
    assert opened == [1, 2]
    assert len({id(session) for session in found}) == 1
    assert list(store.loaded()) == ["log"]


def test_checked_output_keeps_values() -> None:
    assert checked_output("x", np.array([1, 2], dtype=np.float64)).tolist() == [1.0, 2.0]
    with pytest.raises(InstallationError):
        checked_output("x", np.array([np.inf]))
