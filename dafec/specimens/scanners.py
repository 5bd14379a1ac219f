"""Scanners: what the object looks like to one of them, in each light.

The physical order is kept: relief x reflectance, optics, place, the pixel's area, the lamp's field, stray light, dust,
noise, gain, colour, tone curve, sharpening, 8 bits. Every figure stands in ``data/scanners.toml``; a scanner that is
fitted to a real device answers for it by ``data/real_figures.toml``, measured with ``measure``.

Under the lamp the sensor receives the object's luminescence and, depending on the make, some visible light: the lamp's
own blue tail or the room's, reflected (``Ultraviolet.leak``). Some readers take a second exposure without the lamp and
subtract it; where document or camera moved a little between the two, every edge of the visible print stays as a pale
relief (``Ultraviolet.residue``). In the one real capture at hand this relief is, to R2 = 0.95, the visible picture
softened and moved by a third of a pixel, less the visible picture itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.lights import Light
from dafec.specimens.model import Appearance, Frames
from dafec.specimens.optics import lamp_field, sample, veil, warp
from dafec.specimens.placing import Placement, place_document, plane_from_page_mm, register_band
from dafec.specimens.scanner_model import Band, Phone, Scanner, load_scanner, scanner_names
from dafec.specimens.scenery import glare, room_light, surface
from dafec.specimens.sensor import add_dust, add_noise, device_seed, encode_tone, sharpen, strips, to_bytes

__all__ = ["load_scanner", "scan", "scanner_names"]

_MARGIN_MM = 1.5  # of cover laid round the object before the optics, so that its edge is spread like any other
_STREAM_PLACE, _STREAM_VISIBLE, _STREAM_IR, _STREAM_UV, _STREAM_SCENE = range(5)
_STREAM: dict[Light, int] = {"visible": _STREAM_VISIBLE, "ir": _STREAM_IR, "uv": _STREAM_UV}

Plane = NDArray[np.float32]


def scan(
    appearance: Appearance,
    scanner: Scanner,
    dpi: float,
    seed: int,
    lights: Sequence[Light] | None = None,
) -> Frames:
    """The pictures one scanner takes of an object.

    Args:
        appearance: the object.
        scanner: who looks.
        dpi: of the pictures, on the document.
        seed: of the place, the noise and all else that differs from one scan to the next.
        lights: which pictures; None: all it can take. A picture does not depend on which others are asked for.

    Returns:
        One frame a light, (h, w, 3) or (h, w) uint8 as the scanner gives them, and where the page lies in each.
    """
    wanted = [light for light in scanner.lights if lights is None or light in lights]
    placement = place_document(scanner, appearance.grid, dpi, np.random.default_rng([seed, _STREAM_PLACE]))
    pictures: dict[Light, NDArray[np.uint8]] = {}
    places: dict[Light, FloatArray] = {}
    view = _View(appearance, scanner, dpi, seed, placement)
    for light in wanted:
        placed = view.placed(light)
        pictures[light] = view.picture(light, placed)
        places[light] = placed.frame_from_page_mm
    return Frames(MappingProxyType(pictures), float(dpi), MappingProxyType(places))


class _View:
    """One object before one scanner."""

    def __init__(self, appearance: Appearance, scanner: Scanner, dpi: float, seed: int, placement: Placement) -> None:
        self.appearance, self.scanner, self.seed, self.placement = appearance, scanner, seed, placement
        self.px_per_mm = dpi / 25.4
        self.margin_px = math.ceil(_MARGIN_MM * appearance.grid.px_per_mm)
        self.corner_px = _corner_reach(appearance.outside)
        self.scratch: NDArray[np.float32] | None = None
        self.seen: NDArray[np.float32] | None = None

    def placed(self, light: Light) -> Placement:
        """Where the page lies in this light's frame."""
        if light == "visible":
            return self.placement
        rng = np.random.default_rng([self.seed, _STREAM[light], 1])
        return register_band(self.placement, self.scanner.bands[light].register, rng)

    def picture(self, light: Light, placed: Placement) -> NDArray[np.uint8]:
        """The finished picture in one light."""
        band = self.scanner.bands[light]
        if self.scanner.phone is not None:
            image = self._scene(self.scanner.phone, placed)
        elif light == "uv":
            image = self._uv(band, placed)
        elif light == "ir":
            image = self._infrared(band, placed)
        else:
            image = self._visible() if "uv" not in self.scanner.bands else self._visible().copy()
        if light == self.scanner.lights[-1]:
            self.scratch = None  # no other plane will be laid; an A4 frame needs the memory
        self._expose(image, band, light)
        encode_tone(image, band.tone)
        if light == "uv" and band.ultraviolet.residue > 0:
            image += self._residue(band, placed)
        sharpen(image, band.tone.sharpen, band.tone.sharpen_px)
        picture = to_bytes(image)
        return picture if self.scanner.phone is None else _own_file(picture, self.scanner.phone.jpeg)

    def _expose(self, image: NDArray[np.float32], band: Band, light: Light) -> None:
        """Lamp's field, veil, dust and noise, in place."""
        size = (image.shape[1], image.shape[0])
        rng = np.random.default_rng([self.seed, _STREAM[light], 2])
        strength = np.float32(np.clip(1.0 + band.lamp.flicker * rng.standard_normal(), 0.5, 1.5))
        for part in strips(size[1]):
            light_field = lamp_field(band.lamp, size, part) * strength
            image[part] *= light_field[..., 1] if image.ndim == 2 else light_field
        veil(image, band.optics.veil, band.optics.veil_mm * self.px_per_mm)
        device = device_seed(self.scanner.name, light)
        if band.sensor.dust > 0:
            add_dust(image, band.sensor.dust, self.px_per_mm, device if light == "ir" else self.seed)
        add_noise(image, band.sensor, int(rng.integers(2**31)), device)

    def _visible(self) -> NDArray[np.float32]:
        """Reflected visible light as the sensor receives it, (h, w, 3), before the lamp's field; kept."""
        if self.seen is None:
            cover = self.scanner.place.cover[:3]
            plane = self._laid(self.appearance.reflectance, cover)
            self.seen = self._sampled(plane, self.scanner.bands["visible"], self.placement, cover)
        return self.seen

    def _infrared(self, band: Band, placed: Placement) -> NDArray[np.float32]:
        """Reflected infrared, (h, w), or (h, w, 3) where the sensor has colours: they differ by its tone only."""
        cover = self.scanner.place.cover[3:]
        plane = self._laid(np.asarray(cv2.extractChannel(self.appearance.reflectance, 3), dtype=np.float32), cover)
        image = self._sampled(plane, band, placed, cover)
        return np.asarray(cv2.merge([image, image, image]), dtype=np.float32) if band.colour else image

    def _uv(self, band: Band, placed: Placement) -> NDArray[np.float32]:
        """Luminescence, and what visible light reaches the sensor with it, linear."""
        cover = self.scanner.place.cover_uv
        image = self._sampled(self._laid(self.appearance.fluorescence, cover, shaded=False), band, placed, cover)
        if any(band.ultraviolet.leak):
            seen = warp(self._visible(), self._from_visible(placed), placed.size, self.scanner.place.cover[:3])
            image += seen * np.array(band.ultraviolet.leak, dtype=np.float32)
        return image if band.colour else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.float32)

    def _residue(self, band: Band, placed: Placement) -> NDArray[np.float32]:
        """What is left of the visible picture where two exposures do not lie on each other, encoded."""
        visible = self.scanner.bands["visible"]
        second = warp(self._visible(), self._from_visible(placed), placed.size, self.scanner.place.cover[:3])
        veil(second, visible.optics.veil, visible.optics.veil_mm * self.px_per_mm)
        encode_tone(second, visible.tone)
        sharpen(second, visible.tone.sharpen, visible.tone.sharpen_px)
        first = np.asarray(cv2.GaussianBlur(second, (0, 0), max(band.ultraviolet.residue_soft_px, 0.05)), np.float32)
        moved = np.eye(3)
        moved[:2, 2] = band.ultraviolet.residue_px
        rest = (warp(first, moved, placed.size) - second) * np.float32(band.ultraviolet.residue)
        rest[:1], rest[-1:], rest[:, :1], rest[:, -1:] = 0.0, 0.0, 0.0, 0.0
        return rest if band.colour else np.ascontiguousarray(rest[..., 1])

    def _from_visible(self, placed: Placement) -> FloatArray:
        """(3, 3): pixels of the visible frame to those of another band's."""
        return np.asarray(placed.frame_from_page_mm @ np.linalg.inv(self.placement.frame_from_page_mm))

    def _laid(self, plane: Plane, cover: tuple[float, ...], *, shaded: bool = True) -> NDArray[np.float32]:
        """A plane of the object on the cover: shaded, its corners cut, a margin of cover round it.

        Args:
            plane: (h, w), (h, w, 3) or (h, w, 4), of which the first three are taken.
            cover: value of the cover, one a channel.
            shaded: whether relief darkens it.

        Returns:
            A scratch array, valid until the next call.
        """
        look, m = self.appearance, self.margin_px
        height, width = look.grid.shape
        laid = self._borrow((height + 2 * m, width + 2 * m, *((3,) if plane.ndim == 3 else ())))
        laid[:m], laid[-m:], laid[:, :m], laid[:, -m:] = cover, cover, cover, cover
        inner = laid[m:-m, m:-m]
        if plane.ndim == 3 and plane.shape[2] == 4:
            cv2.mixChannels([plane], [inner], [0, 0, 1, 1, 2, 2])
        else:
            inner[:] = plane
        if shaded and look.shade is not None:
            inner *= look.shade if inner.ndim == 2 else look.shade[..., None]
        if look.outside is not None:
            _cut_corners(inner, look.outside, self.corner_px, cover)
        if shaded and self.scanner.place.shadow > 0:
            _edge_shadow(laid, m, self.scanner.place.shadow, self.scanner.place.shadow_mm * look.grid.px_per_mm)
        return laid

    def _borrow(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The scratch array in this shape: fresh memory costs more than the work done in it."""
        count = math.prod(shape)
        if self.scratch is None or self.scratch.size < count:
            self.scratch = np.empty(count, dtype=np.float32)
        return self.scratch[:count].reshape(shape)

    def _sampled(
        self, plane: NDArray[np.float32], band: Band, placed: Placement, outside: tuple[float, ...]
    ) -> NDArray[np.float32]:
        per_mm = self.appearance.grid.px_per_mm
        soft_mm = band.optics.soft_px * placed.pitch
        sigma = math.hypot(band.optics.lens_um / 1000.0, soft_mm) * per_mm
        matrix = placed.frame_from_page_mm @ np.linalg.inv(plane_from_page_mm(self.appearance.grid, self.margin_px))
        return sample(plane, matrix, placed.size, sigma, placed.pitch * per_mm, outside)

    def _scene(self, phone: Phone, placed: Placement) -> NDArray[np.float32]:
        """What a phone sees: the object on a surface, room light, a reflection; (h, w, 3), linear."""
        band, look = self.scanner.bands["visible"], self.appearance
        rng = np.random.default_rng([self.seed, _STREAM_SCENE])
        nothing = (0.0, 0.0, 0.0)
        image = self._sampled(self._laid(look.reflectance, nothing), band, placed, nothing)
        covered = np.ones(look.grid.shape, dtype=np.float32)
        alpha = self._sampled(self._laid(covered, (0.0,), shaded=False), band, placed, (0.0,))
        alpha = np.clip(alpha, 0.0, 1.0)
        del covered
        self.scratch = None  # gloss is a third as large
        kind = phone.surfaces[int(rng.integers(len(phone.surfaces)))]
        near = cv2.GaussianBlur(alpha, (0, 0), 0.5 * self.px_per_mm)  # contact shadow round the document
        uncovered = (1.0 - alpha) * (1.0 - 0.35 * near)
        half = ((placed.size[0] + 1) // 2, (placed.size[1] + 1) // 2)  # the table lies behind the plane in focus
        table = surface(kind, half, self.px_per_mm / 2, rng)
        light_field = room_light(phone, half, rng) * np.exp(rng.normal(0.0, phone.cast, 3)).astype(np.float32)
        for channel in range(3):
            plane = cv2.resize(np.ascontiguousarray(table[..., channel]), placed.size)
            image[..., channel] += plane * uncovered
            image[..., channel] *= cv2.resize(np.ascontiguousarray(light_field[..., channel]), placed.size)
        spot = glare(phone, placed.size, rng)
        if spot is not None:
            if look.gloss is not None:
                gloss = self._sampled(self._laid(look.gloss, (0.1,), shaded=False), band, placed, (0.1,))
                spot = spot * np.clip(gloss, 0.0, 1.0)
            image += spot[..., None] if look.gloss is not None else 0.25 * spot[..., None]
        return image


def _corner_reach(outside: NDArray[np.uint8] | None) -> int:
    """Pixels from each corner within which the object may be cut away."""
    if outside is None:
        return 0
    edges = (outside[0], outside[-1], outside[:, 0], outside[:, -1])
    return max(int(np.count_nonzero(half < 255)) for edge in edges for half in np.array_split(edge, 2)) + 1


def _cut_corners(plane: NDArray[np.float32], outside: NDArray[np.uint8], reach: int, cover: tuple[float, ...]) -> None:
    """The cover where the object is not, in place."""
    height, width = outside.shape
    reach = min(reach, height // 2, width // 2)
    for rows in (slice(0, reach), slice(height - reach, height)):
        for columns in (slice(0, reach), slice(width - reach, width)):
            away = 1.0 - outside[rows, columns].astype(np.float32) / 255.0
            part = plane[rows, columns]
            if part.ndim == 2:
                part += (np.float32(cover[0]) - part) * away
            else:
                part += (np.array(cover, dtype=np.float32) - part) * away[..., None]


def _edge_shadow(laid: NDArray[np.float32], margin: int, depth: float, width_px: float) -> None:
    """The shadow a document's thickness casts on the lid above it, right and below: the lamp comes from the left."""
    ramp = (1.0 - depth * np.exp(-np.arange(margin) / max(width_px, 0.5))).astype(np.float32)
    extra = (1,) * (laid.ndim - 2)
    laid[-margin:, margin:] *= ramp.reshape(-1, 1, *extra)
    laid[margin:-margin, -margin:] *= ramp.reshape(1, -1, *extra)


def _own_file(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """The phone's own compressed file, decoded again."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
