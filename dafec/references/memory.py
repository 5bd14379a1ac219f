"""What the trace network saw of the enrolled documents, and how far a page is from it.

Each cell of about a millimetre is held as a short vector a light: the network's embedding on the directions in which
cells of this series differ most, each divided by how much it varies among captures at one place. A page of the series
is brought onto the reference and every cell compared with what was seen there, the cells round it included; where the
documents are personal, with everything that was seen in that personal field, so that another name is no anomaly but
another ink, process or paper is. The distance is divided by what it is for an enrolled document that is compared with
the others (leave one out): 1 is usual.

Of personal fields the vectors alone are kept, in random order: nothing can be put together again from them.

Patch memories are those of Roth and others, Towards total recall in industrial anomaly detection (2022), with places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material
from dafec.features.traces import CELL_MM, Traces, as_input, input_px_per_mm, pixels_of_cell, run_traces
from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light

__all__ = ["Anomaly", "Memory", "learn_memory", "traces_of_material"]

_DIRECTIONS = 16  # kept a light; more add noise of eight captures, not detail
_STEP = 0.25  # of a stored vector, in sigmas among captures: a byte holds +-32 sigma, what is beyond is cut off
_USUAL_CELLS = 2.0  # sigma of the smoothing of the usual distance, cells
_LEAST_USUAL = 0.6  # of the page's median: where eight captures agreed by chance, a ninth need not
_MARGIN = 2  # cells at the edge, where cards are cut
_STANDING_OUT = 9  # cells
_MOST_OF_A_FIELD = 2_000  # cells of one personal field that are kept, over all captures

_Kind = TypeVar("_Kind", np.int8, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Anomaly:
    """How far a page is from what was enrolled; 1 is usual."""

    ratio: NDArray[np.float32]  # (h, w)
    local: float  # mean of the cells that stand out most
    spread: float  # median of all


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What is kept of a side."""

    lights: tuple[Light, ...]
    means: Mapping[Light, NDArray[np.float32]]  # (channels,)
    bases: Mapping[Light, NDArray[np.float32]]  # (directions, channels), scaled to sigmas
    bank: NDArray[np.int8]  # (n, lights * directions, h, w) in ``_STEP``; 0 in personal fields
    known: tuple[NDArray[np.int8], ...]  # of each personal field (m, lights * directions), in no order
    fields: NDArray[np.uint8]  # (h, w): 0 the same on every document, else 1 + the place in ``known``
    usual: NDArray[np.float32]  # (h, w) distance of an enrolled document from the others
    locals: NDArray[np.float32]  # (n,) ``Anomaly.local`` of each enrolled document from the others
    spreads: NDArray[np.float32]  # (n,) the same of ``Anomaly.spread``
    model: str  # SHA-256 of the network that saw them: another one sees with other eyes

    def compare(self, traces: Traces) -> Anomaly:
        """How far a page is from the enrolled ones, in the lights both have.

        Args:
            traces: of the page brought onto the reference.

        Raises:
            ValueError: no light in common.
        """
        lights = tuple(light for light in self.lights if light in traces.cells)
        if not lights:
            raise ValueError("no light in common")
        chosen = np.concatenate([_rows(self.lights, light) for light in lights])
        vectors = _vectors(traces, lights, self.means, self.bases)
        known = tuple(_float(one[:, chosen]) for one in self.known)
        distance = _distances(vectors, _float(self.bank[:, chosen]), known, self.fields)
        return _anomaly(distance / self.usual)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """For a file; ``from_arrays`` reads them."""
        made: dict[str, NDArray[np.generic]] = {
            "memory_bank": self.bank,
            "memory_model": np.frombuffer(self.model.encode("ascii"), np.uint8),
            "memory_fields": self.fields,
            "memory_usual": self.usual.astype(np.float16),
            "memory_locals": self.locals,
            "memory_spreads": self.spreads,
        }
        for number, one in enumerate(self.known):
            made[f"memory_known_{number}"] = one
        for light in self.lights:
            made[f"memory_mean_{light}"] = self.means[light]
            made[f"memory_basis_{light}"] = self.bases[light]
        return made

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self | None:
        """The memory in a file's arrays; None where it has none.

        Raises:
            ValueError: arrays of another shape or kind.
        """
        if "memory_bank" not in arrays:
            return None
        lights = tuple(light for light in LIGHTS if f"memory_basis_{light}" in arrays)
        bank = np.asarray(arrays["memory_bank"], np.int8)
        shape = bank.shape[2:]
        fields = np.asarray(arrays["memory_fields"], np.uint8)
        usual = np.asarray(arrays["memory_usual"], np.float32)
        means = {light: np.asarray(arrays[f"memory_mean_{light}"], np.float32) for light in lights}
        bases = {light: np.asarray(arrays[f"memory_basis_{light}"], np.float32) for light in lights}
        depth = sum(len(basis) for basis in bases.values())
        count = int(fields.max(initial=0))
        known = tuple(np.asarray(arrays[f"memory_known_{number}"], np.int8) for number in range(count))
        model = np.asarray(arrays["memory_model"], np.uint8).tobytes().decode("ascii")
        fitting = bank.ndim == 4 and fields.shape == shape == usual.shape and bank.shape[1] == depth
        fitting = fitting and all(one.ndim == 2 and one.shape[1] == depth and len(one) for one in known)
        numbers = (usual, *means.values(), *bases.values())
        if not lights or not fitting or not all(np.isfinite(one).all() for one in numbers) or usual.min() <= 0:
            raise ValueError("no memory")
        locals_, spreads = (np.asarray(arrays[name], np.float32) for name in ("memory_locals", "memory_spreads"))
        return cls(lights, means, bases, bank, known, fields, usual, locals_, spreads, model)


