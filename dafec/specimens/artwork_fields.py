"""Personal data on a document: texts, zone, luminescent repetition, perforation, signature, labels.

Every text is a plate of its own, named after its key in ``Issue.fields`` (the lines of the zone ``mrz_1``, ``mrz_2``,
``mrz_3``), so that a forger can take one away and put another in its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import numpy as np

from dafec.geometry import FORMAT_SIZE_MM, BoxMm, DocumentFormat
from dafec.specimens.drawing import Drawn, Points, draw_curves, joined
from dafec.specimens.inks import ink
from dafec.specimens.lettering import draw_mrz, draw_text, text_width_mm
from dafec.specimens.model import Grid, Issue, Perforation, Plate
from dafec.specimens.series import FieldSpec, PerforationSpec, SideSpec, SignatureSpec

__all__ = [
    "draw_field",
    "field_box",
    "field_plates",
    "label_places",
    "label_plates",
    "mrz_box",
    "mrz_plates",
    "perforations",
    "signature_plates",
    "uv_text_plates",
]

#: Left edge of the first character's cell, foot of the lowest line above the lower edge, distance of the lines: Doc
#: 9303-4 to 9303-7, with 4.23 mm between the three lines of TD1.
_MRZ_PLACES: dict[DocumentFormat, tuple[float, float, float]] = {
    "TD1": (5.0, 5.0, 4.23),
    "TD2": (4.0, 7.8, 6.35),
    "TD3": (6.0, 7.8, 6.35),
    "MRV-A": (4.0, 7.8, 6.35),
    "MRV-B": (4.0, 7.8, 6.35),
}
_PITCH_MM = 2.54
_CAPITAL_MM = 2.4
_LABEL_GAP_MM = 0.75

#: A 5 x 7 dot matrix, one byte a column, lowest bit on top.
_DOTS = {
    "0": "3E5149453E", "1": "00427F4000", "2": "4261514946", "3": "2141454B31", "4": "1814127F10", "5": "2745454539",
    "6": "3C4A494930", "7": "0171090503", "8": "3649494936", "9": "064949291E", "A": "7E1111117E", "B": "7F49494936",
    "C": "3E41414122", "D": "7F4141221C", "E": "7F49494941", "F": "7F09090901", "G": "3E4149497A", "H": "7F0808087F",
    "I": "00417F4100", "J": "2040413F01", "K": "7F08142241", "L": "7F40404040", "M": "7F020C027F", "N": "7F0408107F",
    "O": "3E4141413E", "P": "7F09090906", "Q": "3E4151215E", "R": "7F09192946", "S": "4649494931", "T": "01017F0101",
    "U": "3F4040403F", "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463", "Y": "0708700807", "Z": "6151494543",
}  # fmt: skip


@cache
def _labels() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("dafec.specimens").joinpath("data", "labels.toml").read_text(encoding="utf-8")
    table: Mapping[str, Mapping[str, str]] = tomllib.loads(text)
    return table


def _fitted(spec: FieldSpec, text: str) -> float:
    """Height of a capital with which a text stays within its width."""
    if spec.width_mm is None:
        return spec.height_mm
    width = text_width_mm(text, spec.height_mm, spec.face, spacing_mm=spec.spacing_mm)
    return spec.height_mm * min(1.0, spec.width_mm / max(width, 1e-6))


def draw_field(grid: Grid, spec: FieldSpec, text: str) -> Drawn:
    """A personal text as its series has it.

    Args:
        grid: the raster.
        spec: place, face and size.
        text: what is to stand there; too long a text is set smaller.

    Returns:
        The mask and its place.
    """
    return draw_text(
        grid,
        text,
        (spec.x_mm, spec.y_mm),
        _fitted(spec, text),
        spec.face,
        anchor=spec.anchor,
        spacing_mm=spec.spacing_mm,
        angle=spec.angle_deg,
    )


def field_box(spec: FieldSpec, text: str) -> BoxMm:
    """The box a text takes, with the tails of its letters."""
    height = _fitted(spec, text)
    width = text_width_mm(text, height, spec.face, spacing_mm=spec.spacing_mm)
    if spec.angle_deg == 90.0:
        return BoxMm(spec.x_mm - height * 0.3, spec.y_mm, height * 1.45, width)
    if spec.angle_deg == -90.0:
        return BoxMm(spec.x_mm - height * 1.15, spec.y_mm - width, height * 1.45, width)
    x = spec.x_mm - {"left": 0.0, "centre": width / 2, "right": width}[spec.anchor]
    above, below = (1.15, 0.72) if spec.key.endswith("_arabic") else (1.3, 0.35)  # Arabic tails reach deep
    return BoxMm(x, spec.y_mm - height * above, width, height * (above + below))


def field_plates(side: SideSpec, issue: Issue, grid: Grid) -> tuple[tuple[Plate, ...], dict[str, BoxMm]]:
    """Plates and boxes of the personal texts of one side; texts the issue lacks are left out."""
    plates: list[Plate] = []
    boxes: dict[str, BoxMm] = {}
    for spec in side.fields:
        text = issue.fields.get(spec.key)
        if not text:
            continue
        plates.append(Plate(spec.role, ink(spec.ink), *draw_field(grid, spec, text), spec.process, spec.key))
        boxes.setdefault(spec.key, field_box(spec, text))
    return tuple(plates), boxes


def _slash_mm(side: SideSpec) -> float:
    """What stands between two languages of a label."""
    return 0.8 + text_width_mm("/", side.label_height_mm, side.label_face)


def label_places(side: SideSpec) -> tuple[tuple[tuple[str, ...], BoxMm], ...]:
    """The labels of a side: words by language, and the box they take."""
    keys = {spec.key for spec in side.fields}
    places = []
    height = side.label_height_mm
    for spec in side.fields:
        if spec.label == "none":
            continue
        base = spec.key.removesuffix("_arabic")
        languages = [one for one in side.labels if one != "ar"] if f"{base}_arabic" in keys else list(side.labels)
        if spec.key.endswith("_arabic"):
            languages = ["ar"]
        words = tuple(_labels()[base][one] for one in languages)
        total = sum(text_width_mm(word, height, side.label_face) for word in words)
        total += (len(words) - 1) * _slash_mm(side)
        if spec.label == "before":
            x, y = spec.x_mm - total - 1.0, spec.y_mm
        else:
            x = spec.x_mm - {"left": 0.0, "centre": total / 2, "right": total}[spec.anchor]
            y = spec.y_mm - spec.height_mm * (1.28 if spec.key.endswith("_arabic") else 1.12) - _LABEL_GAP_MM
        places.append((words, BoxMm(x, y - height, total, height * 1.2)))
    if side.signature is not None:
        box = side.signature.box
        words = tuple(_labels()["signature"][one] for one in side.labels)
        total = sum(text_width_mm(word, height, side.label_face) for word in words)
        total += (len(words) - 1) * _slash_mm(side)
        places.append((words, BoxMm(box.x, box.y + box.height + 0.5, total, height * 1.2)))
    return tuple(places)


def label_plates(side: SideSpec, grid: Grid) -> tuple[Plate, ...]:
    """The labels of a side's fields, one plate of offset print."""
    drawn = [part for words, box in label_places(side) for part in _words(side, grid, words, box)]
    if not drawn:
        return ()
    return (Plate("static_text", ink(side.label_ink), *joined(*drawn), name="labels"),)


