"""From a request to a capture folder with its truth: the way of a synthetic document, top to bottom.

    request -> issue, layout -> forged -> artwork -> forged -> press -> object -> forged -> wear -> scan -> forged
            -> file

Genuine documents, forgeries and null edits take the same way through the same functions; a forgery changes what it
changes at its own stage and nothing else. One encoder makes every file.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dafec.errors import InputError
from dafec.geometry import BoxMm
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.encoder import encode, suffix
from dafec.specimens.forgeries import ForgeryJob, plan_forgery, start_job
from dafec.specimens.issue import issue_document
from dafec.specimens.model import Artwork, Frames, Grid, Issue
from dafec.specimens.plan import Request
from dafec.specimens.processes import press
from dafec.specimens.scanners import load_scanner, scan
from dafec.specimens.series import Series, load_series
from dafec.specimens.wear import wear

__all__ = [
    "Made",
    "Specimen",
    "make_captures",
    "make_specimen",
    "object_dpi",
    "stream_of_forgery",
    "stream_of_issue",
]

#: The truth's shape; raised when a field changes its meaning.
TRUTH_SCHEMA = "dafec.truth/1"

_STREAM_ISSUE, _STREAM_PRESS, _STREAM_WEAR, _STREAM_SCAN, _STREAM_FORGERY = 11, 12, 13, 14, 15


@dataclass(frozen=True, slots=True, eq=False)
class Specimen:
    """One capture in memory."""

    request: Request
    files: Mapping[str, bytes]  # by file name: "visible.jpg", "ir.jpg", "visible-2.jpg", "capture.toml", "truth.json"
    truth: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """One capture on disk."""

    folder: Path
    truth: Mapping[str, Any]


def object_dpi(scan_dpi: int) -> int:
    """Pitch of the object's raster for a scan: at least twice the scan's, so that nothing of the print is lost."""
    return 800 if scan_dpi <= 400 else 1200


def _stream(seed: int, *numbers: int) -> int:
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1, np.uint32)[0])


def _box(box: BoxMm) -> list[float]:
    return box.as_list()


def stream_of_issue(seed: int) -> int:
    """The seed a request's document is issued with."""
    return _stream(seed, _STREAM_ISSUE)


def stream_of_forgery(seed: int) -> int:
    """The seed a request's forgery is planned with."""
    return _stream(seed, _STREAM_FORGERY)


