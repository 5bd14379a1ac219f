"""MRZ reading on whole synthetic documents, of series and in faces that no reader was trained on.

    python -m benchmarks.mrz_documents --lines 5000

The documents are those of ``dafec.specimens``, all series: the reader is trained on zones and scenes of its own
(``dafec.models.training``) and has seen none of them. Two zones in three are printed in a face that training never had
(``dafec.models.training.fonts.HELD_OUT``: two Courier cuts and a monospaced sans, fonts of the system), the others in
OCR-B. Wear and scanner (readers, flatbeds, telephones) are drawn as ``dafec specimens`` draws them, half of the
documents at 300 and half at 400 dpi; visible light alone is made and read. Frames are encoded as captures are.

A line is exact when every character is what was printed. A silent misread is a wrong character in a zone whose status
is ``read``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dafec.models.training.fonts import HELD_OUT
from dafec.ocr.reader import OcrContext, read_image
from dafec.specimens import lettering
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.encoder import encode
from dafec.specimens.issue import issue_document
from dafec.specimens.lettering import draw_mrz
from dafec.specimens.make import stream_of_issue
from dafec.specimens.model import Artwork, Grid
from dafec.specimens.plan import Request, plan_requests
from dafec.specimens.processes import press
from dafec.specimens.scanners import load_scanner, scan
from dafec.specimens.series import load_series, series_codes
from dafec.specimens.wear import wear

_FONTS = "/usr/share/fonts/"
_OWN_FACE = "ocrb"
_STREAM_FACE = 701
_CAPITAL_MM = 2.5  # of the zone, Doc 9303-3, 4.4
_DPIS = (300, 400)  # in turn

_context: OcrContext | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of one document."""

    face: str
    scanner: str
    wear: str
    printed: tuple[str, ...]
    read: tuple[str, ...]  # empty: not found
    certain: bool


def _begin() -> None:
    global _context  # one a process: models are loaded once
    cv2.setNumThreads(1)
    for name, path in _held_faces():
        lettering.FACES[name] = path
    _context = OcrContext.load(1)


def _held_faces() -> list[tuple[str, str]]:
    return [(path.rsplit("/", 1)[1].rsplit(".", 1)[0], _FONTS + path) for _, path in HELD_OUT]


def _with_face(artwork: Artwork, lines: tuple[str, ...], face: str) -> Artwork:
    """The same side, its zone printed in another face: every line at its own place and height."""
    if face == _OWN_FACE:
        return artwork
    s = artwork.grid.px_per_mm
    plates = []
    for plate in artwork.plates:
        if plate.role == "mrz" and plate.name.startswith("mrz_"):
            line = lines[int(plate.name.rsplit("_", 1)[1]) - 1]
            box = artwork.boxes_mm["mrz"]
            baseline = (plate.origin_px[1] + plate.coverage.shape[0] / 2) / s + _CAPITAL_MM / 2
            drawn = draw_mrz(artwork.grid, [line], box.x, baseline, face=face, height_mm=_CAPITAL_MM)
            plate = replace(plate, coverage=drawn[0][0], origin_px=drawn[0][1])
        plates.append(plate)
    return artwork.with_plates(tuple(plates))


def read_document(request: Request) -> Seen:
    """Makes and reads one document."""
    series = load_series(request.series)
    issue = issue_document(series, stream_of_issue(request.seed))
    lot = np.random.default_rng([request.seed, _STREAM_FACE])
    held = _held_faces()
    weights = np.array([weight for weight, _ in HELD_OUT])
    name = held[int(lot.choice(len(held), p=weights / weights.sum()))][0]
    face = _OWN_FACE if lot.random() < 1 / 3 else name
    side = next(number for number, spec in enumerate(series.sides) if spec.mrz is not None)
    artwork = draw_artwork(series, issue, side, Grid(*series.size_mm, 2.0 * request.dpi))
    artwork = _with_face(artwork, issue.mrz, face)
    appearance = compose(press(artwork, int(lot.integers(2**31))), int(lot.integers(2**31)))
    appearance, _ = wear(appearance, request.wear, int(lot.integers(2**31)))
    frames = scan(appearance, load_scanner(request.scanner), request.dpi, int(lot.integers(2**31)), ("visible",))
    data = encode(frames.pictures["visible"], dpi=frames.dpi, encoder=request.encoder)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert _context is not None
    reads = read_image(np.asarray(picture, np.uint8), context=_context)
    best = reads[0] if reads else None
    return Seen(
        face,
        request.scanner,
        request.wear,
        issue.mrz,
        best.texts if best is not None else (),
        best is not None and best.status == "read",
    )


def _documents(lines: int, seed: int, workers: int) -> Iterator[Seen]:
    # By series, so that its static print is drawn once; 2.28 lines a document.
    each = max(1, round(lines / 2.27 / len(series_codes()) / len(_DPIS)))
    planned = [
        request
        for code in series_codes()
        for dpi in _DPIS
        for request in plan_requests(code, each, dpi=dpi, seed=seed + dpi)
    ]
    count = 0
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_begin) as pool:
        for seen in pool.imap(read_document, planned, chunksize=4):
            yield seen
            count += len(seen.printed)
            print(f"\r{count} of about {lines} lines ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _row(name: str, members: list[Seen]) -> str:
    lines = sum(len(seen.printed) for seen in members)
    exact = sum(a == b for seen in members for a, b in zip(seen.printed, seen.read, strict=False))
    missed = sum(not seen.read for seen in members)
    certain = [seen for seen in members if seen.certain]
    characters = sum(len(line) for seen in certain for line in seen.printed)
    wrong = sum(
        sum(a != b for a, b in zip(x, y, strict=False)) + abs(len(x) - len(y))
        for seen in certain
        for x, y in zip(seen.printed, seen.read, strict=False)
    )
    rate = 1e4 * wrong / max(1, characters)
    return (
        f"{name:24} {lines:>6} {100 * exact / max(1, lines):>9.2f} {100 * missed / len(members):>13.2f} "
        f"{100 * len(certain) / len(members):>17.1f} {rate:>27.2f}"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--misreads", action="store_true", help="print what was printed and what was read")
    args = parser.parse_args()
    groups: dict[str, list[Seen]] = defaultdict(list)
    for seen in _documents(args.lines, args.seed, args.workers):
        for name in ("all", f"face {seen.face}", f"wear {seen.wear}", seen.scanner):
            groups[name].append(seen)
        if args.misreads and seen.printed != seen.read:
            print(seen.face, seen.scanner, seen.wear, *seen.printed, "read as", *seen.read, sep="\n  ")
    headings = f"{'synthetic documents':24} {'lines':>6} {'exact, %':>9} {'not found, %':>13} {'read, % of zones':>17}"
    print(f"{headings} {'silent misreads per 10,000':>27}")
    for name, members in groups.items():
        print(_row(name, members))


if __name__ == "__main__":
    main()
