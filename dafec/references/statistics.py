"""The learned statistics of a side on disk.

For a side ``data`` there are ``data.visible.png``, ``data.ir.png`` and ``data.uv.png``, the median of the enrolled
captures in each light, for people and programs alike (sRGB, 8 bits, ``REFERENCE_PX_PER_MM``; the portrait is smoothed
away), ``data.coarse.npz``, the coarse descriptor that a page without a zone is looked up by, and ``data.stats.npz``:
the spread by light, what is personal, what texts are printed with and what crosses the portrait, patches of line work
at full resolution, and marks of known counterfeits. Nothing is unpickled, sizes are bounded, digests stand in the toml.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import InputError
from dafec.features.routines_material import (
    REFERENCE_PX_PER_MM,
    FinePatch,
    FloatImage,
    Portrait,
    Reference,
    TextField,
)
from dafec.features.routines_text import QUANTITIES
from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light
from dafec.references.series import SideData

__all__ = ["COARSE_SHAPE", "coarse_view", "decode_picture", "encode_picture", "pack_side", "read_coarse", "read_side"]

#: Cells down and across of the coarse descriptor, three channels: what is left of a page at two millimetres.
COARSE_SHAPE = (32, 44)
_MAX_FILE = 24_000_000
_MOST_VALUES = 1_000_000  # of one array of what is personal
_SPREAD_SCALE = 255.0  # spread is stored as a byte; 1.0 is more than print ever varies


def _srgb(linear: FloatImage) -> NDArray[np.uint8]:
    x = np.clip(linear, 0, 1)
    coded = np.where(x <= 0.0031308, x * 12.92, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)
    return np.asarray(np.rint(coded * 255).astype(np.uint8))


def encode_picture(linear: FloatImage) -> bytes:
    """A linear image (h, w, 1) or (h, w, 3) as PNG bytes."""
    coded = _srgb(linear)
    bgr = coded[:, :, ::-1] if coded.shape[2] == 3 else coded[:, :, 0]
    return bytes(cv2.imencode(".png", np.ascontiguousarray(bgr), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])


def decode_picture(data: bytes) -> FloatImage:
    """A linear image (h, w, 1) or (h, w, 3) from PNG bytes; raises ``ValueError`` where they are none."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint8 or found.size > 40_000_000:
        raise ValueError("no picture")
    coded = found[:, :, None] if found.ndim == 2 else found[:, :, 2::-1]
    levels = np.arange(256) / 255
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[coded], dtype=np.float32)


def coarse_view(visible: FloatImage) -> FloatImage:
    """The coarse descriptor of a page: (rows, columns, k) of cells against their surroundings, k channels.

    Args:
        visible: (h, w, k), linear, upright.
    """
    rows, columns = COARSE_SHAPE
    small = cv2.resize(np.log(visible + np.float32(0.02)), (columns, rows), interpolation=cv2.INTER_AREA)
    small = small if small.ndim == 3 else small[:, :, None]
    around = cv2.blur(small, (13, 13))
    return np.asarray(small - (around if around.ndim == 3 else around[:, :, None]), dtype=np.float32)


