"""Whole documents made anew: inkjet (C1), laser and toner (C2), offset with imitated features (C3), copies (P2).

The counterfeiter of C1 and C2 scans a genuine document in visible light, keeps its background as a picture, and prints
it with the holder's data on a stock of his own. What his scanner cannot see is lost: infrared splits, luminescent
motifs, microtext below its resolution. A better hand sets the data anew as text; a clumsy one prints what was scanned.
C3 draws the line art again and buys spot inks; its luminescence is imitated. P2 is a copy that pretends nothing more.

A perforated number is left out, printed as dots, or pierced again with a needle; the truth's ``features`` say which.

**Null edits.** What a scan and a print leave behind is the forgery itself: there is no scan and print that leaves a
genuine document. A null edit of C1, C2 and P2 therefore goes through everything round it - the sheet put together from
a ground, texts set anew, holes, film, corners - with the state's own plates, inks, stock and needle, and one of C3
through the workshop's hands for every plate with no error of theirs. It would show a shortcut in the assembly, and
shows none of the reproduction's traces, because those are what is to be found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.lights import LIGHTS, Light
from dafec.specimens.compose import compose
from dafec.specimens.forgeries.contract import Forger, ForgeryJob
from dafec.specimens.forgeries.hands import PERSONAL
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Artwork, Perforation, Plate, Process, Substrate
from dafec.specimens.press import press
from dafec.specimens.reprint import ForgerScanner, reprint
from dafec.specimens.screens import Spot

__all__ = ["Copied", "InkjetCounterfeit", "OffsetCounterfeit", "TonerCounterfeit"]

_PIGMENT = ("inkjet_pigment_cyan", "inkjet_pigment_magenta", "inkjet_pigment_yellow", "inkjet_pigment_black")
_STREAM_SCAN, _STREAM_PRESS, _STREAM_UV, _STREAM_OFFSET, _STREAM_COPY, _STREAM_HOLES, _STREAM_LINES = range(31, 38)

#: What a forger's hand prints as text of its own where it is good enough to set it anew.
_SET_ANEW = frozenset({"viz", "number", "mrz", "static_text"})


@dataclass(frozen=True, slots=True)
class _Stock:
    """What a method prints with and on."""

    process: Process
    stocks: tuple[str, ...]
    inks: tuple[str, ...] | None = None  # None: the process' own
    black: str = "inkjet_dye_black"  # of text set anew
    marker: bool = False  # luminescent motifs drawn with a marker


def _forger_scanner(job: ForgeryJob) -> ForgerScanner:
    rng = job.rng(_STREAM_SCAN)
    return ForgerScanner(
        dpi=float(job.better(200.0, 600.0) * rng.uniform(0.9, 1.1)),
        blur_mm=job.better(0.09, 0.03),
        noise=job.better(0.012, 0.004),
        contrast=float(rng.uniform(1.0, job.better(1.25, 1.06))),
        saturation=float(rng.uniform(0.9, job.better(1.25, 1.08))),
        sharpening=float(rng.uniform(0.2, 1.0)),
        white=float(rng.uniform(0.9, 0.99)),
    )


def _holes(job: ForgeryJob, artwork: Artwork) -> tuple[str, tuple[Perforation, ...]]:
    """What becomes of the perforated number: how it is imitated, and the holes.

    A clumsy hand leaves it out or prints the dots it scanned; a workshop has a needle, whose holes are a little too
    large or too small and wander.
    """
    if not artwork.perforations:
        return "", ()
    if job.plan.null:
        return "", artwork.perforations
    rng = job.rng(_STREAM_HOLES)
    if rng.random() >= job.better(0.05, 0.95):
        job.features["perforation"] = "printed" if rng.random() < 0.6 else "missing"
        return job.features["perforation"], ()
    job.features["perforation"] = "pierced again"
    needle = float(rng.normal(1.0, job.better(0.25, 0.05)))
    pierced = []
    for one in artwork.perforations:
        holes = one.holes_mm.copy()
        holes[:, :2] += rng.normal(0.0, job.better(0.12, 0.02), (len(holes), 2)) + rng.normal(0.0, 0.25, 2)
        holes[:, 2] *= np.clip(needle + rng.normal(0.0, job.better(0.12, 0.03), len(holes)), 0.6, 1.7)
        pierced.append(replace(one, holes_mm=holes))
    return "pierced again", tuple(pierced)


def _reprinted(job: ForgeryJob, artwork: Artwork, side: int, with_: _Stock) -> Artwork:
    """The side scanned and printed again; text is set anew by hands that are good enough."""
    rng = job.rng(_STREAM_PRESS)
    stock = substrate(with_.stocks[int(rng.integers(len(with_.stocks)))])
    anew = job.plan.difficulty > 0.45
    how, holes = _holes(job, artwork)
    kept = artwork.plates
    if anew:  # the template is cleaned of the first holder's data, then printed with the second's
        kept = tuple(plate for plate in artwork.plates if plate.role not in _SET_ANEW)
    if job.plan.null:
        ground, film = artwork.with_plates(kept), artwork.laminate
    else:
        template = replace(artwork, plates=kept, perforations=artwork.perforations if how == "printed" else ())
        ground = _scanned_and_printed(job, template, side, with_, stock, rng)
        film = artwork.laminate if rng.random() < job.better(0.2, 0.9) else None
    plates: list[Plate] = list(ground.plates)
    if anew:
        plates += _set_anew(job, artwork, with_)
    if with_.marker and not job.plan.null:
        plates += _marker_motifs(job, artwork)
    return replace(
        ground,
        plates=tuple(plates),
        perforations=holes,
        laminate=film,
        corner_mm=artwork.corner_mm,
        boxes_mm=artwork.boxes_mm,
    )


def _scanned_and_printed(
    job: ForgeryJob, template: Artwork, side: int, with_: _Stock, stock: Substrate, rng: np.random.Generator
) -> Artwork:
    """The ground of a copy."""
    source = compose(press(template, job.seed(_STREAM_PRESS)), job.seed(_STREAM_SCAN))
    inks = tuple(ink(name) for name in with_.inks) if with_.inks else None
    printer = {"inkjet": job.better(600.0, 1200.0)}.get(with_.process)
    lpi = {"am_laser": float(rng.choice([150.0, 175.0, 200.0])), "toner": float(rng.choice([106.0, 133.0, 141.0]))}
    spot: Spot | None = ("line" if rng.random() < 0.5 else "round") if with_.process == "toner" else None
    return reprint(
        source,
        template.grid,
        with_.process,
        stock,
        inks,
        _forger_scanner(job),
        job.seed(_STREAM_PRESS + 100 * (side + 1)),
        lpi=lpi.get(with_.process),
        dpi=printer,
        spot=spot,
    )


def _set_anew(job: ForgeryJob, artwork: Artwork, with_: _Stock) -> list[Plate]:
    """Text as text: in the printer's black, static words in colour where it has any; a null edit in its own ink."""
    black = ink(with_.black)
    plates = []
    for plate in artwork.plates:
        if plate.role not in _SET_ANEW:
            continue
        if job.plan.null:
            plates.append(replace(plate, ink=plate.ink, process=plate.process))
        else:
            coloured = plate.role == "static_text" and with_.process != "inkjet"
            plates.append(replace(plate, ink=plate.ink if coloured else black, process=with_.process))
    return plates


