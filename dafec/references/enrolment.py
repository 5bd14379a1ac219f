"""Enrolment: a series is learned, approved by a second person, recalibrated, given a known counterfeit's mark, retired.

Every step writes the series' folder anew, raises its version and adds a change note. A new or changed series is
``silent``: its checks run and are logged and do not count, until somebody other than who changed it approves.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec import __version__
from dafec.errors import InputError, UsageError
from dafec.features.routines_material import REFERENCE_PX_PER_MM, FloatImage, Reference, box_slice
from dafec.geometry import FORMAT_SIZE_MM, BoxMm, DocumentFormat
from dafec.lights import Light
from dafec.page import Page
from dafec.references.aligning import agreement_of, align_page, plain_material, turned_page
from dafec.references.learning import Learned, learn_side
from dafec.references.learning_personal import learn_personal
from dafec.references.numbers import learn_rule
from dafec.references.proposing import find_regions, learn_ranges, propose, range_of
from dafec.references.samples import MIN_SAMPLES, Sample, format_of, refuse_unfit
from dafec.references.series import (
    FILE_NAME,
    SCHEMA,
    Change,
    CheckData,
    Deviation,
    Identity,
    RegionData,
    Series,
    SideData,
    SideName,
    read_series,
    series_text,
    write_series,
)
from dafec.references.sheets import draw_sheets
from dafec.references.statistics import pack_side, read_side

__all__ = [
    "Enrolled",
    "add_counterfeit",
    "approve",
    "deviations_of",
    "enrol",
    "recalibrate",
    "replace_folder",
    "retire",
]

_MATCH_SHARE, _MATCH_LIMITS = 0.55, (0.25, 0.5)
_MARK_HIGH = 0.5  # correlation with a counterfeit's mark; other documents stay within 0.2 of zero
_MARK_LEAST_MM2 = 4.0
_MARK_SIGMAS = 4.0
_MARK_CLEAR_MM = 1.5  # from personal print, whose letters differ in any two documents
_MARK_ROUTINES: dict[Light, str] = {"visible": "VI-AB-AF", "ir": "IR-AB-AF", "uv": "UV-LU-AF"}
_PORTRAIT_BLUR_MM = 4.0
_SEEN_BY_INFRARED = 0.5  # share of visible absorbance; IR-AB-MR asks for a contrast of 0.55


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment made."""

    series: Series
    folder: Path
    sheets: tuple[Path, ...]  # pictures of the proposal
    dropped_lights: tuple[Light, ...]  # captured by some, not by all


def enrol(code: str, samples: Sequence[Sample], library: Path, by: str, today: date, note: str = "") -> Enrolled:
    """Learn a new series.

    Args:
        code: ``UTO-P-1-2020``.
        samples: 5 to 20 captured documents of it, each of another holder.
        library: folder the series' folder is made in.
        by: who enrols; somebody else approves.
        today: date of the change note.
        note: what this series is.

    Returns:
        What was made; the series is silent.

    Raises:
        InputError: ``enrol.*``, ``series.*``: why it cannot be learned.
        UsageError: ``enrol.exists``.
    """
    identity = Identity.from_code(code)
    if (library / code / FILE_NAME).exists():
        raise UsageError("enrol.exists", series=code)
    refuse_unfit(samples, identity)
    fmt = format_of(samples)
    sides: list[SideData] = []
    files: dict[str, bytes] = {}
    for name in _common_sides(samples):
        learned = _learn(samples, name, fmt)
        regions = find_regions(learned)
        learned = learn_personal(learned, regions)
        proposal = propose(learned, regions)
        packed = pack_side(_without_faces(learned.reference, proposal.regions), name)
        files |= {**packed, **draw_sheets(learned.reference, proposal, name)}
        sides.append(
            SideData(
                name=name,
                width_mm=learned.reference.width_mm,
                height_mm=learned.reference.height_mm,
                files={file: hashlib.sha256(data).hexdigest() for file, data in packed.items()},
                match_low=_match_low(learned),
                regions=list(proposal.regions),
                checks=list(proposal.checks),
                composites=list(proposal.composites),
            )
        )
    series = Series(
        schema=SCHEMA,
        identity=identity,
        version=1,
        format=fmt,
        state="silent",
        enrolled_by=by,
        software=__version__,
        captures=len(samples),
        expiry_years=_expiry_years(samples),
        number=learn_rule([n for n in (_number(sample) for sample in samples) if n]),
        note=note,
        deviations=deviations_of(sides),
        changes=[Change(version=1, date=today.isoformat(), by=by, note=f"enrolled from {len(samples)} captures")],
        sides=sides,
    )
    folder = library / code
    replace_folder(folder, files, series)
    sheets = tuple(folder / file for file in files if file.startswith("proposal."))
    return Enrolled(series, folder, sheets, _dropped(samples, files))