def make_specimen(request: Request) -> Specimen:
    """Makes one capture in memory.

    Args:
        request: everything it depends on.

    Returns:
        Its files and truth; identical for equal requests with the same libraries.

    Raises:
        UsageError: the series does not allow the forgery, or series, scanner or resolution are unknown.
    """
    series = load_series(request.series)
    scanner = load_scanner(request.scanner)
    issued = issue_document(series, stream_of_issue(request.seed))
    job = _forgery_job(request, series, issued)
    issue = job.edit_issue(issued) if job is not None else issued
    encoded: dict[str, bytes] = {}
    sides: list[dict[str, Any]] = []
    layout = series if job is None else job.layout
    for side in range(len(layout.sides)):
        frames, told = _make_side(request, layout, issue, side, job)
        page = "" if side == 0 else f"-{side + 1}"
        for light, picture in frames.pictures.items():
            name = f"{light}{page}{suffix(request.encoder)}"
            encoded[name] = encode(picture, dpi=frames.dpi, encoder=request.encoder)
        sides.append(told)
    truth = _truth(request, series, issued, issue, job, sides)
    encoded["capture.toml"] = f'dpi = {request.dpi}\nreader = "{scanner.title}"\n'.encode()
    encoded["truth.json"] = (json.dumps(truth, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    return Specimen(request, encoded, truth)


def _forgery_job(request: Request, series: Series, issued: Issue) -> ForgeryJob | None:
    if request.forgery is None:
        return None
    grid_dpi = object_dpi(request.dpi)

    def draw(issue: Issue, side: int) -> Artwork:
        size = series.size_mm
        return draw_artwork(series, issue, side, Grid(size[0], size[1], grid_dpi))

    plan = plan_forgery(
        request.forgery,
        stream_of_forgery(request.seed),
        series=series,
        null=request.null,
        method=request.method,
        difficulty=request.difficulty,
    )
    return start_job(plan, series, issued, draw)


def _make_side(
    request: Request, series: Series, issue: Issue, side: int, job: ForgeryJob | None
) -> tuple[Frames, dict[str, Any]]:
    seed = request.seed
    width_mm, height_mm = series.size_mm
    artwork = draw_artwork(series, issue, side, Grid(width_mm, height_mm, object_dpi(request.dpi)))
    boxes = {name: _box(box) for name, box in artwork.boxes_mm.items()}
    if job is not None:
        artwork = job.edit_artwork(artwork, side)
    artwork = press(artwork, _stream(seed, _STREAM_PRESS, side))
    appearance = compose(artwork, _stream(seed, _STREAM_PRESS, side, 1))
    del artwork  # its plates are not needed again, and an object at 1,200 dpi needs the memory
    if job is not None:
        appearance = job.edit_appearance(appearance, side)
    appearance, worn = wear(appearance, request.wear, _stream(seed, _STREAM_WEAR, side), in_place=True)
    scanner = load_scanner(request.scanner)
    lights = tuple(light for light in request.lights if light in scanner.lights)
    if "uv" not in lights:  # nor are planes that nobody looks at
        appearance = replace(appearance, fluorescence=np.zeros((0, 0, 3), np.float32))
    if "ir" not in lights:
        appearance = replace(appearance, reflectance=np.ascontiguousarray(appearance.reflectance[..., :3]))
    frames = scan(appearance, scanner, request.dpi, _stream(seed, _STREAM_SCAN, side), lights)
    if job is not None:
        frames = job.edit_frames(frames, side)
    places = {light: np.round(matrix, 6).tolist() for light, matrix in frames.frame_from_page_mm.items()}
    return frames, {"boxes_mm": boxes, "frame_px_from_page_mm": places, "wear": worn}


def _truth(
    request: Request,
    series: Series,
    genuine: Issue,
    issue: Issue,
    job: ForgeryJob | None,
    sides: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    country, kind, number, year = series.identity
    forgery = None if job is None or request.null else job.truth()
    return {
        "schema": TRUTH_SCHEMA,
        "synthetic": True,
        "series": series.code,
        "identity": {"country": country, "type": kind, "number": number, "year": year},
        "format": series.format,
        "fields": {**issue.fields, **({} if job is None else job.shown)},
        "mrz": list(issue.mrz),
        "issued": {"fields": dict(genuine.fields), "mrz": list(genuine.mrz)},
        "face": genuine.person.face_seed,
        "scanner": request.scanner,
        "dpi": request.dpi,
        "encoder": request.encoder,
        "seed": request.seed,
        "wear": {"level": request.wear, "sides": [side["wear"] for side in sides]},
        "null_edit": request.forgery if request.null else None,
        "forgery": forgery,
        "pages": [{"boxes_mm": s["boxes_mm"], "frame_px_from_page_mm": s["frame_px_from_page_mm"]} for s in sides],
    }


def _write(request: Request, out: Path) -> Made:
    """Makes one capture and puts it under ``out``: whole, or not at all."""
    specimen = make_specimen(request)
    folder = out / request.name
    part = out / f".{request.name}.part"
    try:
        if part.exists():  # of a run that was interrupted, perhaps with other lights
            shutil.rmtree(part)
        part.mkdir(parents=True)
        for name, content in specimen.files.items():
            (part / name).write_bytes(content)
        part.rename(folder)
    except OSError as error:
        raise InputError("specimens.not_written", name=request.name, reason=error.strerror or "") from error
    return Made(folder, specimen.truth)


def _start_worker() -> None:
    cv2.setNumThreads(1)


def make_captures(requests: Sequence[Request], out: Path, workers: int | None = None) -> Iterator[Made]:
    """Makes captures on disk, on several cores.

    Args:
        requests: with names of their own.
        out: folder their folders are put into.
        workers: processes; one a core where None. What is made does not depend on it.

    Yields:
        Every capture, in the order of the requests.

    Raises:
        InputError: ``specimens.not_written``.
    """
    many = min(workers or os.cpu_count() or 1, len(requests))
    if many <= 1:
        for request in requests:
            yield _write(request, out)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(many, mp_context=context, initializer=_start_worker) as pool:
        waiting: dict[Future[Made], int] = {}
        finished: dict[int, Made] = {}
        following = told = 0
        while told < len(requests):
            while following < len(requests) and len(waiting) < 2 * many:
                waiting[pool.submit(_write, requests[following], out)] = following
                following += 1
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                finished[waiting.pop(future)] = future.result()
            while told in finished:
                yield finished.pop(told)
                told += 1
