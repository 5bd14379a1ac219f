"""Makes the mean head that ``dafec.features.gen_ghost_measure`` looks for ghosts with.

    python -m benchmarks.mean_head dafec/features/data/mean_head.npz

It is the mean of sixty drawn portraits of both sexes, twenty to seventy years old, a third of the women in headscarves;
of nobody who exists. The same command gives the same picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from dafec.specimens.portrait import PortraitStyle, draw_portrait

SEEDS = range(1000, 1060)
SIZE_PX = (54, 42)  # 1.2 pixels a millimetre of a portrait; a ghost is looked for at two of its own


def main() -> None:
    """Draws, averages and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="file to write")
    options = parser.parse_args()
    heads = []
    for seed in SEEDS:
        style = PortraitStyle(headscarf_share=0.3, age=20.0 + seed % 50)
        picture = draw_portrait(seed, SIZE_PX, style).mean(axis=2) ** (1 / 2.2)
        heads.append(picture - picture[:8].mean())  # against its ground, whose tone is the studio's
    mean = np.mean(heads, axis=0)
    scaled = np.rint(255 * (mean - mean.min()) / np.ptp(mean)).astype(np.uint8)
    np.savez_compressed(options.out, head=scaled)
    print(f"{options.out}: {scaled.shape[1]} x {scaled.shape[0]} pixels, {len(heads)} heads")


if __name__ == "__main__":
    main()
