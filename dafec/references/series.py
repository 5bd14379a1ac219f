"""``series.toml``: what a series is and which checks it wants. Read, validated, written.

The file is data, written to be read by people and compared line by line. Unknown keys are refused, so that a slip of
the pen is not a check that silently never runs. Statistics and pictures lie beside it; the file holds their SHA-256.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dafec.errors import InputError
from dafec.features.routines import MeasureKind, RoutineSpec, parts_of
from dafec.geometry import BoxMm, DocumentFormat
from dafec.lights import Light

__all__ = [
    "FILE_NAME",
    "SCHEMA",
    "Change",
    "CheckData",
    "CompositeData",
    "Deviation",
    "Identity",
    "RegionData",
    "Series",
    "SideData",
    "SideName",
    "State",
    "parse_series",
    "read_series",
    "series_text",
    "write_series",
]

SCHEMA: Literal["dafec.series/1"] = "dafec.series/1"
FILE_NAME = "series.toml"
_MAX_BYTES = 1_000_000

State = Literal["silent", "approved", "retired"]
SideName = Literal["data", "other"]  # the side with the zone (or the only one), and the card's other side
RegionKind = Literal["portrait", "text", "mrz", "luminescent", "background", "feature"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Code = Annotated[str, Field(pattern=r"^[A-Z]{1,3}-[A-Z]{1,2}-[A-Z0-9]{1,8}(-[0-9]{4})?$")]
Text = Annotated[str, Field(max_length=400)]
Positive = Annotated[float, Field(gt=0, le=1000)]
Box = tuple[float, float, Positive, Positive]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Identity(_Data):
    """``(C, T, N, Y)`` of TR-03135."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$")]
    type: Annotated[str, Field(pattern=r"^[A-Z]{1,2}$")]  # as the zone has it, without filler
    number: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]  # running number of the generation
    year: Annotated[int, Field(ge=1900, le=2200)] | None = None  # first issued

    @property
    def code(self) -> str:
        """``UTO-P-1-2020``."""
        parts = [self.country, self.type, self.number, *([] if self.year is None else [f"{self.year:04d}"])]
        return "-".join(parts)

    @classmethod
    def from_code(cls, code: str) -> Self:
        """The identity a code stands for.

        Raises:
            InputError: ``series.bad_code``.
        """
        country, kind, number, year = (*code.split("-"), *[""] * 4)[:4]
        try:
            made = cls(country=country, type=kind, number=number, year=int(year) if year else None)
        except ValueError as error:
            raise InputError("series.bad_code", series=code[:40]) from error
        if made.code != code:
            raise InputError("series.bad_code", series=code[:40])
        return made


class Change(_Data):
    """One entry of the change notes."""

    version: Annotated[int, Field(ge=1)]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    by: Text
    note: Text


class Deviation(_Data):
    """Something the issuer is known to do against its own rule."""

    note: Text
    source: Text
    checks: list[str] = Field(default_factory=list)  # that do not count because of it: their names, or IR-AB-MR


class RegionData(_Data):
    """A named place."""

    name: Name
    kind: RegionKind
    box_mm: Box


