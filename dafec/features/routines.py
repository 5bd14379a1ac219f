"""The routines of Doc 9303-2 Appendix C: what they are called, what they measure, and how a measurement is judged.

A routine is a triple ``(light, property, feature)``, written ``IR-AB-MR``. The catalogue lists 48 (one twice, so 47
names); a feature ``AF`` may stand in any light with any property. A series' data name a routine, a place and what was
learned there; a few measurements (``dafec.features.routines_measure``) serve all of them:

=================  ======  ==================================================================================
measure            unit    what it says
=================  ======  ==================================================================================
structure          share   print agrees with the series' print in place and form (median correlation of cells)
contrast           share   how strong the series' print is, against the enrolled captures
absence            share   how much of the contrast print has in one light is left in another
continuity         share   agreement of the worst place: erased or pasted background
fine               share   agreement of line work at full resolution
luminescence       share   how strongly the series' motif glows
shape              share   the glowing motif agrees in place and form
detail             share   how much of the motif's fine lines is there, against how strongly it glows
colour             deg     angle between its colour and the enrolled one
paper              share   brightness of the paper under the lamp, of full scale
paper_rise         share   the same above the paper of the rest of the page
ink                share   how much of their visible contrast personal strokes keep in infrared
stroke             share   contrast of personal strokes
screen             dB      strongest spatial frequency above its surroundings: the screen of a print process
grain              ratio   unevenness at 1 to 3 cycles a millimetre, against the series' own line work
fibres             count   luminescent fibres of one colour outside all motifs
mark               share   agreement with a known counterfeit's mark
field_ink          share    the text whose share of infrared departs most from the page's other texts
field_depth        share   the same of how dark its strokes are
field_width        share   the same of how broad they are
field_edge         share   the same of how sharp they are
field_ground       share   the same of the brightness between its letters, against that round it
field_tinge        share   the same of its colour, red against blue
field_glow         share   the same of its brightness under the lamp
field_lines        share   the same of the series' background print
letter_ink         share   the letter whose share of infrared departs most from its neighbours
place              mm      how far personal print lies from where the series has it
overlay            share   strength of fine print across the portrait, against that round it
border             ratio   a line of light along a side of the portrait under the lamp
picture_level      ratio   lightest tenth of the portrait under the lamp, against the paper round it
=================  ======  ==================================================================================

**Judgement.** Enrolment learns a centre and a spread from captures that were left out of the reference in turn. A value
in the expected range passes; beyond it by less than ``_MARGIN`` of the half range it is ``undetermined``; farther away
it fails. An *inverted* routine asserts that a known counterfeit's mark is absent: its range is where no mark is.

**Likelihood ratio** (calibration ``enrolled``). Genuine documents follow a Student-t about the learned centre with as
many degrees of freedom as captures less one, which has the heavy tails that few captures leave open; forged ones are
taken to fall anywhere in the measure's plausible width. The ratio of both densities is cut to
``LLR_LIMITS``: a series of ten captures cannot vouch for more. A range that was stated, not learned, has fixed ratios.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dafec.features.contract import Outcome
from dafec.geometry import BoxMm
from dafec.lights import Light

__all__ = [
    "CALIBRATION",
    "COMPOSITES",
    "LLR_LIMITS",
    "MEASURES",
    "ROUTINES",
    "Judgement",
    "Measure",
    "MeasureKind",
    "RoutineSpec",
    "floor_of",
    "judge",
    "light_of",
    "parts_of",
]

MeasureKind = Literal[
    "structure",
    "contrast",
    "absence",
    "continuity",
    "fine",
    "luminescence",
    "shape",
    "detail",
    "colour",
    "paper",
    "paper_rise",
    "ink",
    "stroke",
    "screen",
    "grain",
    "fibres",
    "mark",
    "field_ink",
    "field_depth",
    "field_width",
    "field_edge",
    "field_ground",
    "field_tinge",
    "field_glow",
    "field_lines",
    "letter_ink",
    "place",
    "overlay",
    "border",
    "picture_level",
]

#: The catalogue, in the order of Doc 9303-2 Appendix C: material, printing, personalisation.
ROUTINES: tuple[str, ...] = tuple(
    [
        "IR-AB-PS",
        "IR-AB-TH",
        "IR-AB-WM",
        "UV-BR-FU",
        "UV-BR-MR",
        "UV-BR-PH",
        "UV-BR-VZ",
        "UV-LU-FI",
        "UV-LU-PS",
        "UV-LU-TH",
        "VI-TR-TH",
        "VI-AB-PS",
        "IR-AB-IS",
        "IR-TL-IS",
        "IR-TR-IS",
        "UV-LU-IS",
        "UV-LU-OM",
        "UV-LU-OP",
        "VI-AB-IS",
        "VI-TR-IS",
        "IR-AB-ID",
        "IR-AB-MR",
        "IR-AB-CA",
        "IR-AB-BC",
        "IR-AB-PD",
        "IR-AB-PH",
        "IR-FR-PH",
        "IR-AB-SP",
        "IR-TR-SP",
        "IR-TR-ID",
        "IR-TR-PH",
        "UV-FR-PH",
        "UV-LU-SP",
        "UV-LU-BC",
        "UV-LU-ID",
        "UV-LU-PD",
        "VI-AB-ID",
        "VI-AB-MR",
        "VI-AB-CA",
        "VI-AB-BC",
        "VI-TR-BC",
        "VI-AB-PD",
        "VI-AB-PH",
        "VI-AB-SP",
        "VI-TR-SP",
        "VI-FR-PH",
        "VI-TR-ID",
    ]
)

#: Composites the standard names: all parts hold, and one of them may lie slightly outside (Appendix C.3).
COMPOSITES: tuple[tuple[str, ...], ...] = (
    ("IR-AB-TH", "VI-TR-TH"),
    ("IR-TR-IS", "IR-AB-IS"),
    ("IR-TR-IS", "VI-AB-IS"),
    ("IR-TR-ID", "VI-AB-ID"),
    ("IR-TR-SP", "VI-AB-SP"),
    ("VI-TR-BC", "IR-AB-BC"),
    ("IR-TR-IS", "VI-AB-IS", "IR-AB-ID"),
)

CALIBRATION = "enrolled"
LLR_LIMITS = (-0.5, 4.0)
_LIGHTS: dict[str, Light] = {"VI": "visible", "IR": "ir", "UV": "uv"}
_PROPERTIES = ("AB", "BR", "FR", "LU", "TL", "TR")
_MARGIN = 0.12  # of the distance from the centre to the bound that was crossed
_STATED_LLR = {"passed": -0.2, "failed": 2.0}


@dataclass(frozen=True, slots=True)
class Measure:
    """What a kind of measurement yields and how it may be judged."""

    unit: str
    width: float  # over which values of forged documents are taken to be spread evenly
    floor: float  # least spread that is believed, one sigma: other scanners, wear, placement
    side: Literal["both", "low", "high"]  # where a deviation counts against the document
    min_dpi: float = 100.0


#: Floors come from what held-out captures by other scanners showed on synthetic series (``benchmarks``), not from the
#: captures of one enrolment: ten captures by one reader know nothing of the next reader.
MEASURES: dict[MeasureKind, Measure] = {
    "structure": Measure("share", 1.0, 0.05, "low"),
    "contrast": Measure("share", 1.5, 0.12, "both"),
    "absence": Measure("share", 1.2, 0.07, "high"),
    "continuity": Measure("share", 1.2, 0.10, "low", 150.0),
    "fine": Measure("share", 1.0, 0.06, "low", 250.0),
    "luminescence": Measure("share", 2.0, 0.15, "low"),
    "shape": Measure("share", 1.0, 0.06, "low"),
    "detail": Measure("share", 1.2, 0.06, "low", 150.0),
    "colour": Measure("deg", 60.0, 4.0, "high"),
    "paper": Measure("share", 1.0, 0.05, "high", 60.0),
    "paper_rise": Measure("share", 0.8, 0.025, "both", 60.0),
    "ink": Measure("share", 1.2, 0.10, "both", 150.0),
    "stroke": Measure("share", 1.0, 0.08, "low", 150.0),
    "screen": Measure("dB", 30.0, 2.5, "high", 280.0),
    "grain": Measure("ratio", 2.0, 0.06, "both", 280.0),
    "fibres": Measure("count", 40.0, 2.0, "both", 200.0),
    "mark": Measure("share", 1.0, 0.12, "high"),
    "field_ink": Measure("share", 1.0, 0.02, "high", 250.0),
    "field_depth": Measure("share", 1.0, 0.02, "high", 250.0),
    "field_width": Measure("share", 1.0, 0.02, "high", 250.0),
    "field_edge": Measure("share", 1.0, 0.02, "high", 250.0),
    "field_ground": Measure("share", 1.0, 0.03, "high", 150.0),
    "field_tinge": Measure("share", 1.0, 0.015, "high", 150.0),
    "field_glow": Measure("share", 1.0, 0.05, "high", 150.0),
    "field_lines": Measure("share", 1.5, 0.12, "high", 150.0),
    "letter_ink": Measure("share", 1.0, 0.08, "high", 250.0),
    "place": Measure("mm", 3.0, 0.10, "high", 150.0),
    "overlay": Measure("share", 1.2, 0.05, "low", 150.0),
    "border": Measure("ratio", 3.0, 0.03, "high", 150.0),
    "picture_level": Measure("ratio", 1.5, 0.05, "both", 100.0),
}


_INK_SHARE = 0.15  # readers see 0.75 to 1.45 of one and the same carbon black; ink that vanishes must stay below


def floor_of(measure: MeasureKind, centre: float) -> float:
    """The least spread that is believed of a value, one sigma.

    Args:
        measure: kind of measurement.
        centre: what was learned.

    Returns:
        The measure's floor; what readers add to a share of ink grows with it, a count of fibres is Poisson's.
    """
    floor = MEASURES[measure].floor
    if measure == "ink":
        return max(floor, _INK_SHARE * centre)
    return max(floor, math.sqrt(max(centre, 1.0))) if measure == "fibres" else floor


@dataclass(frozen=True, slots=True)
class RoutineSpec:
    """One check a series wants."""

    name: str  # unique in its series; behind the routine it makes the check's id: ``IR-TR-IS-emblem``
    routine: str  # "IR-TR-IS"
    measure: MeasureKind
    box_mm: BoxMm  # on the side's reference
    low: float | None  # of the expected range; None is open
    high: float | None
    centre: float | None = None  # learned; None where the range was stated
    spread: float | None = None
    captures: int = 0  # it was learned from
    against: Light | None = None  # the light the template is taken from; the routine's own where None
    colour: tuple[float, float, float] | None = None  # of fibres, linear R, G, B with the largest 1
    inverted: bool = False
    counts: bool = True  # False: runs and is logged, and does not count

    @property
    def id(self) -> str:
        """Of the check in a report."""
        return f"{self.routine}-{self.name}"

    @property
    def light(self) -> Light:
        """The light the routine looks at."""
        return light_of(self.routine)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a value means."""

    outcome: Outcome  # passed, failed or undetermined
    llr: float
    slight: bool = False  # outside, and by less than the margin


