"""Trains the line recogniser: ``python -m dafec.models.training.reader --minutes 90 --out runs/reader``.

A strip of 32 x width grey pixels goes through a small residual convolution stack down to one feature column every 4
pixels, three dilated convolutions and two self-attention layers along the line, and out as 38 logits a column: the 37
characters and "no character centre here". ``targets`` says what each column should be. The model never sees a check
digit's arithmetic. ``publish`` makes the ONNX file of the averaged weights; README.md beside this file tells how the
shipped ones were trained.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import IterableDataset

from dafec.models.training.loop import Recipe, begin, parse_options, train
from dafec.models.training.targets import COLUMN_PX, NO_CHARACTER, NOT_JUDGED, sample_strips
from dafec.models.training.textures import texture_bank
from dafec.models.training.zones import make_zone

__all__ = ["Reader", "batches", "collate", "export", "main"]

_RECIPE = Recipe(
    name="reader",
    items="lines",
    minutes=90,
    seed=1,
    batch=32,
    warm_up=300,
    average=0.999,
    clip=2.0,
    save_every_s=300,
    prefetch=6,
)
_TEXTURES = 7
_LONG_PX = 640  # strips beyond this are batched apart, so that little is padded
_WAVES = (1, 2, 4, 8, 16, 32, 64, 96)  # half periods along a strip by which a column knows its place


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
        self.place = nn.Linear(2 * len(_WAVES), channels)
        self.head = nn.Linear(channels, NO_CHARACTER + 1)

    def forward(self, strips: Tensor, widths: Tensor) -> Tensor:
        """Logits; columns beyond a strip's own width are not attended to and mean nothing."""
        x = self.fold(self.stem(strips)).squeeze(2)
        for layer in self.along:
            x = layer(x)
        x = x.transpose(1, 2)
        steps = torch.arange(x.shape[1], device=x.device)
        valid = steps[None, :] * COLUMN_PX < widths[:, None]
        mask = torch.where(valid, 0.0, -1e4)[:, None, None, :]
        phase = steps[None, :].float() / (widths[:, None].float() / COLUMN_PX)
        waves = torch.cat(
            [torch.sin(phase[..., None] * math.pi * f) for f in _WAVES]
            + [torch.cos(phase[..., None] * math.pi * f) for f in _WAVES],
            -1,
        )
        x = x + self.place(waves)
        for attend in self.attention:
            x = attend(x, mask)
        return self.head(x)


class _Stream(IterableDataset):
    """Endless batches; every worker draws its own zones."""

    def __init__(self, seed: int, batch: int, *, resumed: bool) -> None:
        super().__init__()
        self.seed, self.batch, self.resumed = seed, batch, resumed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        info = torch.utils.data.get_worker_info()
        worker = 0 if info is None else info.id
        rng = random.Random(f"reader {self.seed} {worker} {int(self.resumed)}")
        torch.set_num_threads(1)
        texture_bank(_TEXTURES)
        buckets: dict[bool, list[tuple[NDArray[np.float32], NDArray[np.int64]]]] = {False: [], True: []}
        while True:
            for strip, classes in sample_strips(make_zone(rng, bank_seed=_TEXTURES), rng):
                bucket = buckets[strip.shape[1] > _LONG_PX]
                bucket.append((strip, classes))
                if len(bucket) == self.batch:
                    yield collate(bucket)
                    bucket.clear()


def collate(items: list[tuple[NDArray[np.float32], NDArray[np.int64]]]) -> tuple[Tensor, Tensor, Tensor]:
    """Pads strips (32, w) and classes (w / 4,) to one batch: (n, 1, 32, w), (n, w / 4), own widths (n,)."""
    width = max(strip.shape[1] for strip, _ in items)
    strips = np.zeros((len(items), 1, 32, width), np.float32)
    labels = np.full((len(items), width // COLUMN_PX), NOT_JUDGED, np.int64)
    for i, (strip, classes) in enumerate(items):
        strips[i, 0, :, : strip.shape[1]] = strip
        labels[i, : len(classes)] = classes
    return torch.from_numpy(strips), torch.from_numpy(labels), torch.tensor([s.shape[1] for s, _ in items])


def batches(seed: int, batch: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless training batches in this process: strips, classes, widths."""
    return iter(_Stream(seed, batch, resumed=False))


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
    options = parse_options(_RECIPE, __doc__)
    begin(options)
    model = Reader().to(memory_format=torch.channels_last)

    def losses(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        strips, labels, widths = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(strips.contiguous(memory_format=torch.channels_last), widths).float()
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=NOT_JUDGED)
        return {"columns": loss}

    train(model, _Stream(options.seed, options.batch, resumed=bool(options.resume)), losses, _RECIPE, options)


if __name__ == "__main__":
    main()
