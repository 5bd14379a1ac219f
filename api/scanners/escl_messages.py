"""The messages of eSCL (Mopria Alliance, eSCL Technical Specification): XML over HTTP, in the parts a desk needs.

    GET  ScannerCapabilities     sources, resolutions, colour modes, formats, sizes
    GET  ScannerStatus           pwg:State, scan:AdfState
    POST ScanJobs                scan:ScanSettings in, 201 with Location out
    GET  {job}/NextDocument      the image; 404 where there is no (further) page
    DELETE {job}                 gives it up

What a scanner says is untrusted: documents with a DOCTYPE are refused, sizes are limited, and names are compared
without their namespace's prefix. Lengths are in 1/300 inch, whatever the resolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from api.scanners.contract import ScannerError, ScannerState

__all__ = ["Capabilities", "Source", "parse_capabilities", "parse_status", "scan_settings"]

_PWG = "http://www.pwg.org/schemas/2010/12/sm"
_SCAN = "http://schemas.hp.com/imaging/escl/2011/05/03"
_UNITS_PER_MM = 300 / 25.4
_MOST_BYTES = 1 << 20

#: AdfState: what it means. Only where the feeder is what is scanned from; a lid that is open is told by name alone.
_ADF = {
    "ScannerAdfJam": (ScannerState.JAMMED, "scanner.jammed"),
    "ScannerAdfMispick": (ScannerState.JAMMED, "scanner.jammed"),
    "ScannerAdfMultipickDetected": (ScannerState.JAMMED, "scanner.jammed"),
    "ScannerAdfHatchOpen": (ScannerState.COVER_OPEN, "scanner.cover_open"),
    "ScannerAdfInputTrayFailed": (ScannerState.ERROR, "scanner.failed"),
    "ScannerAdfInputTrayOverloaded": (ScannerState.JAMMED, "scanner.jammed"),
}
_STATES = {
    "Idle": (ScannerState.READY, None),
    "Processing": (ScannerState.BUSY, None),
    "Testing": (ScannerState.BUSY, "scanner.warming_up"),
    "Stopped": (ScannerState.ERROR, "scanner.stopped"),
    "Down": (ScannerState.ERROR, "scanner.stopped"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """What one source can do."""

    resolutions: tuple[int, ...]  # pixels per inch, rising
    range: tuple[int, int] | None  # or any in between
    modes: frozenset[str]  # RGB24, Grayscale8, ...
    formats: frozenset[str]  # media types
    width: int | None  # largest, in 1/300 inch
    height: int | None

    def nearest(self, wanted: int) -> int:
        """The resolution nearest to the wanted one, rather higher than lower."""
        if self.range is not None and not self.resolutions:
            return max(self.range[0], min(self.range[1], wanted))
        higher = [one for one in self.resolutions if one >= wanted]
        return min(higher) if higher else max(self.resolutions, default=wanted)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a scanner says of itself."""

    version: str
    sources: dict[str, Source]  # Platen, Feeder


def _root(data: bytes, name: str) -> ET.Element:
    if len(data) > _MOST_BYTES or b"<!DOCTYPE" in data or b"\0" in data:
        raise ScannerError("scanner.strange_answer")
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise ScannerError("scanner.strange_answer") from error
    if _local(root) != name:
        raise ScannerError("scanner.strange_answer")
    return root


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (found for found in element.iter() if _local(found) == name)


def _text(element: ET.Element, name: str) -> str:
    return next(((found.text or "").strip() for found in _all(element, name)), "")


def _number(element: ET.Element, name: str) -> int | None:
    text = _text(element, name)
    return int(text) if text.isdecimal() and len(text) < 9 else None


