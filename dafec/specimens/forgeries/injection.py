"""Digital injection (P3): the reader's pictures edited before they reach the system.

Most edits are made in the visible picture alone, and contradict infrared and ultraviolet; ``all_lights`` edits every
one of them alike. What is left are seams, another noise, another sharpness and traces of resampling.

The object stays as it was issued; ``Issue.fields`` of an edited issue is what the edited pictures say. An editor works
on the page put straight, and lays back what he changed. A null edit opens the picture in the same way and lays back the
place as it was. It leaves not even a trace of resampling there, since that would be one of the forgery's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light
from dafec.specimens.artwork_fields import draw_field, field_box
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import alterable_fields, altered_value, field_spec, portrait_side, text_span
from dafec.specimens.model import Artwork, Frames, Grid, Issue
from dafec.specimens.portrait import draw_portrait
from dafec.specimens.series import FieldSpec, Series

__all__ = ["DigitalInjection"]

_STREAM_CHOICE, _STREAM_EDIT = 121, 122
_ROUND_MM = 2.5  # of the page round the edited place that the editor sees
_FACES = ("sans", "sans_bold", "lato", "condensed", "serif")

Picture = NDArray[np.uint8]
Unit = NDArray[np.float32]
Window = tuple[int, int, int, int]  # x0, y0, x1, y1


class DigitalInjection(Forger):
    """P3: a file in place of a document."""

    id = "P3"
    local: ClassVar = True
    methods: ClassVar = {
        "spliced_text": LIGHTS,
        "copied_characters": LIGHTS,
        "inpainted_and_retyped": LIGHTS,
        "face_swapped": LIGHTS,
        "resynthesised": LIGHTS,
        "all_lights": LIGHTS,
    }

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Of a document with a text to alter; a face can be swapped where there is one."""
        if not alterable_fields(series):
            return ()
        face = portrait_side(series) is not None
        return tuple(method for method in self.methods if face or method != "face_swapped")

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Chooses the text and what the pictures will say; the object keeps the first one."""
        fields = [(side, key) for side, key in alterable_fields(job.series) if len(issue.fields.get(key, "")) >= 4]
        rng = job.rng(_STREAM_CHOICE)
        method = job.plan.method
        if method == "copied_characters":
            fitting = [place for place in fields if _copies(issue.fields[place[1]])]
            fields = fitting or fields
        side, key = fields[int(rng.integers(len(fields)))]
        job.notes.update(side=side, key=key)
        old = issue.fields[key]
        if job.plan.null or (method == "face_swapped" and portrait_side(job.series) is not None):
            return issue
        if method == "copied_characters":
            pairs = _copies(old)
            source, target = pairs[int(rng.integers(len(pairs)))] if pairs else (0, 1)
            job.notes.update(source=source, target=target)
            new = old[:target] + old[source] + old[target + 1 :]
        elif method == "spliced_text":
            others = [k for s, k in alterable_fields(job.series) if s == side and k != key and issue.fields.get(k)]
            kind = [k for k in others if _of_digits(issue.fields[k]) == _of_digits(old)]
            others = kind or others
            dates = [k for k in others if k.endswith("_date")]
            near = [k for k in others if _as_tall(field_spec(job.series, side, k), field_spec(job.series, side, key))]
            pool = dates if key.endswith("_date") and dates else near or others
            other = pool[int(rng.integers(len(pool)))] if pool else key
            job.notes["other"] = other
            new = issue.fields[other]
        elif method == "resynthesised":
            new = old
        else:
            new = altered_value(rng, key, old)
        return replace(issue, fields={**issue.fields, key: new})

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """The object as it was issued."""
        return artwork if job.plan.null else job.draw(job.genuine, side)

    def edit_frames(self, job: ForgeryJob, frames: Frames, side: int) -> Frames:
        """The visible picture, or all of them, edited in one place."""
        method = job.plan.method
        face = method == "face_swapped" and portrait_side(job.series) is not None
        at = portrait_side(job.series) if face else int(job.notes["side"])
        if side != at:
            return frames
        box = self._box(job, side, face=face)
        lights: tuple[Light, ...] = ("visible",) if method != "all_lights" else tuple(frames.pictures)
        pictures = dict(frames.pictures)
        for light in lights:
            if light in pictures:
                pictures[light] = self._edited(job, pictures[light], frames, light, side, box)
        job.mark(side, "portrait" if face else str(job.notes["key"]), box_polygon(box, 0.6), lights)
        return replace(frames, pictures=pictures)

    def _box(self, job: ForgeryJob, side: int, *, face: bool) -> BoxMm:
        if face:
            portrait = job.series.sides[side].portrait
            assert portrait is not None
            box = portrait.box
            return BoxMm(box.x + 0.22 * box.width, box.y + 0.2 * box.height, 0.56 * box.width, 0.6 * box.height)
        spec = field_spec(job.series, side, str(job.notes["key"]))
        assert spec is not None
        old, new = (field_box(spec, issue.fields[spec.key]) for issue in (job.genuine, job.issue))
        if job.plan.method == "copied_characters" and "target" in job.notes:
            return text_span(spec, job.genuine.fields[spec.key], int(job.notes["target"]), int(job.notes["target"]))
        if job.plan.method == "spliced_text":  # as large as what is laid there
            other = field_spec(job.series, side, str(job.notes.get("other", spec.key)))
            assert other is not None
            laid = field_box(other, job.genuine.fields[other.key])
            return BoxMm(old.x, old.y, max(old.width, laid.width), max(old.height, laid.height))
        left = min(old.x, new.x)
        right = max(old.x + old.width, new.x + new.width)
        return BoxMm(left, old.y, right - left, old.height)

    def _edited(
        self, job: ForgeryJob, picture: Picture, frames: Frames, light: Light, side: int, box: BoxMm
    ) -> Picture:
        """One picture edited: its place put straight, changed, laid back."""
        matrix = np.asarray(frames.frame_from_page_mm[light], np.float64)
        scale = frames.dpi / 25.4
        method = job.plan.method
        rng = np.random.default_rng(job.seed(_STREAM_EDIT))
        sheet = _Sheet(picture, matrix, box, scale)
        if job.plan.null:
            return sheet.lay_back(sheet.part.copy())
        if method == "face_swapped" and portrait_side(job.series) is not None:
            return sheet.lay_back(_swap_face(job, sheet.part, sheet.window, rng))
        spec = field_spec(job.series, side, str(job.notes["key"]))
        assert spec is not None
        if method == "copied_characters" and "source" in job.notes:
            old = job.genuine.fields[spec.key]
            source = text_span(spec, old, int(job.notes["source"]), int(job.notes["source"]))
            middle = source.x + source.width / 2 - box.width / 2
            other = _Sheet(picture, matrix, BoxMm(middle, source.y, box.width, source.height), scale)
            return sheet.lay_back(_blend(sheet.part, sheet.window, other.inner(sheet.window), 1.0))
        if method == "spliced_text":
            return self._spliced(job, sheet, picture, matrix, scale, side, spec)
        if method == "resynthesised":
            return sheet.lay_back(_resynthesise(job, sheet.part, sheet.window, rng))
        return sheet.lay_back(_retype(job, sheet, spec, rng))

    def _spliced(
        self,
        job: ForgeryJob,
        sheet: _Sheet,
        picture: Picture,
        matrix: NDArray[np.float64],
        scale: float,
        side: int,
        spec: FieldSpec,
    ) -> Picture:
        """Another text of the same page, through a file of its own, in place of this one."""
        other = field_spec(job.series, side, str(job.notes.get("other", spec.key)))
        assert other is not None
        source = field_box(other, job.genuine.fields[other.key])
        donor = _Sheet(picture, matrix, source, scale)
        x0, y0, x1, y1 = donor.window
        patch = donor.part[y0:y1, x0:x1]
        ok, packed = cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, round(job.better(60, 92))])
        again = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED) if ok else patch, np.float32)
        bare = _blend(sheet.part, sheet.window, _filled(sheet.part, sheet.window), 1.0)
        ink = cv2.GaussianBlur(_ink_mask(patch), (0, 0), 0.8)[: y1 - y0, : x1 - x0]
        about = cv2.dilate(ink, np.ones((3, 3), np.uint8)).astype(np.float32) / 255
        at = sheet.window[:2]
        rows, columns = bare.shape[:2]
        h, w = min(again.shape[0], rows - at[1]), min(again.shape[1], columns - at[0])
        weight = np.clip(about[:h, :w] + (1 - job.plan.difficulty) * 0.6, 0, 1)  # clumsy: its ground comes along
        weight = weight if bare.ndim == 2 else weight[..., None]
        out = bare.astype(np.float32)
        place = out[at[1] : at[1] + h, at[0] : at[0] + w]
        place[:] = place * (1 - weight) + again[:h, :w] * weight
        return sheet.lay_back(np.clip(out + 0.5, 0, 255).astype(np.uint8))


def _of_digits(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _as_tall(a: FieldSpec | None, b: FieldSpec | None) -> bool:
    """Whether two texts have capitals of about one height."""
    return a is not None and b is not None and 0.8 < a.height_mm / b.height_mm < 1.25


def _copies(text: str) -> list[tuple[int, int]]:
    """Source and target of characters of one kind that differ and are about as wide."""
    kinds = ["0" if char.isdigit() else "A" if char.isalpha() and char not in "IJMW" else "" for char in text]
    return [
        (a, b)
        for a in range(len(text))
        for b in range(len(text))
        if kinds[a] and kinds[a] == kinds[b] and text[a] != text[b]
    ]


class _Sheet:
    """A place of a picture put straight: upright, at the scan's pitch, with some of the page round it."""

    def __init__(self, picture: Picture, frame_from_page: NDArray[np.float64], box: BoxMm, px_per_mm: float) -> None:
        self.picture = picture
        self.px_per_mm = px_per_mm
        self.left_mm, self.top_mm = box.x - _ROUND_MM, box.y - _ROUND_MM
        size = (
            max(24, round((box.width + 2 * _ROUND_MM) * px_per_mm)),
            max(24, round((box.height + 2 * _ROUND_MM) * px_per_mm)),
        )
        part_from_page = np.array(
            [[px_per_mm, 0, -self.left_mm * px_per_mm], [0, px_per_mm, -self.top_mm * px_per_mm], [0, 0, 1.0]]
        )
        self.frame_from_part = frame_from_page @ np.linalg.inv(part_from_page)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        self.part: Picture = np.asarray(
            cv2.warpPerspective(picture, self.frame_from_part, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        )
        edge = round(_ROUND_MM * px_per_mm)
        self.window: Window = (edge, edge, size[0] - edge, size[1] - edge)

    def inner(self, window: Window) -> Unit:
        """What lies in the window of another sheet of the same size."""
        x0, y0, x1, y1 = window
        own = self.part[self.window[1] :, self.window[0] :][: y1 - y0, : x1 - x0]
        return np.asarray(cv2.resize(own, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR), np.float32)

    def lay_back(self, edited: Picture) -> Picture:
        """The picture with what was changed, and nothing else, put back into it."""
        moved = np.abs(edited.astype(np.int16) - self.part)
        changed = ((moved if moved.ndim == 2 else moved.max(axis=2)) > 0).astype(np.uint8) * 255
        changed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        rows, columns = self.picture.shape[:2]
        h, w = edited.shape[:2]
        corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]], np.float64) @ self.frame_from_part.T
        xy = corners[:, :2] / corners[:, 2:]
        x0, y0 = np.clip(np.floor(xy.min(axis=0)).astype(int), 0, [columns - 1, rows - 1])
        x1, y1 = np.clip(np.ceil(xy.max(axis=0)).astype(int) + 1, [x0 + 1, y0 + 1], [columns, rows])
        shift = np.array([[1, 0, -float(x0)], [0, 1, -float(y0)], [0, 0, 1]])
        matrix = shift @ self.frame_from_part
        size = (int(x1 - x0), int(y1 - y0))
        back = cv2.warpPerspective(edited, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        weight = cv2.warpPerspective(changed, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32) / 255
        weight = weight if back.ndim == 2 else weight[..., None]
        out = self.picture.copy()
        below = out[y0:y1, x0:x1].astype(np.float32)
        out[y0:y1, x0:x1] = np.clip(below * (1 - weight) + back * weight + 0.5, 0, 255).astype(np.uint8)
        return out


def _filled(part: Picture, window: Window) -> Unit:
    """What lies in a window with its print filled from round it."""
    x0, y0, x1, y1 = window
    inner = part[y0:y1, x0:x1]
    mask = np.zeros(part.shape[:2], np.uint8)
    mask[y0:y1, x0:x1] = cv2.dilate(_ink_mask(inner), np.ones((3, 3), np.uint8), iterations=max(1, (y1 - y0) // 16))
    return np.asarray(cv2.inpaint(part, mask, 3, cv2.INPAINT_TELEA)[y0:y1, x0:x1], np.float32)


def _retype(job: ForgeryJob, sheet: _Sheet, spec: FieldSpec, rng: np.random.Generator) -> Picture:
    """The text filled with what lies round it, and the new one set by an editor in a face that is near."""
    part, window = sheet.part, sheet.window
    x0, y0, x1, y1 = window
    inner = part[y0:y1, x0:x1]
    mask = _ink_mask(inner)
    bare = _blend(part, window, _filled(part, window), 1.0)
    near = rng.random() < job.better(0.3, 0.9)
    face = spec.face if near else _FACES[int(rng.integers(len(_FACES)))]
    shift = rng.normal(0.0, job.better(0.15, 0.04), 2)
    grid = Grid(part.shape[1] / sheet.px_per_mm, part.shape[0] / sheet.px_per_mm, sheet.px_per_mm * 25.4)
    place = replace(
        spec,
        x_mm=spec.x_mm - sheet.left_mm + float(shift[0]),
        y_mm=spec.y_mm - sheet.top_mm + float(shift[1]),
        face=face,
    )
    coverage, (left, top) = draw_field(grid, place, job.issue.fields[spec.key])
    cover = np.zeros(part.shape[:2], np.float32)
    a, b = max(0, top), max(0, left)
    piece = coverage[a - top :, b - left :][: part.shape[0] - a, : part.shape[1] - b]
    cover[a : a + piece.shape[0], b : b + piece.shape[1]] = piece.astype(np.float32) / 255
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), job.better(0.3, 0.9)), np.float32)
    channels = 1 if part.ndim == 2 else 3
    pixels = inner[mask > 0].reshape(-1, channels) if mask.any() else np.zeros((1, channels))
    dark = np.percentile(pixels, job.better(5, 25), axis=0).astype(np.float32)
    weight = cover if part.ndim == 2 else cover[..., None]
    grain = rng.normal(0.0, job.better(0.0, 2.0), part.shape).astype(np.float32)
    out = bare.astype(np.float32) * (1 - weight) + (dark + grain) * weight
    return np.asarray(np.clip(out + 0.5, 0, 255), np.uint8)


