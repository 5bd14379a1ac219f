"""Load on a running service for minutes: first answers, errors, memory, and what too many callers are told."""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx2
import numpy as np

__all__ = ["Load", "resident_mib", "row", "run_for", "wait_for_complete"]

SAMPLES = Path(__file__).parents[1] / "sample_docs"
LIGHTS = ("visible", "ir", "uv")
_SAMPLE_DPI = 300
_OVERLOAD_CALLERS = 48  # 2 that run and 16 that wait are taken
_OVERLOAD_S = 20.0


@dataclass(frozen=True)
class Load:
    """How much."""

    desks: int
    seconds: float
    pause_s: float  # between an answer and a desk's next document
    dpi: int


@dataclass
class Seen:
    """What callers were answered."""

    times_ms: list[float] = field(default_factory=list)  # of what was screened
    answers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: httpx2.Response | None, elapsed_ms: float) -> None:
        """Counts one; None: there was no answer at all."""
        what = "no answer" if answer is None else str(answer.status_code)
        if answer is not None and answer.status_code == 503:
            what += " with Retry-After" if answer.headers.get("retry-after", "").isdecimal() else " without Retry-After"
        if answer is not None and answer.status_code == 201 and not answer.json()["verdict"]["level"]:
            what = "201 without a verdict"
        with self.lock:
            self.answers[what] += 1
            if what == "201":
                self.times_ms.append(elapsed_ms)

    def told(self) -> str:
        """Counts by answer."""
        return ", ".join(f"{count} x {what}" for what, count in sorted(self.answers.items())) or "none"


def run_for(url: str, pid: int, load: Load) -> None:
    """Runs all desks, then too many callers, and prints what came of it."""
    captures = three_band_captures(load.dpi)
    sizes = [sum(len(data) for data in capture.values()) / 2**20 for capture in captures]
    print(f"{len(captures)} captures of three bands at {load.dpi} dpi, {statistics.mean(sizes):.1f} MiB each")
    seen, memory, stop = Seen(), list[float](), threading.Event()
    watch = threading.Thread(target=_watch, args=(pid, memory, stop))
    watch.start()
    begun = time.perf_counter()
    with ThreadPoolExecutor(load.desks) as pool:
        until_s = begun + load.seconds
        jobs = [pool.submit(_desk, url, captures, desk, load, until_s, seen) for desk in range(load.desks)]
    for job in jobs:
        job.result()
    wall_s = time.perf_counter() - begun
    print("| desks | documents | p50 ms | p95 ms | max ms | documents/s |")
    print("|---|---|---|---|---|---|")
    if seen.times_ms:
        print(row(str(load.desks), seen.times_ms, wall_s))
    print(f"answers: {seen.told()}")
    print(f"complete reports there {wait_for_complete(url):.1f} s after the last answer")
    stop.set()
    watch.join()
    minutes = [memory[at : at + 60] for at in range(0, len(memory), 60)]
    print("resident MiB, highest of each minute: " + " ".join(f"{max(part):.0f}" for part in minutes))
    print(f"highest resident: {resident_mib(pid, 'VmHWM'):.0f} MiB")
    over = Seen()
    until = time.perf_counter() + _OVERLOAD_S
    with ThreadPoolExecutor(_OVERLOAD_CALLERS) as pool:
        for caller in range(_OVERLOAD_CALLERS):
            pool.submit(_hammer, url, captures[caller % len(captures)], until, over)
    print(f"{_OVERLOAD_CALLERS} callers at once for {_OVERLOAD_S:.0f} s: {over.told()}")
    print(f"highest resident then: {resident_mib(pid, 'VmHWM'):.0f} MiB")
    ready = httpx2.get(f"{url}/readyz", timeout=60)
    print(f"ready afterwards: {ready.status_code}")


def three_band_captures(dpi: int) -> list[dict[str, bytes]]:
    """Every sample of one page in three bands, brought to the resolution, as parts of an upload."""
    captures = []
    for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
        files = {light: folder / f"{light}.jpg" for light in LIGHTS}
        if not all(file.exists() for file in files.values()) or (folder / "visible-2.jpg").exists():
            continue
        parts = {light: _enlarged(file.read_bytes(), dpi / _SAMPLE_DPI) for light, file in files.items()}
        captures.append({**parts, "capture": f"dpi = {dpi}\n".encode()})
    return captures


def _enlarged(data: bytes, scale: float) -> bytes:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    larger = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", larger, [cv2.IMWRITE_JPEG_QUALITY, 92])[1])


def _desk(url: str, captures: list[dict[str, bytes]], desk: int, load: Load, until_s: float, seen: Seen) -> None:
    time.sleep(desk * load.pause_s / load.desks)  # travellers do not step up at the same moment
    with httpx2.Client(base_url=url, timeout=120) as client:
        number = desk
        while time.perf_counter() < until_s:
            _post(client, captures[number % len(captures)], seen)
            number += 1
            time.sleep(load.pause_s)


def _hammer(url: str, capture: dict[str, bytes], until_s: float, seen: Seen) -> None:
    with httpx2.Client(base_url=url, timeout=120) as client:
        while time.perf_counter() < until_s:
            _post(client, capture, seen)
            time.sleep(0.1)


def _post(client: httpx2.Client, capture: dict[str, bytes], seen: Seen) -> None:
    begun = time.perf_counter()
    answer: httpx2.Response | None = None
    with suppress(httpx2.HTTPError):
        answer = client.post("/api/v1/screenings", files={name: (name, data) for name, data in capture.items()})
    seen.add(answer, (time.perf_counter() - begun) * 1000)


def _watch(pid: int, memory: list[float], stop: threading.Event) -> None:
    while not stop.wait(1.0):
        memory.append(resident_mib(pid, "VmRSS"))


def resident_mib(pid: int, field: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (highest so far) of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def wait_for_complete(url: str) -> float:
    """Seconds until no complete report is due any more."""
    begun = time.perf_counter()
    while "dafec_complete_passes_due 0.0" not in httpx2.get(f"{url}/metrics", timeout=60).text:
        time.sleep(0.2)
    return time.perf_counter() - begun


def row(name: str, times: list[float], wall_s: float) -> str:
    """One line of the table."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    median = statistics.median(ordered)
    return f"| {name} | {len(times)} | {median:.0f} | {p95:.0f} | {ordered[-1]:.0f} | {len(times) / wall_s:.1f} |"
