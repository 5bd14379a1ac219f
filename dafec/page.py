"""Page: the document found in a frame, de-rotated, cropped, with its bands registered, in millimetres.

``find_pages`` takes one captured page (frames by light) and the machine-readable zones read from its geometry light,
and gives one ``Page`` for every document it finds: first those with a zone, in the order of the reads, then others
lying beside them. There is always at least one page; where nothing was found it is the whole frame and says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.areas import Area, find_areas, line_areas, mask_areas
from dafec.capture import CapturedPage, Frame, Light, Pixels
from dafec.geometry import FORMAT_SIZE_MM, DocumentFormat, FloatArray, Quad
from dafec.ocr.types import LineRead, MrzRead
from dafec.outline import (
    MRZ_LAYOUT,
    Outline,
    OutlineSource,
    outline_from_quad,
    outline_from_zone,
)
from dafec.page_cache import MeasurementCache
from dafec.registration import Registration, register
from dafec.sides import map_points, quad_to_quad

__all__ = ["Page", "Registration", "find_pages", "frames_in_register"]

_SMALL_PX = 800  # longer side of the frame documents are looked for in
_MAX_PX_PER_MM = 600 / 25.4  # finer than any check asks for; keeps a 1200 dpi scan within memory
_REGISTER_PX_PER_MM = 5.0
_PLAIN_CLUTTER = 0.03  # above this share of edges and odd pixels a background is not a plain lid or table
_NEARLY = 0.08  # by which a rough area may miss a format's width or height
_MIN_BELIEVABLE_DPI = 120.0  # 72 and 96 are what software writes that does not know
_FILLED_MISS = 0.025  # of the proportions, where the frame itself is taken for the document
_FILLED_SHARE = 0.8  # of the cells, and of those along the border, that must show print
_MASK_WITHIN = 0.4  # of a document without a zone the detector sees that much; a real card: 0.59 to 0.70
_CELLS = (16, 10)
_PRINTED_LEVELS = 1.5  # mean detail of a cell; sensor noise on plain paper stays below 1
_ID_SIZES: tuple[DocumentFormat, ...] = ("TD1", "TD2", "TD3")
#: Widths by heights of ID-1, and of ID-2 and ID-3, which have the same.
_PROPORTIONS = (
    FORMAT_SIZE_MM["TD1"][0] / FORMAT_SIZE_MM["TD1"][1],
    FORMAT_SIZE_MM["TD3"][0] / FORMAT_SIZE_MM["TD3"][1],
)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One rectified document page. Page pixel (x, y) lies at (x / px_per_mm, y / px_per_mm) millimetres."""

    outline_px: Quad  # corners of the document in the primary frame, document's top left first
    outline_source: OutlineSource  # edges, the MRZ's place, a frame the document fills, or a frame without one
    format: DocumentFormat | None  # from the MRZ and the proportions; None where neither tells
    width_mm: float
    height_mm: float
    px_per_mm: float  # of the rectified images; never above what the frame holds by more than a tenth
    dpi: float | None  # true resolution on the document, from the outline and the format's size
    images: Mapping[Light, NDArray[np.float32]]  # (h, w) or (h, w, 3) RGB, 0..1 of full scale, encoded as in the file
    registration: Mapping[Light, Registration]  # for every light but the geometry light
    frame_from_page: FloatArray  # (3, 3) homography, page pixels to primary frame pixels
    mrz_boxes_mm: tuple[tuple[float, float, float, float], ...] = ()  # x, y, width, height of each MRZ line read
    cropped_fraction: float = 0.0  # of the document's area that lies outside the primary frame, 0..1
    measured: MeasurementCache = field(init=False, repr=False, default_factory=MeasurementCache)  # shared by checks


def format_of_read(read: MrzRead) -> DocumentFormat | None:
    """The format a read stands for: its own, else the one with as many lines and about as many characters."""
    if read.format is not None:
        return read.format
    if not read.lines:
        return None
    count, length = len(read.lines), float(np.median([len(line.chars) for line in read.lines]))
    fitting = [f for f in _ID_SIZES if MRZ_LAYOUT[f].lines == count]
    if not fitting:
        return None
    nearest = min(fitting, key=lambda f: abs(MRZ_LAYOUT[f].chars - length))
    return nearest if abs(MRZ_LAYOUT[nearest].chars - length) <= 3 else None


