"""What a scanner is: numbers, read from ``data/scanners.toml``, for every step from light to 8 bits.

Each band is a chain of its own: lamp, optics, place, sensor, tone. ``scanners`` runs the chains.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from dafec.errors import InstallationError
from dafec.lights import LIGHTS, Light

__all__ = [
    "Band",
    "Lamp",
    "Optics",
    "Phone",
    "Place",
    "Register",
    "Scanner",
    "ScannerKind",
    "Sensor",
    "Tone",
    "Ultraviolet",
    "load_scanner",
    "scanner_names",
]

ScannerKind = Literal["reader", "flatbed", "phone"]
Triple = tuple[float, float, float]
Pair = tuple[float, float]
_PART = TypeVar("_PART")


@dataclass(frozen=True, slots=True)
class Lamp:
    """The illumination's field over the frame, relative to its centre."""

    falloff: Triple = (0.0, 0.0, 0.0)  # loss at the corners in red, green, blue; 0.35: the corners get 65 %
    power: float = 2.0  # of the radius, by which it falls off
    centre: Pair = (0.0, 0.0)  # of the field, as shares of half the frame
    slope: Pair = (0.0, 0.0)  # a linear part from edge to edge, x and y
    oval: float = 1.0  # how much faster it falls off in x than in y
    flicker: float = 0.0  # relative deviation of the lamp's strength from one scan to the next, 1 sigma


@dataclass(frozen=True, slots=True)
class Optics:
    """A Gaussian point spread, before the sensor's square pixel, and a veil."""

    lens_um: float = 20.0  # 1 sigma on the document, whatever the resolution
    soft_px: float = 0.3  # 1 sigma in pixels of the scan: demosaicing, resampling
    veil: float = 0.0  # share of the light that is scattered wide
    veil_mm: float = 1.5  # how wide, 1 sigma


@dataclass(frozen=True, slots=True)
class Register:
    """Where a band lies against the visible one: about the frame's centre."""

    shift_px: Pair = (0.0, 0.0)
    jitter_px: float = 0.0  # of the shift, from scan to scan, 1 sigma
    scale: float = 1.0
    shear: Pair = (0.0, 0.0)  # dx/dy, dy/dx: a rotation is (-a, a)


@dataclass(frozen=True, slots=True)
class Sensor:
    """Noise in linear light; full scale is 1."""

    full_well: float = 10000.0  # electrons at full scale: shot noise
    read: float = 0.002  # 1 sigma
    correlated_px: float = 0.0  # 1 sigma of a blur over the noise: demosaicing, noise reduction, resampling
    chroma: float = 1.0  # share of the noise that is its own in each colour; 0: the same grey noise in all
    column: float = 0.0  # relative gain deviation of columns, fixed for the device, 1 sigma
    row: float = 0.0  # the same of rows, anew in each scan: flicker and read-out
    pattern: float = 0.0  # amplitude of a fine fixed pattern, relative
    pattern_px: float = 2.07  # its period
    dust: float = 0.0  # specks on the glass or the sensor, a square decimetre


@dataclass(frozen=True, slots=True)
class Tone:
    """From linear light to 8 bits."""

    gain: float = 1.0
    white: Triple = (1.0, 1.0, 1.0)  # colour cast: gains of red, green, blue
    matrix: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)  # rows for red, green, blue
    gamma: float = 0.0  # exponent 1/gamma; 0: the curve of sRGB
    contrast: float = 0.0  # of an S curve about the middle; 1: twice as steep
    black: Triple = (0.0, 0.0, 0.0)  # this encoded level becomes 0, full scale stays; negative: lifted blacks
    sharpen: float = 0.0  # of an unsharp mask
    sharpen_px: float = 1.0  # its sigma
    saturation: float = 1.0


@dataclass(frozen=True, slots=True)
class Ultraviolet:
    """What else reaches the sensor while the lamp is on."""

    leak: Triple = (0.0, 0.0, 0.0)  # visible light of lamp and room reflected, linear, share of the reflectance
    residue: float = 0.0  # the room's light is taken off by a second exposure: what is left of it at edges, encoded
    residue_px: Pair = (0.3, 0.2)  # how far the document moved between the two
    residue_soft_px: float = 0.7  # how much softer the first of the two was, 1 sigma


