"""The layers of a case's picture: every light as it was captured, the bands together, the reference of the series.

All are given in the coordinates of the page's primary frame, so that one place stays one place: another light may come
in another size and shows the same field; the reference lies on the document's outline by a similarity.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from api.errors import ServiceError
from api.pictures import eight_bits
from dafec.capture import CapturedPage, Light
from dafec.features.routines_material import Reference
from dafec.page import frames_in_register
from dafec.report import CheckInfo, DocumentInfo, Report, SideInfo

__all__ = [
    "Layer",
    "Placement",
    "Scale",
    "band_picture",
    "bands_in_register",
    "box_px",
    "heat_picture",
    "layers_of",
    "quad_px",
    "reference_layer",
    "reference_picture",
    "scale_of",
]

Pixels8 = NDArray[np.uint8]
Quad = tuple[tuple[float, float], ...]

#: Relative half-width of the size of a document as made: ISO/IEC 7810 allows 125 +- 0.75 mm for ID-3, 105 +- 0.75 mm
#: for ID-2 and 85.47 to 85.72 mm for ID-1.
_SIZE_TOLERANCE: Mapping[str, float] = {"TD3": 0.006, "MRV-A": 0.0063, "TD2": 0.0071, "MRV-B": 0.0071, "TD1": 0.0015}
_OUTLINE_PX = 2.0  # half-width of where an outline's edge is found
#: Half-width of a resolution that only the file states. Nobody checked it; flatbed scanners keep within a hundredth.
_STATED_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a layer lies: its top left corner and width in pixels of the primary frame, and its turn clockwise."""

    x_px: float
    y_px: float
    width_px: float
    turn_degrees: float


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer."""

    name: str  # "visible", "ir", "uv", "bands", "reference-visible", ...
    light: Light | None  # None: several lights together
    width_px: int
    height_px: int
    placement: Placement


@dataclass(frozen=True, slots=True)
class Scale:
    """Pixels of the primary frame per millimetre on the document."""

    px_per_mm: float
    uncertainty: float  # relative standard uncertainty
    source: str  # "outline": from the document's known size; "stated": from the resolution the file states


def layers_of(report: Report, page: int) -> tuple[Layer, ...]:
    """The layers a page's own frames give; a light that was not captured has none.

    Args:
        report: of the screening.
        page: 0-based, as in the report's capture.pages.
    """
    frames = report.capture.pages[page].frames
    primary = frames[0]
    layers = [
        Layer(
            frame.light, frame.light, frame.width_px, frame.height_px, Placement(0.0, 0.0, float(primary.width_px), 0.0)
        )
        for frame in frames
    ]
    if len(frames) > 1:
        whole = Placement(0.0, 0.0, float(primary.width_px), 0.0)
        layers.append(Layer("bands", None, primary.width_px, primary.height_px, whole))
    return tuple(layers)


def reference_layer(document: DocumentInfo, reference: Reference, light: Light) -> Layer | None:
    """The reference laid on the document; None where the document's place in the frame is not known.

    Args:
        document: of the report.
        reference: a side of a series.
        light: one the reference has.
    """
    if document.outline_px is None:
        return None
    height, width = reference.linear[light].shape[:2]
    (x0, y0), (x1, y1) = document.outline_px[:2]
    turn = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return Layer(
        f"reference-{light}", light, width, height, Placement(x0, y0, math.hypot(x1 - x0, y1 - y0), round(turn, 4))
    )


def reference_picture(reference: Reference, light: Light) -> Pixels8:
    """A reference as people see it: gamma 1/2.2, dim ultraviolet lifted to the top of the scale.

    Returns:
        (h, w) grey or (h, w, 3) RGB, uint8.
    """
    linear = reference.linear[light]
    top = max(float(np.quantile(linear, 0.998)), 1e-3)
    coded = np.asarray(np.clip(linear / top, 0, 1) ** (1 / 2.2) * 255, np.uint8)
    return np.ascontiguousarray(coded[:, :, 0] if coded.ndim == 3 and coded.shape[2] == 1 else coded)


def bands_in_register(captured: CapturedPage, report: Report, page: int) -> dict[Light, Pixels8]:
    """The frames of a page at 8 bits, laid on its primary frame as the screening laid them.

    Args:
        captured: the page's frames.
        report: of the screening.
        page: 0-based, as in the report's capture.pages.

    Returns:
        By light; where no document was found on the page, every frame as it is.
    """
    document = report.document
    places: list[SideInfo | DocumentInfo] = [*document.sides, *([document] if document.page == page else [])]
    place = next((one for one in places if one.page == page and one.outline_px and one.width_mm), None)
    if place is None or not place.width_mm or not place.height_mm:
        return {light: eight_bits(frame) for light, frame in captured.frames.items()}
    outline = np.asarray(place.outline_px, np.float64).reshape(4, 2)
    return frames_in_register(captured, outline, (place.width_mm, place.height_mm))


def band_picture(frames: Mapping[Light, Pixels8], size_px: tuple[int, int]) -> Pixels8:
    """The lights in false colour: infrared red, visible brightness green, ultraviolet blue; a missing one black.

    Args:
        frames: by light, (h, w) or (h, w, 3) RGB.
        size_px: width and height of the primary frame.

    Returns:
        (h, w, 3) RGB, uint8.
    """
    made = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    for channel, light in enumerate(("ir", "visible", "uv")):
        frame = next((pixels for name, pixels in frames.items() if name == light), None)
        if frame is None:
            continue
        if frame.ndim == 3:
            grey = frame.max(axis=2) if light == "uv" else np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))
        else:
            grey = frame
        if (grey.shape[1], grey.shape[0]) != size_px:
            grey = np.asarray(cv2.resize(grey, size_px, interpolation=cv2.INTER_LINEAR))
        made[:, :, channel] = grey
    return made


def heat_picture(report: Report, number: int) -> bytes:
    """A check's evidence in colour over the page it is about, as PNG with transparency.

    Args:
        report: of the screening.
        number: 0-based, of the check in the report.

    Raises:
        ServiceError: ``screening.no_region`` where the check has none.
    """
    check = report.checks[number] if number < len(report.checks) else None
    place = report.document if check is None or check.side >= len(report.document.sides) else None
    size = place if place is not None else report.document.sides[check.side if check is not None else 0]
    if check is None or check.heat_map is None or not size.width_mm or not size.height_mm:
        raise ServiceError("screening.no_region", status=404)
    data = np.frombuffer(base64.b64decode(check.heat_map.png), np.uint8)
    shade = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    if shade is None:
        raise ServiceError("picture.failed", status=500)
    # The map has whole cells and may reach over the page's edge: what is shown ends with the page.
    columns = min(shade.shape[1], max(1, round(size.width_mm / check.heat_map.cell_mm)))
    rows = min(shade.shape[0], max(1, round(size.height_mm / check.heat_map.cell_mm)))
    cut = np.asarray(shade[:rows, :columns], np.uint8)
    coloured = cv2.cvtColor(cv2.applyColorMap(cut, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2BGRA)
    coloured[:, :, 3] = np.asarray(np.minimum(cut.astype(np.float32) * 1.2, 200), np.uint8)
    large = cv2.resize(coloured, (columns * 4, rows * 4), interpolation=cv2.INTER_LINEAR)
    done, encoded = cv2.imencode(".png", large)
    if not done:
        raise ServiceError("picture.failed", status=500)
    return encoded.tobytes()


def quad_px(report: Report, check: CheckInfo) -> Quad | None:
    """Corners of a check's region in pixels of its page's primary frame; None where it has no place there.

    Args:
        report: of the screening.
        check: one of its checks.
    """
    if check.region_mm is None:
        return None
    x, y, width, height = check.region_mm
    return box_px(report, check.side, (x, y, width, height))


def box_px(report: Report, side: int, box_mm: tuple[float, float, float, float]) -> Quad | None:
    """Corners of a box on a side of the document in pixels of the page's primary frame.

    Args:
        report: of the screening.
        side: index into the document's sides.
        box_mm: x, y, width, height on that side.
    """
    document = report.document
    place = document.sides[side] if side < len(document.sides) else document
    if place.outline_px is None or not place.width_mm or not place.height_mm:
        return None
    w, h = place.width_mm, place.height_mm
    corners_mm = np.asarray([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    outline = np.asarray(place.outline_px, np.float32).reshape(4, 2)
    matrix = np.asarray(cv2.getPerspectiveTransform(corners_mm, outline), np.float64)
    x, y, width, height = box_mm
    corners = np.asarray([[[x, y], [x + width, y], [x + width, y + height], [x, y + height]]], np.float64)
    found = cv2.perspectiveTransform(corners, matrix)[0]
    return tuple((round(float(px), 2), round(float(py), 2)) for px, py in found)


def scale_of(report: Report, page: int) -> Scale | None:
    """How large a pixel of the primary frame is on the document; None where nothing tells.

    The document's own size goes before what a file states: half-widths are taken as of rectangular distributions
    (JCGM 100:2008, 4.3.7).

    Args:
        report: of the screening.
        page: 0-based.
    """
    document = report.document
    known = document.outline_px is not None and document.outline_source != "frame" and page == document.page
    if known and document.outline_px is not None and document.width_mm and document.height_mm:
        sides = list(_sides(document.outline_px))
        across, down = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
        px_per_mm = (across / document.width_mm + down / document.height_mm) / 2
        made = _SIZE_TOLERANCE.get(document.format or "", _STATED_TOLERANCE)
        skew = abs(across / document.width_mm - down / document.height_mm) / px_per_mm / 2
        parts = (made, _OUTLINE_PX / across, skew)
        return Scale(px_per_mm, math.hypot(*(part / math.sqrt(3) for part in parts)), "outline")
    stated = report.capture.pages[page].frames[0].dpi
    if stated is None:
        return None
    return Scale(stated / 25.4, _STATED_TOLERANCE / math.sqrt(3), "stated")


def _sides(corners: list[tuple[float, float]]) -> Iterator[float]:
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        yield math.hypot(x1 - x0, y1 - y0)