def traces_of_material(material: Material, threads: int = 1) -> Traces:
    """The network's maps of a page brought onto its reference, cells from the reference's top left corner.

    Raises:
        InstallationError: the model is missing, altered or fails.
    """
    reference = material.reference
    cells = (int(reference.height_mm / CELL_MM), int(reference.width_mm / CELL_MM))
    inputs = {}
    for light, matrix in material.page_from_reference.items():
        scale = input_px_per_mm(light) / REFERENCE_PX_PER_MM
        # from this raster's pixels to the reference's: both count from the middle of their first pixel
        to_reference = np.array([[1 / scale, 0, 0.5 / scale - 0.5], [0, 1 / scale, 0.5 / scale - 0.5], [0, 0, 1.0]])
        image = material.page[light]
        if material.page_px_per_mm > 1.2 * input_px_per_mm(light):
            sigma = 0.4 * material.page_px_per_mm / input_px_per_mm(light)
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
        step = pixels_of_cell(light)
        size = (cells[1] * step, cells[0] * step)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        whole = (matrix @ to_reference)[:2]
        laid = cv2.warpAffine(image, whole, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
        inputs[light] = as_input(np.asarray(laid, np.float32), light)
    return run_traces(inputs, cells, threads)


def learn_memory(pages: Sequence[Traces], personal: Sequence[BoxMm], model: str, seed: int = 0) -> Memory:
    """What is kept of the enrolled documents.

    Args:
        pages: at least three, each brought onto the reference.
        personal: fields whose content differs from holder to holder, on the reference.
        model: SHA-256 of the network.
        seed: of the order personal vectors are kept in.

    Returns:
        The memory, in the lights that all pages have.

    Raises:
        ValueError: fewer than three pages, or no light that all have.
    """
    lights = tuple(light for light in LIGHTS if all(light in page.cells for page in pages))
    if len(pages) < 3 or not lights:
        raise ValueError("three pages and one light that all have are the least")
    fields = _fields(pages[0].forged.shape, personal)
    means, bases = {}, {}
    for light in lights:
        means[light], bases[light] = _directions(np.stack([page.cells[light] for page in pages]), fields)
    stored = np.stack([_vectors(page, lights, means, bases) for page in pages])
    bank = np.rint(stored / _STEP).astype(np.int8)
    kept = _float(bank)
    others = [np.delete(np.arange(len(pages)), at) for at in range(len(pages))]
    distances = np.stack(
        [_distances(kept[at], kept[rest], _known(kept[rest], fields), fields) for at, rest in enumerate(others)]
    )
    mean = distances.mean(axis=0)
    smooth = cv2.GaussianBlur(mean, (0, 0), _USUAL_CELLS)
    usual = np.maximum(np.maximum(mean, smooth), _LEAST_USUAL * float(np.median(mean))).astype(np.float32)
    found = [_anomaly(distance / usual) for distance in distances]
    rng = np.random.default_rng([seed, len(pages)])
    known = tuple(rng.permutation(one, axis=0) for one in _known(bank, fields))
    return Memory(
        lights,
        means,
        bases,
        np.where(fields > 0, np.int8(0), bank),
        known,
        fields,
        usual,
        np.array([one.local for one in found], np.float32),
        np.array([one.spread for one in found], np.float32),
        model,
    )


def _float(stored: NDArray[np.int8]) -> NDArray[np.float32]:
    return stored.astype(np.float32) * np.float32(_STEP)


def _known(bank: NDArray[_Kind], fields: NDArray[np.uint8]) -> tuple[NDArray[_Kind], ...]:
    """Vectors of every personal field of (n, depth, h, w), each (m, depth), thinned out where they are many."""
    found = []
    for number in range(1, int(fields.max()) + 1):
        one = bank[:, :, fields == number].transpose(0, 2, 1).reshape(-1, bank.shape[1])
        found.append(one[:: len(one) // _MOST_OF_A_FIELD + 1])
    return tuple(found)


def _rows(lights: Sequence[Light], light: Light) -> NDArray[np.int64]:
    at = lights.index(light) * _DIRECTIONS
    return np.arange(at, at + _DIRECTIONS)


def _fields(shape: tuple[int, ...], personal: Sequence[BoxMm]) -> NDArray[np.uint8]:
    """Numbers of the personal fields; fields that overlap are one."""
    mask = np.zeros(shape, np.uint8)
    for box in personal:
        rows = slice(max(0, int(box.y / CELL_MM)), int(np.ceil((box.y + box.height) / CELL_MM)))
        columns = slice(max(0, int(box.x / CELL_MM)), int(np.ceil((box.x + box.width) / CELL_MM)))
        mask[rows, columns] = 1
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    return np.asarray(np.minimum(labels, 255), np.uint8)


def _directions(
    cells: NDArray[np.float32], fields: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and directions of (n, channels, h, w): those in which places differ most, in sigmas among captures."""
    still = cells[:, :, fields == 0] if (fields == 0).any() else cells.reshape(*cells.shape[:2], -1)
    at_one_place = still - still.mean(axis=0, keepdims=True)
    flat = still.transpose(1, 0, 2).reshape(still.shape[1], -1)
    mean = flat.mean(axis=1)
    centred = flat - mean[:, None]
    values, vectors = np.linalg.eigh(centred @ centred.T / centred.shape[1])
    basis = vectors[:, np.argsort(values)[::-1][:_DIRECTIONS]].T
    within = np.einsum("kc,ncp->knp", basis, at_one_place).reshape(len(basis), -1).std(axis=1)
    # n captures with their own mean taken away vary less than a further one will
    within *= np.sqrt(len(cells) / (len(cells) - 1))
    scaled = basis / np.maximum(within, 1e-4)[:, None]
    return mean.astype(np.float32), scaled.astype(np.float32)


def _vectors(
    page: Traces,
    lights: Sequence[Light],
    means: Mapping[Light, NDArray[np.float32]],
    bases: Mapping[Light, NDArray[np.float32]],
) -> NDArray[np.float32]:
    """(lights * directions, h, w), in sigmas among captures, no further than a byte holds."""
    parts = [
        np.einsum("kc,chw->khw", bases[light], page.cells[light] - means[light][:, None, None]) for light in lights
    ]
    return np.clip(np.concatenate(parts).astype(np.float32), -127 * _STEP, 127 * _STEP)


def _distances(
    page: NDArray[np.float32],
    bank: NDArray[np.float32],
    known: Sequence[NDArray[np.float32]],
    fields: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """(h, w): root mean square distance of each cell to the nearest of what was seen there or in its field."""
    depth, height, width = page.shape
    nearest = np.full((height, width), np.inf, np.float32)
    padded = np.pad(bank, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    for down in range(3):
        for across in range(3):
            seen = padded[:, :, down : down + height, across : across + width]
            for one in seen:
                np.minimum(nearest, ((page - one) ** 2).sum(axis=0), out=nearest)
    for number, field in enumerate(known, start=1):
        at = fields == number
        mine = page[:, at].T
        squared = (mine**2).sum(1)[:, None] + (field**2).sum(1)[None] - 2 * mine @ field.T
        nearest[at] = np.maximum(squared.min(axis=1), 0)
    return np.asarray(np.sqrt(nearest / depth), np.float32)


def _anomaly(ratio: NDArray[np.float32]) -> Anomaly:
    inside = ratio[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    smooth = cv2.blur(inside, (3, 3), borderType=cv2.BORDER_REFLECT_101)
    local = float(np.partition(smooth.ravel(), -_STANDING_OUT)[-_STANDING_OUT:].mean())
    whole = np.pad(smooth, _MARGIN, mode="edge")
    return Anomaly(np.asarray(whole, np.float32), local, float(np.median(inside)))
