"""From what was learned to a proposal: named regions, and checks with ranges.

Regions come from the map of what is personal (portrait, second portrait, texts, zone) and from the luminescent motifs.
A check is proposed only where the captures themselves show that it can be made: where its measurement exists in most of
them and says something. Its centre and spread come from captures that were left out of the reference in turn; the
range reaches ``_REACH`` spreads to each side that counts against a document, and no less than the measure's floor,
which stands for readers and wear that this enrolment has not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines import MEASURES, MeasureKind, RoutineSpec, floor_of
from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material, Reference
from dafec.features.routines_measure import fibre_blobs, measure
from dafec.geometry import BoxMm
from dafec.references.learning import Learned, leave_one_out
from dafec.references.series import CheckData, CompositeData, RegionData

__all__ = ["Proposal", "find_regions", "learn_ranges", "propose", "range_of"]

_REACH = 4.0
#: The worst cell of a worn document is as bad as an erased one: logged for the examiner until it tells them apart.
_LOGGED_ONLY = frozenset({"continuity"})
_LEAST_VALUES = 0.75  # of the captures a measurement has to exist in
_PORTRAIT_MM2 = 250.0
_GHOST_MM2 = 60.0
_TEXT_MM2 = 6.0
_MOTIF_MM2 = 6.0
_MOTIF_JOIN_MM = 3.5
_MAX_MOTIFS = 4
_FULL_INSET_MM = 3.0


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a side might be checked for."""

    regions: tuple[RegionData, ...]
    checks: tuple[CheckData, ...]
    composites: tuple[CompositeData, ...]


def _box(values: BoxMm) -> tuple[float, float, float, float]:
    x, y, width, height = values.as_list()
    return x, y, max(width, 0.1), max(height, 0.1)


def _components(mask: NDArray[np.bool_], join_mm: float, least_mm2: float) -> list[tuple[BoxMm, float]]:
    """Boxes of joined areas and how much of each is filled, the largest first."""
    size = max(3, round(join_mm * REFERENCE_PX_PER_MM)) | 1
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    for x, y, width, height, _ in stats[1:count]:
        area = width * height / REFERENCE_PX_PER_MM**2
        if area >= least_mm2:
            fill = float(mask[y : y + height, x : x + width].mean())
            found.append((BoxMm(*(float(v) / REFERENCE_PX_PER_MM for v in (x, y, width, height))), fill))
    return sorted(found, key=lambda pair: -pair[0].width * pair[0].height)


def find_regions(learned: Learned) -> list[RegionData]:
    """Named places of a side: page, zone, portraits, texts, luminescent motifs."""
    reference, zone = learned.reference, learned.mrz_mm
    inset = _FULL_INSET_MM
    full = BoxMm(inset, inset, reference.width_mm - 2 * inset, reference.height_mm - 2 * inset)
    found = [RegionData(name="page", kind="background", box_mm=_box(full))]
    personal = reference.personal.copy()
    if zone is not None:
        found.append(RegionData(name="zone", kind="mrz", box_mm=_box(zone)))
        personal[int(max(zone.y - 1, 0) * REFERENCE_PX_PER_MM) :] = False
    portraits, texts = 0, 0
    for box, fill in _components(personal, 2.2, _TEXT_MM2):
        tall = 0.75 <= box.height / max(box.width, 0.1) <= 2.2
        area = box.width * box.height
        if fill > 0.55 and tall and area >= _GHOST_MM2 and portraits < 2:
            if portraits == 0 and area < _PORTRAIT_MM2:
                continue
            name = ("portrait", "second_portrait")[portraits]
            portraits += 1
            found.append(RegionData(name=name, kind="portrait", box_mm=_box(box)))
        elif texts < 12:
            texts += 1
            found.append(RegionData(name=f"text{texts}", kind="text", box_mm=_box(box)))
    found += _motif_regions(reference)
    return found


