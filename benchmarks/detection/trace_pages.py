"""Pages for the trace network: rectified pictures and what lies where on them.

    python -m benchmarks.detection.trace_pages runs/detection/train runs/traces/train

takes capture folders as ``benchmarks.detection.build`` makes them and writes one folder a side:

=================  ====================================================================================
``visible.npy``    (h, w, 3) uint8, the page at ``PX_PER_MM``
``ir.npy``         (h / 2, w / 2) uint8, at half of it
``uv.npy``         (h / 2, w / 2, 3) uint8, at half of it
``forged.npy``     (h / 16, w / 16) uint8: share of the cell that was forged, 255 = all of it
``process.npy``    (h / 16, w / 16, len(PROCESSES)) uint8: mean coverage of each print process, 255 = all of it
``side.json``      class, method, difficulty, lights it can be seen in, series, scanner, wear
=================  ====================================================================================

Places come from the truth, not from the page finder: the network learns from pages that are a little off by the
shifts ``traces`` adds itself. The process map is drawn again from the seeds in the truth, as ``dafec.specimens.make``
does it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.models.training.traces import CELL_PX, PROCESSES, PX_PER_MM
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.forgeries import plan_forgery, start_job
from dafec.specimens.issue import issue_document
from dafec.specimens.make import object_dpi, stream_of_forgery, stream_of_issue
from dafec.specimens.model import Artwork, Grid, Issue, Process, Role
from dafec.specimens.series import load_series

__all__ = ["main", "prepare"]

#: The specimens' processes in each family of print the network tells apart.
_MEMBERS: Mapping[str, tuple[Process, ...]] = {
    "line_art": ("offset", "intaglio"),
    "screen": ("am_laser", "toner"),
    "drops": ("inkjet",),
    "dye": ("dye_sublimation",),
    "engraving": ("laser_engraving",),
}

#: Plates that visible light does not show.
_UNSEEN: frozenset[Role] = frozenset({"uv_static", "uv_personal", "fibres"})


def _cells(size_mm: tuple[float, float]) -> tuple[int, int]:
    """Rows and columns of cells that lie on the page as a whole."""
    return int(size_mm[1] * PX_PER_MM) // CELL_PX, int(size_mm[0] * PX_PER_MM) // CELL_PX


def _rectified(
    picture: NDArray[np.uint8], frame_from_mm: NDArray[np.float64], cells: tuple[int, int], px_per_mm: float
) -> NDArray[np.uint8]:
    """The page out of a frame, at a scale; half a pixel is where pixel centres are."""
    rows, columns = (count * CELL_PX for count in cells)
    scale = px_per_mm / PX_PER_MM
    to_mm = np.array([[1 / px_per_mm, 0, 0.5 / px_per_mm], [0, 1 / px_per_mm, 0.5 / px_per_mm], [0, 0, 1.0]])
    size = (round(columns * scale), round(rows * scale))
    own = float(np.hypot(*frame_from_mm[:2, 0]))
    if own > 1.5 * px_per_mm:  # averaged down first, so that nothing aliases
        picture = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
        frame_from_mm = np.diag([0.5, 0.5, 1.0]) @ frame_from_mm
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(picture, frame_from_mm @ to_mm, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _forged(
    truth: Mapping[str, Any], side: int, size_mm: tuple[float, float], cells: tuple[int, int]
) -> NDArray[np.uint8]:
    """Share of each cell that lies in a forged region."""
    rows, columns = cells
    fine = 4  # samples along a cell
    canvas = np.zeros((rows * fine, columns * fine), np.uint8)
    for region in (truth["forgery"] or {"regions": []})["regions"]:
        if region["side"] == side:
            polygon = np.array(region["polygon_mm"]) * (PX_PER_MM * fine / CELL_PX)
            cv2.fillPoly(canvas, [np.round(polygon * 16 - 8).astype(np.int32)], 255, shift=4)
    return np.asarray(cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _artwork(truth: Mapping[str, Any], side: int) -> Artwork:
    """The side as it lay on the press."""
    series = load_series(truth["series"])
    grid = Grid(*series.size_mm, object_dpi(truth["dpi"]))

    def draw(issue: Issue, number: int) -> Artwork:
        return draw_artwork(series, issue, number, grid)

    issue = issue_document(series, stream_of_issue(truth["seed"]))
    forgery = truth["forgery"]
    if forgery is None:
        return draw(issue, side)
    plan = plan_forgery(
        forgery["class"],
        stream_of_forgery(truth["seed"]),
        series=series,
        method=forgery["method"],
        difficulty=forgery["difficulty"],
    )
    job = start_job(plan, series, issue, draw)
    return job.edit_artwork(draw(job.edit_issue(issue), side), side)


def _add_coverage(maps: NDArray[np.float32], artwork: Artwork, at_mm: tuple[float, float]) -> None:
    """Adds the mean coverage of an artwork's plates to the process maps."""
    rows, columns = maps.shape[:2]
    s = artwork.grid.px_per_mm
    step = CELL_PX / PX_PER_MM * s  # pixels of the artwork in one cell
    for plate in artwork.plates:
        if plate.role in _UNSEEN:
            continue
        family = next((at for at, name in enumerate(PROCESSES) if plate.process in _MEMBERS[name]), None)
        if family is None:
            continue
        height, width = plate.coverage.shape
        x0 = (plate.origin_px[0] + at_mm[0] * s) / step
        y0 = (plate.origin_px[1] + at_mm[1] * s) / step
        small = cv2.resize(
            plate.coverage,
            (max(1, round(width / step * 2)), max(1, round(height / step * 2))),
            interpolation=cv2.INTER_AREA,
        )
        move = np.array([[0.5, 0, x0 - 0.25], [0, 0.5, y0 - 0.25]])
        maps[..., family] += cv2.warpAffine(small.astype(np.float32), move, (columns, rows), flags=cv2.INTER_LINEAR)
    for piece in artwork.pieces:
        top, left = round(piece.at_mm[1] * s / step), round(piece.at_mm[0] * s / step)
        bottom = top + max(1, round(piece.artwork.grid.height_mm * s / step))
        right = left + max(1, round(piece.artwork.grid.width_mm * s / step))
        maps[max(0, top) : bottom, max(0, left) : right] = 0.0
        _add_coverage(maps, piece.artwork, piece.at_mm)


