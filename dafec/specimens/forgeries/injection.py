"""Digital injection (P3): the reader's pictures edited before they reach the system.

Most edits are made in the visible picture alone, and contradict infrared and ultraviolet; ``all_lights`` edits every
one of them alike. What is left are seams, another noise, another sharpness and traces of resampling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light
from dafec.specimens.artwork_fields import field_box
from dafec.specimens.forgeries.contract import Forger, ForgeryJob, box_polygon
from dafec.specimens.forgeries.hands import alterable_fields, field_spec, portrait_side
from dafec.specimens.model import Frames, Issue
from dafec.specimens.portrait import draw_portrait
from dafec.specimens.series import Series

__all__ = ["DigitalInjection"]

_STREAM_CHOICE, _STREAM_EDIT = 121, 122

Picture = NDArray[np.uint8]
Window = tuple[int, int, int, int]  # x0, y0, x1, y1


class DigitalInjection(Forger):
    """P3: a file in place of a document."""

    id = "P3"
    methods: ClassVar = {
        "spliced_text": LIGHTS,
        "copied_characters": LIGHTS,
        "inpainted_and_retyped": LIGHTS,
        "face_swapped": LIGHTS,
        "resynthesised": LIGHTS,
        "all_lights": LIGHTS,
    }

    def applies(self, series: Series) -> bool:
        """Documents with a text to alter."""
        return bool(alterable_fields(series))

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Chooses the text; the object stays genuine, so its texts do too."""
        fields = [(side, key) for side, key in alterable_fields(job.series) if len(issue.fields.get(key, "")) >= 4]
        rng = job.rng(_STREAM_CHOICE)
        side, key = fields[int(rng.integers(len(fields)))]
        job.notes.update(side=side, key=key)
        return issue

    def edit_frames(self, job: ForgeryJob, frames: Frames, side: int) -> Frames:
        """The visible picture, or all of them, edited in one place."""
        method = job.plan.method
        face = method == "face_swapped"
        at = portrait_side(job.series) if face else int(job.notes["side"])
        if face and at is None:
            at, face = int(job.notes["side"]), False
        if side != at:
            return frames
        box = self._box(job, side, face=face)
        lights: tuple[Light, ...] = ("visible",) if method != "all_lights" else tuple(frames.pictures)
        pictures = dict(frames.pictures)
        seed = job.seed(_STREAM_EDIT)
        for light in lights:
            if light in pictures:
                window = _window(box, frames.frame_from_page_mm[light], pictures[light].shape[:2])
                edited = self._edited(job, pictures[light], window, np.random.default_rng(seed), face=face)
                pictures[light] = pictures[light] if job.plan.null else edited
        job.mark(side, "portrait" if face else str(job.notes["key"]), box_polygon(box, 0.3))
        return replace(frames, pictures=pictures)

    def _box(self, job: ForgeryJob, side: int, *, face: bool) -> BoxMm:
        if face:
            portrait = job.series.sides[side].portrait
            assert portrait is not None
            box = portrait.box
            return BoxMm(box.x + 0.22 * box.width, box.y + 0.2 * box.height, 0.56 * box.width, 0.6 * box.height)
        spec = field_spec(job.series, side, str(job.notes["key"]))
        assert spec is not None
        return field_box(spec, job.issue.fields[spec.key])

    def _edited(
        self, job: ForgeryJob, picture: Picture, window: Window, rng: np.random.Generator, *, face: bool
    ) -> Picture:
        method = job.plan.method
        if face:
            return _swap_face(job, picture, window, rng)
        if method in ("inpainted_and_retyped", "all_lights"):
            return _retype(job, picture, window, rng)
        if method == "copied_characters":
            return _copy_characters(picture, window, rng)
        if method == "spliced_text":
            return _splice(job, picture, window, rng)
        return _resynthesise(job, picture, window, rng)


def _window(box: BoxMm, frame_from_page: NDArray[np.float64], shape: tuple[int, ...]) -> Window:
    """The upright window of a frame that holds a box of the page."""
    corners = np.hstack([box_polygon(box, 0.2), np.ones((4, 1))]) @ np.asarray(frame_from_page).T
    xy = corners[:, :2] / corners[:, 2:]
    x0, y0 = np.floor(xy.min(axis=0)).astype(int)
    x1, y1 = np.ceil(xy.max(axis=0)).astype(int)
    rows, columns = shape
    x0, y0 = int(np.clip(x0, 2, columns - 12)), int(np.clip(y0, 2, rows - 12))
    return x0, y0, int(np.clip(x1, x0 + 8, columns - 2)), int(np.clip(y1, y0 + 8, rows - 2))


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


