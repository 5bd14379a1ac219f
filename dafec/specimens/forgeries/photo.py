"""Another photo: laid over, set in or printed anew on a genuine document (F1), or swapped before it was printed (F2).

F1 works on the object with knife, glue, solvent and a small printer: an edge, interrupted line art, another process,
another brightness under the lamp, residues of the first photo. F2 puts another picture into the data before the genuine
process prints it, or a morph of two faces: the process is right, what betrays it is the ghost, a blended border, the
overlay's missing lines or a picture that was resampled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS
from dafec.specimens.artwork_pictures import picture_image, picture_plates, portrait_style
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import has_film, has_overlay, is_fused, portrait_side, soft_mask, take_away
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Artwork, Grid, Issue, Piece, Plate, Process, Substrate, Unit
from dafec.specimens.processes import print_continuous
from dafec.specimens.series import PictureSpec, Series

__all__ = ["PhotoSubstitution", "PhotoSwap"]

_STREAM_FACE, _STREAM_HAND, _STREAM_PRINT, _STREAM_BORDER = 51, 52, 53, 54


def _impostor(job: ForgeryJob, issue: Issue) -> Issue:
    """The same document with another holder's face; of the same look (the seed's lowest bit) in most cases."""
    rng = job.rng(_STREAM_FACE)
    own = issue.person.face_seed
    other = own if job.plan.null else int(rng.integers(2**30)) * 2 + (own & 1)
    return replace(issue, person=replace(issue.person, face_seed=other))


def _portrait(series: Series) -> tuple[int, PictureSpec]:
    side = portrait_side(series)
    assert side is not None, "applies() has looked"
    spec = series.sides[side].portrait
    assert spec is not None
    return side, spec


def _home_photo(job: ForgeryJob, grid: Grid, spec: PictureSpec, issue: Issue) -> Unit:
    """The impostor's picture as it comes from a telephone: resampled, a little soft, with its own tone."""
    rng = job.rng(_STREAM_HAND)
    image = picture_image(
        replace(spec, strength=1.0, fade_mm=0.0, oval=False),
        grid,
        issue.person.face_seed,
        portrait_style(job.series, issue, spec.background),
    )
    scale = job.better(0.25, 0.7)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    tone = float(rng.uniform(0.85, 1.2))
    return np.asarray(np.clip(back, 0, 1) ** tone, np.float32)


def _pixels(grid: Grid, box: BoxMm) -> tuple[int, int]:
    s = grid.px_per_mm
    return round(box.x * s), round(box.y * s)