def _learn(samples: Sequence[Sample], name: SideName, fmt: DocumentFormat) -> Learned:
    pages = [sample.sides[name].page for sample in samples]
    width_mm, height_mm = FORMAT_SIZE_MM[fmt]
    if name == "other":
        pages = _one_way_up(pages, width_mm, height_mm)
    return learn_side(pages, [sample.name for sample in samples], width_mm, height_mm)


def _one_way_up(pages: Sequence[Page], width_mm: float, height_mm: float) -> list[Page]:
    """Sides without a zone turned as the first lies; which way that is, the enroller sees on the sheet."""
    plain, _ = plain_material(pages[0], width_mm, height_mm)
    shape = next(iter(plain.values())).shape[:2]
    zero = np.zeros(shape, dtype=np.float32)
    first = Reference(width_mm, height_mm, plain, dict.fromkeys(plain, zero), np.zeros(shape, dtype=bool))
    chosen = []
    for page in pages:
        ways = (page, turned_page(page))
        scores = [agreement_of(align_page(way, first, lights=())).score for way in ways]
        chosen.append(ways[int(np.argmax(scores))])
    return chosen


def _common_sides(samples: Sequence[Sample]) -> list[SideName]:
    names: tuple[SideName, ...] = ("data", "other")
    return [name for name in names if all(name in sample.sides for sample in samples)]


def _dropped(samples: Sequence[Sample], files: Mapping[str, bytes]) -> tuple[Light, ...]:
    seen = {light for sample in samples for side in sample.sides.values() for light in side.page.images}
    return tuple(sorted(light for light in seen if not any(f".{light}.png" in file for file in files)))


def _expiry_years(samples: Sequence[Sample]) -> tuple[int, int] | None:
    texts = [sample.parse.fields.get("expiry_date") or "" for sample in samples if sample.parse is not None]
    years = [int(text[:4]) for text in texts if text[:4].isdigit()]
    return (min(years), max(years)) if years else None


def _number(sample: Sample) -> str | None:
    return sample.parse.fields.get("document_number") if sample.parse is not None else None


def deviations_of(sides: Sequence[SideData]) -> list[Deviation]:
    """What the captures show the issuer to do against Doc 9303.

    A zone whose ink infrared does not see fails IR-AB-MR on every document. The series' own check of that ink, which
    has a range to both sides, stands in for it.
    """
    zones = [check for side in sides for check in side.checks if check.measure == "ink" and check.routine == "IR-AB-MR"]
    if not zones or not all((check.centre or 0.0) + 2 * (check.spread or 0.0) < _SEEN_BY_INFRARED for check in zones):
        return []
    note = "the ink of the machine-readable zone is not seen in infrared"
    return [Deviation(note=note, source="enrolled captures", checks=["IR-AB-MR"])]


def _match_low(learned: Learned) -> float:
    usual = float(np.median(learned.agreements))
    return round(float(np.clip(_MATCH_SHARE * usual, *_MATCH_LIMITS)), 3)


def _without_faces(reference: Reference, regions: Sequence[RegionData]) -> Reference:
    """The reference with portraits smoothed away: a blend of holders is nobody, and still no picture to keep."""
    linear = dict(reference.linear)
    for region in regions:
        if region.kind != "portrait":
            continue
        at = box_slice(BoxMm(*region.box_mm), reference.shape)
        for light in linear:
            if light == "uv":
                continue
            image = linear[light].copy()
            blurred = cv2.GaussianBlur(image, (0, 0), _PORTRAIT_BLUR_MM * REFERENCE_PX_PER_MM)
            image[at] = (blurred if blurred.ndim == 3 else blurred[:, :, None])[at]
            linear[light] = image
    return replace(reference, linear=linear)


def _changed(series: Series, by: str, today: date, note: str, **update: object) -> Series:
    """The next version, silent unless ``update`` says otherwise."""
    version = series.version + 1
    changes = [*series.changes, Change(version=version, date=today.isoformat(), by=by, note=note)]
    fields = {"state": "silent", "approved_by": None, **update}
    made = series.model_copy(update={"version": version, "changes": changes, **fields})
    return Series.model_validate(made.model_dump(by_alias=True))


