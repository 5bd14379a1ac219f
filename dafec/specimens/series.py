"""Series of specimens: the documents of states that do not exist, as data.

One TOML file per series in ``series/``. The states are invented; their codes come from the ranges ISO 3166-1 leaves to
its users, so that no specimen can be taken for a document of a real state. A state with two generations of one document
has two files. A file says what lies on each side, in the order of the press: layers of static print under the personal
data, the portrait, the personal texts, and layers over them. ``artwork`` draws it, ``issue`` fills it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

from dafec.errors import InstallationError, UsageError
from dafec.geometry import FORMAT_SIZE_MM, BoxMm, DocumentFormat
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Laminate, Process, Role
from dafec.specimens.persons import NameScript, cultures

__all__ = [
    "FieldSpec",
    "Layer",
    "MrzSpec",
    "NumberRule",
    "PerforationSpec",
    "PictureSpec",
    "Series",
    "SideSpec",
    "SignatureSpec",
    "UvTextSpec",
    "load_series",
    "series_codes",
]

Anchor = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True)
class Layer:
    """Static print of one kind; ``artwork_layers`` knows the kinds and their parameters."""

    kind: str
    role: Role
    ink: str
    params: Mapping[str, Any]
    ink_2: str | None = None  # of a rainbow print, or the twin of an infrared split


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """Where one personal text stands."""

    key: str  # of ``Issue.fields``
    x_mm: float  # of its anchor
    y_mm: float  # baseline
    anchor: Anchor
    height_mm: float  # of a capital
    face: str
    ink: str
    process: Process
    label: str  # "above", "before" or "none"
    role: Role
    angle_deg: float = 0.0
    spacing_mm: float | None = None  # fixed pitch
    width_mm: float | None = None  # most that it may take: longer texts are set narrower


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """The portrait, or its repetition as a ghost."""

    box: BoxMm
    process: Process
    grey: bool
    background: tuple[float, float, float]  # linear
    strength: float = 1.0  # of the print, below 1 for a ghost
    oval: bool = False
    fade_mm: float = 0.0  # over which the print runs out at its edge
    ink: str | None = None  # of a ghost in one ink


@dataclass(frozen=True, slots=True)
class MrzSpec:
    """How the zone is printed."""

    ink: str
    process: Process
    b900: bool  # whether it absorbs at 900 nm as Doc 9303-3 asks


@dataclass(frozen=True, slots=True)
class UvTextSpec:
    """A personal text again in luminescent ink."""

    key: str
    x_mm: float
    y_mm: float
    height_mm: float
    ink: str
    anchor: Anchor = "left"


@dataclass(frozen=True, slots=True)
class PerforationSpec:
    """The number as holes through the sheet."""

    x_mm: float
    y_mm: float  # of the foot of the digits
    height_mm: float
    diameter_mm: float = 0.45


@dataclass(frozen=True, slots=True)
class SignatureSpec:
    """Where the holder's signature is."""

    box: BoxMm
    ink: str
    process: Process


