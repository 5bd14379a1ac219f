"""Published weights become a network again that computes the same."""

from __future__ import annotations

import itertools
from importlib.resources import files

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch comes with the extra ``train``")
pytest.importorskip("onnx", reason="onnx comes with the extra ``train``")


def test_a_revived_reader_computes_what_its_file_does() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    from dafec.models.training.reader import Reader, batches
    from dafec.models.training.revive import revive

    path = files("dafec") / "models" / "mrz_reader.onnx"
    given = [(strips, widths) for strips, _, widths in itertools.islice(batches(5, 4), 3)]
    model = Reader()
    revive(model, path, given[:2])  # type: ignore[arg-type]
    session = onnxruntime.InferenceSession(str(path))
    strips, widths = given[2]
    told = session.run(None, {"strips": strips.numpy(), "widths": widths.numpy()})[0]
    with torch.no_grad():
        own = model.eval()(strips, widths).numpy()
    for row, width in enumerate(widths.tolist()):
        np.testing.assert_allclose(own[row, : width // 4], told[row, : width // 4], atol=1e-3)