def parts_of(routine: str) -> tuple[str, str, str]:
    """Light, property and feature of a routine.

    Raises:
        ValueError: the routine is not one of the catalogue, nor an additional feature in a known light and property.
    """
    parts = routine.split("-")
    if len(parts) != 3 or parts[0] not in _LIGHTS or parts[1] not in _PROPERTIES:
        raise ValueError(f"{routine} is no routine")
    if parts[2] != "AF" and routine not in ROUTINES:
        raise ValueError(f"{routine} is no routine of the catalogue")
    return parts[0], parts[1], parts[2]


def light_of(routine: str) -> Light:
    """The light a routine looks at."""
    return _LIGHTS[routine.split("-")[0]]


def _student_density(z: float, dof: int) -> float:
    gamma = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    return math.exp(gamma - (dof + 1) / 2 * math.log1p(z * z / dof))


def _ratio(value: float, spec: RoutineSpec) -> float:
    """Natural-log likelihood ratio of a value, cut to ``LLR_LIMITS``."""
    if spec.centre is None or spec.spread is None or spec.captures < 3:
        return 0.0
    measure = MEASURES[spec.measure]
    away = value - spec.centre
    if (measure.side == "low" and away > 0) or (measure.side == "high" and away < 0):
        away = 0.0
    scale = max(spec.spread, floor_of(spec.measure, spec.centre)) * math.sqrt(1 + 1 / spec.captures)
    genuine = _student_density(away / scale, spec.captures - 1) / scale
    return float(min(max(math.log(1 / measure.width / genuine), LLR_LIMITS[0]), LLR_LIMITS[1]))


def judge(value: float, spec: RoutineSpec) -> Judgement:
    """Outcome and likelihood ratio of a measured value.

    Args:
        value: as measured, finite.
        spec: with the expected range and what was learned.

    Returns:
        The judgement; a failure never has a negative ratio, a pass never a positive one.
    """
    low = -math.inf if spec.low is None else spec.low
    high = math.inf if spec.high is None else spec.high
    if low <= value <= high:
        llr = _STATED_LLR["passed"] if spec.centre is None else min(_ratio(value, spec), 0.0)
        return Judgement("passed", llr)
    bound = low if value < low else high
    middle = spec.centre if spec.centre is not None else (low + high) / 2 if math.isfinite(low + high) else bound - 1.0
    outside = abs(value - bound)
    if outside < _MARGIN * abs(bound - middle):
        return Judgement("undetermined", 0.0, slight=True)
    llr = _STATED_LLR["failed"] if spec.centre is None else max(_ratio(value, spec), 0.5)
    return Judgement("failed", llr)