class CheckData(_Data):
    """One check the series wants."""

    name: Name
    routine: str
    measure: MeasureKind
    box_mm: Box
    source: Literal["learned", "stated"]
    low: float | None = None  # of the expected range; absent is open
    high: float | None = None
    centre: float | None = None
    spread: Annotated[float, Field(ge=0)] | None = None
    captures: Annotated[int, Field(ge=0)] = 0
    against: Light | None = None
    colour: tuple[float, float, float] | None = None
    inverted: bool = False
    counts: bool = True
    note: Text = ""

    @field_validator("routine")
    @classmethod
    def _is_routine(cls, routine: str) -> str:
        parts_of(routine)
        return routine

    @model_validator(mode="after")
    def _has_range(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a check needs low or high")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        if self.source == "learned" and (self.centre is None or self.spread is None or self.captures < 3):
            raise ValueError("a learned check needs centre, spread and captures")
        return self

    def spec(self) -> RoutineSpec:
        """As the routines take it."""
        return RoutineSpec(
            name=self.name,
            routine=self.routine,
            measure=self.measure,
            box_mm=BoxMm(*self.box_mm),
            low=self.low,
            high=self.high,
            centre=self.centre if self.source == "learned" else None,
            spread=self.spread if self.source == "learned" else None,
            captures=self.captures,
            against=self.against,
            colour=self.colour,
            inverted=self.inverted,
            counts=self.counts,
        )


class CompositeData(_Data):
    """Checks that hold together."""

    name: Name
    checks: Annotated[list[Name], Field(min_length=2, max_length=4)]


class SideData(_Data):
    """One side of the document."""

    name: SideName
    width_mm: Positive
    height_mm: Positive
    files: dict[Annotated[str, Field(pattern=r"^[a-z]+(\.[a-z]+)+$")], Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    match_low: Annotated[float, Field(ge=0, le=1)]  # agreement below which a page is not of this series
    regions: list[RegionData] = Field(default_factory=list)
    checks: list[CheckData] = Field(default_factory=list)
    composites: list[CompositeData] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        names = [check.name for check in self.checks]
        if len(set(names)) != len(names):
            raise ValueError("two checks have one name")
        for composite in self.composites:
            if not set(composite.checks) <= set(names):
                raise ValueError(f"composite {composite.name} names a check that is not there")
        return self


class Series(_Data):
    """One document series."""

    schema_: Literal["dafec.series/1"] = Field(SCHEMA, alias="schema")
    identity: Identity
    version: Annotated[int, Field(ge=1)]
    format: DocumentFormat
    state: State
    enrolled_by: Text
    approved_by: Text | None = None
    software: Text
    captures: Annotated[int, Field(ge=0)]
    expiry_years: tuple[int, int] | None = None  # seen among the enrolled captures; tells generations apart
    number: Annotated[str, Field(pattern=r"^[A-Z0-9#@?]{1,30}$")] | None = None  # rule of document numbers
    note: Text = ""
    changes: Annotated[list[Change], Field(min_length=1)]
    deviations: list[Deviation] = Field(default_factory=list)
    sides: Annotated[list[SideData], Field(min_length=1, max_length=2)]

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    @property
    def code(self) -> str:
        """``UTO-P-1-2020``."""
        return self.identity.code

    @model_validator(mode="after")
    def _is_approved_by_somebody_else(self) -> Self:
        if self.state == "approved" and (not self.approved_by or self.approved_by == self.enrolled_by):
            raise ValueError("an approved series names a second person")
        if len({side.name for side in self.sides}) != len(self.sides):
            raise ValueError("two sides have one name")
        return self

    def side(self, name: SideName) -> SideData | None:
        """The side of this name."""
        return next((side for side in self.sides if side.name == name), None)


def read_series(folder: Path) -> Series:
    """The series in a folder.

    Raises:
        InputError: ``series.unreadable`` or ``series.invalid``; the details name the first place that is wrong.
    """
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError("series.unreadable", series=folder.name[:80]) from error
    return parse_series(data, folder.name)


def parse_series(data: bytes, code: str) -> Series:
    """The series in the bytes of a ``series.toml``, which has to be the one named ``code``.

    Raises:
        InputError: ``series.invalid``.
    """
    name = code[:80]
    if len(data) > _MAX_BYTES:
        raise InputError("series.invalid", series=name, place="file", reason="size")
    try:
        raw = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("series.invalid", series=name, place="file", reason="syntax") from error
    try:
        series = Series.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "series"
        raise InputError("series.invalid", series=name, place=place[:80], reason=first["msg"][:120]) from error
    if series.code != code:
        raise InputError("series.invalid", series=name, place="identity", reason=series.code)
    return series


def write_series(series: Series, folder: Path) -> None:
    """Write ``series.toml``, at once or not at all.

    Raises:
        InputError: ``series.unwritable``.
    """
    try:
        partial = folder / f".{FILE_NAME}.partial"
        partial.write_text(series_text(series), encoding="utf-8")
        partial.replace(folder / FILE_NAME)
    except OSError as error:
        raise InputError("series.unwritable", series=series.code) from error


def series_text(series: Series) -> str:
    """The text of ``series.toml``: defaults left out, numbers short, one key a line."""
    plain = series.model_dump(mode="json", by_alias=True, exclude_none=True)
    lines = ["# A document series of DAFEC. Lengths are millimetres from the side's top left corner.", ""]
    _write_table(plain, "", lines)
    return "\n".join(lines).rstrip() + "\n"


def _write_table(table: Mapping[str, Any], path: str, lines: list[str]) -> None:
    nested: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) or (isinstance(value, list) and value and isinstance(value[0], Mapping)):
            nested.append((key, value))
        elif value not in ([], ""):
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in nested:
        inner = f"{path}.{_key(key)}" if path else _key(key)
        if isinstance(value, Mapping):
            lines += ["", f"[{inner}]"]
            _write_table(value, inner, lines)
            continue
        for entry in value:
            lines += ["", f"[[{inner}]]"]
            _write_table(entry, inner, lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() else _value(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(round(value, 5))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    # A JSON string is a TOML basic string, but for what JSON leaves as it is below U+0020 and DEL.
    import json

    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
