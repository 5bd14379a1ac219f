"""Measures the print of the machine-readable zone: every character against a rendered OCR-B of the right size.

Each character's cell is brought to twelve pixels a millimetre and compared with the template of the character that was
read there, at every place within half a millimetre. The best place gives its position to a few hundredths of a
millimetre, the correlation says how much it looks like OCR-B, and the darkness under the template's strokes and over
the whole cell give its contrast and its weight (how much ink stands there for that glyph). Contrast and weight are
meant relative: ink, paper and focus vary along a zone, so each is compared with the running median of its line.

Positions are fitted by a parabola along each line: what a tilted or bowed page, or a lens, does to a whole line is in
the parabola, and what is left belongs to single characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.features.quick_stats import median_beside, quick_quantile
from dafec.features.zones import local_paper
from dafec.ocr.types import ALPHABET, MrzRead
from dafec.page import Page
from dafec.quality import luminance
from dafec.sides import map_points

__all__ = ["CharPrint", "LinePrint", "ZonePrint", "measure_zone"]

FloatArray = NDArray[np.float64]

_BLURS_MM = (0.05, 0.09, 0.14)  # of the template, until it is as soft as the print: the best on average counts
_SEARCH_MM = 0.55
_MARGIN_MM = 1.2  # of the strip above and below the cells
_ASIDE_MM = 3.4  # before the first and behind the last character's centre
_NEIGHBOURS = 4  # to either side, for the running median
_TRIED = 3
_PITCH_MM, _RIM_MM = 2.54, 0.45  # the paper above and below a capital within its own pitch
_CORE = 140  # template coverage that is inside a stroke even where the print is blurred


@dataclass(frozen=True, slots=True)
class CharPrint:
    """One printed character."""

    line: int
    position: int
    char: str
    correlation: float  # with its template at the best place, -1..1
    off_x_mm: float  # from the line's parabola, along the line
    off_y_mm: float  # across it
    contrast: float  # of the strokes, relative to the neighbours'
    weight: float  # of ink for its glyph, relative to the neighbours'
    infrared: float  # infrared over visible darkness, relative to the whole zone's; NaN without infrared
    beside: float  # darkness of the paper close above or below it, less what is usual there in its line


@dataclass(frozen=True, slots=True, eq=False)
class LinePrint:
    """One printed line."""

    pitch_mm: float
    spread_x_mm: float  # robust deviation of the characters from the line's parabola, along it
    spread_y_mm: float
    middle_mm: tuple[float, float]  # of the line, on the page


@dataclass(frozen=True, slots=True, eq=False)
class ZonePrint:
    """The whole zone."""

    chars: tuple[CharPrint, ...]
    lines: tuple[LinePrint, ...]
    correlation: float  # median over the characters
    blur_mm: float  # softness of the template that fitted best
    distance_mm: float  # between neighbouring lines; NaN for one line
    contrast: float  # median darkness of the strokes, 0..1
    infrared_share: float  # median of infrared over visible darkness; NaN without infrared


@cache
def _templates() -> tuple[NDArray[np.float32], int]:
    """Coverage 0..1, (37, 46, 38), and their pixels a millimetre."""
    try:
        with files("dafec").joinpath("features", "data", "ocrb_templates.npz").open("rb") as stream:
            data = np.load(stream)
            if str(data["alphabet"]) != ALPHABET:
                raise ValueError("another alphabet")
            return data["cells"].astype(np.float32) / 255, int(data["px_per_mm"])
    except (OSError, ValueError, KeyError) as error:
        raise InstallationError("mrz.table_unreadable", name="ocrb_templates") from error


@cache
def _softened(blur_mm: float) -> NDArray[np.float32]:
    cells, scale = _templates()
    return np.stack([cv2.GaussianBlur(cell, (0, 0), blur_mm * scale) for cell in cells]).astype(np.float32)


@cache
def _places(blur_mm: float) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """For every glyph its strokes' cores, all it covers as softened (0 or 1), and how much that is."""
    cells, _ = _templates()
    soft = _softened(blur_mm)
    near = (soft > 0.02).astype(np.float32)
    return np.asarray(cells * 255 > _CORE), near, np.asarray(soft.sum(axis=(1, 2)), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """Columns over the characters of one line."""

    index: NDArray[np.intp]  # position in the line
    kind: NDArray[np.intp]
    x_mm: FloatArray
    y_mm: FloatArray
    correlation: FloatArray
    contrast: FloatArray
    weight: FloatArray
    infrared: FloatArray
    beside: FloatArray


def _darkness(image: NDArray[np.float32], px_per_mm: float) -> NDArray[np.float32]:
    grey = luminance(np.ascontiguousarray(image))
    return np.asarray(1 - grey / np.maximum(local_paper(grey, px_per_mm), 1e-3), np.float32)


def _strip(darkness: NDArray[np.float32], px_per_mm: float, box: tuple[float, float, float, float]) -> FloatArray:
    """Affine map (2, 3) from strip pixels to darkness pixels, for a box in millimetres."""
    _, scale = _templates()
    ratio = px_per_mm / scale
    return np.array(
        [[ratio, 0, box[0] * px_per_mm + (ratio - 1) / 2], [0, ratio, box[1] * px_per_mm + (ratio - 1) / 2]]
    )


def _resample(
    darkness: NDArray[np.float32], px_per_mm: float, box: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    _, scale = _templates()
    size = (round(box[2] * scale), round(box[3] * scale))
    if px_per_mm > 1.4 * scale:
        darkness = np.asarray(cv2.GaussianBlur(darkness, (0, 0), 0.4 * px_per_mm / scale), np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    matrix = _strip(darkness, px_per_mm, box)
    return np.asarray(cv2.warpAffine(darkness, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _parabola(values: NDArray[np.float32]) -> float:
    """Offset of the peak of three values from the middle one, -0.5..0.5."""
    left, middle, right = (float(v) for v in values)
    bend = left - 2 * middle + right
    return float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _locate(window: NDArray[np.float32], template: NDArray[np.float32]) -> tuple[float, float, float, int, int]:
    """Correlation, sub-pixel place and whole place of a template in a window."""
    scores = np.asarray(cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED), np.float32)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    h, w = scores.shape
    dx = _parabola(scores[y, x - 1 : x + 2]) if 0 < x < w - 1 else 0.0
    dy = _parabola(scores[y - 1 : y + 2, x]) if 0 < y < h - 1 else 0.0
    return float(best), x + dx, y + dy, x, y


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """One printed line, ready to measure."""

    visible: NDArray[np.float32]  # darkness at the templates' resolution
    infrared: NDArray[np.float32] | None
    box: tuple[float, float, float, float]  # of the strip on the page, millimetres
    centres_mm: FloatArray
    kinds: NDArray[np.intp]

    def window(self, number: int) -> tuple[NDArray[np.float32], int, int] | None:
        """Where a character is looked for, and its top left in the strip; None off the strip or on plain paper."""
        cells, scale = _templates()
        height, width = cells.shape[1:]
        reach = round(_SEARCH_MM * scale)
        x_mm, y_mm = self.centres_mm[number]
        x0 = round((x_mm - self.box[0]) * scale - width / 2) - reach
        y0 = round((y_mm - self.box[1]) * scale - height / 2) - reach
        found = self.visible[max(y0, 0) : y0 + height + 2 * reach, max(x0, 0) : x0 + width + 2 * reach]
        if y0 < 0 or x0 < 0 or found.shape != (height + 2 * reach, width + 2 * reach):
            return None
        # Plain paper has no spread; every third row and column tell.
        return (found, x0, y0) if float(found[::3, ::3].std()) >= 1e-3 else None


def _measure_line(line: _Line, blur_mm: float) -> _Raw:
    cells, scale = _templates()
    soft = _softened(blur_mm)
    core, near, covered = _places(blur_mm)
    height, width = cells.shape[1:]
    rim, aside = round(_RIM_MM * scale), round((width - _PITCH_MM * scale) / 2)
    inside = slice(aside, width - aside)
    rows: list[tuple[float, ...]] = []
    for number, kind in enumerate(line.kinds.tolist()):
        looked_at = line.window(number)
        if looked_at is None:
            continue
        window, x0, y0 = looked_at
        score, dx, dy, x, y = _locate(window, soft[kind])
        cell = window[y : y + height, x : x + width]
        ink = float(np.vdot(cell, near[kind]))
        contrast = quick_quantile(cell[core[kind]], 0.6)
        weight = ink / max(contrast, 0.02) / float(covered[kind])
        ratio = np.nan
        if line.infrared is not None:
            below = line.infrared[y0 + y : y0 + y + height, x0 + x : x0 + x + width]
            if below.shape == cell.shape:
                ratio = float(np.vdot(below, near[kind])) / max(ink, 1e-3)
        beside = max(float(part.mean()) for part in (cell[:rim, inside], cell[-rim:, inside]))
        x_mm, y_mm = line.box[0] + (x0 + dx + width / 2) / scale, line.box[1] + (y0 + dy + height / 2) / scale
        rows.append((number, kind, x_mm, y_mm, score, contrast, weight, ratio, beside))
    table = np.array(rows, np.float64).reshape(-1, 9)
    whole = table[:, :2].astype(np.intp)
    return _Raw(whole[:, 0], whole[:, 1], *(table[:, column] for column in range(2, 9)))


def _choose_blur(lines: list[_Line]) -> float:
    """The softness of the template that fits best, tried on every third character."""
    chosen, score = _BLURS_MM[0], -1.0
    windows = [
        (found[0], int(line.kinds[number]))
        for line in lines
        for number in range(0, len(line.kinds), _TRIED)
        if (found := line.window(number)) is not None
    ]
    for blur_mm in _BLURS_MM:
        soft = _softened(blur_mm)
        fits = [float(cv2.matchTemplate(window, soft[kind], cv2.TM_CCOEFF_NORMED).max()) for window, kind in windows]
        middle = float(np.median(fits)) if fits else -1.0
        if middle <= score:
            break
        chosen, score = blur_mm, middle
    return chosen


def _spread(values: FloatArray) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if len(values) else float("nan")


def _fit(t: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Residuals from a parabola that single outliers do not bend, and its coefficients."""
    keep = np.ones(len(t), bool)
    coefficients = np.polyfit(t, values, 2)
    for _ in range(4):
        left = values - np.polyval(coefficients, t)
        keep = np.abs(left - np.median(left)) <= max(3 * _spread(left[keep]), 0.03)
        if keep.sum() < 8:
            break
        coefficients = np.polyfit(t[keep], values[keep], 2)
    return values - np.polyval(coefficients, t), coefficients


def _relative(values: FloatArray) -> FloatArray:
    """Each value over the median of its neighbours, itself left out."""
    around = median_beside(values, _NEIGHBOURS, 3)
    usable = np.isfinite(around) & (around > 1e-3)
    return np.asarray(np.divide(values, around, out=np.full(len(values), np.nan), where=usable), np.float64)


def _by_kind(raws: list[_Raw], column: str) -> list[FloatArray]:
    """A column of every line with what belongs to the glyph taken out: each kind's median brought to that of all."""
    kinds = np.concatenate([raw.kind for raw in raws])
    values = np.concatenate([getattr(raw, column) for raw in raws])
    overall = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
    scale = np.ones(len(values))
    for kind in np.unique(kinds):
        own = values[kinds == kind]
        if np.isfinite(own).sum() >= 4:
            scale[kinds == kind] = overall / max(float(np.nanmedian(own)), 1e-3)
    ends = np.cumsum([len(raw.kind) for raw in raws])[:-1]
    return list(np.split(values * scale, ends))


def _gather(raws: list[_Raw], read: MrzRead, blur_mm: float) -> ZonePrint:
    contrast, weight = (_by_kind(raws, name) for name in ("contrast", "weight"))
    ratios = np.concatenate([raw.infrared for raw in raws])
    usual = float(np.nanmedian(ratios)) if np.isfinite(ratios).any() else np.nan
    chars: list[CharPrint] = []
    lines: list[LinePrint] = []
    for number, raw in enumerate(raws):
        t = raw.index.astype(np.float64)
        off_x, along = _fit(t, raw.x_mm)
        off_y, _ = _fit(t, raw.y_mm)
        middle = float(t.mean())
        pitch = float(2 * along[0] * middle + along[1])
        at = (float(np.median(raw.x_mm)), float(np.median(raw.y_mm)))
        lines.append(LinePrint(pitch, _spread(off_x), _spread(off_y), at))
        columns = zip(
            raw.index, raw.correlation, off_x, off_y, _relative(contrast[number]), _relative(weight[number]),
            raw.infrared / max(usual, 1e-3), raw.beside - np.median(raw.beside), strict=True,
        )  # fmt: skip
        chars.extend(
            CharPrint(number, int(i), read.lines[number].chars[int(i)].char, *(float(value) for value in values))
            for i, *values in columns
        )
    gaps = np.diff([line.middle_mm[1] for line in lines])
    strokes = np.concatenate([raw.contrast for raw in raws])
    return ZonePrint(
        tuple(chars),
        tuple(lines),
        float(np.median([char.correlation for char in chars])),
        blur_mm,
        float(np.median(gaps)) if len(gaps) else float("nan"),
        float(np.median(strokes)),
        usual,
    )


def measure_zone(page: Page, read: MrzRead, *, infrared: bool) -> ZonePrint | None:
    """Measures the print of the zone.

    Args:
        page: with a visible image.
        read: the zone as read in visible light; its characters' places are starting points.
        infrared: whether the infrared image is there and lies where the visible one does.

    Returns:
        The measurements, or None where too few characters could be found in the image.

    Raises:
        InstallationError: the templates are missing or damaged.
    """
    return page.measured.get(("zone", read.texts, infrared), lambda: _measure_zone(page, read, infrared=infrared))


def _measure_zone(page: Page, read: MrzRead, *, infrared: bool) -> ZonePrint | None:
    page_from_frame = np.asarray(np.linalg.inv(page.frame_from_page), np.float64)
    cells, scale = _templates()
    prepared: list[_Line] = []
    for line in read.lines:
        if len(line.chars) < 8:
            return None
        centres = map_points(page_from_frame, np.array([char.centre_px for char in line.chars])) / page.px_per_mm
        kinds = np.array([ALPHABET.index(char.char) for char in line.chars])
        around = np.array([_ASIDE_MM, cells.shape[1] / scale / 2 + _MARGIN_MM])
        low, high = centres.min(axis=0) - around, centres.max(axis=0) + around
        box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
        below = _cut(page, "ir", box) if infrared else None
        prepared.append(_Line(_cut(page, "visible", box), below, box, centres, kinds))
    blur_mm = _choose_blur(prepared)
    raws = [_measure_line(line, blur_mm) for line in prepared]
    if any(len(raw.index) < 0.8 * len(line.chars) for raw, line in zip(raws, read.lines, strict=True)):
        return None
    return _gather(raws, read, blur_mm)


def _cut(page: Page, light: str, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Darkness of a box at the templates' resolution."""
    image = page.images["ir" if light == "ir" else "visible"]
    margin = 2.0  # the paper's estimate needs what lies around
    x0, y0 = (max(int((v - margin) * page.px_per_mm), 0) for v in box[:2])
    x1, y1 = (int((box[k] + box[k + 2] + margin) * page.px_per_mm) for k in (0, 1))
    part = _darkness(image[y0:y1, x0:x1], page.px_per_mm)
    moved = (box[0] - x0 / page.px_per_mm, box[1] - y0 / page.px_per_mm, box[2], box[3])
    return _resample(part, page.px_per_mm, moved)
