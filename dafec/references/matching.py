"""Which series a page is of: what its zone names, then the page itself.

1. **The zone's identity** (issuer, document code, format) names the candidates; the year of expiry orders generations.
   The page is brought onto each and the one that agrees best is taken, where it agrees at all.
2. **The page itself**, where the zone names no series of the library or there is none: the coarse descriptor picks five
   sides out of hundreds, registration and agreement decide. Without a zone both ways up are tried.
3. **By hand**: the officer names the series; then nothing else is looked for.

``status`` says what came of it. Nothing here judges; ``checks`` makes the finding of a mismatch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from dafec.errors import DafecError
from dafec.features.routines_material import Material
from dafec.geometry import DocumentFormat
from dafec.ocr.parsed import MrzParse
from dafec.page import Page
from dafec.references.aligning import Agreement, agreement_of, align_page, plain_material, turned_page
from dafec.references.library import Library
from dafec.references.series import Series, SideData

__all__ = ["MatchStatus", "SeriesMatch", "match_series"]

MatchStatus = Literal["matched", "partial", "wrong_side", "mismatch", "other_series", "unknown", "not_compared"]

_MOST_NAMED = 6  # generations of one document that are compared with the page
_MOST_ALIKE = 5
_MIN_COARSE = 0.35  # of an unnamed candidate; unlike documents of one format stay below 0.3
_PARTIAL_SHARE = 0.35  # of the cells that agree
_UNNAMED_SHARE = 0.6  # a page that no zone vouches for has to agree in most cells
_YEARS = 10  # longest validity: how long before expiry a document may have been issued


@dataclass(frozen=True, slots=True, eq=False)
class SeriesMatch:
    """What came of looking for a page's series."""

    status: MatchStatus
    named: tuple[str, ...] = ()  # codes the zone names, plausible generation first
    series: Series | None = None  # matched; of a partial match or of the other side too
    side: SideData | None = None
    material: Material | None = None  # the page on that side's reference
    score: float = 0.0  # agreement, 0..1
    share: float = 0.0  # of the page's cells that agree
    by: Literal["mrz", "page", "manual"] = "mrz"
    exact: bool = False  # the zone's document code is the series' type, and its expiry falls into its years

    @property
    def known(self) -> bool:
        """Whether the page is of an approved series."""
        return self.status == "matched" and self.series is not None and self.series.state == "approved"


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    series: Series
    side: SideData
    material: Material
    agreement: Agreement
    turned: bool = False

    @property
    def agrees(self) -> bool:
        return self.agreement.score >= self.side.match_low and self.agreement.share >= _PARTIAL_SHARE

    @property
    def rank(self) -> float:
        return self.agreement.score * self.agreement.share


def _compare(page: Page, library: Library, series: Series, side: SideData, *, turned: bool = False) -> _Compared | None:
    try:
        reference = library.reference(series.code, side.name)
    except DafecError as error:
        library.problems.setdefault(series.code, error)
        return None
    material = align_page(page, reference, lights=())
    return _Compared(series, side, material, agreement_of(material), turned)


def _best(found: Iterable[_Compared | None]) -> _Compared | None:
    compared = [one for one in found if one is not None]
    return max(compared, key=lambda one: (one.agrees, one.rank), default=None)


def _expiry_year(parse: MrzParse | None) -> int | None:
    text = (parse.fields.get("expiry_date") or "") if parse is not None else ""
    try:
        return date.fromisoformat(text).year
    except ValueError:
        return None


def _fits_years(series: Series, expiry: int | None) -> bool:
    """Whether a document that expires then can be of this generation."""
    if expiry is None:
        return False
    if series.expiry_years is not None and series.expiry_years[0] - 1 <= expiry <= series.expiry_years[1] + 1:
        return True
    first = series.identity.year
    return series.expiry_years is None and first is not None and first < expiry <= first + 2 * _YEARS


def _named(parse: MrzParse | None, library: Library) -> list[Series]:
    if parse is None or parse.format is None:
        return []
    country, kind = parse.fields.get("issuer") or "", parse.fields.get("document_code") or ""
    found = library.named(country, kind, parse.format)
    expiry = _expiry_year(parse)
    return sorted(found, key=lambda series: not _fits_years(series, expiry))[:_MOST_NAMED]


def _finish(page: Page, found: _Compared) -> Material:
    """Every light of the page on the side that was chosen."""
    chosen = turned_page(page) if found.turned else page
    return align_page(chosen, found.material.reference, begun=found.material)