def _to_uint8(pixels: Pixels, bit_depth: int) -> NDArray[np.uint8]:
    """The upper 8 of ``bit_depth`` significant bits, for geometry only."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    return np.right_shift(pixels, max(bit_depth - 8, 0)).clip(0, 255).astype(np.uint8)


def _shrink(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    # Whole factors: averaging blocks is several times quicker than averaging fractions of pixels.
    factor = math.ceil(max(image.shape[:2]) / _SMALL_PX)
    return _average_blocks(image, factor), 1.0 / factor


def _average_blocks(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """The image reduced by a whole factor; rows and columns that fill no block are left out."""
    if factor <= 1 or min(image.shape[:2]) < factor:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    whole = image[: height * factor, : width * factor]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _size_of_quad(
    quad: Quad, dpi: float | None, *, guess: bool = True
) -> tuple[DocumentFormat | None, tuple[float, float], float | None]:
    """Format, size in millimetres and true resolution of a quad without a zone.

    A believable resolution decides by size; without one the proportions decide between ID-1 and ID-3 (ID-2 and ID-3
    have the same and ID-3 is far more common), unless ``guess`` is off: a frame in which no document was found has the
    proportions of its sensor. Where nothing fits, the long side is taken for that of ID-3 and the resolution stays
    unknown: millimetres are then only relative.
    """
    width, height = quad.width_px, max(quad.height_px, 1.0)
    if dpi is not None and dpi >= _MIN_BELIEVABLE_DPI:
        w_mm, h_mm = width / dpi * 25.4, height / dpi * 25.4
        for fmt in _ID_SIZES:
            w, h = FORMAT_SIZE_MM[fmt]
            if abs(w_mm - w) < 0.02 * w + 1.0 and abs(h_mm - h) < 0.02 * h + 1.0:
                return fmt, (w, h), width / w * 25.4
        return None, (w_mm, h_mm), dpi
    for fmt in ("TD1", "TD3") if guess else ():
        w, h = FORMAT_SIZE_MM[fmt]
        if abs(width / height / (w / h) - 1) < 0.05:
            return fmt, (w, h), width / w * 25.4
    scale = FORMAT_SIZE_MM["TD3"][0] / max(width, height)
    return None, (width * scale, height * scale), None


def _nearest_format(corners: FloatArray, size_mm: tuple[float, float]) -> tuple[FloatArray, tuple[float, float]]:
    """A rough quad brought to the format it nearly has, about its centre; itself where it is near none."""
    for fmt in _ID_SIZES:
        nominal = FORMAT_SIZE_MM[fmt]
        ratio = nominal[0] / size_mm[0], nominal[1] / size_mm[1]
        if max(abs(r - 1) for r in ratio) < _NEARLY:
            centre = corners.mean(axis=0)
            along, down = corners[1] - corners[0] + corners[2] - corners[3], corners[3] - corners[0]
            across = np.array([along, down + corners[2] - corners[1]]) / 4
            signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
            return centre + (signs * np.array(ratio)) @ across, nominal
    return corners, size_mm


def _landscape(corners: FloatArray) -> FloatArray:
    """Corners turned so that the first side is the longer one; without a zone nothing tells up from down."""
    quad = Quad.from_array(corners)
    return corners if quad.width_px >= quad.height_px else np.roll(corners, 1, axis=0)


def _overlap(one: FloatArray, other: FloatArray) -> float:
    """Share of the smaller quad that both have in common, 0..1."""
    a, b = (cv2.convexHull(q.astype(np.float32)) for q in (one, other))
    common, _ = cv2.intersectConvexConvex(a, b)
    smaller = min(float(cv2.contourArea(a)), float(cv2.contourArea(b)))
    return float(common) / smaller if smaller > 0 else 0.0


def _frame_outline(width: int, height: int, dpi: float | None) -> Outline:
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    corners = _landscape(corners)
    _, size_mm, _ = _size_of_quad(Quad.from_array(corners), dpi, guess=False)
    return Outline(corners, "frame", size_mm, 0.0)


def _scaled(areas: list[Area], scale: float) -> list[Area]:
    return [replace(area, corners=area.corners / scale) for area in areas]


class _Finder:
    """The outlines in one frame."""

    def __init__(self, frame: Frame, document_mask: NDArray[np.float32] | None) -> None:
        self.dpi = frame.dpi
        self.image = _to_uint8(frame.pixels, frame.bit_depth)
        self.small, self.scale = _shrink(self.image)
        self.mask = document_mask
        self.masked = None if document_mask is None else self._areas(document_mask)
        self.plain: list[Area] | None = None

    def _areas(self, mask: NDArray[np.float32] | None) -> list[Area]:
        height, width = self.small.shape[:2]
        found = find_areas(self.small) if mask is None else mask_areas(mask, width, height)
        return _scaled(found, self.scale)

    def areas(self) -> list[Area]:
        """Rough quads: the detector's where there is one, then those that stand out from the background."""
        if self.plain is None:
            self.plain = self._areas(None)
        return [*(self.masked or []), *self.plain]

    def around_zone(self, zone_px: FloatArray, fmt: DocumentFormat) -> Outline:
        """The document with this zone."""
        masked = [area.corners for area in self.masked or [] if _overlap(area.corners, zone_px) > 0.8]
        found = outline_from_zone(self.image, self.small, self.scale, zone_px, fmt, masked)
        if found.source != "mrz":
            return found
        hints = [area.corners for area in self.areas() if _overlap(area.corners, zone_px) > 0.8]
        return outline_from_zone(self.image, self.small, self.scale, zone_px, fmt, hints) if hints else found

    def beside(self, found: Sequence[Outline], known_dpi: float | None) -> list[Outline]:
        """Documents without a zone that overlap none already found.

        Beside another document, or where several areas compete, only one of a travel document's size counts, by the
        frame's resolution or that of a document found; a lone area needs a document's proportions or most of the frame.
        """
        covered = sum(float(cv2.contourArea(one.corners.astype(np.float32))) for one in found)
        if covered > 0.7 * self.image.shape[0] * self.image.shape[1]:
            return []
        result: list[Outline] = []
        height, width = self.image.shape[:2]
        frame_fits = (
            _size_of_quad(Quad.from_array(_frame_outline(width, height, None).corners), known_dpi)[0] is not None
        )
        for area in self.areas():
            # On a busy background an area is a photo or a block of text as often as a document: where the frame
            # itself may be the document nothing inside it counts, elsewhere only what is large.
            if area.clutter > _PLAIN_CLUTTER and (frame_fits or area.share < 0.15):
                continue
            if any(_overlap(area.corners, one.corners) > 0.1 for one in [*found, *result]):
                continue
            corners = _landscape(area.corners)
            fmt, size_mm, dpi = _size_of_quad(Quad.from_array(corners), known_dpi)
            if fmt is None and (found or result or area.share < 0.15):
                continue
            if found and (dpi is None or known_dpi is None):
                continue
            if fmt is None:
                corners, size_mm = _nearest_format(corners, size_mm)
            result.append(outline_from_quad(self.image, self.small, self.scale, corners, size_mm))
        return result or ([] if found else self._by_lines(known_dpi) or self._filled(known_dpi))

    def _by_lines(self, known_dpi: float | None) -> list[Outline]:
        """A document whose four sides are seen as lines, on a background as busy as itself."""
        if self.mask is None:
            return []
        for area in _scaled(line_areas(self.small, _PROPORTIONS), self.scale):
            corners = _landscape(area.corners)
            within, outside = self._mask_shares(corners)
            if within < _MASK_WITHIN or outside > 0.6 * within:
                continue
            fmt, size_mm, _ = _size_of_quad(Quad.from_array(corners), known_dpi)
            if fmt is None:
                fmt, size_mm, _ = _size_of_quad(Quad.from_array(corners), None)
            if fmt is not None:
                return [outline_from_quad(self.image, self.small, self.scale, corners, size_mm)]
        return []

    def _mask_shares(self, corners: FloatArray) -> tuple[float, float]:
        """Share of a quad, and of what lies outside of it, that the detector takes for document."""
        assert self.mask is not None
        height, width = self.mask.shape
        scale = np.array([width / self.image.shape[1], height / self.image.shape[0]])
        inside = np.zeros((height, width), dtype=np.uint8)
        cv2.fillConvexPoly(inside, np.rint(corners * scale).astype(np.int32), 1)
        sure = self.mask > 0.5
        return tuple(float(sure[inside == one].mean()) if (inside == one).any() else 0.0 for one in (1, 0))  # type: ignore[return-value]

    def _filled(self, known_dpi: float | None) -> list[Outline]:
        """The frame itself, where it has a card's or a page's proportions and print reaches its border all round."""
        height, width = self.image.shape[:2]
        shape = max(width, height) / max(min(width, height), 1)
        if not any(abs(shape / wanted - 1) < _FILLED_MISS for wanted in _PROPORTIONS):
            return []
        if self.mask is None or float((self.mask > 0.5).mean()) < _MASK_WITHIN:
            return []
        if _printed_share(self.small) < _FILLED_SHARE:
            return []
        outline = _frame_outline(width, height, None)
        fmt, size_mm, _ = _size_of_quad(Quad.from_array(outline.corners), known_dpi)
        if fmt is None:
            fmt, size_mm, _ = _size_of_quad(Quad.from_array(outline.corners), None)
        return [Outline(outline.corners, "filled", size_mm, 0.0)] if fmt is not None else []