def _retype(job: ForgeryJob, picture: Picture, window: Window, rng: np.random.Generator) -> Picture:
    """The text filled with what lies round it, and other characters set by an editor."""
    x0, y0, x1, y1 = window
    part = picture[y0:y1, x0:x1]
    mask = cv2.dilate(_ink_mask(part), np.ones((3, 3), np.uint8), iterations=max(1, (y1 - y0) // 16))
    filled = cv2.inpaint(part, mask, 3, cv2.INPAINT_TELEA)
    dark = np.median(part[mask > 0].reshape(-1, 1 if part.ndim == 2 else 3), axis=0) if mask.any() else np.zeros(1)
    size = 4
    canvas = np.zeros(((y1 - y0) * size, (x1 - x0) * size), np.uint8)
    text = "".join(str(int(d)) for d in rng.integers(0, 10, max(3, round(0.8 * (x1 - x0) / (y1 - y0) * 1.4))))
    fonts = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
    font = fonts[int(rng.integers(2))]
    height = 0.52 * canvas.shape[0]
    scale = cv2.getFontScaleFromHeight(font, round(height), max(1, round(height / 9)))
    (width, _), _ = cv2.getTextSize(text, font, scale, max(1, round(height / 9)))
    scale *= min(1.0, 0.96 * canvas.shape[1] / max(width, 1))
    cv2.putText(
        canvas, text, (2, round(0.78 * canvas.shape[0])), font, scale, 255, max(1, round(height / 9)), cv2.LINE_AA
    )
    small = cv2.resize(canvas, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    soft = np.asarray(cv2.GaussianBlur(small, (0, 0), job.better(0.3, 0.8)), np.float32)
    cover = soft if part.ndim == 2 else soft[..., None]
    patch = filled.astype(np.float32) * (1 - cover) + dark.astype(np.float32) * cover
    patch = patch + rng.normal(0.0, job.better(0.0, 2.0), patch.shape)
    return _blend(picture, window, np.asarray(patch, np.float32), job.better(0.5, 2.0))


def _copy_characters(picture: Picture, window: Window, rng: np.random.Generator) -> Picture:
    """One half of the text laid over a part of the other: a character stands twice."""
    x0, y0, x1, y1 = window
    width = max(6, (x1 - x0) // 5)
    starts = rng.choice(np.arange(0, max(2, x1 - x0 - width)), size=2, replace=False)
    if abs(int(starts[0]) - int(starts[1])) < width // 2:
        starts[1] = (int(starts[0]) + (x1 - x0) // 2) % max(1, x1 - x0 - width)
    source = picture[y0:y1, x0 + int(starts[0]) : x0 + int(starts[0]) + width].astype(np.float32)
    target = (x0 + int(starts[1]), y0, x0 + int(starts[1]) + width, y1)
    return _blend(picture, target, source, 1.0)


def _splice(job: ForgeryJob, picture: Picture, window: Window, rng: np.random.Generator) -> Picture:
    """Another line of text of the same page, scaled and compressed, laid over the window."""
    x0, y0, x1, y1 = window
    rows, columns = picture.shape[:2]
    height, width = y1 - y0, x1 - x0
    scale = float(rng.uniform(0.85, 1.2))
    h, w = min(rows - 2, round(height / scale)), min(columns - 2, round(width / scale))
    best, chosen = -1.0, (0, 0)
    for _ in range(40):  # where there is most print, elsewhere
        x, y = int(rng.integers(0, columns - w)), int(rng.integers(0, rows - h))
        if abs(y - y0) < height and abs(x - x0) < width:
            continue
        amount = float(picture[y : y + h, x : x + w].std())
        if amount > best:
            best, chosen = amount, (x, y)
    x, y = chosen
    patch = cv2.resize(picture[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_CUBIC)
    ok, packed = cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, round(job.better(60, 92))])
    again = cv2.imdecode(packed, cv2.IMREAD_UNCHANGED) if ok else None
    out = np.asarray(patch if again is None else again, np.float32)
    out = out + np.float32(picture[y0:y1, x0:x1].mean() - out.mean()) * np.float32(job.better(0.2, 0.9))
    return _blend(picture, window, out, job.better(0.5, 3.0))


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