def pack_side(reference: Reference, name: str) -> dict[str, bytes]:
    """A side's files by name."""
    files = {f"{name}.{light}.png": encode_picture(image) for light, image in reference.linear.items()}
    arrays: dict[str, NDArray[np.generic]] = {"personal": np.packbits(reference.personal)}
    for light, spread in reference.spread.items():
        arrays[f"spread_{light}"] = np.rint(np.clip(spread, 0, 1) * _SPREAD_SCALE).astype(np.uint8)
    for number, patch in enumerate(reference.patches):
        box = patch.box_mm
        arrays[f"patch_{number}"] = patch.image
        arrays[f"patchbox_{number}"] = np.array([box.x, box.y, box.width, box.height, patch.px_per_mm])
    for check, lights in reference.marks.items():
        for light, mark in lights.items():
            arrays[f"mark_{check}_{light}"] = mark.astype(np.float16)
    arrays |= _pack_personal(reference)
    if "visible" in reference.linear:
        rows, columns = COARSE_SHAPE
        steady = cv2.resize((~reference.personal).astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        view = coarse_view(reference.linear["visible"]).astype(np.float16)
        files[f"{name}.coarse.npz"] = _packed({"coarse": view, "coarse_steady": steady.astype(np.float16)})
    files[f"{name}.stats.npz"] = _packed(arrays)
    return files


def _packed(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _four(box: BoxMm) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def _pack_personal(reference: Reference) -> dict[str, NDArray[np.generic]]:
    """What is printed for holders, as arrays."""
    arrays: dict[str, NDArray[np.generic]] = {}
    if reference.fields:
        table = np.full((len(reference.fields), len(QUANTITIES), 2), np.nan, np.float32)
        for row, field in zip(table, reference.fields, strict=True):
            for column, quantity in enumerate(QUANTITIES):
                row[column] = field.centre.get(quantity, np.nan), field.spread.get(quantity, np.nan)
        arrays["field_boxes"] = np.array([_four(field.box_mm) for field in reference.fields], np.float32)
        arrays["field_values"] = table
        places = [(np.nan, np.nan) if field.place is None else field.place for field in reference.fields]
        arrays["field_places"] = np.array(places, np.float32)
        arrays["field_letters"] = np.array([field.letters for field in reference.fields], np.float32)
    if reference.portrait is not None:
        arrays["portrait_box"] = np.array(_four(reference.portrait.box_mm), np.float32)
        arrays["portrait_template"] = reference.portrait.template.astype(np.float16)
        arrays["portrait_spread"] = reference.portrait.spread.astype(np.float16)
    return arrays


def _floats(arrays: Mapping[str, NDArray[np.generic]], name: str, dimensions: int) -> FloatImage:
    found = arrays[name].astype(np.float32)
    if found.ndim != dimensions or found.size > _MOST_VALUES:
        raise ValueError(f"bad {name}")
    return found


def _read_personal(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    """Arguments of ``Reference``; a series learned before this was measured has none."""
    made: dict[str, Any] = {}
    if "field_boxes" in arrays:
        boxes, values = _floats(arrays, "field_boxes", 2), _floats(arrays, "field_values", 3)
        letters, places = _floats(arrays, "field_letters", 1), _floats(arrays, "field_places", 2)
        count = len(letters)
        if (boxes.shape, values.shape, places.shape) != ((count, 4), (count, len(QUANTITIES), 2), (count, 2)):
            raise ValueError("bad fields")
        if not np.isfinite(boxes).all() or not np.isfinite(letters).all():
            raise ValueError("bad fields")
        made["fields"] = tuple(
            TextField(
                BoxMm(*map(float, box)),
                _by_quantity(row[:, 0]),
                _by_quantity(row[:, 1]),
                float(one),
                (float(place[0]), float(place[1])) if np.isfinite(place).all() else None,
            )
            for box, row, one, place in zip(boxes, values, letters, places, strict=True)
        )
    if "portrait_box" in arrays:
        box = _floats(arrays, "portrait_box", 1)
        template, spread = _floats(arrays, "portrait_template", 2), _floats(arrays, "portrait_spread", 2)
        finite = np.isfinite(box).all() and np.isfinite(template).all() and np.isfinite(spread).all()
        if len(box) != 4 or template.shape != spread.shape or not finite:
            raise ValueError("bad portrait")
        made["portrait"] = Portrait(BoxMm(*map(float, box)), template, spread)
    return made


def _by_quantity(values: FloatImage) -> dict[str, float]:
    return {name: float(v) for name, v in zip(QUANTITIES, values, strict=True) if np.isfinite(v)}


def _bytes(folder: Path, side: SideData, file: str) -> bytes:
    """A file of a side, checked against its digest."""
    path = folder / file
    try:
        if path.stat().st_size > _MAX_FILE:
            raise InputError("series.statistics_invalid", series=folder.name, file=file)
        data = path.read_bytes()
    except OSError as error:
        raise InputError("series.file_missing", series=folder.name, file=file) from error
    if hashlib.sha256(data).hexdigest() != side.files.get(file):
        raise InputError("series.altered", series=folder.name, file=file)
    return data


def _arrays(
    folder: Path, side: SideData, file: str, only: tuple[str, ...] | None = None
) -> dict[str, NDArray[np.generic]]:
    data = _bytes(folder, side, file)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 8 * _MAX_FILE:
                raise InputError("series.statistics_invalid", series=folder.name, file=file)
        with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files if only is None or name in only}
    except (ValueError, OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
        raise InputError("series.statistics_invalid", series=folder.name, file=file) from error


def read_coarse(folder: Path, side: SideData) -> tuple[FloatImage, FloatImage] | None:
    """The coarse descriptor and how steady its cells are; None where the series was learned without visible light."""
    # A file of its own: hundreds of them are read before the first page without a usable zone is looked up.
    file = f"{side.name}.coarse.npz"
    file = file if file in side.files else f"{side.name}.stats.npz"
    arrays = _arrays(folder, side, file, ("coarse", "coarse_steady"))
    if "coarse" not in arrays or "coarse_steady" not in arrays:
        return None
    coarse, steady = arrays["coarse"].astype(np.float32), arrays["coarse_steady"].astype(np.float32)
    if coarse.shape[:2] != COARSE_SHAPE or steady.shape != COARSE_SHAPE or not np.isfinite(coarse).all():
        raise InputError("series.statistics_invalid", series=folder.name, file=file)
    return coarse, steady


def read_side(folder: Path, side: SideData) -> Reference:
    """A side's statistics.

    Raises:
        InputError: ``series.file_missing``, ``series.altered`` or ``series.statistics_invalid``.
    """
    file = f"{side.name}.stats.npz"
    arrays = _arrays(folder, side, file)
    linear: dict[Light, FloatImage] = {}
    try:
        for light in LIGHTS:
            if f"{side.name}.{light}.png" in side.files:
                linear[light] = decode_picture(_bytes(folder, side, f"{side.name}.{light}.png"))
        shape = (round(side.height_mm * REFERENCE_PX_PER_MM), round(side.width_mm * REFERENCE_PX_PER_MM))
        personal = np.unpackbits(arrays["personal"].astype(np.uint8))[: shape[0] * shape[1]].reshape(shape) > 0
        spread = {
            light: np.asarray(arrays[f"spread_{light}"].astype(np.float32) / _SPREAD_SCALE, dtype=np.float32)
            for light in linear
        }
        if not linear or any(a.shape[:2] != shape for a in (*linear.values(), *spread.values())):
            raise ValueError("shapes differ")
        patches = tuple(_patch(arrays, number) for number in range(64) if f"patch_{number}" in arrays)
        marks = _marks(arrays)
        personal_print = _read_personal(arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("series.statistics_invalid", series=folder.name, file=file) from error
    plain = Reference(side.width_mm, side.height_mm, linear, spread, np.asarray(personal), patches, marks)
    return replace(plain, **personal_print)


def _patch(arrays: Mapping[str, NDArray[np.generic]], number: int) -> FinePatch:
    x, y, width, height, scale = (float(v) for v in arrays[f"patchbox_{number}"])
    image = arrays[f"patch_{number}"]
    if image.dtype != np.uint8 or image.ndim != 2 or not 1 < scale < 100 or image.size > 4_000_000:
        raise ValueError("bad patch")
    return FinePatch(BoxMm(x, y, width, height), scale, image.astype(np.uint8))


def _marks(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, dict[Light, FloatImage]]:
    marks: dict[str, dict[Light, FloatImage]] = {}
    for key, value in arrays.items():
        if not key.startswith("mark_"):
            continue
        check, _, light = key.removeprefix("mark_").rpartition("_")
        if light not in LIGHTS or value.ndim != 2 or not np.isfinite(value.astype(np.float32)).all():
            raise ValueError("bad mark")
        marks.setdefault(check, {})[light] = value.astype(np.float32)
    return marks