def _blend(picture: Picture, window: Window, patch: NDArray[np.float32], feather_px: float) -> Picture:
    """A patch of the window's size laid in with a soft edge."""
    x0, y0, x1, y1 = window
    weight = np.zeros((y1 - y0, x1 - x0), np.float32)
    edge = max(1, round(feather_px))
    weight[edge:-edge, edge:-edge] = 1.0
    soft = np.asarray(cv2.GaussianBlur(weight, (0, 0), max(feather_px / 2, 0.3)), np.float32)
    weight = soft if picture.ndim == 2 else soft[..., None]
    out = picture.copy()
    below = out[y0:y1, x0:x1].astype(np.float32)
    out[y0:y1, x0:x1] = np.clip(below * (1 - weight) + patch * weight + 0.5, 0, 255).astype(np.uint8)
    return out


def _ink_mask(part: Picture) -> NDArray[np.uint8]:
    grey = part if part.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    return np.asarray((grey < level).astype(np.uint8) * 255)


def _swap_face(job: ForgeryJob, picture: Picture, window: Window, rng: np.random.Generator) -> Picture:
    """Another face blended over the printed one, in gradients or with a soft edge."""
    x0, y0, x1, y1 = window
    face_seed = int(rng.integers(2**30)) * 2 + (job.issue.person.face_seed & 1)
    whole = (round((y1 - y0) / 0.6), round((x1 - x0) / 0.56))
    drawn = draw_portrait(face_seed, whole)
    part = drawn[round(0.2 * whole[0]) :, round(0.22 * whole[1]) :][: y1 - y0, : x1 - x0]
    fitted = np.asarray(cv2.resize(part, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA), np.float32)
    face = np.clip(fitted ** (1 / 2.2) * 255, 0, 255)
    if picture.ndim == 2 or _is_grey(picture[y0:y1, x0:x1]):
        face = np.repeat(face.mean(axis=2, keepdims=True), 3, axis=2)
    face = face.astype(np.uint8)
    target = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    mask = np.zeros(face.shape[:2], np.uint8)
    cv2.ellipse(
        mask,
        (face.shape[1] // 2, face.shape[0] // 2),
        (face.shape[1] // 2 - 3, face.shape[0] // 2 - 3),
        0,
        0,
        360,
        255,
        -1,
    )
    centre = ((x0 + x1) // 2, (y0 + y1) // 2)
    if rng.random() < 0.5:
        done = cv2.seamlessClone(face, target, mask, centre, cv2.NORMAL_CLONE)
    else:
        weight = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), job.better(1.0, 5.0))[..., None]
        done = target.copy()
        below = done[y0:y1, x0:x1].astype(np.float32)
        done[y0:y1, x0:x1] = np.clip(below * (1 - weight) + face * weight, 0, 255).astype(np.uint8)
    return np.asarray(done if picture.ndim == 3 else done[..., 0], np.uint8)


def _is_grey(part: Picture) -> bool:
    return bool(np.ptp(part.astype(np.int16), axis=2).mean() < 12)


def _resynthesise(job: ForgeryJob, picture: Picture, window: Window, rng: np.random.Generator) -> Picture:
    """The window as a generative editor gives it back: noise gone, edges redrawn, grain invented."""
    x0, y0, x1, y1 = window
    part = picture[y0:y1, x0:x1]
    smooth = cv2.bilateralFilter(part, 7, 40, 3)
    smooth = np.asarray(cv2.medianBlur(smooth, 3), np.float32)
    shifted = np.roll(smooth, int(rng.integers(2, max(3, (x1 - x0) // 6))), axis=1)
    soft = np.asarray(cv2.GaussianBlur(shifted, (0, 0), 1.2), np.float32)
    sharp = shifted + job.better(1.2, 0.5) * (shifted - soft)
    grain = cv2.GaussianBlur(rng.standard_normal(part.shape, np.float32), (0, 0), 0.9)
    patch = np.asarray(sharp + job.better(0.0, 3.0) * grain, np.float32)
    return _blend(picture, window, patch, job.better(1.0, 4.0))