@dataclass(frozen=True, slots=True)
class Band:
    """One light of a scanner."""

    colour: bool = True
    lamp: Lamp = Lamp()
    optics: Optics = Optics()
    register: Register = Register()
    sensor: Sensor = Sensor()
    tone: Tone = Tone()
    ultraviolet: Ultraviolet = Ultraviolet()


@dataclass(frozen=True, slots=True)
class Place:
    """How documents lie and what is round them."""

    frame: Literal["document", "glass"] = "document"  # the frame is cut to the document, or it is the whole glass
    glass_mm: Pair = (130.0, 92.0)
    margin_mm: Pair = (0.5, 2.0)  # least and most of what a cut frame shows beside the document; negative: cropped
    rotation_deg: float = 0.4  # 1 sigma
    anywhere: bool = False  # on the glass; otherwise in its middle
    slack_mm: float = 0.6  # of the place, 1 sigma
    cover: tuple[float, float, float, float] = (0.03, 0.03, 0.03, 0.05)  # its reflectance
    cover_uv: Triple = (0.004, 0.004, 0.008)
    shadow: float = 0.0  # of the document's edge on the cover, 0..1
    shadow_mm: float = 0.5


@dataclass(frozen=True, slots=True)
class Phone:
    """A photograph by hand."""

    tilt_deg: float = 7.0  # of the camera's axis, 1 sigma
    distance: float = 2.6  # of the camera, in widths of the document
    turn_deg: float = 2.5
    border: Pair = (0.06, 0.18)  # background beside the document, share of its width
    uneven: float = 0.25  # of the light over the frame
    shadow: float = 0.2  # chance of the hand's or phone's shadow is one, this is its depth
    glare: float = 0.5  # strength of a light's reflection on a mirror
    glare_chance: float = 0.4
    surfaces: tuple[str, ...] = ("wood", "cloth", "stone", "paper", "dark")
    cast: float = 0.04  # of the white balance, 1 sigma
    jpeg: int = 90  # quality of the phone's own file, 4:2:0


@dataclass(frozen=True, slots=True, eq=False)
class Scanner:
    """One make of scanner."""

    name: str
    title: str
    kind: ScannerKind
    dpis: tuple[int, ...]  # resolutions it offers
    bands: Mapping[Light, Band]
    place: Place = Place()
    phone: Phone | None = None
    fitted_to: str = ""  # the real device its numbers were fitted to; empty: invented within plausible bounds
    lights: tuple[Light, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "lights", tuple(light for light in LIGHTS if light in self.bands))


_PARTS = {
    "lamp": Lamp,
    "optics": Optics,
    "register": Register,
    "sensor": Sensor,
    "tone": Tone,
    "ultraviolet": Ultraviolet,
}


def _build(kind: type[_PART], table: Mapping[str, Any], where: str) -> _PART:
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(table) - known:
        raise InstallationError("specimens.scanner_data", name=where, key=", ".join(sorted(unknown)))
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _band(table: Mapping[str, Any], where: str) -> Band:
    parts: dict[str, Any] = {key: _build(_PARTS[key], value, where) for key, value in table.items() if key in _PARTS}
    plain = {key: value for key, value in table.items() if key not in _PARTS}
    return _build(Band, plain | parts, where)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(files("dafec.specimens").joinpath("data/scanners.toml").read_text(encoding="utf-8"))


def scanner_names() -> tuple[str, ...]:
    """Names of every scanner, in the order of the data."""
    return tuple(_table())


@lru_cache(maxsize=32)
def load_scanner(name: str) -> Scanner:
    """The scanner of that name.

    Raises:
        InstallationError: ``specimens.scanner_data``; there is none, or its data have a key that nothing knows.
    """
    table = _table().get(name)
    if table is None:
        raise InstallationError("specimens.scanner_data", name=name, key="-")
    bands = {light: _band(table[light], f"{name}.{light}") for light in LIGHTS if light in table}
    return Scanner(
        name=name,
        title=table["title"],
        kind=cast(ScannerKind, table["kind"]),
        dpis=tuple(table["dpis"]),
        bands=MappingProxyType(bands),
        place=_build(Place, table.get("place", {}), name),
        phone=_build(Phone, table["phone"], name) if "phone" in table else None,
        fitted_to=table.get("fitted_to", ""),
    )