def _result(
    status: MatchStatus,
    found: _Compared,
    page: Page,
    named: Sequence[Series],
    parse: MrzParse | None,
    by: Literal["mrz", "page", "manual"],
) -> SeriesMatch:
    kind = (parse.fields.get("document_code") or "") if parse is not None else ""
    exact = found.series.identity.type == kind and _fits_years(found.series, _expiry_year(parse))
    # A counterfeit of a series lies in place and does not agree: its checks say in what. One of another generation
    # would fail them all for nothing.
    lies = next(iter(found.material.aligned.values()), False)
    usable = status in ("matched", "partial", "wrong_side") or (status == "mismatch" and exact and lies)
    return SeriesMatch(
        status=status,
        named=tuple(series.code for series in named),
        series=found.series,
        side=found.side,
        material=_finish(page, found) if usable else None,
        score=max(0.0, min(1.0, found.agreement.score)),
        share=found.agreement.share,
        by=by,
        exact=exact,
    )


def _alike(page: Page, library: Library, fmt: DocumentFormat | None, *, both_ways: bool) -> _Compared | None:
    """The best of the sides that look like the page, named or not."""
    if "visible" not in page.images:
        return None
    compared: list[_Compared | None] = []
    for turned in (False, True) if both_ways else (False,):
        shown = turned_page(page) if turned else page
        plain, _ = plain_material(shown, page.width_mm, page.height_mm)
        for candidate in library.alike(plain["visible"], fmt, _MOST_ALIKE):
            if candidate.score >= _MIN_COARSE:
                compared.append(_compare(shown, library, candidate.series, candidate.side, turned=turned))
    return _best(compared)


def match_series(page: Page | None, parse: MrzParse | None, library: Library, chosen: str | None = None) -> SeriesMatch:
    """Find the series of a page.

    Args:
        page: rectified; None where no document was found.
        parse: of its zone; None without one.
        library: to look in.
        chosen: code of the series named by hand.

    Returns:
        The match.

    Raises:
        InputError: ``library.no_such_series`` for a code named by hand.
    """
    if chosen is not None:
        named = [library.get(chosen)]
        by: Literal["mrz", "page", "manual"] = "manual"
    else:
        named, by = _named(parse, library), "mrz"
    if page is None or page.outline_source == "frame":
        return SeriesMatch("not_compared", tuple(series.code for series in named), by=by)
    with_zone = bool(page.mrz_boxes_mm)
    if named:
        found = _best(_compare(page, library, series, side) for series in named for side in _sides(series, with_zone))
        if found is not None and found.agrees:
            return _result("matched", found, page, named, parse, by)
        turned = _other_ways(page, library, named, with_zone=with_zone)
        if turned is not None and turned.agrees:
            status: MatchStatus = "wrong_side" if with_zone else "matched"
            return _result(status, turned, page, named, parse, by)
        if found is not None and found.agreement.share >= _PARTIAL_SHARE:
            return _result("partial", found, page, named, parse, by)
        other = _alike(page, library, parse.format if parse is not None else page.format, both_ways=False)
        if by == "mrz" and other is not None and other.agrees and other.series not in named:
            return _result("other_series", other, page, named, parse, "page")
        if found is None:
            return SeriesMatch("not_compared", tuple(series.code for series in named), by=by)
        best = max(named, key=lambda s: (s.identity.type == _kind(parse), _fits_years(s, _expiry_year(parse))))
        shown = found if found.series is best else _Compared(best, best.sides[0], found.material, found.agreement)
        return _result("mismatch", shown, page, named, parse, by)
    fmt = parse.format if parse is not None and parse.format is not None else page.format
    found = _alike(page, library, fmt, both_ways=not with_zone)
    if found is None or not found.agrees or found.agreement.share < _UNNAMED_SHARE:
        return SeriesMatch("unknown", by="page")
    status = "other_series" if _names_otherwise(parse, found.series) else "matched"
    return _result(status, found, page, named, parse, "page")


def _names_otherwise(parse: MrzParse | None, series: Series) -> bool:
    """Whether a zone that is in order, and so not misread, names another issuer or format than the page's series."""
    if parse is None or parse.outcome == "invalid":
        return False
    return parse.format != series.format or (parse.fields.get("issuer") or "") != series.identity.country


def _kind(parse: MrzParse | None) -> str:
    return (parse.fields.get("document_code") or "") if parse is not None else ""


def _sides(series: Series, with_zone: bool) -> list[SideData]:  # noqa: FBT001
    wanted = [side for side in series.sides if (side.name == "data") == with_zone]
    return wanted or list(series.sides)


def _other_ways(page: Page, library: Library, named: Sequence[Series], *, with_zone: bool) -> _Compared | None:
    """The named series' other sides; without a zone upside down as well."""
    compared: list[_Compared | None] = []
    for series in named:
        tried = _sides(series, with_zone)
        rest = [side for side in series.sides if side not in tried]
        compared += [_compare(page, library, series, side) for side in rest]
        if not with_zone:
            upside = turned_page(page)
            compared += [_compare(upside, library, series, side, turned=True) for side in series.sides]
    return _best(compared)
