"""MRZ reading on rendered documents that no model has seen (figures on synthetic documents).

    python -m benchmarks.mrz_synthetic --lines 5000

Whole frames go through the whole reader: detector, line finder, recogniser. Layouts, textures and texts are drawn from
seeds kept from training. Four sets:

    in order, new faces    documents in order before equipment in order (``make_scene(in_order=True)``), characters at
                           least 12 pixels apart, the zone in three faces that training never had
    in order, OCR-B        the same, in the faces of training: OCR-B in 70 % of them
    worn                   stamped, overprinted, badly lit, blurred, noisy: the training's own difficulty
    worn and small         the same with characters 4.9 to 12 pixels apart

A zone that leaves the frame is not counted. Both sets "in order" have half of ``--lines``, "worn" a fifth.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

import numpy as np

from dafec.models.training.scenes import Scene, SceneZone, make_scene
from dafec.ocr.reader import OcrContext, read_image
from dafec.ocr.types import MrzRead

TEST_BANK = 99
SMALL_PX = 12  # between characters: about 120 dpi


@dataclass
class Tally:
    """Counts of one set."""

    lines: int = 0
    exact: int = 0
    zones: int = 0
    missed: int = 0
    certain: int = 0
    certain_characters: int = 0
    silent: int = 0

    def row(self, name: str) -> str:
        """One line of the table."""
        exact = 100 * self.exact / max(1, self.lines)
        missed, certain = (100 * count / max(1, self.zones) for count in (self.missed, self.certain))
        rate = 1e4 * self.silent / max(1, self.certain_characters)
        return f"{name:20} {self.lines:>6} {exact:>9.2f} {missed:>13.2f} {certain:>17.1f} {rate:>27.2f}"


def _inside(zone: SceneZone, scene: Scene) -> bool:
    points = np.vstack(zone.centres)
    height, width = scene.image.shape
    edge = 0.6 * zone.cap_px
    return bool((points > edge).all() and (points[:, 0] < width - edge).all() and (points[:, 1] < height - edge).all())


def _match(zone: SceneZone, reads: list[MrzRead]) -> MrzRead | None:
    middle = zone.corners().mean(axis=0)
    reach = 0.3 * float(np.hypot(*(zone.corners()[1] - zone.corners()[0])))
    near = [r for r in reads if float(np.hypot(*(r.corners_px.array().mean(axis=0) - middle))) < reach]
    return near[0] if near else None


def _count(tally: Tally, zone: SceneZone, read: MrzRead | None) -> None:
    tally.zones += 1
    tally.lines += len(zone.text.lines)
    if read is None:
        tally.missed += 1
        return
    tally.exact += sum(a == b for a, b in zip(zone.text.lines, read.texts, strict=False))
    if read.status == "read":
        tally.certain += 1
        tally.certain_characters += sum(map(len, zone.text.lines))
        pairs = zip(zone.text.lines, read.texts, strict=False)
        tally.silent += sum(a != b for t, u in pairs for a, b in zip(t, u, strict=False))
        tally.silent += abs(sum(map(len, zone.text.lines)) - sum(map(len, read.texts)))


def _run(
    rng: random.Random, context: OcrContext, tallies: dict[str, Tally], name: str, lines: int, *, held_out: bool
) -> None:
    """Adds frames until the set has so many lines; what is small in a set that is worn goes to the small ones."""
    in_order = name.startswith("in order")
    while tallies[name].lines < lines:
        side = rng.randint(900 if in_order else 500, 2000)
        scene = make_scene(rng, bank_seed=TEST_BANK, held_out=held_out, longest_px=side, in_order=in_order)
        reads = read_image(scene.image, context=context)
        for zone in scene.zones:
            points = zone.centres[0]
            pitch = float(np.hypot(*(points[-1] - points[0]))) / (len(points) - 1)
            if not _inside(zone, scene) or (in_order and pitch < SMALL_PX):
                continue
            _count(tallies[name if pitch >= SMALL_PX else "worn and small"], zone, _match(zone, reads))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5000, help="of both sets in order together")
    parser.add_argument("--seed", type=int, default=99)
    args = parser.parse_args()
    context = OcrContext.load(2)
    rng = random.Random(f"mrz test {args.seed}")
    tallies = {name: Tally() for name in ("in order, new faces", "in order, OCR-B", "worn", "worn and small")}
    _run(rng, context, tallies, "in order, new faces", args.lines // 2, held_out=True)
    _run(rng, context, tallies, "in order, OCR-B", args.lines // 2, held_out=False)
    _run(rng, context, tallies, "worn", args.lines // 5, held_out=False)
    headings = f"{'synthetic set':20} {'lines':>6} {'exact, %':>9} {'not found, %':>13} {'read, % of zones':>17}"
    print(f"{headings} {'silent misreads per 10,000':>27}")
    for name, tally in tallies.items():
        print(tally.row(name))


if __name__ == "__main__":
    main()
