"""Speed of the service over HTTP: one desk and eight desks at once, with resident memory.

    python benchmarks/service.py [--requests N] [--desks N] [--workers N]

Starts ``dafec serve`` on a free port with an empty data folder and posts the sample documents again and again, each
desk one document after the other over its own connection. Every answer is checked: what is not a kept report with the
right level does not count as fast, it ends the run. Prints one table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_docs"


def load_samples() -> list[tuple[dict[str, bytes], bool]]:
    """Images by light and whether the document must be referred."""
    samples = []
    for entry in json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))["samples"]:
        path = SAMPLES / entry["path"]
        files = [path] if path.is_file() else [f for f in path.iterdir() if f.stem in ("visible", "ir", "uv")]
        images = {("visible" if path.is_file() else f.stem): f.read_bytes() for f in files}
        samples.append((images, entry["level"] == "refer"))
    return samples


def post_documents(url: str, count: int, samples: list[tuple[dict[str, bytes], bool]], offset: int) -> list[float]:
    """Milliseconds of each answer of one desk; an answer that is wrong ends the run."""
    times = []
    with httpx2.Client(base_url=url, timeout=120) as client:
        for number in range(count):
            images, referred = samples[(number + offset) % len(samples)]
            begun = time.perf_counter()
            answer = client.post("/api/v1/screenings", files={light: (light, data) for light, data in images.items()})
            times.append((time.perf_counter() - begun) * 1000)
            if answer.status_code != 201 or (answer.json()["verdict"]["level"] == "refer") != referred:
                raise SystemExit(f"wrong answer: {answer.status_code} {answer.text[:200]}")
    return times


def resident_mib(pid: int, field: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (highest so far) of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def row(name: str, times: list[float], wall_s: float) -> str:
    """One line of the table."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    median = statistics.median(ordered)
    return f"| {name} | {len(times)} | {median:.0f} | {p95:.0f} | {ordered[-1]:.0f} | {len(times) / wall_s:.1f} |"


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=40, help="documents a desk")
    parser.add_argument("--desks", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    samples = load_samples()
    command = [str(Path(sys.executable).parent / "dafec"), "serve", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w", encoding="utf-8") as log:
        begun = time.perf_counter()
        with subprocess.Popen(
            [*command, "--data", f"{folder}/data"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "DAFEC_SERVICE_WORKERS": str(chosen.workers), "DAFEC_SERVICE_MIN_FREE_BYTES": "0"},
        ) as service:
            assert service.stdout is not None
            url = service.stdout.readline().strip().removeprefix("DAFEC: ")
            try:
                print(f"start to first answer possible: {(time.perf_counter() - begun) * 1000:.0f} ms")
                print(f"resident after start: {resident_mib(service.pid, 'VmRSS'):.0f} MiB")
                print("| desks | documents | p50 ms | p95 ms | max ms | documents/s |")
                print("|---|---|---|---|---|---|")
                for desks in (1, chosen.desks):
                    begun = time.perf_counter()
                    with ThreadPoolExecutor(desks) as pool:
                        jobs = [pool.submit(post_documents, url, chosen.requests, samples, at) for at in range(desks)]
                        times = [t for job in jobs for t in job.result()]
                    print(row(str(desks), times, time.perf_counter() - begun))
                print(f"highest resident: {resident_mib(service.pid, 'VmHWM'):.0f} MiB")
            finally:
                service.terminate()


if __name__ == "__main__":
    main()