def _printed_share(small: NDArray[np.uint8]) -> float:
    """Share of a frame's cells with print in them, the lower one of the whole frame and of its border, 0..1."""
    grey = small if small.ndim == 2 else np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    detail = cv2.absdiff(grey, cv2.GaussianBlur(grey, (0, 0), 4.0)).astype(np.float32)
    cells = cv2.resize(detail, _CELLS, interpolation=cv2.INTER_AREA) > _PRINTED_LEVELS
    border = np.ones(cells.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    return float(min(cells.mean(), cells[border].mean()))


def _line_box(line: LineRead, page_from_frame: FloatArray, px_per_mm: float) -> tuple[float, float, float, float]:
    """Box round one read line in millimetres, from the centres of its characters and its cap height."""
    centres = map_points(page_from_frame, np.array([char.centre_px for char in line.chars])) / px_per_mm
    (x0, y0), (x1, y1) = centres.min(axis=0), centres.max(axis=0)
    # OCR-B size 1 characters are 2.6 mm high and half a pitch reaches beyond the outer centres.
    return float(x0 - 1.1), float(y0 - 1.5), float(x1 - x0 + 2.2), float(y1 - y0 + 3.0)


def _mrz_boxes(
    read: MrzRead, fmt: DocumentFormat, page_from_frame: FloatArray, px_per_mm: float
) -> tuple[tuple[float, float, float, float], ...]:
    lines = [line for line in read.lines if line.chars]
    if lines:
        return tuple(_line_box(line, page_from_frame, px_per_mm) for line in lines)
    corners = map_points(page_from_frame, read.corners_px.array()) / px_per_mm
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    count = MRZ_LAYOUT[fmt].lines
    pitch = (y1 - y0 - 2.6) / max(count - 1, 1)
    return tuple((float(x0), float(y0 + n * pitch - 0.2), float(x1 - x0), 3.0) for n in range(count))


def _single_band(pixels: Pixels, light: Light) -> Pixels:
    """Infrared has one band: a reader that stores it as RGB repeats it three times."""
    if light == "ir" and pixels.ndim == 3:
        return cast(Pixels, np.ascontiguousarray(pixels[:, :, 1]))
    return pixels


def _rectify(frame: Frame, frame_from_page: FloatArray, size_px: tuple[int, int]) -> Pixels:
    """The page's pixels in the frame's own depth, ``size_px`` wide and high."""
    pixels = _single_band(frame.pixels, frame.light)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(pixels, frame_from_page, size_px, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cast(Pixels, warped)


def _reduced_grey(
    frame: Frame, frame_from_page: FloatArray, size_px: tuple[int, int], factor: float
) -> NDArray[np.uint8]:
    """The page at ``1 / factor`` of its resolution, grey, 8 bits, for registration."""
    width, height = size_px
    target = (max(1, round(width / factor)), max(1, round(height / factor)))
    corners = map_points(frame_from_page, np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 3, [frame.width_px, frame.height_px])
    crop = _to_uint8(_single_band(frame.pixels, frame.light)[low[1] : high[1], low[0] : high[0]], frame.bit_depth)
    blocks = int(factor)
    if crop.ndim == 3:
        crop = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    crop = _average_blocks(crop, blocks)
    shrink = 1.0 / blocks
    # Pixel centres: reduced pixel x lies at (x + 0.5) / shrink - 0.5 of the crop, page pixel likewise by the factor.
    to_page = np.array([[width / target[0], 0, 0], [0, height / target[1], 0], [0, 0, 1.0]])
    to_page[:2, 2] = (np.diag(to_page)[:2] - 1) / 2
    to_crop = np.array([[shrink, 0, 0], [0, shrink, 0], [0, 0, 1.0]])
    to_crop[:2, 2] = (shrink - 1) / 2 - shrink * low
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(
        crop, to_crop @ frame_from_page @ to_page, target, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.uint8)


def _other_frame_from_primary(primary: Frame, other: Frame) -> FloatArray:
    """Where a primary pixel lies in another light's frame if both show the same field."""
    sx, sy = other.width_px / primary.width_px, other.height_px / primary.height_px
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1.0]])


