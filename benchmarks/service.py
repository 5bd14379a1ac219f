"""Speed of the service over HTTP: one desk and eight desks at once, with resident memory.

    python -m benchmarks.service [--requests N] [--desks N] [--workers N]
    python -m benchmarks.service --minutes 10 [--pause-s 5]

Starts ``dafec serve`` on a free port with an empty data folder and posts the sample documents again and again, each
desk one document after the other over its own connection. Every answer is checked: what is not a kept report with the
right level does not count as fast, it ends the run. Complete reports are made beside, as at a desk (``--no-complete``
leaves them out); how long after the last answer the last of them is there is printed too. Prints one table.

With ``--minutes`` all desks work for so long with captures of three bands at 400 dpi, each with a pause after every
answer, as travellers change (``--pause-s 0``: none, which measures how much the computer can do and not how long a
desk waits). Memory is read every second and printed by the minute. Then more callers than there are places post for
20 seconds: what is not taken must be answered with 503 and Retry-After (``benchmarks/service_load.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2

from benchmarks.service_load import Load, resident_mib, row, run_for, wait_for_complete

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_docs"


#: Images by light, whether the document must be referred, and whether it may be.
Sample = tuple[dict[str, bytes], bool, bool]


def load_samples() -> list[Sample]:
    """The sample documents."""
    samples = []
    for entry in json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))["samples"]:
        path = SAMPLES / entry["path"]
        files = [path] if path.is_file() else [f for f in path.iterdir() if f.stem in ("visible", "ir", "uv")]
        images = {("visible" if path.is_file() else f.stem): f.read_bytes() for f in files}
        must = set(entry["must_fail"]) - {"MRZ-expiry"}
        samples.append((images, bool(must), entry["forged"]))
    return samples


def post_documents(url: str, count: int, samples: list[Sample], offset: int) -> list[float]:
    """Milliseconds of each answer of one desk; an answer that is wrong ends the run."""
    times = []
    with httpx2.Client(base_url=url, timeout=120) as client:
        for number in range(count):
            images, must, may = samples[(number + offset) % len(samples)]
            begun = time.perf_counter()
            answer = client.post("/api/v1/screenings", files={light: (light, data) for light, data in images.items()})
            times.append((time.perf_counter() - begun) * 1000)
            referred = answer.status_code == 201 and answer.json()["verdict"]["level"] == "refer"
            if answer.status_code != 201 or (must and not referred) or (referred and not may):
                raise SystemExit(f"wrong answer: {answer.status_code} {answer.text[:200]}")
    return times


@contextmanager
def served(workers: int, *, complete: bool) -> Iterator[tuple[str, int]]:
    """A service on a free port with an empty data folder: its address and the number of its process."""
    command = [str(Path(sys.executable).parent / "dafec"), "serve", "--port", "0"]
    settings = {
        "DAFEC_SERVICE_WORKERS": str(workers),
        "DAFEC_SERVICE_MIN_FREE_BYTES": "0",
        "DAFEC_SERVICE_REQUESTS_PER_MINUTE": "0",
        "DAFEC_SERVICE_COMPLETE_PASS": str(complete).lower(),
    }
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w", encoding="utf-8") as log:
        begun = time.perf_counter()
        with subprocess.Popen(
            [*command, "--data", f"{folder}/data"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **settings},
        ) as service:
            assert service.stdout is not None
            url = service.stdout.readline().strip().removeprefix("DAFEC: ")
            try:
                print(f"start to first answer possible: {(time.perf_counter() - begun) * 1000:.0f} ms")
                print(f"resident after start: {resident_mib(service.pid, 'VmRSS'):.0f} MiB")
                yield url, service.pid
            finally:
                service.terminate()


def by_count(url: str, pid: int, chosen: argparse.Namespace) -> None:
    """One desk, then several, each a number of documents."""
    samples = load_samples()
    print("| desks | documents | p50 ms | p95 ms | max ms | documents/s |")
    print("|---|---|---|---|---|---|")
    for desks in (1, chosen.desks):
        begun = time.perf_counter()
        with ThreadPoolExecutor(desks) as pool:
            jobs = [pool.submit(post_documents, url, chosen.requests, samples, at) for at in range(desks)]
            times = [t for job in jobs for t in job.result()]
        print(row(str(desks), times, time.perf_counter() - begun))
    if chosen.complete:
        print(f"complete reports there {wait_for_complete(url):.1f} s after the last answer")
    print(f"highest resident: {resident_mib(pid, 'VmHWM'):.0f} MiB")


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="documents a desk")
    parser.add_argument("--desks", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--complete", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--minutes", type=float, default=0.0, help="all desks at once for so long, then too many")
    parser.add_argument("--pause-s", type=float, default=5.0, help="between an answer and a desk's next document")
    parser.add_argument("--dpi", type=int, default=400, help="of the captures, with --minutes")
    chosen = parser.parse_args()
    with served(chosen.workers, complete=chosen.complete) as (url, pid):
        if chosen.minutes:
            run_for(url, pid, Load(chosen.desks, chosen.minutes * 60, chosen.pause_s, chosen.dpi))
        else:
            by_count(url, pid, chosen)


if __name__ == "__main__":
    main()
