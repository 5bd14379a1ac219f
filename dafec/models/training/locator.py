"""Trains the zone detector and the line finder: ``python -m dafec.models.training.locator --minutes 60``.

Detector: a small U-shaped network on the whole frame (longest side 512), giving at a quarter of that size the
probability of "machine-readable zone" and of "document", and the reading direction as a vector. Line finder: a smaller
one on the upright zone crop (96 x 448), giving at (48, 112) how near the middle of a printed MRZ line is, and the
logarithm of its cap height. Both learn at once from ``scenes``; the line finder sees crops shaken far more than the
detector errs. ``publish`` makes the ONNX files of the averaged weights; README.md beside this file tells how the
shipped ones were trained.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import IterableDataset

from dafec.models.training.loop import Recipe, begin, parse_options, train
from dafec.models.training.scenes import make_scene
from dafec.models.training.targets import detector_target, line_target
from dafec.models.training.textures import texture_bank
from dafec.ocr.zone_crop import CROP_HEIGHT, CROP_WIDTH

__all__ = ["Detector", "LineFinder", "batches", "export", "main", "new_networks"]

_RECIPE = Recipe(
    name="locator",
    items="scenes",
    minutes=60,
    seed=2,
    batch=8,
    warm_up=200,
    average=0.998,
    clip=3.0,
    save_every_s=240,
    prefetch=4,
)
_TEXTURES = 7
_SIDE = 512  # pixels a side of every frame in a batch


def _conv(inputs: int, outputs: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Separable(nn.Module):
    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


class Detector(nn.Module):
    """(n, 1, h, w) frames, sides multiples of 32, to (n, 4, h / 4, w / 4) maps."""

    def __init__(self) -> None:
        super().__init__()
        self.s2 = _conv(1, 16, 2)
        self.s4 = nn.Sequential(_conv(16, 32, 2), _Separable(32))
        self.s8 = nn.Sequential(_conv(32, 64, 2), _Separable(64), _Separable(64))
        self.s16 = nn.Sequential(_conv(64, 96, 2), _Separable(96), _Separable(96, 2))
        self.s32 = nn.Sequential(_conv(96, 128, 2), _Separable(128), _Separable(128, 2), _Separable(128, 3))
        self.d16 = nn.Conv2d(128, 64, 1)
        self.l16 = nn.Conv2d(96, 64, 1)
        self.m16 = _Separable(64)
        self.l8 = nn.Conv2d(64, 64, 1)
        self.m8 = _Separable(64)
        self.d4 = nn.Conv2d(64, 32, 1)
        self.l4 = nn.Conv2d(32, 32, 1)
        self.m4 = _Separable(32)
        self.head = nn.Conv2d(32, 4, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Maps: zone logit, document logit, reading direction x and y."""
        s4 = self.s4(self.s2(frames))
        s8 = self.s8(s4)
        s16 = self.s16(s8)
        s32 = self.s32(s16)
        up = functional.interpolate
        x = self.m16(up(self.d16(s32), scale_factor=2.0, mode="bilinear") + self.l16(s16))
        x = self.m8(up(x, scale_factor=2.0, mode="bilinear") + self.l8(s8))
        x = self.m4(up(self.d4(x), scale_factor=2.0, mode="bilinear") + self.l4(s4))
        return self.head(x)


class LineFinder(nn.Module):
    """(n, 1, 96, 448) crops to (n, 2, 48, 112): line-centre logit and log(cap height / 8 crop pixels)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(1, 16, 2), _conv(16, 24, (1, 2)), _Separable(24))
        self.low = nn.Sequential(_conv(24, 48, 2), _Separable(48), _Separable(48, 2))
        self.lower = nn.Sequential(_conv(48, 64, 2), _Separable(64), _Separable(64, 2), _Separable(64, 4))
        self.up_low = nn.Conv2d(64, 48, 1)
        self.mix_low = _Separable(48)
        self.up = nn.Conv2d(48, 24, 1)
        self.mix = _Separable(24)
        self.head = nn.Conv2d(24, 2, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """Maps: nearness to a line's middle as a logit, logarithm of the cap height."""
        x = self.stem(crops)
        low = self.low(x)
        lower = self.lower(low)
        up = functional.interpolate
        low = self.mix_low(low + up(self.up_low(lower), scale_factor=2.0, mode="bilinear"))
        return self.head(self.mix(x + up(self.up(low), scale_factor=2.0, mode="bilinear")))


