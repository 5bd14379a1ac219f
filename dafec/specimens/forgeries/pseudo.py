"""Pseudo documents (C4): of states and bodies that issue nothing, in layouts of no known series.

Fantasy documents are printed with some care and no knowledge: a security-looking background without meaning, bright or
plain stock, a zone whose codes nobody has. The codes here are in no list of Doc 9303-3 section 5. Each method is a
family of its own (``pseudo_layout``): other layouts, other stock, other print, another way to put the photograph on.

A null edit is drawn from the series' own layout by the same functions. A pseudo document has no processing of its own
beside that - it is laid out, printed, worn and scanned like any document - so there is no other trace a null edit could
show.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from dafec.lights import LIGHTS
from dafec.ocr.states import find_state
from dafec.specimens.artwork_fields import mrz_box
from dafec.specimens.drawing import draw_curves
from dafec.specimens.forgeries.contract import Forger, ForgeryJob
from dafec.specimens.forgeries.pseudo_layout import Family, invent_series
from dafec.specimens.inks import ink, substrate
from dafec.specimens.lettering import draw_mrz
from dafec.specimens.model import Artwork, Grid, Issue, Piece, Plate, Process
from dafec.specimens.series import Series

__all__ = ["PseudoDocument"]

_STREAM_STATE, _STREAM_LAYOUT, _STREAM_PHOTO, _STREAM_ZONE = 101, 102, 103, 104

#: Names of the genre and codes no list has.
_BODIES: dict[str, tuple[tuple[str, str], ...]] = {
    "camouflage_state": (
        ("NEW GRENVILLE", "NGV"),
        ("REPUBLIC OF EASTMARK", "EMK"),
        ("PACIFIC UNION", "PFU"),
        ("SPICE ISLANDS", "SPI"),
    ),
    "fantasy_body": (
        ("WORLD COUNCIL OF TRADE", "WCT"),
        ("ORDER OF FREE MARINERS", "OFM"),
        ("GLOBAL PRESS UNION", "GPU"),
    ),
    "world_citizen": (("WORLD CITIZEN", "WCZ"), ("UNITED PLANET", "UPL"), ("FREE PEOPLE", "FRP")),
}
_FAMILIES: dict[str, Family] = {"camouflage_state": "camouflage", "fantasy_body": "card", "world_citizen": "world"}
_STATIC: dict[str, Process] = {"camouflage_state": "offset", "fantasy_body": "inkjet", "world_citizen": "toner"}


class PseudoDocument(Forger):
    """C4: a layout of no known series."""

    id = "C4"
    methods: ClassVar = {"camouflage_state": LIGHTS, "fantasy_body": LIGHTS, "world_citizen": LIGHTS}

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Issuer and nationality of the invention, in the zone with right digits and in the visual zone."""
        if job.plan.null:
            return issue
        rng = job.rng(_STREAM_STATE)
        bodies = _BODIES[job.plan.method]
        name, code = bodies[int(rng.integers(len(bodies)))]
        assert find_state(code) is None, f"{code} is a code of Doc 9303-3 by now"
        job.notes["name"] = name
        own = job.series.identity[0]
        lines = list(issue.mrz)
        lines[0] = lines[0][:2] + code + lines[0][5:]
        row = 1
        at = {"TD1": 15}.get(issue.format, 10)
        if lines[row][at : at + 3] == own:
            lines[row] = lines[row][:at] + code + lines[row][at + 3 :]
        fields = {key: code if value == own else value for key, value in issue.fields.items()}
        fields["nationality"] = name.split()[-1]
        fields["authority"] = f"{name} REGISTRY"
        return replace(issue, mrz=tuple(lines), fields=fields)

    def edit_layout(self, job: ForgeryJob, series: Series) -> Series:
        """The invention's own."""
        if job.plan.null:
            return series
        family = _FAMILIES[job.plan.method]
        layout = invent_series(series, family, job.notes["name"], job.rng(_STREAM_LAYOUT), job.plan.difficulty)
        if any(side.perforation is not None for side in series.sides):
            pierced = any(side.perforation is not None for side in layout.sides)
            job.features["perforation"] = "pierced again" if pierced else "missing"
        return layout

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Static print by the family's own printer; a glued photograph; a zone in a face that was at hand."""
        job.mark_page(side)
        if job.plan.null:
            return artwork
        process = _STATIC[job.plan.method]
        static = ("background", "emblem", "static_text", "microtext")
        plates = tuple(replace(one, process=process) if one.role in static else one for one in artwork.plates)
        made = artwork.with_plates(plates)
        if job.plan.method == "world_citizen":
            made = self._glued(job, made, side)
        if job.plan.method != "camouflage_state" and job.plan.difficulty < 0.35:
            made = self._plain_zone(job, made)
        return made

    def _glued(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The photograph on a paper of its own, with a round seal over its corner."""
        photo = artwork.of_role("portrait")
        if not photo:
            return artwork
        rng = job.rng(_STREAM_PHOTO + 10 * side)
        box, s = artwork.boxes_mm["portrait"], artwork.grid.px_per_mm
        own = Grid(box.width, box.height, artwork.grid.dpi)
        x, y = round(box.x * s), round(box.y * s)
        seal = _seal(artwork.grid, (box.x + box.width * 0.9, box.y + box.height * 0.88), rng)
        moved = tuple(replace(one, origin_px=(one.origin_px[0] - x, one.origin_px[1] - y)) for one in (*photo, seal))
        piece = Piece(
            artwork=Artwork(own, substrate(str(rng.choice(["photo_paper", "photo_paper_dull"]))), moved),
            at_mm=(box.x + float(rng.normal(0, 0.4)), box.y + float(rng.normal(0, 0.4))),
            mask=np.full(own.shape, 255, np.uint8),
            thickness_um=job.better(220.0, 120.0),
            angle_deg=float(rng.normal(0.0, job.better(1.2, 0.3))),
            glue=ink("glue" if rng.random() < 0.5 else "glue_dull"),
            below_laminate=False,
        )
        return replace(artwork, plates=(*artwork.without_role("portrait"), seal), pieces=(piece,))

    def _plain_zone(self, job: ForgeryJob, artwork: Artwork) -> Artwork:
        """The zone in a typewriter's or an office face, at about the right pitch."""
        zone = artwork.of_role("mrz")
        if not zone:
            return artwork
        rng = job.rng(_STREAM_ZONE)
        box = mrz_box(job.issue.format)
        drawings = draw_mrz(
            artwork.grid,
            job.issue.mrz,
            box.x,
            box.y + 2.7,
            pitch_mm=2.54 * float(rng.uniform(0.985, 1.004)),
            line_distance_mm=(box.height - 3.0) / max(len(job.issue.mrz) - 1, 1),
            face=str(rng.choice(["sans", "condensed"])),
            height_mm=2.4,
        )
        again: dict[str, Plate] = {
            plate.name: replace(plate, coverage=drawn[0], origin_px=drawn[1])
            for plate, drawn in zip(zone, drawings, strict=True)
        }
        return artwork.with_plates(
            tuple(again.get(one.name, one) if one.role == "mrz" else one for one in artwork.plates)
        )


def _seal(grid: Grid, at_mm: tuple[float, float], rng: np.random.Generator) -> Plate:
    """A round rubber seal: two rings and a star."""
    radius = float(rng.uniform(5.5, 8.5))
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    middle = np.array(at_mm)
    rings = [middle + radius * share * np.stack([np.cos(turn), np.sin(turn)], 1) for share in (1.0, 0.86, 0.45)]
    corners = np.arange(10) * np.pi / 5 - np.pi / 2
    reach = radius * 0.4 * np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    star = middle + np.stack([reach * np.cos(corners), reach * np.sin(corners)], 1)
    drawn = draw_curves(grid, [*rings, star], 0.3, closed=True)
    name = ("stamp_violet", "stamp_blue", "stamp_red")[int(rng.integers(3))]
    return Plate("stamp", ink(name), *drawn, "pen", "seal")
