"""Trains the line recogniser: ``python -m dafec.models.training.reader --minutes 90 --out runs/reader``.

A strip of 32 x width grey pixels goes through a small residual convolution stack down to one feature column every 4 pixels, three
dilated convolutions and two self-attention layers along the line, and out as 38 logits a column: the 37 characters and
"no character centre here". The truth of a column is known exactly, because the zones are drawn: it is the character
whose centre lies within 0.22 of the pitch, nothing where no centre is nearer than 0.38, and not judged between. So the
model needs no alignment, gives one probability per character and place, and never sees a check digit.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from dafec.models.training.zones import ZoneSample, make_zone, texture_bank
from dafec.ocr.strip import CAP_PX, MARGIN_PX, LineGeometry, cut_strip
from dafec.ocr.types import ALPHABET

__all__ = ["Reader", "batches", "collate", "export", "line_geometry", "sample_strips", "targets"]

STRIDE = 4
NONE = len(ALPHABET)
WIDTH = 960


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def _step(inputs: int, outputs: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Dilated(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.depth = nn.Conv1d(
            channels, channels, 5, padding=2 * dilation, dilation=dilation, groups=channels, bias=False
        )
        self.norm = nn.BatchNorm1d(channels)
        self.point = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.point(functional.relu(self.norm(self.depth(x))))


class _Attention(nn.Module):
    """Pre-norm self-attention and feed-forward, written out so that it exports with free widths."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, 2 * channels)
        self.down = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(c // self.heads) + mask, dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(b, t, c))
        return x + self.down(functional.relu(self.up(self.norm2(x))))


class Reader(nn.Module):
    """(n, 1, 32, w) strips and (n,) widths in pixels to (n, w / 4, 38) logits."""

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _step(1, 24, (2, 2)),
            _step(24, 40, (2, 2)),
            _Residual(40),
            _step(40, 80, (2, 1)),
            _Residual(80),
        )
        self.fold = nn.Sequential(
            nn.Conv2d(80, channels, (4, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.along = nn.ModuleList([_Dilated(channels, d) for d in (1, 2, 4)])
        self.attention = nn.ModuleList([_Attention(channels, 4) for _ in range(2)])
        self.place = nn.Linear(16, channels)
        self.head = nn.Linear(channels, NONE + 1)

    def forward(self, strips: Tensor, widths: Tensor) -> Tensor:
        x = self.fold(self.stem(strips)).squeeze(2)
        for layer in self.along:
            x = layer(x)
        x = x.transpose(1, 2)
        steps = torch.arange(x.shape[1], device=x.device)
        valid = steps[None, :] * STRIDE < widths[:, None]
        mask = torch.where(valid, 0.0, -1e4)[:, None, None, :]
        phase = steps[None, :].float() / (widths[:, None].float() / STRIDE)
        waves = torch.cat(
            [torch.sin(phase[..., None] * math.pi * f) for f in (1, 2, 4, 8, 16, 32, 64, 96)]
            + [torch.cos(phase[..., None] * math.pi * f) for f in (1, 2, 4, 8, 16, 32, 64, 96)],
            -1,
        )
        x = x + self.place(waves)
        for attend in self.attention:
            x = attend(x, mask)
        return self.head(x)


def _missed_ends(rng: random.Random, count: int) -> tuple[float, float]:
    """How far, in characters, a strip reaches past the first and the last character; negative: it begins later."""
    draw = rng.random()
    if draw < 0.12:  # a look at one end: little print, much beside it
        inside, outside = rng.uniform(3, 8), rng.uniform(1, 7)
        return (outside, inside - count) if rng.random() < 0.5 else (inside - count, outside)
    if draw < 0.24:  # the zone was found only in part
        return tuple(rng.choice([rng.uniform(-10, 0), rng.uniform(-0.5, 0.7)]) for _ in range(2))  # type: ignore[return-value]
    reach = (0.7, 6.0)[rng.random() < 0.25]
    return rng.uniform(-0.5, reach), rng.uniform(-0.5, reach)


def line_geometry(sample: ZoneSample, row: int, rng: random.Random | None = None) -> LineGeometry:
    """The true place of a line, shaken as the line finder would miss it when ``rng`` is given."""
    points = sample.centres[row]
    pitch = float(np.hypot(*(points[-1] - points[0]))) / (len(points) - 1)
    along = (points[-1] - points[0]) / max(1e-6, float(np.hypot(*(points[-1] - points[0]))))
    down = np.array([-along[1], along[0]])
    fit = np.polyfit(np.linspace(-1, 1, len(points)), (points - points[0]) @ down, 2)
    start, end = fit[0] - fit[1] + fit[2], fit[0] + fit[1] + fit[2]
    sag = float(fit[2] - (start + end) / 2)
    left = points[0] + down * start - along * pitch / 2
    right = points[0] + along * float(np.hypot(*(points[-1] - points[0]))) + down * end + along * pitch / 2
    cap = sample.cap_px
    if rng is not None:
        cap *= math.exp(rng.gauss(0, 0.06))
        for point in (left, right):
            point += down * rng.gauss(0, 0.07) * cap
        before, after = _missed_ends(rng, len(points))
        left = left - along * before * pitch
        right = right + along * after * pitch
        sag += rng.gauss(0, 0.03) * cap
    return LineGeometry((float(left[0]), float(left[1])), (float(right[0]), float(right[1])), sag, cap)


def targets(sample: ZoneSample, row: int, geometry: LineGeometry, width: int) -> np.ndarray:
    """Class per column of 4 strip pixels, -1 where a column is not judged."""
    left, right = np.asarray(geometry.left), np.asarray(geometry.right)
    along = (right - left) / float(np.hypot(*(right - left)))
    scale = CAP_PX / geometry.cap_px
    x = (sample.centres[row] - left) @ along * scale + MARGIN_PX
    column = (np.arange(width // STRIDE) + 0.5) * STRIDE
    gaps = np.diff(x)
    near = np.abs(column[:, None] - x[None, :])
    nearest = near.argmin(1)
    pitch = np.r_[gaps, gaps[-1:]][nearest]
    distance = near.min(1) / pitch
    classes = np.array([ALPHABET.index(c) for c in sample.text.lines[row]])
    out = np.where(distance < 0.22, classes[nearest], np.where(distance > 0.38, NONE, -1))
    best = near.argmin(0)  # every character owns at least the column nearest to its centre
    inside = (x > 0) & (x < width)
    out[best[inside]] = classes[inside]
    return out


def sample_strips(sample: ZoneSample, rng: random.Random) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Strips and their targets, one per line of a zone, cut with a shaken geometry."""
    for row in range(len(sample.centres)):
        geometry = line_geometry(sample, row, rng)
        strip = cut_strip(sample.image, geometry).pixels
        if strip.shape[1] <= WIDTH:
            yield strip, targets(sample, row, geometry, strip.shape[1])


class _Stream(IterableDataset):
    def __init__(self, seed: int, batch: int, skip: int) -> None:
        super().__init__()
        self.seed, self.batch, self.skip = seed, batch, skip

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        worker = 0 if info is None else info.id
        rng = random.Random(f"reader {self.seed} {worker} {self.skip}")
        torch.set_num_threads(1)
        texture_bank(7)
        buckets: dict[bool, list[tuple[np.ndarray, np.ndarray]]] = {False: [], True: []}
        while True:
            for strip, target in sample_strips(make_zone(rng), rng):
                bucket = buckets[strip.shape[1] > 640]
                bucket.append((strip, target))
                if len(bucket) == self.batch:
                    yield collate(bucket)
                    bucket.clear()


def collate(items: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pads strips of several widths to one batch: (n, 1, 32, w), (n, w / 4), (n,)."""
    width = max(strip.shape[1] for strip, _ in items)
    strips = np.zeros((len(items), 1, 32, width), np.float32)
    labels = np.full((len(items), width // STRIDE), -1, np.int64)
    for i, (strip, target) in enumerate(items):
        strips[i, 0, :, : strip.shape[1]] = strip
        labels[i, : len(target)] = target
    return torch.from_numpy(strips), torch.from_numpy(labels), torch.tensor([s.shape[1] for s, _ in items])


def batches(seed: int, batch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless training batches in this process: strips, targets, widths."""
    return iter(_Stream(seed, batch, 0))


def export(model: Reader, path: Path) -> None:
    """Writes the ONNX file; widths and batch stay free."""
    model.eval()
    example = (torch.zeros(2, 1, 32, 512), torch.tensor([512, 480]))
    axes = {"strips": {0: "n", 3: "w"}, "widths": {0: "n"}, "logits": {0: "n", 1: "t"}}
    torch.onnx.export(
        model,
        example,
        str(path),
        input_names=["strips", "widths"],
        output_names=["logits"],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--out", type=Path, default=Path("runs/reader"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--resume", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    model = Reader().to(memory_format=torch.channels_last)
    if args.resume:
        model.load_state_dict(torch.load(args.resume))
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999), use_buffers=True
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate, weight_decay=0.01)
    loader = DataLoader(
        _Stream(args.seed, args.batch, 1 if args.resume else 0),
        batch_size=None,
        num_workers=args.workers,
        prefetch_factor=6,
    )
    start, step, running, lines = time.monotonic(), 0, 0.0, 0
    last_save = start
    for strips, labels, widths in loader:
        done = (time.monotonic() - start) / (args.minutes * 60)
        if done >= 1:
            break
        rate = args.rate * min(1.0, (step + 1) / 300) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
        for group in optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(strips.contiguous(memory_format=torch.channels_last), widths).float()
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        average.update_parameters(model)
        step, lines, running = step + 1, lines + len(strips), running + float(loss.detach())
        if step % 50 == 0:
            print(
                f"{step} {lines} lines loss {running / 50:.4f} rate {rate:.2e} {lines / (time.monotonic() - start):.0f} lines/s",
                flush=True,
            )
            running = 0.0
        if time.monotonic() - last_save > 300:
            last_save = time.monotonic()
            torch.save(average.module.state_dict(), args.out / "average.pt")
    torch.save(average.module.state_dict(), args.out / "average.pt")
    torch.save(model.state_dict(), args.out / "last.pt")
    export(average.module, args.out / "mrz_reader.onnx")


if __name__ == "__main__":
    main()