def _words(side: SideSpec, grid: Grid, words: tuple[str, ...], box: BoxMm) -> list[Drawn]:
    """Words of several languages side by side: each on its own, because Arabic runs the other way."""
    drawn, x = [], box.x
    height, face, y = side.label_height_mm, side.label_face, box.y + side.label_height_mm
    for index, word in enumerate(words):
        if index:
            drawn.append(draw_text(grid, "/", (x + 0.4, y), height, face))
            x += _slash_mm(side)
        drawn.append(draw_text(grid, word, (x, y), height, face))
        x += text_width_mm(word, height, face)
    return drawn


def mrz_box(document_format: DocumentFormat) -> BoxMm:
    """The box of the zone's characters."""
    from_left, foot, distance = _MRZ_PLACES[document_format]
    _, height = FORMAT_SIZE_MM[document_format]
    lines, length = {"TD1": (3, 30), "TD2": (2, 36), "MRV-B": (2, 36)}.get(document_format, (2, 44))
    top = height - foot - (lines - 1) * distance - _CAPITAL_MM
    return BoxMm(from_left, top - 0.3, length * _PITCH_MM, height - foot - top + 0.6)


def mrz_plates(side: SideSpec, issue: Issue, grid: Grid) -> tuple[Plate, ...]:
    """A plate for each line of the zone."""
    if side.mrz is None:
        return ()
    left, foot, distance = _MRZ_PLACES[issue.format]
    first = grid.height_mm - foot - (len(issue.mrz) - 1) * distance
    drawings = draw_mrz(grid, issue.mrz, left, first, line_distance_mm=distance, height_mm=_CAPITAL_MM)
    return tuple(
        Plate("mrz", ink(side.mrz.ink), *drawn, side.mrz.process, f"mrz_{index}")
        for index, drawn in enumerate(drawings, start=1)
    )


