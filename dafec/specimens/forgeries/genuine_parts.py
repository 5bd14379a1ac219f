"""Forgeries on genuine material: built from parts of genuine documents (F6), and stolen blanks (F7)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.layouts import layout_of
from dafec.specimens.artwork_fields import draw_field
from dafec.specimens.artwork_pictures import picture_image, picture_plates, portrait_style
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import PERSONAL, has_film, portrait_side, side_of_mrz
from dafec.specimens.inks import ink
from dafec.specimens.issue import follows_rule, issue_document
from dafec.specimens.lettering import draw_mrz, draw_text
from dafec.specimens.model import Appearance, Artwork, Grid, Ink, Issue, Piece, Plate, Process
from dafec.specimens.press import press
from dafec.specimens.processes import print_continuous
from dafec.specimens.series import Series

__all__ = ["BuiltFromParts", "StolenBlank"]

#: How far from the cut the film was lifted.
_FOIL_MM = 7.0
_STREAM_DONOR, _STREAM_CUT, _STREAM_FOIL, _STREAM_PART, _STREAM_OUTLINE, _STREAM_DONOR_PRESS = 91, 92, 93, 94, 95, 96
_STREAM_NUMBER, _STREAM_PLACE, _STREAM_INK, _STREAM_PICTURE, _STREAM_LETTERS, _STREAM_ZONE = (
    201,
    202,
    203,
    204,
    205,
    206,
)


def _donor(job: ForgeryJob) -> Issue:
    """Another genuine document of the same series."""
    return issue_document(job.series, job.seed(_STREAM_DONOR))


def _texts_within(job: ForgeryJob, artwork: Artwork, donor: Issue, part: BoxMm) -> dict[str, str]:
    """The donor's texts that a part brings with it: those the middle of whose place lies in it."""
    texts = {}
    for key, box in artwork.boxes_mm.items():
        x, y = box.x + box.width / 2, box.y + box.height / 2
        inside = part.x <= x <= part.x + part.width and part.y <= y <= part.y + part.height
        if inside and key in job.issue.fields and key in donor.fields:
            texts[key] = donor.fields[key]
    return texts


def _beside(rng: np.random.Generator, box: BoxMm) -> tuple[float, float]:
    """A place near the edge of a box, in millimetres."""
    along, off = float(rng.uniform(0.0, 1.0)), float(rng.normal(0.0, 2.0))
    if rng.random() < box.width / max(box.width + box.height, 1e-6):
        return box.x + along * box.width, box.y + off + (box.height if rng.random() < 0.5 else 0.0)
    return box.x + off + (box.width if rng.random() < 0.5 else 0.0), box.y + along * box.height


def _shifted(plate: Plate, at_mm: tuple[float, float], grid: Grid) -> Plate:
    s = grid.px_per_mm
    return replace(
        plate, origin_px=(plate.origin_px[0] - round(at_mm[0] * s), plate.origin_px[1] - round(at_mm[1] * s))
    )