@dataclass(frozen=True, slots=True)
class SideSpec:
    """One side of a document."""

    substrate: str
    corner_mm: float
    laminate: Laminate | None
    labels: tuple[str, ...]  # languages of the field labels, in order
    label_height_mm: float
    label_ink: str
    label_face: str
    under: tuple[Layer, ...]  # printed before the personal data
    over: tuple[Layer, ...]  # printed after it
    fields: tuple[FieldSpec, ...] = ()
    portrait: PictureSpec | None = None
    ghost: PictureSpec | None = None
    mrz: MrzSpec | None = None
    uv_texts: tuple[UvTextSpec, ...] = ()
    perforation: PerforationSpec | None = None
    signature: SignatureSpec | None = None
    fibres: tuple[str, ...] = ()  # inks of the fibres in the sheet
    fibres_per_cm2: float = 0.0


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How document numbers are made.

    ``pattern``: a capital stands for itself, ``#`` is a digit, ``@`` a letter of ``letters``, ``%`` the check character
    over what stands before it, by ``check``.
    """

    pattern: str
    letters: str = "ABCEFGHJKLMNPRSTVWXYZ"
    check: Literal["731", "mod11", "luhn"] = "731"


@dataclass(frozen=True, slots=True)
class Series:
    """One generation of one document of one invented state."""

    code: str
    identity: tuple[str, str, int, int]  # country, type, number, year
    format: DocumentFormat
    state: tuple[str, str]  # English, Arabic
    nationality: tuple[str, str]
    title: tuple[str, str]
    authority: tuple[tuple[str, str], ...]
    document_code: str
    culture: str
    foreign: bool  # whether it is issued to other states' nationals
    script: NameScript
    first_day: date
    last_day: date
    years: tuple[int, ...]  # of validity, by lot
    number: NumberRule
    personal_number: str | None  # pattern of the optional data
    date_format: str
    sides: tuple[SideSpec, ...]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        return FORMAT_SIZE_MM[self.format]

    @property
    def has_arabic(self) -> bool:
        """Whether its visual zone is in Arabic script as well."""
        return any("ar" in side.labels for side in self.sides)


def _folder() -> Any:
    return resources.files("dafec.specimens").joinpath("series")


@cache
def series_codes() -> tuple[str, ...]:
    """The codes of all series, in order: ``"QMR-P-1-2014"``."""
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name[-5:] == ".toml")
    )


def _box(values: list[float]) -> BoxMm:
    x, y, width, height = map(float, values)
    return BoxMm(x, y, width, height)


def _layer(entry: dict[str, Any]) -> Layer:
    params = {key: value for key, value in entry.items() if key not in ("kind", "role", "ink", "ink_2", "over")}
    ink(entry["ink"])
    if entry.get("ink_2") is not None:
        ink(entry["ink_2"])
    return Layer(entry["kind"], entry["role"], entry["ink"], params, entry.get("ink_2"))


def _field(row: list[Any], style: dict[str, Any]) -> FieldSpec:
    own: dict[str, Any] = {**style, **(row[3] if len(row) > 3 else {})}
    key = str(row[0])
    arabic = key.endswith("_arabic")
    return FieldSpec(
        key=key,
        x_mm=float(row[1]),
        y_mm=float(row[2]),
        anchor=own.get("anchor", "right" if arabic else "left"),
        height_mm=float(own["height"]),
        face=own["face_arabic"] if arabic else own["face"],
        ink=own["ink"],
        process=own["process"],
        label=own.get("label", "none" if arabic else "above"),
        role=own.get("role", "viz"),
        angle_deg=float(own.get("angle", 0.0)),
        spacing_mm=own.get("spacing"),
        width_mm=own.get("width"),
    )


def _picture(entry: dict[str, Any] | None) -> PictureSpec | None:
    if entry is None:
        return None
    red, green, blue = entry.get("background", (0.62, 0.64, 0.66))
    return PictureSpec(
        box=_box(entry["box"]),
        process=entry["process"],
        grey=bool(entry.get("grey", False)),
        background=(float(red), float(green), float(blue)),
        strength=float(entry.get("strength", 1.0)),
        oval=bool(entry.get("oval", False)),
        fade_mm=float(entry.get("fade", 0.0)),
        ink=entry.get("ink"),
    )


def _laminate(entry: dict[str, Any] | None) -> Laminate | None:
    if entry is None:
        return None
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Laminate(**given)


def _side(entry: dict[str, Any]) -> SideSpec:
    style: dict[str, Any] = entry["text"]
    labels: dict[str, Any] = entry["label"]
    layers = entry.get("layer", [])
    signature, perforation, zone = entry.get("signature"), entry.get("perforation"), entry.get("mrz")
    substrate(entry["substrate"])
    return SideSpec(
        substrate=entry["substrate"],
        corner_mm=float(entry.get("corner", 0.0)),
        laminate=_laminate(entry.get("laminate")),
        labels=tuple(labels["languages"]),
        label_height_mm=float(labels["height"]),
        label_ink=labels["ink"],
        label_face=labels["face"],
        under=tuple(_layer(one) for one in layers if not one.get("over", False)),
        over=tuple(_layer(one) for one in layers if one.get("over", False)),
        fields=tuple(_field(row, style) for row in entry.get("fields", [])),
        portrait=_picture(entry.get("portrait")),
        ghost=_picture(entry.get("ghost")),
        mrz=None if zone is None else MrzSpec(zone["ink"], zone["process"], bool(zone.get("b900", True))),
        uv_texts=tuple(UvTextSpec(**one) for one in entry.get("uv_text", [])),
        perforation=None if perforation is None else PerforationSpec(**perforation),
        signature=None
        if signature is None
        else SignatureSpec(_box(signature["box"]), signature["ink"], signature["process"]),
        fibres=tuple(entry.get("fibres", ())),
        fibres_per_cm2=float(entry.get("fibres_per_cm2", 0.0)),
    )


def _pair(values: list[str]) -> tuple[str, str]:
    first, second = values
    return first, second


def _series(code: str, table: dict[str, Any]) -> Series:
    country, kind, number, year = code.split("-")
    if table["format"] not in get_args(DocumentFormat) or table["culture"] not in cultures():
        raise InstallationError("specimens.series_unreadable", name=code)
    return Series(
        code=code,
        identity=(country, kind, int(number), int(year)),
        format=table["format"],
        state=_pair(table["state"]),
        nationality=_pair(table["nationality"]),
        title=_pair(table["title"]),
        authority=tuple(_pair(one) for one in table["authority"]),
        document_code=table["document_code"],
        culture=table["culture"],
        foreign=bool(table.get("foreign", False)),
        script=table.get("script", "latin"),
        first_day=table["first_day"],
        last_day=table["last_day"],
        years=tuple(table["years"]),
        number=NumberRule(**table["number"]),
        personal_number=table.get("personal_number"),
        date_format=table["date_format"],
        sides=tuple(_side(entry) for entry in table["side"]),
    )


@cache
def load_series(code: str) -> Series:
    """The series of this code.

    Raises:
        UsageError: ``specimens.unknown_series``: there is none.
        InstallationError: ``specimens.series_unreadable``: its file is damaged or asks for what is not there.
    """
    if code not in series_codes():
        raise UsageError("specimens.unknown_series", name=code, known=", ".join(series_codes()))
    try:
        return _series(code, tomllib.loads(_folder().joinpath(f"{code}.toml").read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InstallationError("specimens.series_unreadable", name=code) from error