def uv_text_plates(side: SideSpec, issue: Issue, grid: Grid) -> tuple[Plate, ...]:
    """Personal texts in luminescent ink."""
    plates = []
    for spec in side.uv_texts:
        text = issue.fields.get(spec.key)
        if text:
            drawn = draw_text(grid, text, (spec.x_mm, spec.y_mm), spec.height_mm, "sans_bold", anchor=spec.anchor)
            plates.append(Plate("uv_personal", ink(spec.ink), *drawn, "inkjet", spec.key))
    return tuple(plates)


def perforations(spec: PerforationSpec | None, number: str) -> tuple[Perforation, ...]:
    """The number as holes: 5 x 7 dots a character."""
    if spec is None:
        return ()
    pitch = spec.height_mm / 6
    holes = []
    for index, char in enumerate(number):
        columns = bytes.fromhex(_DOTS[char])
        for column, bits in enumerate(columns):
            x = spec.x_mm + (index * 6.4 + column) * pitch
            holes += [(x, spec.y_mm - (6 - row) * pitch, spec.diameter_mm) for row in range(7) if bits >> row & 1]
    return (Perforation(np.array(holes, dtype=np.float64)),)


def _signature(rng: np.random.Generator, box: BoxMm, letters: int) -> tuple[list[Points], list[Points]]:
    """Pen strokes and their widths: loops that run to the right and end in a flourish."""
    count = int(np.clip(letters, 5, 12))
    t = np.linspace(0, 1, 90 * count)
    phase = 2 * np.pi * count * t * rng.uniform(0.85, 1.1) + rng.uniform(0, 6)
    slow = np.interp(t, np.linspace(0, 1, 9), rng.normal(0, 1, 9))
    tall = np.interp(t, np.linspace(0, 1, count + 2), rng.gamma(2.2, 0.17, count + 2)) * (1.35 - 0.8 * t)
    tall[: len(t) // count] *= 1.9
    wander = np.cumsum(rng.normal(0, 1, len(t))) / np.sqrt(len(t))
    x = t + 0.030 * np.cos(phase) + 0.16 * tall * np.sin(phase) * rng.uniform(0.2, 0.5)
    y = -tall * np.sin(phase) + 0.10 * slow + 0.08 * wander - rng.uniform(0.0, 0.25) * t
    stroke = np.stack([x, y], 1)
    end = stroke[-1]
    back = np.linspace(0, 1, 60)
    tail = end + np.stack([-rng.uniform(0.4, 0.9) * back, 0.45 + 0.12 * np.sin(5 * back)], 1) * (1, 1)
    tail[:, 1] -= 0.45 * (1 - np.minimum(back * 6, 1))
    strokes = [stroke, tail] if rng.random() < 0.5 else [stroke]
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = np.array([box.width, box.height]) / np.maximum(high - low, 1e-6)
    placed = [np.array([box.x, box.y]) + (one - low) * scale for one in strokes]
    widths = []
    for one in placed:
        speed = np.hypot(*np.gradient(one, axis=0).T)
        widths.append(np.clip(0.40 - 0.6 * speed / max(speed.max(), 1e-9) * 0.45, 0.14, 0.40))
    return placed, widths


def signature_plates(spec: SignatureSpec | None, issue: Issue, grid: Grid) -> tuple[Plate, ...]:
    """The holder's signature."""
    if spec is None:
        return ()
    rng = np.random.default_rng([issue.person.face_seed, 31])
    strokes, widths = _signature(rng, spec.box, len(issue.person.surname))
    return (Plate("signature", ink(spec.ink), *draw_curves(grid, strokes, widths), spec.process, "signature"),)
