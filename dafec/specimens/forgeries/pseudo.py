"""Pseudo documents (C4): of states and bodies that issue nothing, in layouts of no known series.

Fantasy documents are printed with some care and no knowledge: a security-looking background without meaning, bright or
plain stock, a zone whose codes nobody has. The codes here are in no list of Doc 9303-3 section 5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.lights import LIGHTS
from dafec.ocr.states import find_state
from dafec.specimens.drawing import Drawn
from dafec.specimens.forgeries.contract import Forger, ForgeryJob
from dafec.specimens.inks import ink, ink_names, substrate
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Artwork, Issue, Mask, Plate

__all__ = ["PseudoDocument"]

_STREAM_STATE, _STREAM_LAYOUT = 101, 102

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

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Personal data stay where a reader wants them; everything static is turned, mixed and coloured anew."""
        job.mark_page(side)
        if job.plan.null:
            return artwork
        rng = job.rng(_STREAM_LAYOUT + side)
        colours = [name for name in ink_names() if name.startswith("offset_")]
        plates: list[Plate] = []
        rows, columns = artwork.grid.shape
        for plate in artwork.plates:
            if plate.role in ("uv_static", "uv_personal", "fibres", "ir_split", "microtext"):
                if rng.random() < job.better(1.0, 0.6):
                    continue
                plates.append(plate)
            elif plate.role in ("background", "overlay", "emblem"):
                own = ink(colours[int(rng.integers(len(colours)))])
                plates.append(self._turned(plate, (rows, columns), rng, own))
            elif plate.role == "static_text" and plate.name != "labels":
                continue
            else:
                plates.append(plate)
        plates += self._titles(job, artwork, colours, rng)
        stocks = ("office_paper", "commercial_dull", "synthetic_paper", "pvc", "security_paper_white")
        return replace(artwork, plates=tuple(plates), substrate=substrate(str(rng.choice(stocks))), perforations=())

    def _turned(self, plate: Plate, shape: tuple[int, int], rng: np.random.Generator, own: object) -> Plate:
        """A plate mirrored or turned by half on the page."""
        flip = int(rng.integers(-1, 2))  # both, up and down, left and right
        coverage: Mask = np.asarray(cv2.flip(plate.coverage, flip), np.uint8)
        h, w = coverage.shape
        x = plate.origin_px[0] if flip == 0 else shape[1] - plate.origin_px[0] - w
        y = plate.origin_px[1] if flip == 1 else shape[0] - plate.origin_px[1] - h
        return replace(plate, coverage=coverage, origin_px=(x, y), ink=own)  # type: ignore[arg-type]

    def _titles(self, job: ForgeryJob, artwork: Artwork, colours: list[str], rng: np.random.Generator) -> list[Plate]:
        """The invention's name across the top."""
        name = str(job.notes["name"])
        height = artwork.grid.height_mm * float(rng.uniform(0.035, 0.05))
        drawn: Drawn = draw_text(
            artwork.grid,
            name,
            (artwork.grid.width_mm * float(rng.uniform(0.3, 0.6)), height * 2.2),
            height,
            str(rng.choice(["serif_bold", "sans_bold", "condensed_bold"])),
            anchor="centre",
        )
        colour = ink(colours[int(rng.integers(len(colours)))])
        return [Plate("static_text", colour, *drawn, name="title")]