def _as_unit(pixels: Pixels, bit_depth: int) -> NDArray[np.float32]:
    """Integers of ``bit_depth`` significant bits as 0..1 of full scale."""
    if pixels.dtype == np.uint8:
        table = np.arange(256, dtype=np.float32) / np.float32(2**bit_depth - 1)
        return np.asarray(cv2.LUT(np.asarray(pixels, dtype=np.uint8), table), dtype=np.float32)
    return np.multiply(pixels, np.float32(1.0 / (2**bit_depth - 1)), dtype=np.float32)


def _bring_lights(
    captured: CapturedPage, frame_from_page: FloatArray, size_px: tuple[int, int], px_per_mm: float
) -> tuple[dict[Light, NDArray[np.float32]], dict[Light, Registration]]:
    """Every light rectified, registered onto the geometry light."""
    primary = captured.primary
    images = {primary.light: _as_unit(_rectify(primary, frame_from_page, size_px), primary.bit_depth)}
    registrations: dict[Light, Registration] = {}
    for other, found, other_from_page in _register_lights(captured, frame_from_page, size_px, px_per_mm):
        registrations[other.light] = found
        images[other.light] = _as_unit(_rectify(other, other_from_page, size_px), other.bit_depth)
    return images, registrations


def _register_lights(
    captured: CapturedPage, frame_from_page: FloatArray, size_px: tuple[int, int], px_per_mm: float
) -> Iterator[tuple[Frame, Registration, FloatArray]]:
    """Every light but the geometry light: its frame, how it was brought onto that, page pixels to its own pixels."""
    primary = captured.primary
    others = [frame for frame in captured.frames.values() if frame.light != primary.light]
    if not others:
        return
    factor = max(px_per_mm / _REGISTER_PX_PER_MM, 1.0)
    reference = _reduced_grey(primary, frame_from_page, size_px, factor)
    ratio = np.array([size_px[0] / reference.shape[1], size_px[1] / reference.shape[0]])
    page_from_reduced = np.diag([ratio[0], ratio[1], 1.0])
    page_from_reduced[:2, 2] = (ratio - 1) / 2
    for other in others:
        direct = _other_frame_from_primary(primary, other) @ frame_from_page
        moving = _reduced_grey(other, direct, size_px, factor)
        found, moving_from_reference = register(reference, moving, px_per_mm / float(ratio.mean()))
        correction = page_from_reduced @ moving_from_reference @ np.linalg.inv(page_from_reduced)
        shift = (found.shift_px[0] * float(ratio[0]), found.shift_px[1] * float(ratio[1]))
        yield other, Registration(shift, found.correlation, found.reliable), direct @ correction


