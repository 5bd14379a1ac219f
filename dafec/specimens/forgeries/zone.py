"""The machine-readable zone altered on a genuine document (F4): characters, a field, a line, both zones.

What betrays it: check digits, disagreement with the visual zone, ink in infrared, another face, pitch, baseline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.layouts import layout_of
from dafec.specimens.artwork_fields import field_box, mrz_box
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import (
    altered_value,
    erased,
    rub_out,
    side_of_mrz,
    soft_mask,
    take_away,
    write_over,
)
from dafec.specimens.inks import ink
from dafec.specimens.lettering import Jitter, draw_mrz
from dafec.specimens.model import Artwork, Issue, Plate, Process
from dafec.specimens.series import Series

__all__ = ["ZoneAlteration"]

_STREAM_CHOICE, _STREAM_HAND, _STREAM_ERASE, _STREAM_VISUAL, _STREAM_SET = 81, 82, 83, 84, 85
_PITCH_MM = 2.54
_INKS = ("inkjet_dye_black", "inkjet_pigment_black", "toner_black", "dye_black", "carbon_black", "weak_carbon")
#: Methods that print a whole line anew.
_WHOLE = frozenset({"line_reprinted", "name_changed"})
_FIELDS = ("birth_date", "expiry_date", "number")

Place = tuple[int, int]  # line, column


def _replaced(lines: list[str], line: int, start: int, text: str) -> None:
    lines[line] = lines[line][:start] + text + lines[line][start + len(text) :]


class ZoneAlteration(Forger):
    """F4: the zone says something else."""

    id = "F4"
    local: ClassVar = True
    methods: ClassVar = {
        "character_changed": LIGHTS,
        "field_and_digit_changed": LIGHTS,
        "line_reprinted": LIGHTS,
        "name_changed": LIGHTS,
        "both_zones_changed": LIGHTS,
    }

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a zone; both zones where a text of the visual one can follow."""
        return tuple(self.methods) if side_of_mrz(series) is not None else ()

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Another zone, with its digits recomputed or not."""
        rng = job.rng(_STREAM_CHOICE)
        lines = list(issue.mrz)
        layout = layout_of(issue.format)
        method = job.plan.method
        key = _FIELDS[int(rng.integers(len(_FIELDS)))]
        where = "names" if method == "name_changed" else {"number": "document_number"}.get(key, key)
        line, start, end = layout.fields[where]
        old = lines[line][start:end]
        new = self._value(rng, method, key, old)
        _replaced(lines, line, start, new)
        if method in ("field_and_digit_changed", "line_reprinted", "both_zones_changed") and end < len(lines[line]):
            digit = expected_digit(new)
            if digit is not None and lines[line][end].isdigit():
                _replaced(lines, line, end, digit)
            if method != "line_reprinted" or job.plan.difficulty > 0.5:
                self._composite(issue, lines)
        if job.plan.null:
            lines = list(issue.mrz)
        changed = [(row, at) for row, text in enumerate(lines) for at, c in enumerate(text) if c != issue.mrz[row][at]]
        job.notes.update(places=changed or [(line, start)], lines=lines, key=key, old=old, new=new)
        fields = dict(issue.fields)
        if method == "both_zones_changed" and not job.plan.null and key in fields:
            fields[key] = self._shown(key, fields[key], new)
        return replace(issue, mrz=tuple(lines), fields=fields)

    def _value(self, rng: np.random.Generator, method: str, key: str, old: str) -> str:
        if method == "name_changed":
            return altered_value(rng, "surname", old.rstrip("<")).ljust(len(old), "<")[: len(old)]
        if key == "number":
            return altered_value(rng, "number", old)
        at = int(rng.integers(2))  # a digit of the year
        choices = "0123456789" if at else ("6789" if key == "birth_date" else "23")
        fitting = [c for c in choices if c != old[at]] or ["5"]
        return old[:at] + fitting[int(rng.integers(len(fitting)))] + old[at + 1 :]

    def _shown(self, key: str, shown: str, new: str) -> str:
        """The visual zone's text for the zone's new value."""
        if key == "number":
            return new.rstrip("<")
        digits = [at for at, char in enumerate(shown) if char.isdigit()]
        year_first = len(shown) - digits[-1] > 4 or shown[:4].isdigit()
        places = digits[2:4] if year_first else digits[-2:]
        letters = list(shown)
        letters[places[0]], letters[places[1]] = new[0], new[1]
        return "".join(letters)

    def _composite(self, issue: Issue, lines: list[str]) -> None:
        """The composite digit made right again, where the format has one."""
        layout = layout_of(issue.format)
        if not layout.composite:
            return
        row, at = layout.check["composite"]
        digit = expected_digit("".join(lines[line][column] for line, column in layout.composite))
        _replaced(lines, row, at, digit or lines[row][at])

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Characters, or lines, taken away and printed anew; all else is what the state printed."""
        if job.plan.method == "both_zones_changed" and not job.plan.null:
            artwork = self._visual(job, job.draw(job.genuine, side), side)
        if side != side_of_mrz(job.series):
            return artwork
        box = mrz_box(job.issue.format)
        genuine = {plate.name: plate for plate in job.draw(job.genuine, side).plates if plate.role == "mrz"}
        lines: list[str] = job.notes["lines"]
        if job.plan.null:  # the lines taken away and the same ones printed in the same ink
            return artwork.with_plates(
                tuple(genuine.get(plate.name, plate) if plate.role == "mrz" else plate for plate in artwork.plates)
            )
        rows = sorted({row for row, _ in job.notes["places"]})
        whole = job.plan.method in _WHOLE
        printed = self._printed(job, artwork, side, lines, box)
        made = artwork
        for row in rows:
            columns = [at for line, at in job.notes["places"] if line == row]
            first, last = (0, len(lines[row]) - 1) if whole else (min(columns), max(columns))
            cut = self._cell(artwork, box, lines, row, first, last)
            job.mark(side, f"mrz_{row + 1}", box_polygon(cut, 0.3))
            made = self._exchange(job, made, genuine[f"mrz_{row + 1}"], printed[row], cut)
        return made

    def _cell(self, artwork: Artwork, box: BoxMm, lines: list[str], row: int, first: int, last: int) -> BoxMm:
        """The box of some characters of a line."""
        distance = (box.height - 3.0) / max(len(lines) - 1, 1)
        top = box.y + row * distance
        return BoxMm(box.x + first * _PITCH_MM, top, (last - first + 1) * _PITCH_MM, 3.0)

    def _exchange(self, job: ForgeryJob, artwork: Artwork, old: Plate, new: Plate, cut: BoxMm) -> Artwork:
        """A place of the old line rubbed out, with what lies below it, and the new one's print put there."""
        mask = soft_mask(artwork.grid, cut, 0.0)
        soft = soft_mask(artwork.grid, cut, 0.1, job.rng(_STREAM_ERASE))
        lost = job.better(0.5, 0.08)
        below = ("background", "uv_static", "fibres", "microtext", "overlay")
        kept = take_away(artwork, soft, lambda plate: lost if plate.role in below else 0.0)
        remains = rub_out(old, mask, 1.0 - job.better(0.08, 0.0))
        only = rub_out(new, np.asarray(255 - mask, np.uint8), 1.0)
        stain = Plate("dirt", ink("bleach"), soft, name="erasure")
        plates = [remains if plate.name == old.name and plate.role == "mrz" else plate for plate in kept.plates]
        trace = (stain,) if job.plan.difficulty < 0.8 else ()
        return kept.with_plates((*plates, *trace, only))

    def _printed(self, job: ForgeryJob, artwork: Artwork, side: int, lines: list[str], box: BoxMm) -> tuple[Plate, ...]:
        """All lines as the forger's printer sets them."""
        rng = job.rng(_STREAM_HAND)
        name = _INKS[int(rng.integers(len(_INKS)))]
        process: Process = "inkjet" if "inkjet" in name else ("toner" if "toner" in name else "offset")
        distance = (box.height - 3.0) / max(len(lines) - 1, 1)
        shift = rng.normal(0.0, job.better(0.30, 0.06), 2)
        pitch = _PITCH_MM * (1.0 + float(rng.normal(0.0, job.better(0.012, 0.002))))
        # A few characters are set where they belong; only a whole line can run away from its place.
        first = 0 if job.plan.method in _WHOLE else min(column for _, column in job.notes["places"])
        left = box.x + first * (_PITCH_MM - pitch)
        face = "ocrb" if rng.random() < job.better(0.6, 0.97) else "sans"
        drawings = draw_mrz(
            artwork.grid,
            lines,
            left + float(shift[0]),
            box.y + 0.3 + 2.4 + float(shift[1]),
            pitch_mm=pitch,
            line_distance_mm=distance,
            face=face,
            height_mm=2.4 * (1.0 + float(rng.normal(0.0, job.better(0.05, 0.01)))),
            jitter=Jitter(job.seed(_STREAM_SET), job.better(0.07, 0.01), job.better(0.08, 0.01), 0.2, 0.01),
        )
        return tuple(
            Plate("mrz", ink(name), *drawn, process, f"mrz_{row}") for row, drawn in enumerate(drawings, start=1)
        )

    def _visual(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The same value in the visual zone, where this side has it: by the forger's printer."""
        key = str(job.notes["key"])
        spec = next((one for one in job.series.sides[side].fields if one.key == key), None)
        if spec is None or key not in artwork.boxes_mm:
            return artwork
        old = artwork.boxes_mm[key]
        new = field_box(spec, job.issue.fields[key])
        left, right = min(old.x, new.x), max(old.x + old.width, new.x + new.width)
        job.mark(side, key, box_polygon(BoxMm(left, old.y, right - left, old.height), 0.6))
        rng = job.rng(_STREAM_VISUAL)
        name = _INKS[int(rng.integers(len(_INKS)))]
        process: Process = "inkjet" if "inkjet" in name else ("toner" if "toner" in name else "dye_sublimation")
        shift = rng.normal(0.0, job.better(0.3, 0.06), 2)
        again = write_over(
            artwork.grid,
            spec,
            job.issue.fields[key],
            ink(name),
            process=process,
            shift_mm=(float(shift[0]), float(shift[1])),
        )
        plate = next(one for one in artwork.plates if one.name == key and one.role == spec.role)
        made = erased(
            artwork,
            plate,
            old,
            job.rng(_STREAM_ERASE),
            lost=job.better(0.55, 0.10),
            left=job.better(0.12, 0.02),
            stain="bleach" if rng.random() < 0.6 else "solvent",
        )
        return made.with_plates((*made.plates, again))
