"""What a synthetic document is: inks, substrates, plates, artwork, the finished object, and the pictures of it.

The stages and what passes between them::

    Series + seed -> Issue -> Artwork -> Appearance -> Frames -> files and truth

* ``Artwork`` is what lies on the press: a substrate, printing plates in order, pieces pasted on, perforations.
* ``Appearance`` is the object itself, linear: how much of red, green, blue and near infrared each place reflects, and
  what it gives back under 365 nm.
* ``Frames`` are pictures: what one scanner makes of the object, 8 bits, before the encoder.

Rasters have the pitch of a ``Grid``. Vectors are drawn at ``DRAWING_DPI`` and reduced to the grid by area, so coverage
is band limited. Lengths on the document are millimetres from its top left corner, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm, DocumentFormat
from dafec.lights import Light

__all__ = [
    "DRAWING_DPI",
    "Appearance",
    "Artwork",
    "Frames",
    "Grid",
    "Ink",
    "Issue",
    "Laminate",
    "Mask",
    "Perforation",
    "Person",
    "Piece",
    "Plate",
    "Process",
    "Role",
    "Substrate",
    "Unit",
]

Mask = NDArray[np.uint8]  # coverage 0..255
Unit = NDArray[np.float32]  # linear, 0..1 unless said otherwise

DRAWING_DPI = 2400

#: What a plate is for; forgeries and truths choose plates by it.
Role = Literal[
    "background",  # guilloche, rosettes, rainbow print: static, visible
    "static_text",  # state, document title, field labels
    "emblem",
    "microtext",
    "ir_split",  # one of two inks alike in visible light, parted in infrared
    "uv_static",  # luminescent motifs
    "fibres",
    "portrait",
    "ghost",  # secondary portrait
    "overlay",  # static print over the portrait
    "viz",  # personal data of the visual zone
    "number",  # document number printed apart from the zone
    "mrz",
    "uv_personal",  # luminescent repetition of personal data
    "signature",
    "stamp",
    "pen",
    "dirt",
]

#: How an image or line art gets onto the substrate; each has its own microstructure (``processes``).
Process = Literal["offset", "am_laser", "inkjet", "dye_sublimation", "laser_engraving", "toner", "intaglio", "pen"]


@dataclass(frozen=True, slots=True)
class Grid:
    """A raster over a piece of document."""

    width_mm: float
    height_mm: float
    dpi: float

    @property
    def px_per_mm(self) -> float:
        """Pixels in one millimetre."""
        return self.dpi / 25.4

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return round(self.height_mm * self.px_per_mm), round(self.width_mm * self.px_per_mm)


@dataclass(frozen=True, slots=True)
class Ink:
    """A transparent film; densities are log10 and add up over what lies below."""

    name: str
    density: tuple[float, float, float, float]  # at full coverage in red, green, blue, near infrared (900 nm)
    uv_density: float = 0.0  # at 365 nm: how much it keeps the lamp from what lies below
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)  # red, green, blue light at full coverage under the lamp,
    #                                                         1 = a white sheet of office paper in blue


@dataclass(frozen=True, slots=True)
class Substrate:
    """Paper, polycarbonate or photo paper, before print."""

    name: str
    reflectance: tuple[float, float, float, float]  # red, green, blue, near infrared, linear
    fluorescence: tuple[float, float, float]  # under the lamp, same unit as ``Ink.emission``
    mottle: float = 0.01  # relative deviation of reflectance over the sheet, 1 sigma
    mottle_mm: float = 0.6  # its correlation length
    uv_mottle: float = 0.04  # the same for fluorescence


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """One ink on one place of the sheet. ``coverage`` is never changed in place."""

    role: Role
    ink: Ink
    coverage: Mask  # (h, w) of its own box, on the artwork's grid
    origin_px: tuple[int, int] = (0, 0)  # x, y of its top left pixel on the artwork's grid
    process: Process = "offset"
    name: str = ""  # what it shows: "surname", "rosette", "line 1"; for fields the key of ``Issue.fields``
    screened: bool = False  # whether its coverage has the dots of its process already; if not, ``press`` makes them

    def box_mm(self, grid: Grid) -> BoxMm:
        """Its box on the document."""
        h, w = self.coverage.shape
        s = grid.px_per_mm
        return BoxMm(self.origin_px[0] / s, self.origin_px[1] / s, w / s, h / s)


@dataclass(frozen=True, slots=True, eq=False)
class Perforation:
    """Holes through the sheet, seen as dark (or bright, where light comes from behind) dots."""

    holes_mm: NDArray[np.float64]  # (n, 3): x, y, diameter
    name: str = "number"


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Something laid on the sheet with a thickness of its own: a pasted photo, a strip, a patch of correction film."""

    artwork: Artwork  # with a grid of the same dpi
    at_mm: tuple[float, float]  # its top left corner
    mask: Mask  # (h, w) of the piece's grid: 255 where it is
    thickness_um: float = 80.0  # makes the shadow of its edge
    angle_deg: float = 0.0
    glue: Ink | None = None  # round its edge
    below_laminate: bool = True


