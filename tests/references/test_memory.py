"""The memory of enrolled documents on vectors whose distances are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dafec.features.traces import CELL_MM, CLASSES, Traces
from dafec.geometry import BoxMm
from dafec.references.memory import Memory, learn_memory

SHAPE = (30, 44)
FIELD = BoxMm(20 * CELL_MM, 8 * CELL_MM, 16 * CELL_MM, 6 * CELL_MM)
ROWS, COLUMNS = slice(8, 14), slice(20, 36)


def page(seed: int, *, lights=("visible", "ir"), shift: float = 0.0) -> Traces:
    """A print that every page shares, noise of its own, and a field with a content of its own."""
    shared, own = np.random.default_rng(1), np.random.default_rng(100 + seed)
    cells = {}
    for light, channels in (("visible", 64), ("ir", 48), ("uv", 48)):
        mixing = shared.standard_normal((channels, 6))
        print_ = shared.standard_normal((6, *SHAPE)) * 3
        glyphs = shared.standard_normal((6, 12)) * 3
        print_[:, ROWS, COLUMNS] = glyphs[:, own.integers(12, size=(6, 16))]
        noise = own.standard_normal((channels, *SHAPE)) * 0.2
        cells[light] = (np.einsum("ck,khw->chw", mixing, print_) + noise + shift).astype(np.float32)
    kept = {light: cells[light] for light in lights}
    blank = np.zeros(SHAPE, np.float32)
    return Traces(blank, np.zeros((len(CLASSES), *SHAPE), np.float32), np.zeros((5, *SHAPE), np.float32), kept, lights)


def with_patch(traces: Traces, rows: slice, columns: slice, light: str = "visible") -> Traces:
    """Another printer's work in one place."""
    cells = dict(traces.cells)
    cells[light] = cells[light].copy()
    foreign = np.random.default_rng(9).standard_normal((cells[light].shape[0], 1, 1)) * 4
    cells[light][:, rows, columns] += foreign.astype(np.float32)
    return replace(traces, cells=cells)


@pytest.fixture(scope="module")
def memory() -> Memory:
    return learn_memory([page(number) for number in range(8)], [FIELD], "a" * 64)


def test_a_further_document_of_the_series_is_usual(memory: Memory) -> None:
    for number in range(20, 26):
        found = memory.compare(page(number))
        assert found.spread < 1.3
        assert found.local < 1.35 * float(memory.locals.max())


def test_another_name_is_usual_but_another_printer_in_its_field_is_not(memory: Memory) -> None:
    usual = memory.compare(page(30))
    forged = memory.compare(with_patch(page(30), slice(9, 13), slice(22, 28)))
    assert forged.local > 2 * usual.local
    row, column = np.unravel_index(int(forged.ratio.argmax()), SHAPE)
    assert 8 <= row <= 13
    assert 21 <= column <= 28
    assert forged.spread < 1.3


def test_a_page_of_another_make_is_far_all_over(memory: Memory) -> None:
    assert memory.compare(with_patch(page(31), slice(None), slice(None))).spread > 2.5


def test_only_lights_that_both_have_are_compared(memory: Memory) -> None:
    alone = memory.compare(with_patch(page(32, lights=("visible",)), slice(2, 8), slice(4, 10), "visible"))
    assert alone.local > 3
    without = page(33, lights=("ir",))
    assert memory.compare(without).spread < 1.3
    with pytest.raises(ValueError, match="light"):
        memory.compare(page(34, lights=("uv",)))


def test_a_file_holds_it_and_nothing_of_a_personal_field_in_order(memory: Memory) -> None:
    arrays = memory.arrays()
    again = Memory.from_arrays(arrays)
    assert again is not None
    forged = with_patch(page(35), slice(9, 13), slice(22, 28))
    assert again.compare(forged).local == pytest.approx(memory.compare(forged).local, rel=0.01)
    assert not memory.bank[:, :, ROWS, COLUMNS].any()
    in_order = learn_memory([page(number) for number in range(8)], [], "a" * 64).bank[0][:, ROWS, COLUMNS]
    assert not np.array_equal(memory.known[0][: 6 * 16], in_order.reshape(in_order.shape[0], -1).T)
    assert Memory.from_arrays({}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("memory_usual", np.zeros(SHAPE, np.float16)),
        ("memory_usual", np.full(SHAPE, np.nan, np.float16)),
        ("memory_fields", np.zeros((3, 3), np.uint8)),
        ("memory_known_0", np.zeros((4, 7), np.int8)),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(memory: Memory, name: str, value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="memory"):
        Memory.from_arrays({**memory.arrays(), name: value})


def test_two_documents_are_too_few() -> None:
    with pytest.raises(ValueError, match="three"):
        learn_memory([page(1), page(2)], [], "a" * 64)