def parse_capabilities(data: bytes) -> Capabilities:
    """What a ScannerCapabilities document says. Raises ScannerError ``scanner.strange_answer``."""
    root = _root(data, "ScannerCapabilities")
    kinds = {"Platen": "PlatenInputCaps", "Feeder": "AdfSimplexInputCaps"}
    sources = {
        name: _source(found) for name, caps in kinds.items() if (found := next(_all(root, caps), None)) is not None
    }
    if not sources:
        raise ScannerError("scanner.strange_answer")
    return Capabilities(_text(root, "Version") or "2.0", sources)


def _source(caps: ET.Element) -> Source:
    found = (_number(one, "XResolution") for one in _all(caps, "DiscreteResolution"))
    spread = next(_all(caps, "XResolutionRange"), None)
    low, high = (_number(spread, "Min"), _number(spread, "Max")) if spread is not None else (None, None)
    formats = [*_all(caps, "DocumentFormat"), *_all(caps, "DocumentFormatExt")]
    return Source(
        tuple(sorted({one for one in found if one})),
        (low, high) if low and high and low <= high else None,
        frozenset((one.text or "").strip() for one in _all(caps, "ColorMode")),
        frozenset((one.text or "").strip().lower() for one in formats),
        _number(caps, "MaxWidth"),
        _number(caps, "MaxHeight"),
    )


def parse_status(data: bytes, source: str) -> tuple[ScannerState, str | None, bool]:
    """The scanner's state, an error's code, and whether its feeder is loaded.

    Args:
        data: a ScannerStatus document.
        source: Platen or Feeder; what is wrong with the feeder matters to the platen only where it stands open.

    Raises:
        ScannerError: ``scanner.strange_answer``.
    """
    root = _root(data, "ScannerStatus")
    said = next((child for child in root if _local(child) == "State"), None)
    state, code = _STATES.get(
        (said.text or "").strip() if said is not None else "", (ScannerState.ERROR, "scanner.strange_answer")
    )
    feeder = _text(root, "AdfState")
    if feeder in _ADF and (source == "Feeder" or feeder == "ScannerAdfHatchOpen"):
        state, code = _ADF[feeder]
    return state, code, feeder == "ScannerAdfLoaded"


def scan_settings(
    capabilities: Capabilities, source: str, resolution: int, width_mm: float, height_mm: float
) -> tuple[bytes, int]:
    """A ScanSettings document, and the resolution it asks for.

    Raises:
        ScannerError: ``scanner.no_source`` where the scanner has no such source.
    """
    able = capabilities.sources.get(source)
    if able is None:
        raise ScannerError("scanner.no_source")
    chosen = able.nearest(resolution)
    width, height = (round(value * _UNITS_PER_MM) for value in (width_mm, height_mm))
    mode = "RGB24" if "RGB24" in able.modes or not able.modes else "Grayscale8"
    kind = "image/png" if "image/png" in able.formats else "image/jpeg"
    region = {
        "ContentRegionUnits": "escl:ThreeHundredthsOfInches",
        "XOffset": 0,
        "YOffset": 0,
        "Width": min(width, able.width or width),
        "Height": min(height, able.height or height),
    }
    inner = "".join(f"<pwg:{name}>{value}</pwg:{name}>" for name, value in region.items())
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<scan:ScanSettings xmlns:scan="{_SCAN}" xmlns:pwg="{_PWG}">'
        f"<pwg:Version>{escape(capabilities.version)}</pwg:Version><scan:Intent>Photo</scan:Intent>"
        f"<pwg:ScanRegions><pwg:ScanRegion>{inner}</pwg:ScanRegion></pwg:ScanRegions>"
        f"<pwg:InputSource>{source}</pwg:InputSource><scan:ColorMode>{mode}</scan:ColorMode>"
        f"<scan:XResolution>{chosen}</scan:XResolution><scan:YResolution>{chosen}</scan:YResolution>"
        f"<pwg:DocumentFormat>{kind}</pwg:DocumentFormat><scan:DocumentFormatExt>{kind}</scan:DocumentFormatExt>"
        "</scan:ScanSettings>"
    )
    return text.encode(), chosen