def prepare(folder: Path, out: Path) -> int:
    """Writes the sides of one capture.

    Args:
        folder: a capture with its truth; a light it lacks is not written.
        out: one folder a side goes below it, named after the capture and the side.

    Returns:
        How many sides were written; none where they are there already.
    """
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    size_mm = load_series(truth["series"]).size_mm
    cells = _cells(size_mm)
    written = 0
    for side, page in enumerate(truth["pages"]):
        goal = out / f"{folder.name}-{side}"
        if (goal / "side.json").exists():
            continue
        goal.mkdir(parents=True, exist_ok=True)
        mark = "" if side == 0 else f"-{side + 1}"
        for light, scale in (("visible", 1.0), ("ir", 0.5), ("uv", 0.5)):
            file = next(folder.glob(f"{light}{mark}.*"), None)
            if file is None:
                continue
            picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE if light == "ir" else cv2.IMREAD_COLOR_RGB)
            assert picture is not None
            matrix = np.array(page["frame_px_from_page_mm"][light])
            np.save(goal / f"{light}.npy", _rectified(np.asarray(picture, np.uint8), matrix, cells, PX_PER_MM * scale))
        np.save(goal / "forged.npy", _forged(truth, side, size_mm, cells))
        maps = np.zeros((*cells, len(PROCESSES)), np.float32)
        _add_coverage(maps, _artwork(truth, side), (0.0, 0.0))
        np.save(goal / "process.npy", maps.clip(0, 255).astype(np.uint8))
        forgery = truth["forgery"] or {}
        told = {
            **{key: forgery.get(key) for key in ("class", "method", "difficulty", "lights")},
            "null": truth["null_edit"],
            "series": truth["series"],
            "scanner": truth["scanner"],
            "wear": truth["wear"]["level"],
        }
        (goal / "side.json").write_text(json.dumps(told), encoding="utf-8")
        written += 1
    return written


def _job(both: tuple[Path, Path]) -> int:
    cv2.setNumThreads(1)
    return prepare(*both)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    jobs = [(path.parent, options.out) for path in sorted(options.captures.glob("*/truth.json"))]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for number, _ in enumerate(pool.imap(_job, jobs, chunksize=2), start=1):
            sys.stderr.write(f"\r{number} of {len(jobs)} ")
    sys.stderr.write("\n")


if __name__ == "__main__":
    main()
