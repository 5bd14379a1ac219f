"""MRZ reading on rendered documents that no model has seen (figures on synthetic documents).

    python -m benchmarks.mrz_synthetic --lines 5000

Whole frames go through the whole reader: detector, line finder, recogniser. Textures and seeds are kept from training.
Of the zones 70 % are set in OCR-B, which training has too, the rest in three faces it never had: ``HELD_OUT`` in
``dafec/models/training/fonts.py``. Two sets are printed: ``desk`` (characters at least 12 pixels apart, about 120 dpi
and up, as readers, flatbeds and phones give) and ``small`` (4.9 to 12 pixels). A zone that leaves the frame is not
counted.
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
        return f"{name:8} {self.lines:>6} {exact:>11.2f} {missed:>13.2f} {certain:>13.1f} {rate:>27.2f}"


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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5000, help="of the set ``desk``")
    parser.add_argument("--seed", type=int, default=99)
    args = parser.parse_args()
    context = OcrContext.load(2)
    rng = random.Random(f"mrz test {args.seed}")
    sets = {"desk": Tally(), "small": Tally()}
    while sets["desk"].lines < args.lines:
        scene = make_scene(rng, bank_seed=TEST_BANK, held_out=True, longest_px=rng.randint(500, 1800))
        reads = read_image(scene.image, context=context)
        for zone in scene.zones:
            if _inside(zone, scene):
                points = zone.centres[0]
                pitch = float(np.hypot(*(points[-1] - points[0]))) / (len(points) - 1)
                _count(sets["desk" if pitch >= 12 else "small"], zone, _match(zone, reads))
    print("synthetic documents, textures not trained on; OCR-B and three faces not trained on")
    headings = f"{'set':8} {'lines':>6} {'exact, %':>11} {'not found, %':>13} {'read, % zones':>13}"
    print(f"{headings} {'silent misreads per 10,000':>27}")
    for name, tally in sets.items():
        print(tally.row(name))


if __name__ == "__main__":
    main()