class PhotoSubstitution(Forger):
    """F1: by hand, on the object."""

    id = "F1"
    methods: ClassVar = {
        "pasted_over": LIGHTS,
        "cut_and_replaced": LIGHTS,
        "printed_film": LIGHTS,
        "peeled_and_reprinted": LIGHTS,
        "bleached_and_reprinted": LIGHTS,
    }

    local: ClassVar = True

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a portrait: what its stock and film let a hand do.

        A film can be peeled off, a print on paper bleached; a polycarbonate body is one piece, and gets a thin film
        over it or an inlay set into a cut.
        """
        side = portrait_side(series)
        if side is None:
            return ()
        fused, film = is_fused(series, side), has_film(series, side)
        portrait = series.sides[side].portrait
        dyes = portrait is not None and portrait.process in ("inkjet", "dye_sublimation")
        fitting = {
            "pasted_over": not fused,
            "cut_and_replaced": True,
            "printed_film": True,
            "peeled_and_reprinted": film,
            "bleached_and_reprinted": dyes and not fused,
        }
        return tuple(method for method in self.methods if fitting[method])

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The genuine sheet with another photo on it."""
        at, spec = _portrait(job.series)
        if side != at:
            return artwork
        box = artwork.boxes_mm["portrait"]
        job.mark(side, "portrait", box_polygon(box, 0.6))
        issue = _impostor(job, job.issue)
        if job.plan.null:  # the photo is taken off and the same one printed by the series' own process
            again = replace(issue, print_seed=job.seed(_STREAM_PRINT))  # a second print, with dots of its own
            return _in_place(artwork, picture_plates(job.series, again, spec, artwork.grid, "portrait"))
        method = job.plan.method
        if method in ("pasted_over", "cut_and_replaced", "printed_film"):
            return self._laid_on(job, artwork, spec, issue)
        return self._reprinted(job, artwork, spec, issue)

    def _laid_on(self, job: ForgeryJob, artwork: Artwork, spec: PictureSpec, issue: Issue) -> Artwork:
        """A print of its own, pasted over, set into a cut, or a thin film over the first photo."""
        rng = job.rng(_STREAM_PRINT)
        method = job.plan.method
        box = artwork.boxes_mm["portrait"]
        grow = float(rng.uniform(0.0, job.better(0.6, 0.15)))
        own = Grid(box.width + 2 * grow, box.height + 2 * grow, artwork.grid.dpi)
        picture = _home_photo(job, own, replace(spec, box=BoxMm(0.0, 0.0, own.width_mm, own.height_mm)), issue)
        process: Process = str(rng.choice(["dye_sublimation", "inkjet", "inkjet"]))  # type: ignore[assignment]
        stocks = {
            "pasted_over": ("photo_paper", "photo_paper_dull", "label_paper"),
            "cut_and_replaced": ("photo_paper", "photo_paper_dull", artwork.substrate.name),
            "printed_film": ("photo_paper_dull", "label_paper"),
        }[method]
        stock = substrate(str(rng.choice(stocks)))
        if method == "printed_film":
            stock = _thin(stock, artwork.substrate, job.better(0.5, 0.85))
        if picture.shape[:2] != own.shape:
            picture = np.asarray(cv2.resize(picture, own.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
        plates = print_continuous(process, picture, own, (0, 0), "portrait", "portrait", job.seed(_STREAM_PRINT))
        mask = np.full(own.shape, 255, np.uint8)
        shift = rng.normal(0.0, job.better(0.5, 0.12), 2)
        piece = Piece(
            artwork=Artwork(own, stock, plates),
            at_mm=(box.x - grow + float(shift[0]), box.y - grow + float(shift[1])),
            mask=mask,
            thickness_um={"pasted_over": job.better(220, 90), "cut_and_replaced": job.better(90, 25)}.get(
                method, job.better(60, 20)
            ),
            angle_deg=float(rng.normal(0.0, job.better(0.9, 0.25))),
            glue=ink("glue" if rng.random() < job.better(0.8, 0.4) else "glue_dull"),
            below_laminate=method == "cut_and_replaced" and artwork.laminate is not None,
        )
        return replace(artwork, pieces=(*artwork.pieces, piece))

    def _reprinted(self, job: ForgeryJob, artwork: Artwork, spec: PictureSpec, issue: Issue) -> Artwork:
        """The first photo peeled off or bleached, with some of the print below it, and another one printed there."""
        rng = job.rng(_STREAM_PRINT)
        box = artwork.boxes_mm["portrait"]
        peeled = job.plan.method == "peeled_and_reprinted"
        mask = soft_mask(artwork.grid, box, 0.12, rng if peeled else None)
        left = job.better(0.10, 0.02)  # of the first photo
        lost = job.better(0.95, 0.45) if peeled else job.better(0.5, 0.15)  # of the line art

        def share(plate: Plate) -> float:
            if plate.role == "portrait":
                return 1.0 - left
            if plate.role in ("background", "overlay", "ir_split", "uv_static", "fibres", "microtext", "emblem"):
                return lost
            return 0.0

        bare = take_away(artwork, mask, share)
        process: Process = "inkjet" if spec.process != "inkjet" or rng.random() < 0.5 else "dye_sublimation"
        picture = _home_photo(job, artwork.grid, spec, issue)
        plates = print_continuous(
            process, picture, artwork.grid, _pixels(artwork.grid, spec.box), "portrait", "portrait",
            job.seed(_STREAM_PRINT),
        )  # fmt: skip
        residue = Plate("dirt", ink("solvent" if peeled else "bleach"), mask, name="residue")
        return bare.with_plates((*bare.plates, residue, *plates))


def _thin(film: Substrate, below: Substrate, share: float) -> Substrate:
    """A film so thin that the sheet shows through by a share."""
    reflectance = tuple((1 - share) * a + share * b for a, b in zip(film.reflectance, below.reflectance, strict=True))
    glow = tuple((1 - share) * a + share * b for a, b in zip(film.fluorescence, below.fluorescence, strict=True))
    return replace(film, reflectance=reflectance, fluorescence=glow)  # type: ignore[arg-type]


def _in_place(artwork: Artwork, plates: tuple[Plate, ...]) -> Artwork:
    """New portrait plates where the old ones stood in the order of the press."""
    first = next((at for at, plate in enumerate(artwork.plates) if plate.role == "portrait"), len(artwork.plates))
    rest = tuple(plate for plate in artwork.plates if plate.role != "portrait")
    return artwork.with_plates((*rest[:first], *plates, *rest[first:]))


class PhotoSwap(Forger):
    """F2: in the data, before the genuine process prints it."""

    id = "F2"
    methods: ClassVar = {
        "swap_ghost_kept": LIGHTS,
        "swap_ghost_replaced": LIGHTS,
        "swap_without_overlay": LIGHTS,
        "face_blended_in": LIGHTS,
        "morph": LIGHTS,
    }

    local: ClassVar = True

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a portrait: a ghost can be kept or replaced, an overlay forgotten, where there is one."""
        side = portrait_side(series)
        if side is None:
            return ()
        ghost, overlay = series.sides[side].ghost is not None, has_overlay(series, side)
        fitting = {"swap_ghost_kept": ghost, "swap_ghost_replaced": ghost, "swap_without_overlay": overlay}
        return tuple(method for method in self.methods if fitting.get(method, True))

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Portrait, and by method the ghost, of another face by the series' own process."""
        at, spec = _portrait(job.series)
        if side != at:
            return artwork
        job.mark(side, "portrait", box_polygon(artwork.boxes_mm["portrait"]))
        issue = _impostor(job, job.issue)
        method = job.plan.method
        picture = self._picture(job, artwork.grid, spec, issue)
        plates = _by_own_process(job, artwork.grid, spec, picture, issue)
        made = _in_place(artwork, plates)
        if job.plan.null:
            return made
        box = artwork.boxes_mm["portrait"]
        if method == "swap_without_overlay":
            mask = soft_mask(artwork.grid, box, 0.05)
            made = take_away(made, mask, lambda plate: float(plate.role == "overlay"))
        ghost = job.series.sides[side].ghost
        if method == "swap_ghost_replaced" and ghost is not None:
            job.mark(side, "ghost", box_polygon(artwork.boxes_mm["ghost"]))
            rest = tuple(plate for plate in made.plates if plate.role != "ghost")
            again = picture_plates(
                job.series, issue, replace(ghost, strength=ghost.strength * 0.85), artwork.grid, "ghost"
            )
            made = made.with_plates((*rest, *again))
        return made

    def _picture(self, job: ForgeryJob, grid: Grid, spec: PictureSpec, issue: Issue) -> Unit:
        """The picture that is printed: another face, the face alone in the first photo, or a morph."""
        style = portrait_style(job.series, issue, spec.background)
        own = picture_image(spec, grid, job.issue.person.face_seed, style)
        if job.plan.null:
            return own
        other = picture_image(spec, grid, issue.person.face_seed, style)
        if job.plan.method == "morph":
            share = float(job.rng(_STREAM_BORDER).uniform(0.4, 0.6))
            return self._blend(job, own, other, share, job.better(0.10, 0.28))
        if job.plan.method == "face_blended_in":
            return self._blend(job, own, _resampled(other, job.better(0.35, 0.8)), 1.0, job.better(0.04, 0.15))
        return _resampled(other, job.better(0.3, 0.85))

    def _blend(self, job: ForgeryJob, own: Unit, other: Unit, share: float, feather: float) -> Unit:
        """The other's face in an oval of the first photo."""
        rows, columns = own.shape[:2]
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        radius = np.sqrt(((x - columns / 2) / (0.30 * columns)) ** 2 + ((y - 0.5 * rows) / (0.31 * rows)) ** 2)
        weight = np.clip((1.0 + feather - radius) / (2 * feather), 0.0, 1.0) * share
        weight = weight if own.ndim == 2 else weight[..., None]
        return np.asarray(own * (1 - weight) + other * weight, np.float32)


def _resampled(image: Unit, scale: float) -> Unit:
    """A picture that was small once, and went through a file."""
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    back = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(back, 0, 1), np.float32)


def _by_own_process(job: ForgeryJob, grid: Grid, spec: PictureSpec, picture: Unit, issue: Issue) -> tuple[Plate, ...]:
    """The series' own process; a portrait in one ink's lines is drawn by the series as well."""
    if spec.ink is not None:
        return picture_plates(job.series, issue, spec, grid, "portrait")
    seed = issue.print_seed
    return print_continuous(
        spec.process, picture, grid, _pixels(grid, spec.box), role="portrait", name="portrait", seed=seed
    )
