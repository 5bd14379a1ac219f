"""A library of document series on disk: a folder with one folder a series, named by its code.

Opening a library reads folder names only. A series' ``series.toml`` is read when its country asks for it, its pictures
when a page is compared with it; both are kept, the pictures of the last few series only. The coarse descriptors of all
series are read when a page without a usable zone has to be looked up, once. A series that cannot be read is left out,
told by ``problems`` and logged: one broken folder must not stop a desk, and must not go unnoticed either.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from dafec.errors import DafecError, InputError
from dafec.features.routines_material import FloatImage, Reference
from dafec.geometry import DocumentFormat
from dafec.references.series import FILE_NAME, Series, SideData, SideName, read_series
from dafec.references.statistics import coarse_view, read_coarse, read_side

__all__ = ["Candidate", "Library"]

_KEPT_SIDES = 24  # of the last series compared with; 12 MB each
_MAX_SERIES = 5_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A side that may be the page's."""

    series: Series
    side: SideData
    score: float  # of the coarse descriptor, -1..1; 1 where the identity named it


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    code: str
    side: SideName
    format: DocumentFormat
    view: FloatImage  # weighted and normalised, (cells x 3,)
    weight: FloatImage


class Library:
    """Document series in a folder."""

    def __init__(self, folder: Path, codes: tuple[str, ...]) -> None:
        self.folder = folder
        self.codes = codes
        self.problems: dict[str, DafecError] = {}
        self._series: dict[str, Series] = {}
        self._sides: OrderedDict[tuple[str, SideName], Reference] = OrderedDict()
        self._coarse: tuple[_Coarse, ...] | None = None
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a library.

        Raises:
            InputError: ``library.unreadable``, ``library.too_large``.
        """
        try:
            found = sorted(
                entry.name
                for entry in folder.iterdir()
                if not entry.name.startswith(".") and (entry / FILE_NAME).is_file()
            )
        except OSError as error:
            raise InputError("library.unreadable", folder=folder.name) from error
        if len(found) > _MAX_SERIES:
            raise InputError("library.too_large", folder=folder.name, limit=_MAX_SERIES)
        return cls(folder, tuple(found))

    def get(self, code: str) -> Series:
        """A series by its code.

        Raises:
            InputError: ``library.no_such_series``, or what is wrong with it.
        """
        if code not in self.codes:
            raise InputError("library.no_such_series", series=code[:40])
        with self._lock:
            if code not in self._series:
                self._series[code] = read_series(self.folder / code)
            return self._series[code]

    def reference(self, code: str, side: SideName) -> Reference:
        """A side's statistics.

        Raises:
            InputError: the side is not there, or what is wrong with its files.
        """
        with self._lock:
            kept = self._sides.get((code, side))
            if kept is not None:
                self._sides.move_to_end((code, side))
                return kept
        data = self.get(code).side(side)
        if data is None:
            raise InputError("library.no_such_series", series=f"{code[:40]} {side}")
        loaded = read_side(self.folder / code, data)
        with self._lock:
            self._sides[code, side] = loaded
            while len(self._sides) > _KEPT_SIDES:
                self._sides.popitem(last=False)
        return loaded

    def in_use(self, codes: Iterable[str] | None = None) -> list[Series]:
        """Every readable series that is not retired, by code."""
        found = []
        for code in self.codes if codes is None else codes:
            try:
                series = self.get(code)
            except DafecError as error:
                self._note(code, error)
                continue
            if series.state != "retired":
                found.append(series)
        return found

    def named(self, country: str, kind: str, fmt: DocumentFormat) -> list[Series]:
        """Series of a country, a document type and a format; those of the very type first.

        Args:
            country: issuer of the zone, without fillers.
            kind: document code of the zone, without fillers: ``P``, ``PD``, ``ID``.
            fmt: of the zone.
        """
        if not country or not kind:
            return []
        codes = [code for code in self.codes if code.startswith(f"{country}-{kind[0]}")]
        found = [series for series in self.in_use(codes) if series.format == fmt]
        return sorted(found, key=lambda series: (series.identity.type != kind, series.code))

    def alike(self, visible: FloatImage, fmt: DocumentFormat | None, most: int = 5) -> list[Candidate]:
        """The sides whose coarse descriptor is most like a page's.

        Args:
            visible: the page on any raster, linear, upright, (h, w, k).
            fmt: of the page; None: any.
            most: how many.
        """
        own = coarse_view(visible)
        scored = []
        for entry in self._coarse_entries():
            if fmt is not None and not _same_size(entry.format, fmt):
                continue
            a = own if own.shape[2] == 3 else np.repeat(own[:, :, :1], 3, axis=2)
            w = entry.weight
            a = a - (a * w).sum((0, 1)) / max(float(w.sum()), 1e-6)
            power = float(np.sqrt((a * a * w).sum()))
            scored.append((float((a * entry.view).sum()) / max(power, 1e-6), entry))
        scored.sort(key=lambda pair: -pair[0])
        found = []
        for score, entry in scored[:most]:
            series = self.get(entry.code)
            side = series.side(entry.side)
            if side is not None:
                found.append(Candidate(series, side, score))
        return found

    def forget(self, code: str) -> None:
        """Read a series anew the next time, because its folder changed."""
        with self._lock:
            self._series.pop(code, None)
            self._coarse = None
            for key in [key for key in self._sides if key[0] == code]:
                del self._sides[key]
            if code not in self.codes and (self.folder / code / FILE_NAME).is_file():
                self.codes = tuple(sorted((*self.codes, code)))

    def _coarse_entries(self) -> tuple[_Coarse, ...]:
        with self._lock:
            if self._coarse is None:
                self._coarse = tuple(entry for series in self.in_use() for entry in self._coarse_of(series))
            return self._coarse

    def _coarse_of(self, series: Series) -> list[_Coarse]:
        made = []
        for side in series.sides:
            try:
                loaded = read_coarse(self.folder / series.code, side)
            except DafecError as error:
                self._note(series.code, error)
                continue
            if loaded is None or loaded[0].shape[2] != 3:
                continue
            view, steady = loaded
            w = steady[:, :, None]
            view = view - (view * w).sum((0, 1)) / max(float(w.sum()), 1e-6)
            view = view * w / max(float(np.sqrt((view * view * w).sum())), 1e-6)
            made.append(_Coarse(series.code, side.name, series.format, view.astype(np.float32), w))
        return made

    def _note(self, code: str, error: DafecError) -> None:
        if code not in self.problems:
            self.problems[code] = error
            _log.error("a series cannot be used", extra={"series": code, "code": error.code})


def _same_size(one: DocumentFormat, other: DocumentFormat) -> bool:
    alike = {"MRV-B": "TD2", "FRA-ID": "TD2"}
    return alike.get(one, one) == alike.get(other, other)
