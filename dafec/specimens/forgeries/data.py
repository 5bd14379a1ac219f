"""Data of the visual zone altered on a genuine document (F3): erased and overprinted, typed over, patched, drawn on.

The zone keeps what it said, so the two disagree; the ink is another one, which infrared tells; what erases the first
value takes background print and luminescence with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS
from dafec.specimens.artwork_fields import field_box
from dafec.specimens.drawing import draw_curves
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import (
    alterable_fields,
    altered_value,
    erased,
    field_spec,
    rub_out,
    soft_mask,
    write_over,
)
from dafec.specimens.forgeries.pen import pen_strokes, pen_values
from dafec.specimens.inks import ink, substrate
from dafec.specimens.lettering import Jitter, text_width_mm
from dafec.specimens.model import Appearance, Artwork, Grid, Issue, Piece, Plate, Process
from dafec.specimens.press import press
from dafec.specimens.series import FieldSpec, Series

__all__ = ["DataAlteration"]

_STREAM_CHOICE, _STREAM_HAND, _STREAM_ERASE, _STREAM_PATCH, _STREAM_SET, _STREAM_ROUGH = 71, 72, 73, 74, 75, 76
_FACES = ("sans", "sans_bold", "serif", "lato", "condensed", "ocrb")
_INKS = (
    "inkjet_dye_black",
    "inkjet_pigment_black",
    "toner_black",
    "gel_black_dye",
    "dye_black",
    "carbon_black",
    "resin_black",
)


def _span(spec: FieldSpec, text: str, box: BoxMm, first: int, last: int) -> tuple[float, float]:
    """Left and right edge of some characters of a printed text, in its own face's widths."""

    def width(part: str) -> float:
        return text_width_mm(part, spec.height_mm, spec.face, spacing_mm=spec.spacing_mm) if part else 0.0

    scale = box.width / max(width(text), 1e-6)
    return box.x + width(text[:first]) * scale, box.x + width(text[:last]) * scale


def _inked_box(plate: Plate, grid: Grid, left: float, right: float) -> BoxMm | None:
    """The box of the ink of a text between two edges, in millimetres: that of one glyph."""
    s = grid.px_per_mm
    x0, x1 = (round(edge * s) - plate.origin_px[0] for edge in (left, right))
    part = plate.coverage[:, max(x0, 0) : max(x1, 0)] > 127
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows) or not len(columns):
        return None
    x, y = plate.origin_px[0] + max(x0, 0) + int(columns[0]), plate.origin_px[1] + int(rows[0])
    return BoxMm(x / s, y / s, (columns[-1] - columns[0] + 1) / s, (rows[-1] - rows[0] + 1) / s)