@dataclass(frozen=True, slots=True)
class Laminate:
    """A film over the sheet."""

    density: tuple[float, float, float, float] = (0.01, 0.01, 0.015, 0.0)
    uv_density: float = 0.02
    fluorescence: tuple[float, float, float] = (0.002, 0.003, 0.006)
    edge_mm: float | None = None  # distance of its edge from the document's edge; None: it covers everything
    gloss: float = 0.5  # 0 matt .. 1 mirror: how readily it shows glare


@dataclass(frozen=True, slots=True, eq=False)
class Artwork:
    """One side of a document as it lies on the press."""

    grid: Grid
    substrate: Substrate
    plates: tuple[Plate, ...]  # the first is printed first
    pieces: tuple[Piece, ...] = ()
    perforations: tuple[Perforation, ...] = ()
    laminate: Laminate | None = None
    corner_mm: float = 0.0  # radius of the document's corners
    boxes_mm: Mapping[str, BoxMm] = field(default_factory=dict)  # "portrait", "ghost", "mrz", "surname", ...

    def with_plates(self, plates: tuple[Plate, ...]) -> Artwork:
        """The same sheet with other plates."""
        return replace(self, plates=plates)

    def of_role(self, *roles: Role) -> tuple[Plate, ...]:
        """Plates of these roles, in order."""
        return tuple(plate for plate in self.plates if plate.role in roles)

    def without_role(self, *roles: Role) -> tuple[Plate, ...]:
        """Plates of every other role, in order."""
        return tuple(plate for plate in self.plates if plate.role not in roles)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """The finished object, linear. Arrays are never changed in place."""

    grid: Grid
    reflectance: Unit  # (h, w, 4): red, green, blue, near infrared
    fluorescence: Unit  # (h, w, 3): red, green, blue under the lamp, 1 = office paper in blue
    shade: Unit | None = None  # (h, w), 1 = flat: relief and steps lit from one side; None: flat
    gloss: Unit | None = None  # (h, w), 0 matt .. 1 mirror; None: matt
    outside: Mask | None = None  # (h, w): 255 on the document, 0 outside its rounded corners; None: all of it


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Pictures of one side by light, in the scanner's tone curve: uint8, (h, w) or (h, w, 3) in RGB order."""

    pictures: Mapping[Light, NDArray[np.uint8]]
    dpi: float
    frame_from_page_mm: Mapping[Light, NDArray[np.float64]]  # (3, 3): millimetres on the page to pixels of that frame


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody invented."""

    surname: str  # as the visual zone has it, Latin
    given_names: str
    surname_arabic: str | None
    given_names_arabic: str | None
    mrz_surname: str  # A-Z and < only
    mrz_given_names: str
    birth: tuple[int, int, int]  # year, month, day
    sex: Literal["F", "M", "X"]
    birth_place: str
    birth_place_arabic: str | None
    face_seed: int  # of the portrait


@dataclass(frozen=True, eq=False)
class Issue:
    """One document issued to somebody: every text on it, before any forgery."""

    series: str  # code of the series
    format: DocumentFormat
    person: Person
    seed: int
    number: str
    fields: Mapping[str, str]  # texts of the visual zone by key: "surname", "surname_arabic", "birth_date", ...
    mrz: tuple[str, ...]
    print_seed: int = 0  # of what differs from one printed copy to another: registration, density, mottle

    @cached_property
    def has_arabic(self) -> bool:
        """Whether the visual zone is in Arabic script as well."""
        return self.person.surname_arabic is not None