class BuiltFromParts(Forger):
    """F6: laminate lifted, a part of another genuine document laid in, laminate closed again.

    A null edit opens and closes the film through the same code, without a wrinkle. It takes no part out: a part that is
    cut and laid back has a cut, which is the forgery.
    """

    id = "F6"
    local: ClassVar = True
    methods: ClassVar = {
        "portrait_from_another": LIGHTS,
        "data_from_another": LIGHTS,
        "strip_from_another": LIGHTS,
        "laminate_lifted": LIGHTS,
    }

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a portrait under a film that can be lifted."""
        side = portrait_side(series)
        return tuple(self.methods) if side is not None and has_film(series, side) else ()

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """A cut-out of another document of the series, laid on this one."""
        if side != portrait_side(job.series):
            return artwork
        box = self._part(job, artwork)
        job.notes["box"] = box
        rng = job.rng(_STREAM_CUT)
        job.mark(side, "laminate", box_polygon(box, _FOIL_MM + 2.0), ("visible", "ir"))
        if job.plan.method == "laminate_lifted":
            return artwork
        if job.plan.null:
            return artwork
        donor_issue = _donor(job)
        donor = press(job.draw(donor_issue, side), job.seed(_STREAM_DONOR_PRESS))
        job.mark(side, "part", box_polygon(box, 0.6))
        job.shown.update(_texts_within(job, artwork, donor_issue, box))
        own = Grid(box.width, box.height, artwork.grid.dpi)
        plates = tuple(_shifted(plate, (box.x, box.y), artwork.grid) for plate in donor.plates)
        shift = rng.normal(0.0, job.better(0.5, 0.10), 2)
        piece = Piece(
            artwork=Artwork(own, artwork.substrate, plates),
            at_mm=(box.x + float(shift[0]), box.y + float(shift[1])),
            mask=self._outline(job, own),
            thickness_um=job.better(140.0, 40.0),
            angle_deg=float(rng.normal(0.0, job.better(0.6, 0.15))),
            glue=ink("glue" if rng.random() < 0.6 else "glue_dull"),
        )
        return replace(artwork, pieces=(*artwork.pieces, piece))

    def _part(self, job: ForgeryJob, artwork: Artwork) -> BoxMm:
        """What is cut out: the portrait with some margin, the data area, or a strip with two or three texts."""
        rng = job.rng(_STREAM_PART)
        portrait = artwork.boxes_mm["portrait"]
        margin = float(rng.uniform(0.5, 2.0))
        around = BoxMm(
            portrait.x - margin, portrait.y - margin, portrait.width + 2 * margin, portrait.height + 2 * margin
        )
        texts = [box for key, box in artwork.boxes_mm.items() if key not in ("portrait", "ghost", "mrz", "signature")]
        if job.plan.method in ("portrait_from_another", "laminate_lifted") or not texts:
            return around
        left = min(box.x for box in texts if box.x >= 0) - 1.0
        right = max(box.x + box.width for box in texts) + 1.0
        top = min(box.y for box in texts) - 1.0
        bottom = max(box.y + box.height for box in texts) + 1.0
        if job.plan.method == "strip_from_another":
            middle = texts[int(rng.integers(len(texts)))]
            top, bottom = middle.y - float(rng.uniform(0.5, 2.5)), middle.y + middle.height + float(rng.uniform(0.5, 4))
        width, height = artwork.grid.width_mm, artwork.grid.height_mm
        x0, y0, x1, y1 = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        return BoxMm(x0, y0, max(x1 - x0, 4.0), max(y1 - y0, 3.0))

    def _outline(self, job: ForgeryJob, grid: Grid) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """A hand's cut: nearly straight edges."""
        rng = job.rng(_STREAM_OUTLINE)
        rows, columns = grid.shape
        waver = job.better(0.25, 0.05) * grid.px_per_mm
        corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], dtype=np.float64)
        points = []
        for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            t = np.linspace(0, 1, 24, endpoint=False)[:, None]
            points.append(a + t * (b - a) + rng.normal(0, waver, (24, 2)).cumsum(axis=0) / 5)
        mask = np.zeros((rows, columns), np.uint8)
        cv2.fillPoly(mask, [np.concatenate(points).round().astype(np.int32)], 255, cv2.LINE_AA)
        return mask

    def edit_appearance(self, job: ForgeryJob, appearance: Appearance, side: int) -> Appearance:
        """The film closed again: wrinkles and bubbles round the part; flat where it was only opened."""
        if side != portrait_side(job.series):
            return appearance
        amount = 0.0 if job.plan.null else 1.0
        rng = job.rng(_STREAM_FOIL)
        rows, columns = appearance.grid.shape
        s = appearance.grid.px_per_mm
        scale = 4
        small = (max(2, columns // scale), max(2, rows // scale))
        box: BoxMm = job.notes["box"]
        near = np.zeros((small[1], small[0]), np.float32)
        k = s / scale
        corner, opposite = (box.x * k, box.y * k), ((box.x + box.width) * k, (box.y + box.height) * k)
        a, b = (round(corner[0]), round(corner[1])), (round(opposite[0]), round(opposite[1]))
        cv2.rectangle(near, a, b, 1.0, max(2, round(3.0 * k)))
        near = np.asarray(cv2.GaussianBlur(near, (0, 0), 2.0 * k), np.float32)
        relief = np.zeros_like(near)
        for _ in range(int(rng.integers(4, 12))):  # wrinkles
            x, y = _beside(rng, box)
            angle, length = rng.uniform(0, np.pi), rng.uniform(4, 18) * k
            x, y = x * k, y * k
            end = (round(x + length * np.cos(angle)), round(y + length * np.sin(angle)))
            cv2.line(
                relief, (round(x), round(y)), end, float(rng.uniform(0.4, 1.0)), max(1, round(0.25 * k)), cv2.LINE_AA
            )
        for _ in range(int(rng.integers(3, 14))):  # bubbles
            x, y = _beside(rng, box)
            centre = (round(x * k), round(y * k))
            cv2.circle(relief, centre, max(1, round(float(rng.uniform(0.3, 1.4)) * k)), 0.8, -1, cv2.LINE_AA)
        relief = np.asarray(
            cv2.GaussianBlur(relief, (0, 0), 0.25 * k) * (near / max(float(near.max()), 1e-6)), np.float32
        )
        slope = cv2.Sobel(relief, cv2.CV_32F, 1, 1, ksize=3)
        light = 1 + np.clip(slope * amount * job.better(1.6, 0.5), -0.35, 0.35)
        shade = cv2.resize(light, (columns, rows), interpolation=cv2.INTER_LINEAR)
        flat = np.float32(1.0) if appearance.shade is None else appearance.shade
        glow = (
            appearance.fluorescence
            * cv2.resize(1 - 0.25 * amount * np.clip(relief, 0, 1), (columns, rows), interpolation=cv2.INTER_LINEAR)[
                ..., None
            ]
        )
        return replace(
            appearance,
            shade=np.asarray(shade * flat, np.float32),
            fluorescence=np.asarray(glow, np.float32),
        )


class StolenBlank(Forger):
    """F7: genuine sheet and print; the personal data are the forger's.

    A null edit takes the personal data off and puts them back, each in its own ink, face and place.
    """

    id = "F7"
    local: ClassVar = True
    methods: ClassVar = {
        "wrong_process": LIGHTS,
        "wrong_ink": LIGHTS,
        "wrong_face": LIGHTS,
        "misplaced": LIGHTS,
        "number_against_rule": LIGHTS,
    }

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """A number no authority gave out, where that is the method; everywhere else the texts stay."""
        if job.plan.method != "number_against_rule" or job.plan.null:
            return issue
        rng = job.rng(_STREAM_NUMBER)
        wrong = issue.number
        while follows_rule(wrong, job.series.number):
            digits = "".join(str(int(d)) for d in rng.integers(0, 10, len(issue.number)))
            wrong = str(rng.choice(list("XYZQ"))) + digits[1:]
        lines = _zone_with_number(job.series, issue, wrong)
        fields = {key: wrong if value == issue.number else value for key, value in issue.fields.items()}
        return replace(issue, number=wrong, mrz=lines, fields=fields)

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Personal data by the forger's own means."""
        for key in self._touched(job, artwork):
            job.mark(side, key, box_polygon(artwork.boxes_mm[key], 1.0))
        method = job.plan.method
        if method in ("misplaced", "number_against_rule"):  # the luminescent repetition goes with it
            for plate in artwork.of_role("uv_personal"):
                job.mark(side, f"{plate.name}_uv", box_polygon(plate.box_mm(artwork.grid), 2.5))
        if method == "number_against_rule":
            for holes in artwork.perforations:
                low, high = holes.holes_mm[:, :2].min(axis=0), holes.holes_mm[:, :2].max(axis=0)
                place = BoxMm(float(low[0]), float(low[1]), *(high - low).tolist())
                job.mark(side, "perforation", box_polygon(place, 1.0), LIGHTS)
                job.features["perforation"] = "of the wrong number"
        if method == "number_against_rule":
            return artwork
        if method == "misplaced":
            return self._misplaced(job, artwork)
        if method == "wrong_face":
            return self._other_face(job, artwork, side)
        return self._printed(job, artwork, side, only_ink=method == "wrong_ink")

    def _touched(self, job: ForgeryJob, artwork: Artwork) -> list[str]:
        """What the method's hand prints, of what has a box."""
        method = job.plan.method
        if method == "number_against_rule":
            return [key for key in ("number", "mrz") if key in artwork.boxes_mm]
        named = {"mrz", *(plate.name for plate in artwork.plates if plate.role in ("viz", "number"))}
        if method == "wrong_face":
            named = {name for name in named if not name.endswith("_arabic")}
        if method in ("wrong_process", "misplaced"):
            named |= {"portrait", "ghost"}
        return [key for key in artwork.boxes_mm if key in named]

    def _misplaced(self, job: ForgeryJob, artwork: Artwork) -> Artwork:
        rng = job.rng(_STREAM_PLACE)
        s = artwork.grid.px_per_mm
        angle = float(rng.uniform(0.0, 2 * np.pi))
        reach = 0.0 if job.plan.null else job.better(2.2, 0.8)
        dx, dy = round(float(np.cos(angle)) * reach * s), round(float(np.sin(angle)) * reach * s)
        plates = tuple(
            replace(plate, origin_px=(plate.origin_px[0] + dx, plate.origin_px[1] + dy))
            if plate.role in PERSONAL and plate.role != "signature"
            else plate
            for plate in artwork.plates
        )
        return artwork.with_plates(plates)

    def _printed(self, job: ForgeryJob, artwork: Artwork, side: int, *, only_ink: bool) -> Artwork:
        """Texts in another ink, and by method the portrait by another process."""
        rng = job.rng(_STREAM_INK)
        genuine_ir = max((p.ink.density[3] for p in artwork.of_role("mrz", "viz", "number")), default=1.0)
        dyes = ("inkjet_dye_black", "dye_black") if genuine_ir > 0.5 else ("carbon_black", "toner_black")
        pigment = ("inkjet_pigment_black", "toner_black")
        names = dyes if only_ink or rng.random() < job.better(0.8, 0.4) else pigment
        black: Ink = ink(str(rng.choice(names)))
        only_ink = only_ink or job.plan.null
        process: Process = "inkjet" if "inkjet" in black.name else ("toner" if "toner" in black.name else "offset")
        plates: list[Plate] = []
        for plate in artwork.plates:
            if plate.role in ("viz", "number", "mrz"):
                own = plate.ink if job.plan.null else black
                plates.append(replace(plate, ink=own, process=plate.process if only_ink else process))
            elif plate.role in ("portrait", "ghost") and not only_ink:
                continue
            else:
                plates.append(plate)
        if not only_ink:
            plates += self._pictures(job, artwork, side)
        return artwork.with_plates(tuple(plates))

    def _pictures(self, job: ForgeryJob, artwork: Artwork, side: int) -> list[Plate]:
        """Portrait and ghost by an office printer."""
        spec = job.series.sides[side]
        rng = job.rng(_STREAM_PICTURE)
        own = spec.portrait.process if spec.portrait else "inkjet"
        options = [name for name in ("inkjet", "toner", "dye_sublimation", "am_laser") if name != own]
        process: Process = str(rng.choice(options))  # type: ignore[assignment]
        plates: list[Plate] = []
        for role, picture in (("portrait", spec.portrait), ("ghost", spec.ghost)):
            if picture is None:
                continue
            if picture.ink is not None:
                plates += picture_plates(job.series, job.issue, picture, artwork.grid, "ghost")
                continue
            style = portrait_style(job.series, job.issue, picture.background)
            image = picture_image(picture, artwork.grid, job.issue.person.face_seed, style)
            s = artwork.grid.px_per_mm
            at = round(picture.box.x * s), round(picture.box.y * s)
            plates += print_continuous(
                process, image, artwork.grid, at, "portrait" if role == "portrait" else "ghost", role,
                job.seed(_STREAM_PICTURE),
            )  # fmt: skip
        return plates

    def _other_face(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Texts in another face of the right size and ink; the zone in OCR-B, but not of the right size."""
        rng = job.rng(_STREAM_LETTERS)
        spec = job.series.sides[side]
        specs = {one.key: one for one in spec.fields}
        faces = ("sans", "sans_bold", "serif", "lato", "lato_bold", "condensed")
        own = {one.face for one in spec.fields if not one.key.endswith("_arabic")}
        face = str(rng.choice([one for one in faces if one not in own]))
        plates: list[Plate] = []
        for plate in artwork.plates:
            field = specs.get(plate.name)
            if plate.role in ("viz", "number") and field is not None and not plate.name.endswith("_arabic"):
                text = job.issue.fields[field.key]
                if field.face == face or job.plan.null:
                    drawn = draw_field(artwork.grid, field, text)
                else:
                    height = field.height_mm * float(rng.uniform(0.9, 1.1))
                    drawn = draw_text(
                        artwork.grid, text, (field.x_mm, field.y_mm), height, face, anchor=field.anchor,
                        angle=field.angle_deg,
                    )  # fmt: skip
                plates.append(replace(plate, coverage=drawn[0], origin_px=drawn[1]))
            else:
                plates.append(plate)
        made = artwork.with_plates(tuple(plates))
        if side != side_of_mrz(job.series):
            return made
        return self._other_zone(job, made, 0.0 if job.plan.null else job.better(0.06, 0.02))

    def _other_zone(self, job: ForgeryJob, artwork: Artwork, off: float) -> Artwork:
        rng = job.rng(_STREAM_ZONE)
        box = artwork.boxes_mm["mrz"]
        lines = job.issue.mrz
        sign = 1.0 if rng.random() < 0.5 else -1.0
        drawings = draw_mrz(
            artwork.grid,
            lines,
            box.x,
            box.y + 2.7,
            pitch_mm=2.54 * (1 - off * 0.3),
            line_distance_mm=(box.height - 3.0) / max(len(lines) - 1, 1),
            height_mm=2.4 * (1 + sign * off),
        )
        zone = dict(zip([plate.name for plate in artwork.of_role("mrz")], drawings, strict=True))
        plates = tuple(
            replace(plate, coverage=zone[plate.name][0], origin_px=zone[plate.name][1])
            if plate.role == "mrz"
            else plate
            for plate in artwork.plates
        )
        return artwork.with_plates(plates)


def _zone_with_number(series: Series, issue: Issue, number: str) -> tuple[str, ...]:
    """The issue's zone with another document number and right digits."""
    layout = layout_of(series.format)
    lines = [list(line) for line in issue.mrz]
    row, start, end = layout.fields["document_number"]
    text = number.ljust(end - start, "<")[: end - start]
    lines[row][start:end] = text
    at = layout.check["document_number"]
    lines[at[0]][at[1]] = expected_digit(text) or "0"
    if layout.composite:
        covered = "".join(lines[line][column] for line, column in layout.composite)
        at = layout.check["composite"]
        lines[at[0]][at[1]] = expected_digit(covered) or "0"
    return tuple("".join(line) for line in lines)