def approve(library: Path, code: str, by: str, today: date) -> Series:
    """Let a silent series count.

    Raises:
        UsageError: ``enrol.same_person``: who enrolled or changed it last may not approve it;
            ``enrol.approved_already``: nothing is left to approve.
        InputError: the series is not there or cannot be read.
    """
    series = _read(library, code)
    if not by.strip() or by.strip().casefold() in {
        series.enrolled_by.strip().casefold(),
        series.changes[-1].by.strip().casefold(),
    }:
        raise UsageError("enrol.same_person", series=code, name=by.strip() or "–")
    if series.state == "approved":
        raise UsageError("enrol.approved_already", series=code, name=series.approved_by or "–")
    made = _changed(series, by, today, "approved", state="approved", approved_by=by)
    write_series(made, library / code)
    return made


def retire(library: Path, code: str, by: str, today: date) -> Series:
    """Take a series out of use; its folder stays."""
    series = _read(library, code)
    made = _changed(series, by, today, "retired", state="retired", approved_by=series.approved_by)
    write_series(made, library / code)
    return made


def _read(library: Path, code: str) -> Series:
    Identity.from_code(code)
    if not (library / code / FILE_NAME).is_file():
        raise InputError("library.no_such_series", series=code)
    return read_series(library / code)


def recalibrate(library: Path, code: str, samples: Sequence[Sample], by: str, today: date) -> Series:
    """Learn the ranges of a series' checks again from a site's own captures, its reference unchanged.

    A site's reader gives other figures than the one the series was learned with. Old and new captures are pooled: the
    new centre is their mean by number, and the spread holds both spreads and the distance of the centres.

    Raises:
        InputError: ``enrol.*``; ``enrol.not_alike`` for captures that are not of this series.
    """
    series = _read(library, code)
    refuse_unfit(samples, series.identity)
    if format_of(samples) != series.format:
        raise InputError("enrol.mixed_formats", file=samples[0].name, found=format_of(samples), expected=series.format)
    sides = []
    for side in series.sides:
        pages = [(sample.name, sample.sides[side.name].page) for sample in samples if side.name in sample.sides]
        if len(pages) < MIN_SAMPLES:
            sides.append(side)
            continue
        reference = read_side(library / code, side)
        materials = [align_page(page, reference) for _, page in pages]
        for (name, _), material in zip(pages, materials, strict=True):
            if not next(iter(material.aligned.values()), False):
                raise InputError("enrol.not_alike", file=name)
        specs = [check.spec() for check in side.checks]
        values = learn_ranges(specs, materials)
        checks = [_pooled(check, values[index]) for index, check in enumerate(side.checks)]
        sides.append(side.model_copy(update={"checks": checks}))
    made = _changed(series, by, today, f"recalibrated with {len(samples)} captures", sides=sides)
    write_series(made, library / code)
    return made