def _marker_motifs(job: ForgeryJob, artwork: Artwork) -> list[Plate]:
    """Luminescent motifs copied by hand with one marker: thicker, softer, in one colour, out of place."""
    rng = job.rng(_STREAM_UV)
    s = artwork.grid.px_per_mm
    plates = []
    for plate in artwork.of_role("uv_static"):
        if rng.random() < job.better(0.5, 0.1):
            continue
        size = max(1, round(job.better(0.8, 0.25) * s))
        thick = cv2.dilate(plate.coverage, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
        soft = np.asarray(cv2.GaussianBlur(thick, (0, 0), max(1.0, job.better(0.5, 0.12) * s)), np.uint8)
        shift = rng.normal(0.0, job.better(1.2, 0.3) * s, 2).round().astype(int)
        origin = (plate.origin_px[0] + int(shift[0]), plate.origin_px[1] + int(shift[1]))
        plates.append(replace(plate, coverage=soft, origin_px=origin, ink=ink("uv_marker_green")))
    return plates


class _Printed(Forger):
    """A forger who scans and prints."""

    stocks: ClassVar[dict[str, _Stock]]

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The reprint of a side."""
        job.mark_page(side)
        return _reprinted(job, artwork, side, self.stocks[job.plan.method])


class InkjetCounterfeit(_Printed):
    """C1: dithered dots for line art, bright paper, dye black that infrared does not see."""

    id = "C1"
    methods: ClassVar = {
        "dye_on_office_paper": LIGHTS,
        "dye_on_photo_paper": LIGHTS,
        "pigment_on_office_paper": LIGHTS,
        "dye_on_dull_paper": LIGHTS,
        "pigment_on_dull_paper": LIGHTS,
        "dye_with_marker": LIGHTS,
    }
    stocks: ClassVar = {
        "dye_on_office_paper": _Stock("inkjet", ("office_paper", "office_paper_recycled")),
        "dye_on_photo_paper": _Stock("inkjet", ("photo_paper",)),
        "pigment_on_office_paper": _Stock("inkjet", ("office_paper",), _PIGMENT, "inkjet_pigment_black"),
        "dye_on_dull_paper": _Stock("inkjet", ("commercial_dull", "photo_paper_dull")),
        "pigment_on_dull_paper": _Stock("inkjet", ("commercial_dull",), _PIGMENT, "inkjet_pigment_black"),
        "dye_with_marker": _Stock("inkjet", ("commercial_dull", "office_paper_recycled"), marker=True),
    }


class TonerCounterfeit(_Printed):
    """C2: screen peaks and scattered toner, carbon in the background that stays dark in infrared."""

    id = "C2"
    methods: ClassVar = {
        "office_laser": LIGHTS,
        "production_laser": LIGHTS,
        "laser_on_dull_paper": LIGHTS,
        "laser_on_plastic": LIGHTS,
        "laser_with_marker": LIGHTS,
    }
    stocks: ClassVar = {
        "office_laser": _Stock("toner", ("office_paper", "office_paper_recycled"), black="toner_black"),
        "production_laser": _Stock("am_laser", ("office_paper", "label_paper"), black="toner_black"),
        "laser_on_dull_paper": _Stock("am_laser", ("commercial_dull",), black="toner_black"),
        "laser_on_plastic": _Stock("am_laser", ("pvc", "pvc_dull", "synthetic_paper"), black="toner_black"),
        "laser_with_marker": _Stock("am_laser", ("commercial_dull",), black="toner_black", marker=True),
    }


class OffsetCounterfeit(Forger):
    """C3: line art drawn again on dull stock; luminescence imitated, infrared split absent."""

    id = "C3"
    methods: ClassVar = {
        "wrong_uv_colour": LIGHTS,
        "uv_out_of_place": LIGHTS,
        "uv_traced": LIGHTS,
        "uv_missing": LIGHTS,
        "process_colours": LIGHTS,
    }

    def lights_of(self, job: ForgeryJob) -> tuple[Light, ...]:
        """Infrared tells only where the series parts its inks there, or where the inks are a press' four."""
        told = job.plan.method == "process_colours" or job.notes.get("ir_split", False)
        return LIGHTS if told else tuple(light for light in LIGHTS if light != "ir")

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The side drawn again with other inks."""
        job.mark_page(side)
        if artwork.of_role("ir_split"):
            job.notes["ir_split"] = True
        rng = job.rng(_STREAM_OFFSET + 100 * (side + 1))
        _, holes = _holes(job, artwork)
        stock = self._stock(artwork, rng)
        base = artwork
        if job.plan.method == "process_colours" and not job.plan.null:
            base = self._in_process_colours(job, artwork, side, stock, rng)
        plates = [again for plate in base.plates for again in self._again(job, plate, artwork, rng)]
        own = artwork.substrate if job.plan.null else stock
        return replace(base, substrate=own, plates=tuple(plates), perforations=holes)

    def _stock(self, artwork: Artwork, rng: np.random.Generator) -> Substrate:
        engraved = any(plate.process == "laser_engraving" for plate in artwork.plates)
        dull = (
            ["pvc_dull", "synthetic_paper"] if engraved else ["commercial_dull", "photo_paper_dull", "synthetic_paper"]
        )
        return substrate(str(rng.choice([name for name in dull if name != artwork.substrate.name])))

    def _in_process_colours(
        self, job: ForgeryJob, artwork: Artwork, side: int, stock: Substrate, rng: np.random.Generator
    ) -> Artwork:
        """Line art scanned and printed in four colours of a commercial press; texts stay text."""
        lines = tuple(p for p in artwork.plates if p.role in ("background", "overlay", "emblem", "ir_split"))
        sheet = replace(artwork, plates=lines, laminate=None, perforations=())
        seed = job.seed(_STREAM_LINES + 100 * (side + 1))
        copy = reprint(
            compose(press(sheet, seed), job.seed(_STREAM_SCAN)),
            artwork.grid,
            "offset",
            stock,
            None,
            _forger_scanner(job),
            seed,
            lpi=float(rng.choice([150.0, 175.0, 200.0])),
        )
        kept = {id(plate) for plate in lines}
        rest = tuple(p for p in artwork.plates if id(p) not in kept and p.role != "fibres")
        return artwork.with_plates((*copy.plates, *rest))

    def _again(self, job: ForgeryJob, plate: Plate, artwork: Artwork, rng: np.random.Generator) -> list[Plate]:
        """One plate as the workshop makes it; without an error of its own where the edit is null."""
        if job.plan.null:
            return [replace(plate, ink=plate.ink)]
        if plate.role == "fibres":
            return [] if rng.random() < job.better(0.8, 0.4) else [replace(plate, ink=ink("uv_fake_white_blue"))]
        if plate.role in ("uv_static", "uv_personal"):
            return self._luminescent(job, plate, artwork, rng)
        if plate.role == "ir_split":
            return [replace(plate, ink=ink(str(plate.ink.name).replace("_clear", "_dark")))]
        if plate.role == "microtext" and rng.random() < job.better(0.9, 0.4):
            return [replace(plate, coverage=np.asarray(cv2.GaussianBlur(plate.coverage, (0, 0), 3.0), np.uint8))]
        if plate.role in PERSONAL or plate.screened:
            return [plate]
        off = rng.normal(0.0, job.better(0.07, 0.02), 3)
        red, green, blue = (max(0.0, float(d + o)) for d, o in zip(plate.ink.density[:3], off, strict=True))
        mixed = replace(plate.ink, density=(red, green, blue, plate.ink.density[3]), emission=(0.0, 0.0, 0.0))
        return [replace(plate, ink=mixed)]

    def _luminescent(self, job: ForgeryJob, plate: Plate, artwork: Artwork, rng: np.random.Generator) -> list[Plate]:
        """An imitation of what glows, wrong in the way of the method."""
        s = artwork.grid.px_per_mm
        method = job.plan.method
        if method == "uv_missing":
            return [] if rng.random() < job.better(0.9, 0.5) else [plate]
        if method == "uv_out_of_place":
            reach = job.better(2.5, 1.0)
            angle = rng.uniform(0.0, 2 * np.pi)
            origin = (
                plate.origin_px[0] + round(float(np.cos(angle)) * reach * s),
                plate.origin_px[1] + round(float(np.sin(angle)) * reach * s),
            )
            return [replace(plate, origin_px=origin)]
        if method == "uv_traced":
            size = max(3, round(job.better(1.2, 0.5) * s)) | 1
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
            traced = cv2.morphologyEx(plate.coverage, cv2.MORPH_CLOSE, kernel)
            return [replace(plate, coverage=np.asarray(cv2.GaussianBlur(traced, (0, 0), size / 4), np.uint8))]
        others = [name for name in ("uv_fake_white_blue", "uv_green", "uv_yellow", "uv_blue", "uv_red")]
        other = ink(others[int(rng.integers(len(others)))])
        if other.name == plate.ink.name:
            other = ink("uv_orange")
        share = job.better(0.0, 0.35)  # a good workshop comes near the colour
        red, green, blue = (
            float((1 - share) * a + share * b) for a, b in zip(other.emission, plate.ink.emission, strict=True)
        )
        return [replace(plate, ink=replace(other, emission=(red, green, blue)))]


class Copied(Forger):
    """P2: a colour or grey copy of a page, presented as the page."""

    id = "P2"
    methods: ClassVar = {
        "grey_laser_copy": LIGHTS,
        "colour_laser_copy": LIGHTS,
        "grey_inkjet_copy": LIGHTS,
        "colour_inkjet_copy": LIGHTS,
    }

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The copy of a side, on office paper; holes are copied as dots."""
        job.mark_page(side)
        if job.plan.null:
            made = artwork.with_plates(artwork.plates)
            film, holes = artwork.laminate, artwork.perforations
        else:
            made, film, holes = self._copy(job, artwork, side), None, ()
            if artwork.perforations:
                job.features["perforation"] = "printed"
        return replace(made, laminate=film, perforations=holes, corner_mm=artwork.corner_mm, boxes_mm=artwork.boxes_mm)

    def _copy(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        rng = job.rng(_STREAM_COPY + 100 * (side + 1))
        grey = job.plan.method.startswith("grey")
        process: Process = "toner" if "laser" in job.plan.method else "inkjet"
        source = compose(press(artwork, job.seed(_STREAM_PRESS)), job.seed(_STREAM_SCAN))
        scanner = replace(
            _forger_scanner(job),
            dpi=float(rng.choice([200.0, 300.0, 400.0])),
            contrast=float(rng.uniform(1.1, 1.5)),
            saturation=0.0 if grey else float(rng.uniform(0.85, 1.2)),
        )
        inks = None
        if grey:
            inks = (ink("toner_black" if process == "toner" else str(rng.choice(["inkjet_dye_black", _PIGMENT[3]]))),)
        stock = substrate(str(rng.choice(["office_paper", "office_paper", "office_paper_recycled"])))
        return reprint(
            source,
            artwork.grid,
            process,
            stock,
            inks,
            scanner,
            job.seed(_STREAM_PRESS + 100 * (side + 1)),
            lpi=float(rng.choice([106.0, 133.0, 150.0])) if process == "toner" else None,
            dpi=600.0 if process == "inkjet" else None,
            spot="line" if process == "toner" and rng.random() < 0.4 else None,
        )
