"""Trains the zone detector and the line finder: ``python -m dafec.models.training.locator --minutes 60 --out runs/locator``.

Detector: a small U-shaped network on the whole frame (longest side 512), giving at a quarter of that size the probability of
"machine-readable zone" and of "document", and the reading direction as a vector. Line finder: a smaller one on the upright zone
crop (96 x 448), giving at (48, 112) how near the middle of a printed MRZ line is, and the logarithm of its cap height. Both learn
from ``scenes``; the line finder sees crops shaken far more than the detector errs.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from dafec.models.training.scenes import Scene, SceneZone, make_scene
from dafec.models.training.zones import texture_bank
from dafec.ocr.zone_crop import CROP_HEIGHT, CROP_WIDTH, cut_zone

__all__ = ["Detector", "LineFinder", "batches", "detector_target", "line_target"]

SIDE = 512
DOCUMENT_SHRINK = 0.97


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
    """(n, 1, h, w) frames, sides multiples of 32, to (n, 4, h / 4, w / 4): zone logit, document logit, direction x, y."""

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
        x = self.stem(crops)
        low = self.low(x)
        lower = self.lower(low)
        up = functional.interpolate
        low = self.mix_low(low + up(self.up_low(lower), scale_factor=2.0, mode="bilinear"))
        return self.head(self.mix(x + up(self.up(low), scale_factor=2.0, mode="bilinear")))


def detector_target(scene: Scene, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame padded to (side, side) float32 and target (4, side / 4, side / 4)."""
    h, w = scene.image.shape
    scale = side / max(h, w)
    nw, nh = max(1, round(w * scale)), max(1, round(h * scale))
    small = cv2.resize(scene.image, (nw, nh), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    frame = np.zeros((1, side, side), np.float32)
    frame[0, :nh, :nw] = (small.astype(np.float32) - 128) / 64
    target = np.zeros((4, side // 4, side // 4), np.float32)
    bits = 4

    def fill(layer: np.ndarray, quad: np.ndarray, value: float) -> np.ndarray:
        cover = np.zeros(layer.shape, np.uint8)
        points = ((quad * scale + 0.5) / 4 - 0.5) * 2**bits
        cv2.fillPoly(cover, [points.round().astype(np.int32)], 255, cv2.LINE_8, bits)
        layer[cover > 0] = value
        return cover > 0

    for quad in scene.documents:
        middle = quad.mean(0)
        fill(target[1], middle + (quad - middle) * DOCUMENT_SHRINK, 1.0)
    for zone in scene.zones:
        quad = zone.corners()
        inside = fill(target[0], quad, 1.0)
        along = quad[1] - quad[0]
        along = along / max(1e-6, float(np.hypot(*along)))
        target[2][inside], target[3][inside] = along[0], along[1]
    return frame, target


def line_target(scene: Scene, zone: SceneZone, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """A shaken crop (1, 96, 448) and its target (2, 48, 112); the cap height is 0 where it is not judged."""
    quad = zone.corners()
    along = quad[1] - quad[0]
    width = float(np.hypot(*along))
    angle = math.atan2(along[1], along[0])
    centre = quad.mean(0)
    wild = rng.random() < 0.2
    unit = along / max(width, 1e-6)
    down = np.array([-unit[1], unit[0]])
    centre = (
        centre
        + unit * width * rng.gauss(0, 0.12 if wild else 0.03)
        + down * width * rng.gauss(0, 0.05 if wild else 0.015)
    )
    angle += math.radians(rng.gauss(0, 4 if wild else 1.2))
    width *= math.exp(rng.gauss(0, 0.3 if wild else 0.06))
    crop = cut_zone(scene.image, (float(centre[0]), float(centre[1])), angle, width)
    inverse = cv2.invertAffineTransform(crop.frame_from_crop)
    rows, columns = np.arange(CROP_HEIGHT // 2) * 2 + 0.5, np.arange(CROP_WIDTH // 4) * 4 + 1.5
    target = np.zeros((2, len(rows), len(columns)), np.float32)
    for other in scene.zones:
        for points in other.centres:
            p = points @ inverse[:, :2].T + inverse[:, 2]
            pitch = (p[-1] - p[0]) / (len(p) - 1)
            if pitch[0] < 1.0:
                continue
            p = np.vstack([p[0] - pitch / 2, p, p[-1] + pitch / 2])
            cap = other.cap_px / crop.scale
            y = np.interp(columns, p[:, 0], p[:, 1], left=-1e6, right=-1e6)
            heat = np.exp(-(((rows[:, None] - y[None, :]) / (0.32 * cap)) ** 2) / 2)
            target[0] = np.maximum(target[0], heat)
            target[1] = np.where(heat > 0.4, math.log(cap / 8) + 10, target[1])
    return crop.pixels[None], target


class _Stream(IterableDataset):
    def __init__(self, seed: int, batch: int) -> None:
        super().__init__()
        self.seed, self.batch = seed, batch

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = torch.utils.data.get_worker_info()
        rng = random.Random(f"locator {self.seed} {0 if info is None else info.id}")
        texture_bank(7)
        frames, crops = [], []
        while True:
            scene = make_scene(rng)
            side = SIDE if rng.random() < 0.7 else rng.choice([384, 448])
            frame, target = detector_target(scene, side)
            if side != SIDE:
                pad = ((0, 0), (0, SIDE - side), (0, SIDE - side))
                frame = np.pad(frame, pad)
                target = np.pad(target, ((0, 0), (0, (SIDE - side) // 4), (0, (SIDE - side) // 4)))
            frames.append((frame, target))
            for zone in scene.zones:
                crops.append(line_target(scene, zone, rng))
                if rng.random() < 0.6:
                    crops.append(line_target(scene, zone, rng))
            if len(frames) >= self.batch and crops:
                yield tuple(
                    torch.from_numpy(np.stack(a)) for a in (*zip(*frames, strict=True), *zip(*crops, strict=True))
                )
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
    cap = (functional.smooth_l1_loss(out[:, 1] + 10, target[:, 1], reduction="none", beta=0.1) * judged).sum() / (
        judged.sum() + 1
    )
    return heat + cap


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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("runs/locator"))
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--resume", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    both = nn.ModuleDict({"detector": Detector(), "finder": LineFinder()})
    both = both.to(memory_format=torch.channels_last)
    if args.resume:
        both.load_state_dict(torch.load(args.resume))
    average = torch.optim.swa_utils.AveragedModel(
        both, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    optimiser = torch.optim.AdamW(both.parameters(), lr=args.rate, weight_decay=0.01)
    loader = DataLoader(_Stream(args.seed, args.batch), batch_size=None, num_workers=args.workers, prefetch_factor=4)
    start, step, first, second = time.monotonic(), 0, 0.0, 0.0
    last_save = start
    for frames, frame_targets, crops, crop_targets in loader:
        done = (time.monotonic() - start) / (args.minutes * 60)
        if done >= 1:
            break
        rate = args.rate * min(1.0, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
        for group in optimiser.param_groups:
            group["lr"] = rate
        frames, crops = (x.contiguous(memory_format=torch.channels_last) for x in (frames, crops))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps, lines = both["detector"](frames), both["finder"](crops)
        a, b = _detector_loss(maps.float(), frame_targets), _line_loss(lines.float(), crop_targets)
        optimiser.zero_grad()
        (a + b).backward()
        nn.utils.clip_grad_norm_(both.parameters(), 3.0)
        optimiser.step()
        average.update_parameters(both)
        step, first, second = step + 1, first + float(a.detach()), second + float(b.detach())
        if step % 50 == 0:
            print(
                f"{step} {step * args.batch} scenes detector {first / 50:.4f} lines {second / 50:.4f} {step * args.batch / (time.monotonic() - start):.1f} scenes/s",
                flush=True,
            )
            first = second = 0.0
        if time.monotonic() - last_save > 240:
            last_save = time.monotonic()
            torch.save(average.module.state_dict(), args.out / "average.pt")
    torch.save(average.module.state_dict(), args.out / "average.pt")
    export(average.module["detector"], average.module["finder"], args.out)


if __name__ == "__main__":
    main()