class DataAlteration(Forger):
    """F3: one text of the visual zone says something else."""

    id = "F3"
    local: ClassVar = True
    methods: ClassVar = {
        "erased_and_overprinted": LIGHTS,
        "scraped_and_overprinted": LIGHTS,
        "characters_typed_over": LIGHTS,
        "patch_pasted": LIGHTS,
        "drawn_with_pen": LIGHTS,
    }

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a text worth altering."""
        return tuple(self.methods) if alterable_fields(series) else ()

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Chooses the text and its new value; the zone stays."""
        fields = [(side, key) for side, key in alterable_fields(job.series) if issue.fields.get(key)]
        rng = job.rng(_STREAM_CHOICE)
        drawn = job.plan.method == "drawn_with_pen"
        pens = {
            place: pen_values(place[1], issue.fields[place[1]], job.series.date_format)
            for place in (fields if drawn else ())
        }
        drawable = [place for place in fields if pens.get(place)]
        pool = drawable or fields
        side, key = pool[int(rng.integers(len(pool)))]
        value = issue.fields[key]
        if drawable:
            values = pens[(side, key)]
            new = values[int(rng.integers(len(values)))]
        else:
            new = altered_value(rng, key, value)
        new = value if job.plan.null else new
        job.notes.update(side=side, key=key, old=value, new=new)
        return replace(issue, fields={**issue.fields, key: new})

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The text taken away and written anew; all else, on every side, is what the state printed."""
        if not job.plan.null:
            artwork = job.draw(job.genuine, side)
        if side != job.notes["side"]:
            return artwork
        key, new = str(job.notes["key"]), str(job.notes["new"])
        spec = field_spec(job.series, side, key)
        assert spec is not None, "alterable_fields names fields of the series"
        plate = next(one for one in artwork.plates if one.name == key and one.role == spec.role)
        others = tuple(one for one in artwork.plates if one is not plate)
        if job.plan.null:  # taken away and written again, by the series' own process in its own ink
            again = write_over(artwork.grid, spec, new)
            return artwork.with_plates(tuple(again if one is plate else one for one in artwork.plates))
        old_box = field_box(spec, str(job.notes["old"]))
        bare = artwork.with_plates(others)
        if job.plan.method == "drawn_with_pen":
            return self._drawn(job, artwork, side, plate, spec, old_box)
        if job.plan.method == "characters_typed_over":
            return self._typed_over(job, artwork, side, plate, spec, old_box)
        new_box = field_box(spec, new)
        right = max(old_box.x + old_box.width, new_box.x + new_box.width)
        left = min(old_box.x, new_box.x)
        box = BoxMm(left, old_box.y, right - left, old_box.height)
        job.mark(side, key, box_polygon(box, 0.5))
        job.notes["box"] = box
        written = self._written(job, artwork.grid, spec, new)
        if job.plan.method == "patch_pasted":
            return self._patched(job, bare, box, written)
        scraped = job.plan.method == "scraped_and_overprinted"
        if scraped:
            job.mark(side, f"{key}_scraped", box_polygon(box, 0.5), ("visible", "ir"))  # it is rough: relief
        made = erased(
            artwork,
            plate,
            box,
            job.rng(_STREAM_ERASE),
            lost=job.better(0.85, 0.3) if scraped else job.better(0.55, 0.12),
            left=job.better(0.12, 0.02),
            stain="solvent" if scraped else "bleach",
        )
        return made.with_plates((*made.plates, written))

    def _written(self, job: ForgeryJob, grid: Grid, spec: FieldSpec, text: str) -> Plate:
        """The new value by the forger's printer, near the series' face in good hands."""
        rng = job.rng(_STREAM_HAND)
        near = rng.random() < job.better(0.2, 0.9)
        face = None if near else _FACES[int(rng.integers(len(_FACES)))]
        name = _INKS[int(rng.integers(len(_INKS)))]
        shift = rng.normal(0.0, job.better(0.35, 0.08), 2)
        process: Process = "inkjet" if "inkjet" in name else ("toner" if "toner" in name else "dye_sublimation")
        return write_over(
            grid,
            spec,
            text,
            ink(name),
            process=process,
            face=face,
            shift_mm=(float(shift[0]), float(shift[1])),
            scale=1.0 if near else float(rng.uniform(0.92, 1.08)),
            jitter=None if near else Jitter(job.seed(_STREAM_SET), 0.03, 0.03, 0.3, 0.01),
        )

    def _patched(self, job: ForgeryJob, artwork: Artwork, box: BoxMm, written: Plate) -> Artwork:
        """A small patch over the old value, the new one printed on it."""
        rng = job.rng(_STREAM_PATCH)
        margin = float(rng.uniform(0.2, 0.8))
        own = Grid(box.width + 2 * margin, box.height + 2 * margin, artwork.grid.dpi)
        at = (box.x - margin, box.y - margin)
        s = artwork.grid.px_per_mm
        origin = (written.origin_px[0] - round(at[0] * s), written.origin_px[1] - round(at[1] * s))
        stock = substrate(str(rng.choice(["correction_film", "label_paper", artwork.substrate.name])))
        piece = Piece(
            artwork=press(Artwork(own, stock, (replace(written, origin_px=origin),)), job.seed(_STREAM_PATCH)),
            at_mm=at,
            mask=np.full(own.shape, 255, np.uint8),
            thickness_um=job.better(80.0, 15.0),
            angle_deg=float(rng.normal(0.0, job.better(0.8, 0.2))),
            below_laminate=rng.random() < 0.5,
        )
        return replace(artwork, pieces=(*artwork.pieces, piece))

    def _typed_over(
        self, job: ForgeryJob, artwork: Artwork, side: int, plate: Plate, spec: FieldSpec, box: BoxMm
    ) -> Artwork:
        """Only the characters that differ are taken away and set again, the rest stays as it was printed."""
        old, new, key = str(job.notes["old"]), str(job.notes["new"]), str(job.notes["key"])
        places = [at for at, (a, b) in enumerate(zip(old.ljust(len(new)), new, strict=False)) if a != b] or [0]
        first, last = min(places), max(places) + 1
        left, right = _span(spec, old, box, first, last)
        wider = abs(field_box(spec, new).width - box.width) > 0.15  # than the gap: a good hand sets all that follows
        if wider and job.plan.difficulty > 0.5:
            last = max(len(old), len(new))
            right = box.x + box.width
        size = box.width / text_width_mm(old, spec.height_mm, spec.face, spacing_mm=spec.spacing_mm)
        own = replace(spec, x_mm=left, anchor="left", width_mm=None, height_mm=spec.height_mm * size)
        fresh = self._written(job, artwork.grid, own, new[first:last])
        reach = max(right - left, field_box(own, new[first:last]).width)
        job.mark(side, key, box_polygon(BoxMm(left, box.y, reach, box.height), 0.4))
        mask = soft_mask(artwork.grid, BoxMm(left, box.y, right - left, box.height), 0.0)
        kept = rub_out(plate, mask, 1.0)
        rest = tuple(one for one in artwork.plates if one is not plate)
        return artwork.with_plates((*rest, kept, fresh))

    def _drawn(
        self, job: ForgeryJob, artwork: Artwork, side: int, plate: Plate, spec: FieldSpec, box: BoxMm
    ) -> Artwork:
        """Strokes of a pen that turn digits of the first value into others that look like them."""
        rng = job.rng(_STREAM_HAND)
        old, new, key = str(job.notes["old"]), str(job.notes["new"]), str(job.notes["key"])
        places = [at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b] or [len(old) - 1]
        curves = []
        for at in places:
            left, right = _span(spec, old, box, at, at + 1)
            glyph = _inked_box(plate, artwork.grid, left, right) or BoxMm(
                left, box.y + box.height * 0.18, right - left, box.height * 0.6
            )
            curves += pen_strokes(old[at], new[at], glyph, rng, waver=job.better(0.07, 0.025))
        left, right = _span(spec, old, box, min(places), max(places) + 1)
        job.mark(side, key, box_polygon(BoxMm(left, box.y, right - left, box.height), 0.4))
        pens = ("ball_black", "gel_black_dye", "gel_black_carbon", "ball_blue")
        pen = ink(pens[int(rng.integers(len(pens) - (job.plan.difficulty > 0.5)))])
        width = spec.height_mm * 0.13 * float(rng.uniform(*((0.8, 1.6) if job.plan.difficulty < 0.5 else (0.9, 1.15))))
        drawn = draw_curves(artwork.grid, curves, max(width, 0.16))
        return artwork.with_plates((*artwork.plates, Plate("pen", pen, *drawn, "pen", key)))

    def edit_appearance(self, job: ForgeryJob, appearance: Appearance, side: int) -> Appearance:
        """A scraped place is rough: it scatters, and the laminate over it is dull."""
        if job.plan.null or job.plan.method != "scraped_and_overprinted" or side != job.notes["side"]:
            return appearance
        box: BoxMm = job.notes["box"]
        rng = job.rng(_STREAM_ROUGH)
        mask = soft_mask(appearance.grid, box, 0.3, rng).astype(np.float32) / 255
        grain = cv2.GaussianBlur(rng.standard_normal(mask.shape, np.float32), (0, 0), 0.06 * appearance.grid.px_per_mm)
        rough = np.asarray(grain / max(float(np.std(grain)), 1e-6), np.float32)
        depth = np.float32(job.better(0.10, 0.03))
        flat = np.ones_like(mask) if appearance.shade is None else appearance.shade
        return replace(appearance, shade=np.asarray(flat * (1 + depth * rough * mask), np.float32))