def frames_in_register(
    captured: CapturedPage, outline: FloatArray, size_mm: tuple[float, float]
) -> dict[Light, NDArray[np.uint8]]:
    """The frames of a captured page at 8 bits, every other light laid on the primary one as a screening lays it.

    Args:
        captured: frames by light, of one page.
        outline: (4, 2), corners of the document in pixels of the primary frame, as the report has them.
        size_mm: width and height of the document.

    Returns:
        By light, (h, w) or (h, w, 3) RGB, uint8, all as wide and high as the primary frame; a light that cannot be
        registered lies where the sizes of the frames alone put it.
    """
    primary = captured.primary
    frames = {primary.light: _to_uint8(_single_band(primary.pixels, primary.light), primary.bit_depth)}
    area_px = float(cv2.contourArea(outline.astype(np.float32)))
    px_per_mm = min(float(np.sqrt(max(area_px, 1.0) / (size_mm[0] * size_mm[1]))), _MAX_PX_PER_MM)
    size_px = (max(8, round(size_mm[0] * px_per_mm)), max(8, round(size_mm[1] * px_per_mm)))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * np.array(size_mm) * px_per_mm
    frame_from_page = quad_to_quad(corners, outline)
    page_from_frame = np.linalg.inv(frame_from_page)
    for other, _, other_from_page in _register_lights(captured, frame_from_page, size_px, px_per_mm):
        laid = _rectify(other, other_from_page @ page_from_frame, (primary.width_px, primary.height_px))
        frames[other.light] = _to_uint8(laid, other.bit_depth)
    return frames


