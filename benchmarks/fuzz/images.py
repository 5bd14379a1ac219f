"""Mutated images through the decoders, in a child process with bounded memory.

    python -m benchmarks.fuzz.images [--count 20000] [--seed 1] [--megabytes 3000] [--seconds 20]

Whole files of every format are damaged: bits, bytes and runs changed, lengths and sizes in headers made huge or
negative, pieces removed, doubled, moved, and exchanged between files and formats. Each must decode or end with an
InputError within the time. A child that dies, raises anything else, hangs or asks for more memory than it may is a
crash: its number is printed, with which ``--only NUMBER`` repeats it. Ends with 1 where there was one.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import struct
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "sample_docs"
_WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def whole_files() -> list[bytes]:
    """One or more files of every format the decoders take, small enough for thousands of tries."""
    page = Image.open(SAMPLES / "td3-arabic" / "visible.jpg").convert("RGB").resize((420, 300))
    grey = page.convert("L")
    files: list[bytes] = []
    ways: list[tuple[Image.Image, str, dict[str, object]]] = [
        (page, "JPEG", {"quality": 80, "dpi": (300, 300)}),
        (grey, "JPEG", {"progressive": True}),
        (page, "PNG", {"dpi": (300, 300)}),
        (page.quantize(64), "PNG", {}),
        (grey.point(lambda level: level * 256, "I").convert("I;16"), "PNG", {}),
        (page, "TIFF", {"save_all": True, "append_images": [page.rotate(180)]}),
        (grey, "TIFF", {}),
        (grey.convert("1"), "TIFF", {}),
        (page, "BMP", {}),
        (page, "JPEG2000", {}),
        (page, "WEBP", {"quality": 80}),
        (page, "PDF", {}),
    ]
    for image, kind, options in ways:
        out = io.BytesIO()
        image.save(out, kind, **options)
        files.append(out.getvalue())
    for compression in (5, 8):  # LZW, Deflate
        options_cv = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
        files.append(bytes(cv2.imencode(".tif", np.asarray(page), options_cv)[1]))
    return files


def mutated(files: list[bytes], seed: int, number: int) -> bytes:
    """The damaged file of that number: the same whenever it is asked for."""
    chance = np.random.default_rng([seed, number])
    data = bytearray(files[int(chance.integers(len(files)))])
    for _ in range(int(chance.integers(1, 7))):
        if data:
            _WAYS[int(chance.integers(len(_WAYS)))](data, chance, files)
    return bytes(data)


def _place(data: bytearray, chance: np.random.Generator) -> int:
    """Mostly near the beginning, where headers are."""
    return int(chance.integers(min(len(data), 512) if chance.random() < 0.6 else len(data)))


def _flip(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    data[_place(data, chance)] ^= 1 << int(chance.integers(8))


def _noise(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    at, count = _place(data, chance), int(chance.integers(1, 64))
    data[at : at + count] = chance.bytes(len(data[at : at + count]))


def _word(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    at, value = _place(data, chance), _WORDS[int(chance.integers(len(_WORDS)))]
    form = ("<I", ">I", "<H", ">H")[int(chance.integers(4))]
    piece = struct.pack(form, value & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
    data[at : at + len(piece)] = piece


def _cut(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    del data[_place(data, chance) :]


def _remove(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + int(chance.integers(1, 2000))]


def _double(data: bytearray, chance: np.random.Generator, _: list[bytes]) -> None:
    at, count = _place(data, chance), int(chance.integers(1, 2000))
    data[at:at] = data[at : at + count] * int(chance.integers(1, 8))


def _graft(data: bytearray, chance: np.random.Generator, files: list[bytes]) -> None:
    other = files[int(chance.integers(len(files)))]
    at, start, count = _place(data, chance), int(chance.integers(len(other))), int(chance.integers(1, 4000))
    data[at : at + count] = other[start : start + count]


_WAYS = (_flip, _noise, _word, _word, _cut, _remove, _double, _graft)


def work(asks: Connection, seed: int, memory_bytes: int) -> None:
    """The child: decodes what it is asked for and says how it ended."""
    from dafec.capture import capture_from_parts
    from dafec.errors import InputError

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    files = whole_files()
    while (number := asks.recv()) is not None:
        try:
            capture = capture_from_parts({"visible": mutated(files, seed, number)})
            said = f"decoded, {len(capture.pages)} pages"
        except InputError as error:
            said = error.code
        except BaseException as error:  # what is looked for: anything that is not an InputError
            said = f"CRASH {type(error).__name__}"
        asks.send((said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


class Child:
    """A child process that can be started anew."""

    def __init__(self, seed: int, memory_bytes: int) -> None:
        self._given = (seed, memory_bytes)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.asks, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, *self._given))
        self.process.start()
        theirs.close()

    def ask(self, number: int, seconds: float) -> tuple[str, int]:
        """How one ended, and the child's highest memory in MiB."""
        try:
            self.asks.send(number)
            if self.asks.poll(seconds):
                said, memory_mib = self.asks.recv()
                return str(said), int(memory_mib)
            said = "CRASH hangs"
        except (EOFError, OSError):
            said = "CRASH died"
        self.process.kill()
        self.process.join()
        self._start()
        return said, 0

    def end(self) -> None:
        """Ends the child."""
        self.asks.send(None)
        self.process.join(30)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--megabytes", type=int, default=3000, help="address space of the child")
    parser.add_argument("--seconds", type=float, default=20.0, help="longest time for one image")
    parser.add_argument("--only", type=int, help="repeat this one")
    chosen = parser.parse_args()
    child = Child(chosen.seed, chosen.megabytes * 1_000_000)
    if child.ask(0, 300)[0] == "CRASH died":  # it loads what it needs
        raise SystemExit("the child does not start")
    found: Counter[str] = Counter()
    crashes: list[str] = []
    highest_mib, slowest_s, begun = 0, 0.0, time.perf_counter()
    for number in range(chosen.count) if chosen.only is None else [chosen.only]:
        before = time.perf_counter()
        said, memory_mib = child.ask(number, chosen.seconds)
        slowest_s = max(slowest_s, time.perf_counter() - before)
        highest_mib = max(highest_mib, memory_mib)
        found[said] += 1
        if said.startswith("CRASH"):
            crashes.append(f"{number}: {said}")
    child.end()
    print("| how it ended | images |\n|---|---|")
    for said, count in found.most_common():
        print(f"| {said} | {count} |")
    elapsed_s = time.perf_counter() - begun
    print(f"{sum(found.values())} images, {len(crashes)} crashes, {elapsed_s:.0f} s, slowest {slowest_s:.1f} s")
    print(f"highest resident of the child: {highest_mib} MiB")
    print("\n".join(crashes[:20]))
    sys.exit(1 if crashes else 0)


if __name__ == "__main__":
    main()
