"""What the trace network says of a page: maps of cells of about a millimetre, measured once a page and shared.

The network (``dafec/models/training/traces.py``, ``models/cards/traces.md``) sees every light the page has; one that
is missing is named as missing and never made up. Its maps are logits: how likely a cell was forged at all and by which
class of THREATS, and how much of it each family of print covers; and the embedding of each cell in each light, which an
enrolled series compares with those of its own documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import LIGHTS, Light
from dafec.geometry import BoxMm
from dafec.models.runtime import load_session
from dafec.page import Page

__all__ = [
    "CELL_MM",
    "CLASSES",
    "LEAST_DPI",
    "MODEL",
    "PROCESSES",
    "Traces",
    "as_input",
    "input_px_per_mm",
    "measure_traces",
    "pixels_of_cell",
    "run_traces",
]

MODEL = "traces"
_PX_PER_MM = 400 / 25.4  # the network's scale
_CELL_PX = 16
#: Side of a cell, millimetres.
CELL_MM = _CELL_PX / _PX_PER_MM
#: Below this the microstructure of print is not in the picture (the network is trained on 300 dpi and more).
LEAST_DPI = 270.0
#: The class maps, in order (THREATS), and the families of print.
CLASSES = ("C1", "C2", "C3", "C4", "F1", "F2", "F3", "F4", "F6", "F7", "P1", "P2", "P3")
PROCESSES = ("line_art", "screen", "drops", "dye", "engraving")
_LEVEL: dict[Light, float] = {"visible": 128.0, "ir": 128.0, "uv": 32.0}
_SPREAD = 64.0


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Maps of one page, rows and columns of cells from its top left corner."""

    forged: NDArray[np.float32]  # (h, w) logits
    classes: NDArray[np.float32]  # (classes, h, w) logits
    processes: NDArray[np.float32]  # (processes, h, w) logits of coverage
    cells: dict[Light, NDArray[np.float32]]  # (channels, h, w) embeddings of the lights that are there
    lights: tuple[Light, ...]

    def box_mm(self, rows: slice, columns: slice) -> BoxMm:
        """The place of some cells on the page."""
        return BoxMm(
            columns.start * CELL_MM,
            rows.start * CELL_MM,
            (columns.stop - columns.start) * CELL_MM,
            (rows.stop - rows.start) * CELL_MM,
        )


def _input(image: NDArray[np.float32], light: Light, page: Page, cells: tuple[int, int]) -> NDArray[np.float32]:
    """One light of a page as the network takes it."""
    step = pixels_of_cell(light)
    height, width = (round(count * CELL_MM * page.px_per_mm) for count in cells)
    picture = image[: min(height, image.shape[0]), : min(width, image.shape[1])]
    size = (cells[1] * step, cells[0] * step)
    how = cv2.INTER_AREA if picture.shape[1] > size[0] else cv2.INTER_LINEAR
    return as_input(np.asarray(cv2.resize(picture, size, interpolation=how), np.float32), light)


def measure_traces(page: Page, threads: int = 1) -> Traces:
    """The network's maps of a page, cells from the page's top left corner.

    Args:
        page: with at least visible light, at ``LEAST_DPI`` or finer; the caller sees to both.
        threads: within one operator.

    Returns:
        The maps; cells that do not fit into the page as a whole are left out.

    Raises:
        InstallationError: the model is missing, altered or fails.
    """
    cells = (int(page.height_mm / CELL_MM), int(page.width_mm / CELL_MM))
    inputs = {light: _input(page.images[light], light, page, cells) for light in LIGHTS if light in page.images}
    return run_traces(inputs, cells, threads)


def input_px_per_mm(light: Light) -> float:
    """The scale the network takes a light at."""
    return _PX_PER_MM if light == "visible" else _PX_PER_MM / 2


def as_input(image: NDArray[np.float32], light: Light) -> NDArray[np.float32]:
    """An image at the light's scale, (h, w) or (h, w, k), encoded 0..1, as the network takes it: (1, k, h, w)."""
    channels = 1 if light == "ir" else 3
    if image.ndim == 2:
        image = image[..., None]
    if channels == 1:
        image = image.mean(axis=2, keepdims=True)
    elif image.shape[2] == 1:
        image = np.repeat(image, channels, axis=2)
    ready = (image * 255 - _LEVEL[light]) / _SPREAD
    return np.ascontiguousarray(ready.transpose(2, 0, 1)[None], np.float32)


def run_traces(inputs: Mapping[Light, NDArray[np.float32]], cells: tuple[int, int], threads: int = 1) -> Traces:
    """The maps of prepared inputs.

    Args:
        inputs: by light, as ``as_input`` gives them; a light that is not there is missing.
        cells: rows and columns of them.
        threads: within one operator.

    Raises:
        InstallationError: the model is missing, altered or fails.
    """
    seen = tuple(light for light in LIGHTS if light in inputs)
    all_inputs = [
        inputs[light]
        if light in inputs
        else np.zeros((1, 1 if light == "ir" else 3, *(count * pixels_of_cell(light) for count in cells)), np.float32)
        for light in LIGHTS
    ]
    there = np.array([[light in seen for light in LIGHTS]], np.float32)
    forged, process, *embedded = load_session(MODEL, threads).run(*all_inputs, there)
    kept = {light: one[0] for light, one in zip(LIGHTS, embedded, strict=True) if light in seen}
    return Traces(forged[0, 0], forged[0, 1:], process[0], kept, seen)


def pixels_of_cell(light: Light) -> int:
    """Side of a cell in a light's input."""
    return _CELL_PX if light == "visible" else _CELL_PX // 2