def _cropped_fraction(corners: FloatArray, width: int, height: int) -> float:
    frame = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    whole = float(cv2.contourArea(corners.astype(np.float32)))
    if whole <= 0:
        return 0.0
    inside, _ = cv2.intersectConvexConvex(corners.astype(np.float32), frame.astype(np.float32))
    return float(np.clip(1 - inside / whole, 0.0, 1.0))


def _build_page(
    captured: CapturedPage, outline: Outline, fmt: DocumentFormat | None, dpi: float | None, read: MrzRead | None
) -> Page:
    width_mm, height_mm = outline.size_mm
    area_px = float(cv2.contourArea(outline.corners.astype(np.float32)))
    true_px_per_mm = float(np.sqrt(max(area_px, 1.0) / (width_mm * height_mm)))
    px_per_mm = min(true_px_per_mm, _MAX_PX_PER_MM)
    size_px = (max(8, round(width_mm * px_per_mm)), max(8, round(height_mm * px_per_mm)))
    page_corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * np.array([width_mm, height_mm]) * px_per_mm
    frame_from_page = quad_to_quad(page_corners, outline.corners)
    images, registrations = _bring_lights(captured, frame_from_page, size_px, px_per_mm)
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    if read is not None and fmt is not None:
        page_from_frame = np.asarray(np.linalg.inv(frame_from_page), dtype=np.float64)
        boxes = _mrz_boxes(read, fmt, page_from_frame, px_per_mm)
    primary = captured.primary
    return Page(
        outline_px=Quad.from_array(outline.corners),
        outline_source=outline.source,
        format=fmt,
        width_mm=width_mm,
        height_mm=height_mm,
        px_per_mm=px_per_mm,
        dpi=dpi,
        images=images,
        registration=registrations,
        frame_from_page=frame_from_page,
        mrz_boxes_mm=boxes,
        cropped_fraction=_cropped_fraction(outline.corners, primary.width_px, primary.height_px),
    )


def _true_dpi(outline: Outline) -> float:
    area_px = float(cv2.contourArea(outline.corners.astype(np.float32)))
    return float(np.sqrt(area_px / (outline.size_mm[0] * outline.size_mm[1]))) * 25.4


def find_pages(
    captured: CapturedPage,
    reads: Sequence[MrzRead],
    document_mask: NDArray[np.float32] | None = None,
    *,
    most: int | None = None,
) -> list[Page]:
    """Every document in a captured page, rectified, with its lights registered.

    Args:
        captured: frames by light; geometry is taken from ``captured.primary``.
        reads: machine-readable zones read from the primary frame, corners in reading orientation, frame pixels; reads
            with status ``not_found`` are passed over.
        document_mask: probability of document from a detector, (h, w) at any scale of the primary frame, 0..1.
        most: pages to build at most; every document where None.

    Returns:
        At least one page: those with a zone in the order of ``reads``, then others, the largest first; the whole
        frame where nothing was found.
    """
    finder = _Finder(captured.primary, document_mask)
    outlines: list[Outline] = []
    pages: list[Page] = []
    known_dpi = captured.primary.dpi
    for read in reads:
        fmt = format_of_read(read)
        if read.status == "not_found" or fmt is None or read.corners_px.width_px < 10:
            continue
        outline = finder.around_zone(read.corners_px.array(), fmt)
        outlines.append(outline)
        dpi = _true_dpi(outline)
        known_dpi = dpi
        pages.append(_build_page(captured, outline, fmt, dpi, read))
        if len(pages) == most:
            return pages
    extra = finder.beside(outlines, known_dpi)
    if not pages and not extra:
        primary = captured.primary
        extra = [_frame_outline(primary.width_px, primary.height_px, primary.dpi)]
    for outline in extra[: None if most is None else most - len(pages)]:
        guess = outline.source != "frame"
        fmt, size_mm, measured = _size_of_quad(Quad.from_array(outline.corners), known_dpi, guess=guess)
        if fmt is None and outline.size_mm in FORMAT_SIZE_MM.values():  # told by its proportions
            fmt, size_mm, measured = _size_of_quad(Quad.from_array(outline.corners), None)
        sized = Outline(outline.corners, outline.source, size_mm, outline.support)
        pages.append(_build_page(captured, sized, fmt, measured, None))
    return pages