def new_networks() -> nn.ModuleDict:
    """Both networks, untrained, by the names under which their weights are saved."""
    return nn.ModuleDict({"detector": Detector(), "finder": LineFinder()})


class _Stream(IterableDataset):
    """Endless batches; every worker draws its own scenes."""

    def __init__(self, seed: int, batch: int) -> None:
        super().__init__()
        self.seed, self.batch = seed, batch

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = torch.utils.data.get_worker_info()
        rng = random.Random(f"locator {self.seed} {0 if info is None else info.id}")
        texture_bank(_TEXTURES)
        frames, crops = [], []
        while True:
            scene = make_scene(rng, bank_seed=_TEXTURES)
            side = _SIDE if rng.random() < 0.7 else rng.choice([384, 448])
            frame, target = detector_target(scene, side)
            beyond = _SIDE - side
            frame = np.pad(frame, ((0, 0), (0, beyond), (0, beyond)))
            frames.append((frame, np.pad(target, ((0, 0), (0, beyond // 4), (0, beyond // 4)))))
            for zone in scene.zones:
                crops.append(line_target(scene, zone, rng))
                if rng.random() < 0.6:
                    crops.append(line_target(scene, zone, rng))
            if len(frames) >= self.batch and crops:
                columns = (*zip(*frames, strict=True), *zip(*crops, strict=True))
                yield tuple(torch.from_numpy(np.stack(column)) for column in columns)
                frames, crops = [], []


def batches(seed: int, batch: int) -> Iterator[tuple[Tensor, ...]]:
    """Endless training batches in this process: frames, frame targets, crops, crop targets."""
    return iter(_Stream(seed, batch))


def _detector_loss(out: Tensor, target: Tensor) -> Tensor:
    zone, document = out[:, 0], out[:, 1]
    bce = functional.binary_cross_entropy_with_logits(zone, target[:, 0], pos_weight=torch.tensor(3.0))
    p = torch.sigmoid(zone)
    dice = 1 - (2 * (p * target[:, 0]).sum() + 1) / (p.sum() + target[:, 0].sum() + 1)
    page = functional.binary_cross_entropy_with_logits(document, target[:, 1])
    inside = target[:, 0]
    turn = (((out[:, 2:] - target[:, 2:]) ** 2).sum(1) * inside).sum() / (inside.sum() + 1)
    return bce + 0.5 * dice + 0.5 * page + turn


def _line_loss(out: Tensor, target: Tensor) -> Tensor:
    heat = functional.binary_cross_entropy_with_logits(out[:, 0], target[:, 0], pos_weight=torch.tensor(2.0))
    judged = (target[:, 1] > 1).float()
    missed = functional.smooth_l1_loss(out[:, 1] + 10, target[:, 1], reduction="none", beta=0.1)
    return heat + (missed * judged).sum() / (judged.sum() + 1)


def export(detector: Detector, finder: LineFinder, out: Path) -> None:
    """Writes both ONNX files."""
    detector.eval()
    finder.eval()
    free = {"frames": {0: "n", 2: "h", 3: "w"}, "maps": {0: "n", 2: "h4", 3: "w4"}}
    torch.onnx.export(
        detector,
        (torch.zeros(1, 1, 384, 512),),
        str(out / "mrz_detector.onnx"),
        input_names=["frames"],
        output_names=["maps"],
        dynamic_axes=free,
        opset_version=17,
        dynamo=False,
    )
    many = {"crops": {0: "n"}, "maps": {0: "n"}}
    torch.onnx.export(
        finder,
        (torch.zeros(1, 1, CROP_HEIGHT, CROP_WIDTH),),
        str(out / "mrz_lines.onnx"),
        input_names=["crops"],
        output_names=["maps"],
        dynamic_axes=many,
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """Command line of the recipe."""
    options = parse_options(_RECIPE, __doc__)
    begin(options)
    both = new_networks().to(memory_format=torch.channels_last)

    def losses(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        frames, frame_targets, crops, crop_targets = batch
        frames, crops = (x.contiguous(memory_format=torch.channels_last) for x in (frames, crops))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps, lines = both["detector"](frames), both["finder"](crops)
        return {
            "detector": _detector_loss(maps.float(), frame_targets),
            "lines": _line_loss(lines.float(), crop_targets),
        }

    train(both, _Stream(options.seed, options.batch), losses, _RECIPE, options)


if __name__ == "__main__":
    main()