def _motif_regions(reference: Reference) -> list[RegionData]:
    if "uv" not in reference.linear:
        return []
    view = reference.glow
    steady = reference.weight["uv"] > 0.25
    strong = view > max(0.012, 0.15 * float(np.quantile(view, 0.998)))
    steady &= reference.spread["uv"] < 0.5 * view
    opened = cv2.morphologyEx((strong & steady).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    boxes = [box for box, _ in _components(np.asarray(opened), _MOTIF_JOIN_MM, _MOTIF_MM2)][:_MAX_MOTIFS]
    return [RegionData(name=f"motif{n}", kind="luminescent", box_mm=_box(box)) for n, box in enumerate(boxes, 1)]


def _overlap_x(one: BoxMm, other: BoxMm) -> float:
    return min(one.x + one.width, other.x + other.width) - max(one.x, other.x)


def _texts_box(regions: Sequence[RegionData]) -> BoxMm | None:
    """Round the personal texts beside the portrait; None where there are none."""
    portrait = next((BoxMm(*r.box_mm) for r in regions if r.name == "portrait"), None)
    boxes = [BoxMm(*region.box_mm) for region in regions if region.kind == "text"]
    if portrait is not None:
        boxes = [box for box in boxes if _overlap_x(box, portrait) <= 0]
        sides = [[b for b in boxes if (b.x > portrait.x) == right] for right in (True, False)]
        boxes = max(sides, key=lambda side: sum(b.width * b.height for b in side))
    return _round(boxes)


def _spec(name: str, routine: str, kind: str, box: BoxMm, **more: object) -> RoutineSpec:
    return RoutineSpec(name, routine, kind, box, None, None, **more)  # type: ignore[arg-type]


def _candidates(learned: Learned, regions: Sequence[RegionData]) -> list[RoutineSpec]:
    """Everything the standard's catalogue lets one ask of these regions."""
    boxes = {region.name: BoxMm(*region.box_mm) for region in regions}
    page = boxes["page"]
    made = [
        _spec("print", "VI-AB-IS", "structure", page),
        _spec("lines", "VI-FR-AF", "fine", page),
        _spec("print", "IR-AB-IS", "contrast", page),
        _spec("place", "IR-AB-IS", "structure", page),
        _spec("vanishing", "IR-TR-IS", "absence", page, against="visible"),
        _spec("hidden", "VI-TR-IS", "absence", page, against="ir"),
        _spec("page", "UV-BR-FU", "paper", page),
    ]
    zone, texts = boxes.get("zone"), _texts_box(regions)
    if zone is not None:
        made += [
            _spec("zone", "VI-AB-MR", "stroke", zone),
            _spec("zone", "IR-AB-MR", "ink", zone),
            _spec("zone", "UV-BR-MR", "paper_rise", zone),
        ]
    if texts is not None:
        made += [
            _spec("texts", "VI-AB-ID", "stroke", texts),
            _spec("texts", "IR-AB-ID", "ink", texts),
            _spec("texts", "UV-BR-VZ", "paper_rise", texts),
            _spec("background", "VI-AB-AF", "continuity", texts),
        ]
    for name, feature in (("portrait", "PH"), ("second_portrait", "SP")):
        if name in boxes:
            made.append(_spec(name, f"IR-AB-{feature}", "ink", boxes[name]))
    if "portrait" in boxes:
        made += [
            _spec("portrait", "UV-BR-PH", "paper_rise", boxes["portrait"]),
            _spec("portrait_screen", "VI-FR-PH", "screen", boxes["portrait"]),
            _spec("portrait_grain", "VI-FR-PH", "grain", boxes["portrait"]),
        ]
    for name, box in boxes.items():
        if name.startswith("motif"):
            feature = _motif_feature(box, boxes)
            for kind in ("luminescence", "shape", "detail", "colour"):
                made.append(_spec(f"{name}_{kind}", f"UV-LU-{feature}", kind, box))
    made += _personal_candidates(learned, zone)
    made += _fibre_candidates(learned, page)
    lights = learned.reference.linear
    return [spec for spec in made if spec.light in lights and (spec.against is None or spec.against in lights)]


#: Measurements of single texts: name, routine for data and for the zone.
_OF_TEXTS: tuple[tuple[str, MeasureKind, str, str], ...] = (
    ("ink", "field_ink", "IR-AB-ID", "IR-AB-MR"),
    ("letter", "letter_ink", "IR-AB-ID", "IR-AB-MR"),
    ("depth", "field_depth", "VI-AB-ID", "VI-AB-MR"),
    ("width", "field_width", "VI-AB-ID", "VI-AB-MR"),
    ("edge", "field_edge", "VI-AB-ID", "VI-AB-MR"),
    ("ground", "field_ground", "VI-AB-AF", "VI-AB-AF"),
    ("tinge", "field_tinge", "VI-AB-AF", "VI-AB-AF"),
    ("lines", "field_lines", "VI-AB-AF", "VI-AB-AF"),
    ("glow", "field_glow", "UV-BR-VZ", "UV-BR-MR"),
)


def _personal_candidates(learned: Learned, zone: BoxMm | None) -> list[RoutineSpec]:
    """What single texts and the portrait let one ask."""
    reference = learned.reference
    boxes = [field.box_mm for field in reference.fields if field.centre]
    in_zone = [box for box in boxes if zone is not None and box.y + box.height / 2 >= zone.y]
    data = [box for box in boxes if box not in in_zone]
    made = []
    for where, members, column in (("data", data, 2), ("lines", in_zone, 3)):
        place = _round(members)
        if place is not None:
            made += [_spec(f"{where}_{row[0]}", str(row[column]), row[1], place) for row in _OF_TEXTS]
    everything = _round(boxes)
    if everything is not None:
        made.append(_spec("data_place", "VI-AB-ID", "place", everything))
    if reference.portrait is not None:
        border = reference.portrait.box_mm
        made += [
            _spec("overlay", "VI-FR-PH", "overlay", border),
            _spec("border", "UV-BR-PH", "border", border),
            _spec("picture", "UV-BR-PH", "picture_level", border),
        ]
    return made


def _round(boxes: Sequence[BoxMm]) -> BoxMm | None:
    """The box round boxes; None where there are none."""
    if not boxes:
        return None
    x0, y0 = min(b.x for b in boxes), min(b.y for b in boxes)
    x1, y1 = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return BoxMm(x0, y0, x1 - x0, y1 - y0)


def _motif_feature(box: BoxMm, boxes: dict[str, BoxMm]) -> str:
    """OP where a motif lies over the portrait, OM over the zone, IS elsewhere."""
    for name, feature in (("portrait", "OP"), ("zone", "OM")):
        other = boxes.get(name)
        if other is None:
            continue
        width = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
        height = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
        if min(width, height) > 0 and width * height > 0.6 * box.width * box.height:
            return feature
    return "IS"


def _fibre_candidates(learned: Learned, page: BoxMm) -> list[RoutineSpec]:
    """One check a colour of fibre that every capture has."""
    if "uv" not in learned.reference.linear or learned.reference.linear["uv"].shape[2] != 3:
        return []
    found = [fibre_blobs(material) for material in learned.materials]
    colours = np.concatenate(found) if found else np.zeros((0, 3), dtype=np.float32)
    made = []
    for number in range(1, 4):
        if len(colours) < 3 * len(found):
            break
        unit = colours / np.maximum(np.linalg.norm(colours, axis=1, keepdims=True), 1e-6)
        near = unit @ unit.T > math.cos(math.radians(14))
        centre = int(near.sum(axis=1).argmax())
        members = near[centre]
        if members.sum() < 3 * len(found):
            break
        mean = np.median(colours[members], axis=0)
        colour = tuple(round(float(v), 3) for v in mean / max(float(mean.max()), 1e-6))
        made.append(_spec(f"fibres{number}", "UV-LU-FI", "fibres", page, colour=colour))
        colours = colours[~members]
    return made


def range_of(spec: RoutineSpec, values: Sequence[float]) -> tuple[float | None, float | None, float, float]:
    """Expected range, centre and spread from measured values.

    The spread is the larger of standard deviation and scaled median deviation: with few captures either may be blind.
    """
    found = np.asarray(values, dtype=np.float64)
    kind = MEASURES[spec.measure]
    centre = float(np.median(found))
    mad = 1.4826 * float(np.median(np.abs(found - centre)))
    spread = max(float(found.std(ddof=1)), mad)
    reach = _REACH * math.hypot(spread, floor_of(spec.measure, centre)) * math.sqrt(1 + 1 / len(found))
    low = centre - reach if kind.side in ("both", "low") else None
    high = centre + reach if kind.side in ("both", "high") else None
    return low, high, centre, spread


#: Lower bounds below which a measurement says nothing any more, and upper bounds above which it does not.
_LEAST_USEFUL: dict[MeasureKind, float] = {
    "structure": 0.12,
    "shape": 0.12,
    "detail": 0.2,
    "fine": 0.12,
    "luminescence": 0.15,
    "contrast": 0.15,
    "continuity": -0.2,
    "fibres": 0.5,
    "stroke": 0.1,
    "overlay": 0.12,  # where nothing crosses the portrait it is below a tenth
}
_MOST_USEFUL: dict[MeasureKind, float] = {
    "absence": 0.75,
    "paper": 0.8,
    "colour": 60.0,
    "field_ink": 0.6,
    "letter_ink": 0.8,
    "field_depth": 0.4,
    "field_width": 0.4,
    "field_edge": 0.4,
    "field_ground": 0.4,
    "field_tinge": 0.3,
    "field_lines": 0.9,
    "field_glow": 0.6,
    "place": 1.5,
    "border": 1.8,
}


def _informative(spec: RoutineSpec, low: float | None, high: float | None, centre: float) -> bool:
    """Whether a forged document could fall outside, and the measurement means what its name says."""
    kind = spec.measure
    if kind in _LEAST_USEFUL:
        return low is not None and low > _LEAST_USEFUL[kind]
    if kind in _MOST_USEFUL:
        return high is not None and high < _MOST_USEFUL[kind] and (kind != "absence" or centre < 0.4)
    return True


def _named_by_centre(spec: RoutineSpec, centre: float) -> str:
    """Personal print that fades in infrared is TR, not AB, where the catalogue has both."""
    if spec.measure == "ink" and centre < 0.45 and spec.routine in ("IR-AB-ID", "IR-AB-PH", "IR-AB-SP"):
        return spec.routine.replace("-AB-", "-TR-")
    return spec.routine


def learn_ranges(specs: Sequence[RoutineSpec], materials: Sequence[Material]) -> dict[int, list[float]]:
    """What each specification measures in each capture, by its index; captures without a value are left out."""
    values: dict[int, list[float]] = {index: [] for index in range(len(specs))}
    for material in materials:
        for index, spec in enumerate(specs):
            if material.page_px_per_mm * 25.4 < MEASURES[spec.measure].min_dpi:
                continue
            found = measure(spec, material)
            if found.value is not None:
                values[index].append(found.value)
    return values


def propose(learned: Learned, regions: Sequence[RegionData]) -> Proposal:
    """Regions and checks of a side.

    Args:
        learned: from at least five captures, with what is personal.
        regions: as ``find_regions`` gives them.

    Returns:
        The proposal; every check's range is learned.
    """
    specs = _candidates(learned, regions)
    values = learn_ranges(specs, list(leave_one_out(learned)))
    checks: list[CheckData] = []
    for index, spec in enumerate(specs):
        found = values[index]
        if len(found) < max(3, _LEAST_VALUES * len(learned.materials)):
            continue
        low, high, centre, spread = range_of(spec, found)
        if not _informative(spec, low, high, centre):
            continue
        checks.append(_check(spec, _named_by_centre(spec, centre), len(found), (low, high, centre, spread)))
    return Proposal(tuple(regions), tuple(_unique(checks)), _composites(checks))


def _check(
    spec: RoutineSpec, routine: str, captures: int, learned: tuple[float | None, float | None, float, float]
) -> CheckData:
    low, high, centre, spread = learned
    return CheckData(
        name=spec.name,
        routine=routine,
        measure=spec.measure,
        box_mm=_box(spec.box_mm),
        source="learned",
        low=None if low is None else round(low, 4),
        high=None if high is None else round(high, 4),
        centre=round(centre, 4),
        spread=round(spread, 4),
        captures=captures,
        against=spec.against,
        colour=spec.colour,
        counts=spec.measure not in _LOGGED_ONLY,
    )


def _unique(checks: list[CheckData]) -> list[CheckData]:
    """Names are unique in a side: where two routines look at one region, the light is added."""
    seen: dict[str, int] = {}
    made = []
    for check in checks:
        seen[check.name] = seen.get(check.name, 0) + 1
        if seen[check.name] > 1:
            prefix = check.routine.replace("-", "").lower()
            check = check.model_copy(update={"name": f"{check.name}_{prefix}"[:32]})
        made.append(check)
    return made


def _composites(checks: Sequence[CheckData]) -> tuple[CompositeData, ...]:
    """The split the standard names: print seen in visible light and gone in infrared, beside print that stays."""
    by_routine = {(check.routine, check.measure): check.name for check in _unique(list(checks))}
    parts = [by_routine.get(("IR-TR-IS", "absence")), by_routine.get(("IR-AB-IS", "contrast"))]
    found = [part for part in parts if part is not None]
    return (CompositeData(name="split", checks=found),) if len(found) == 2 else ()