def _pooled(check: CheckData, values: Sequence[float]) -> CheckData:
    if check.source != "learned" or check.centre is None or check.spread is None or len(values) < 3:
        return check
    spec = check.spec()
    _, _, centre, spread = range_of(spec, values)
    old, new = check.captures, len(values)
    middle = (old * check.centre + new * centre) / (old + new)
    variance = (old * check.spread**2 + new * spread**2) / (old + new)
    variance += old * new / (old + new) ** 2 * (check.centre - centre) ** 2
    half = float(np.sqrt(variance))
    # Two values with this mean and deviation give the range the same rule would give the pooled values.
    low, high, _, _ = range_of(spec, [middle - half * 0.7071, middle + half * 0.7071] * ((old + new) // 2))
    return check.model_copy(
        update={
            "low": None if check.low is None or low is None else round(low, 4),
            "high": None if check.high is None or high is None else round(high, 4),
            "centre": round(middle, 4),
            "spread": round(half, 4),
            "captures": old + new,
        }
    )


def add_counterfeit(library: Path, code: str, name: str, samples: Sequence[Sample], by: str, today: date) -> Series:
    """Add the mark of a known counterfeit: inverted checks, one a light in which it differs.

    Args:
        library: folder.
        code: series that is imitated.
        name: of the counterfeit, ``[a-z][a-z0-9_]*``.
        samples: 2 to 20 captures of it.
        by: who.
        today: date of the change note.

    Raises:
        InputError: ``enrol.too_few``, ``enrol.not_alike``, ``enrol.no_mark``.
    """
    series = _read(library, code)
    if not len(samples) >= 2:
        raise InputError("enrol.too_few", found=len(samples), least=2)
    side = series.sides[0]
    reference = read_side(library / code, side)
    materials = [align_page(sample.sides["data"].page, reference) for sample in samples]
    for sample, material in zip(samples, materials, strict=True):
        if not next(iter(material.aligned.values()), False):
            raise InputError("enrol.not_alike", file=sample.name)
    checks, marks = list(side.checks), dict(reference.marks)
    clear = _impersonal(reference, side.regions)
    for light, routine in _MARK_ROUTINES.items():
        if light not in reference.linear:
            continue
        known = reference.grey[light]
        views = [m.grey[light] - known for m in materials if light in m.view]
        found = _mark(np.stack(views), reference, light, clear) if len(views) >= 2 else None
        if found is None:
            continue
        box, mark = found
        check = CheckData(
            name=f"{name}_{light}"[:32],
            routine=routine,
            measure="mark",
            box_mm=(round(box.x, 2), round(box.y, 2), round(box.width, 2), round(box.height, 2)),
            source="stated",
            high=_MARK_HIGH,
            inverted=True,
            note=f"mark of counterfeit {name}",
        )
        checks = [old for old in checks if old.name != check.name] + [check]
        marks[check.name] = {light: mark}
    if len(marks) == len(reference.marks):
        raise InputError("enrol.no_mark", series=code)
    packed = pack_side(replace(reference, marks=marks), side.name)
    sides = [
        side.model_copy(
            update={"checks": checks, "files": {f: hashlib.sha256(d).hexdigest() for f, d in packed.items()}}
        ),
        *series.sides[1:],
    ]
    made = _changed(series, by, today, f"counterfeit {name} from {len(samples)} captures", sides=sides)
    replace_folder(library / code, packed, made)
    return made


def replace_folder(folder: Path, files: Mapping[str, bytes], series: Series) -> None:
    """A series' folder with these files in it, new or in place of the old ones, complete or not at all.

    Raises:
        InputError: ``series.unwritable``.
    """
    fresh, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        if folder.exists():
            shutil.copytree(folder, fresh)
        else:
            fresh.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        (fresh / FILE_NAME).write_text(series_text(series), encoding="utf-8")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError("series.unwritable", series=series.code) from error


def _impersonal(reference: Reference, regions: Sequence[RegionData]) -> NDArray[np.bool_]:
    """(h, w): away from everything personal, where any two documents differ; portraits blend out at their edges."""
    reach = round(2 * _MARK_CLEAR_MM * REFERENCE_PX_PER_MM) | 1
    personal = cv2.dilate(reference.personal.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    for region in regions:
        if region.kind in ("portrait", "text", "mrz"):
            margin = _PORTRAIT_BLUR_MM if region.kind == "portrait" else _MARK_CLEAR_MM
            x, y, width, height = region.box_mm
            box = BoxMm(x - margin, y - margin, width + 2 * margin, height + 2 * margin)
            personal[box_slice(box, reference.shape)] = True
    return np.asarray(~personal)


def _mark(
    views: FloatImage, reference: Reference, light: Light, clear: NDArray[np.bool_]
) -> tuple[BoxMm, FloatImage] | None:
    """The place where all counterfeits differ from the series in the same way, and how."""
    middle = np.median(views, axis=0)
    noise = np.maximum(reference.spread[light], 0.004 if light == "uv" else 0.03)
    agreed = (np.sign(views) == np.sign(middle)).all(axis=0)
    strong = (np.abs(middle) > _MARK_SIGMAS * noise) & agreed & clear & (reference.weight[light] > 0)
    strong = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    size = round(1.5 * REFERENCE_PX_PER_MM) | 1
    joined = cv2.morphologyEx(strong.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    large = [n for n in range(1, count) if stats[n][4] >= _MARK_LEAST_MM2 * REFERENCE_PX_PER_MM**2]
    if not large:
        return None
    strengths = [float(np.abs(middle[(labels == n) & strong]).sum()) for n in large]
    x, y, width, height, _ = (int(v) for v in stats[large[int(np.argmax(strengths))]])
    box = BoxMm(*(v / REFERENCE_PX_PER_MM for v in (x, y, width, height)))
    at = box_slice(BoxMm(*(round(v, 2) for v in (box.x, box.y, box.width, box.height))), reference.shape)
    return box, np.asarray(middle[at], dtype=np.float32)
