"""Trains the trace network: ``python -m dafec.models.training.traces --data runs/traces/train --minutes 90``.

A page in up to three lights goes in, at 400 dpi visible and half of it infrared and ultraviolet; for every cell of
about a millimetre the network says how likely it was forged and by which class of THREATS, and how much of it each
process printed. Each light has an encoder of its own whose features are the light's embedding of the cell: a series
that is enrolled remembers them. They meet in a few layers that see about four centimetres around a cell, and the mean
of the whole page.

Lights that a capture does not have are zeros and are named as missing; in training they go missing at random, so that
one network serves visible, visible and infrared, and all three. A forgery that cannot be seen in the lights that are
left is not taught. What is drawn at random besides (``Augment``): level, tone curve, tint, noise, blur, 300 dpi, JPEG,
grey pictures, mirrored pages, infrared and ultraviolet a little off their place.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import IterableDataset

from dafec.lights import LIGHTS, Light
from dafec.models.training.loop import Recipe, begin, parse_options, train

__all__ = ["CELL_PX", "CLASSES", "PROCESSES", "PX_PER_MM", "Traces", "batches", "export", "main"]

#: The network's scale: 400 dpi.
PX_PER_MM = 400 / 25.4
#: Side of one cell of its maps, in pixels at ``PX_PER_MM``: 1.016 mm.
CELL_PX = 16
#: Families of print the network tells apart.
PROCESSES = ("line_art", "screen", "drops", "dye", "engraving")

#: Channels of the class map, in order; channel 0 of the output is "forged at all".
CLASSES = ("C1", "C2", "C3", "C4", "F1", "F2", "F3", "F4", "F6", "F7", "P1", "P2", "P3")

_RECIPE = Recipe(
    name="traces",
    items="crops",
    minutes=90,
    seed=3,
    batch=16,
    warm_up=200,
    average=0.998,
    clip=2.0,
    save_every_s=300,
    prefetch=4,
)
_CROP_CELLS = 20
_FINE_PX = 5
_LISTED_EVERY = 500  # batches
_NOT_TAUGHT = 255

#: Lights that are left, and how often. Visible light alone is what a telephone gives.
_LEFT: tuple[tuple[tuple[Light, ...], float], ...] = (
    (("visible", "ir", "uv"), 0.55),
    (("visible",), 0.25),
    (("visible", "ir"), 0.10),
    (("visible", "uv"), 0.10),
)


class _Fine(nn.Module):
    """The picture and, beside it, enlarged, what is finer than ``_FINE_PX`` in it: screens and dots are faint."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, 1, _FINE_PX, _FINE_PX), 1 / _FINE_PX**2))

    def forward(self, x: Tensor) -> Tensor:
        fine = x - functional.conv2d(x, self.mean, padding=_FINE_PX // 2, groups=3)
        return torch.cat([x, torch.tanh(fine * 4)], 1)


class _Block(nn.Module):
    """Depthwise 5 x 5 and two pointwise layers beside the identity."""

    def __init__(self, channels: int, dilation: int = 1, wide: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 5, padding=2 * dilation, dilation=dilation, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, wide * channels, 1, bias=False),
            nn.BatchNorm2d(wide * channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.body(x))


def _conv(inputs: int, outputs: int, size: int, stride: int, groups: int = 1) -> nn.Sequential:
    padding = 0 if size == stride else size // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Traces(nn.Module):
    """Maps of a page; see ``forward``."""

    def __init__(self) -> None:
        super().__init__()
        self.visible = nn.Sequential(
            _Fine(),
            _conv(6, 16, 3, 2),
            _conv(16, 24, 3, 2),
            _conv(24, 40, 3, 2),
            _Block(40),
            _Block(40),
            _conv(40, 64, 3, 2),
            _Block(64),
            _Block(64),
        )
        self.ir = nn.Sequential(_conv(1, 24, 4, 4), _Block(24), _conv(24, 48, 3, 2), _Block(48))
        self.uv = nn.Sequential(_conv(3, 24, 4, 4), _Block(24), _conv(24, 48, 3, 2), _Block(48))
        self.missing = nn.Linear(3, 96)
        self.meet = nn.Conv2d(64 + 48 + 48, 96, 1)
        self.around = nn.ModuleList([_Block(96, dilation, wide=1) for dilation in (1, 2, 4, 1)])
        self.whole = nn.Linear(96, 96)
        self.forged = nn.Conv2d(96, 1 + len(CLASSES), 1)
        self.process = nn.Conv2d(64, len(PROCESSES), 1)

    def forward(self, visible: Tensor, ir: Tensor, uv: Tensor, lights: Tensor) -> tuple[Tensor, ...]:
        """Looks at pages.

        Args:
            visible: (n, 3, 16 h, 16 w) RGB, (value - 128) / 64.
            ir: (n, 1, 8 h, 8 w), alike; zeros where the capture has none.
            uv: (n, 3, 8 h, 8 w), (value - 32) / 64; zeros where the capture has none.
            lights: (n, 3), 1 where visible, ir, uv are there, else 0.

        Returns:
            Logits (n, 1 + classes, h, w): forged at all, and by class; logits (n, processes, h, w) of coverage; the
            lights' embeddings (n, 64, h, w), (n, 48, h, w) and (n, 48, h, w), zeros where a light is missing.
        """
        there = lights[:, :, None, None]
        seen = self.visible(visible) * there[:, 0:1]
        below = self.ir(ir) * there[:, 1:2]
        glow = self.uv(uv) * there[:, 2:3]
        x = self.meet(torch.cat([seen, below, glow], 1)) + self.missing(lights)[:, :, None, None]
        x = functional.relu(x)
        for at, block in enumerate(self.around):
            x = block(x)
            if at == 1:
                x = x + self.whole(x.mean((2, 3)))[:, :, None, None]
        return self.forged(x), self.process(seen), seen, below, glow


@dataclass(frozen=True, slots=True)
class _Side:
    folder: Path
    class_id: str | None
    lights: frozenset[str]  # the forgery can be seen in
    there: frozenset[str]  # lights that were captured
    cells: tuple[int, int]
    at: NDArray[np.int64]  # (n, 2) rows and columns of forged cells; empty where none or all are


def _sides(folder: Path) -> list[_Side]:
    found = []
    for path in sorted(folder.glob("*/side.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        forged = np.load(path.parent / "forged.npy")
        there = frozenset(light for light in LIGHTS if (path.parent / f"{light}.npy").exists())
        at = np.argwhere(forged > 127)
        class_id = told["class"] if len(at) else None  # the side of a card that was left alone
        found.append(_Side(path.parent, class_id, frozenset(told["lights"] or ()), there, forged.shape, at))
    if not found:
        raise SystemExit(f"no sides under {folder}: make them with benchmarks.detection.trace_pages")
    return found


class _Augment:
    """What scanners, lamps and files do beyond what the specimens' scanners do; one draw for one crop."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.noise = np.random.default_rng(rng.getrandbits(63))

    def tone(self, image: NDArray[np.float32], spread: float, curve: float) -> NDArray[np.float32]:
        """Level, tone curve and tint; 0..1 in and out."""
        rng = self.rng
        gain = np.exp(rng.uniform(-spread, spread))
        if image.ndim == 3:
            gain = gain * np.exp(self.noise.normal(0, 0.04, 3))
        power = np.exp(rng.uniform(-curve, curve))
        return np.asarray(np.clip(image * gain, 0, 1) ** power, np.float32)

    def soften(self, image: NDArray[np.float32], most: float) -> NDArray[np.float32]:
        """Blur or a coarser scanner, and noise."""
        rng = self.rng
        if rng.random() < 0.5:  # half stay as sharp as the scanner gave them: print is told by its finest structure
            return image
        if rng.random() < 0.4:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, most)).astype(np.float32)
        if rng.random() < 0.4:
            height, width = image.shape[:2]
            share = rng.uniform(0.7, 0.95)
            small = cv2.resize(image, (round(width * share), round(height * share)), interpolation=cv2.INTER_AREA)
            image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
        if rng.random() < 0.5:
            grain = self.noise.standard_normal(image.shape, np.float32)
            image = np.asarray(image + grain * np.float32(rng.uniform(0.003, 0.02)), np.float32)
        return image

    def file(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """8 bits, sometimes JPEG; -> 0..255."""
        plain = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
        if self.rng.random() < 0.25:
            quality = self.rng.randint(45, 95)
            ok, data = cv2.imencode(".jpg", plain, [cv2.IMWRITE_JPEG_QUALITY, quality])
            assert ok
            plain = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
        return np.asarray(plain, np.float32)


def _crop(
    array: NDArray[np.uint8], row: int, column: int, step: int, shift: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """One crop as 0..1; where a shift leads beyond the page its edge is repeated."""
    size = _CROP_CELLS * step
    rows = np.clip(np.arange(row * step + shift[0], row * step + shift[0] + size), 0, array.shape[0] - 1)
    columns = np.clip(np.arange(column * step + shift[1], column * step + shift[1] + size), 0, array.shape[1] - 1)
    block = np.asarray(array[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    crop = block[rows - rows[0]][:, columns - columns[0]]
    return np.asarray(crop / np.float32(255), np.float32)


def _draw(side: _Side, rng: random.Random) -> tuple[NDArray[np.float32], ...]:
    """One crop of one side: visible, ir, uv, lights, forged classes, process."""
    rows, columns = side.cells
    if len(side.at) and rng.random() < 0.75:
        row, column = (int(v) for v in side.at[rng.randrange(len(side.at))])
        row, column = row - rng.randrange(_CROP_CELLS), column - rng.randrange(_CROP_CELLS)
    else:
        row, column = rng.randint(0, rows - _CROP_CELLS), rng.randint(0, columns - _CROP_CELLS)
    row, column = min(max(row, 0), rows - _CROP_CELLS), min(max(column, 0), columns - _CROP_CELLS)
    drawn = rng.choices([lights for lights, _ in _LEFT], [share for _, share in _LEFT])[0]
    left = tuple(light for light in drawn if light in side.there)
    augment = _Augment(rng)
    pictures: dict[Light, NDArray[np.float32]] = {}
    for light in LIGHTS:
        step = CELL_PX if light == "visible" else CELL_PX // 2
        channels = 1 if light == "ir" else 3
        if light not in left:
            pictures[light] = np.zeros((_CROP_CELLS * step, _CROP_CELLS * step, channels), np.float32)
            continue
        shift = (0, 0) if light == "visible" else (round(rng.gauss(0, 1)), round(rng.gauss(0, 1)))
        picture = _crop(np.load(side.folder / f"{light}.npy", mmap_mode="r"), row, column, step, shift)
        picture = augment.tone(picture, *((0.45, 0.2) if light == "uv" else (0.2, 0.25)))
        picture = augment.soften(picture, 1.0 if light == "visible" else 1.4)
        if light == "visible" and rng.random() < 0.08:
            picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
        if light == "uv" and rng.random() < 0.15:  # a reader with a grey ultraviolet camera
            picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
        level = np.float32(32 if light == "uv" else 128)
        ready = (augment.file(picture) - level) / np.float32(64)
        pictures[light] = np.asarray(ready.reshape(*picture.shape[:2], channels), np.float32)
    lights = np.array([light in left for light in LIGHTS], np.float32)
    share = np.load(side.folder / "forged.npy")[row : row + _CROP_CELLS, column : column + _CROP_CELLS]
    label = _labels(share, side, left)
    process = np.load(side.folder / "process.npy")[row : row + _CROP_CELLS, column : column + _CROP_CELLS]
    parts = [pictures["visible"], pictures["ir"], pictures["uv"], label[..., None], process.astype(np.float32) / 255]
    if rng.random() < 0.5:
        parts = [part[:, ::-1] for part in parts]
    if rng.random() < 0.5:
        parts = [part[::-1] for part in parts]
    visible, ir, uv, labels, processes = (np.ascontiguousarray(part.transpose(2, 0, 1)) for part in parts)
    return visible, ir, uv, lights, labels[0], processes


def _labels(share: NDArray[np.uint8], side: _Side, left: tuple[Light, ...]) -> NDArray[np.float32]:
    """0 untouched, 1 + class forged, ``_NOT_TAUGHT`` at edges and where no light that is left shows it."""
    label = np.zeros(share.shape, np.float32)
    if side.class_id is None:
        return label
    visible = bool(side.lights & set(left))
    label[share > 20] = _NOT_TAUGHT
    if visible:
        label[share > 127] = 1 + CLASSES.index(side.class_id)
    return label


class _Stream(IterableDataset):
    """Endless batches: half of the crops from forged sides, classes alike often."""

    def __init__(self, folder: Path, seed: int, batch: int, without: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.folder, self.seed, self.batch, self.without = folder, seed, batch, without

    def _listed(self) -> tuple[list[_Side], list[list[_Side]]]:
        """Sides without a forgery, and those of each class."""
        sides = [side for side in _sides(self.folder) if side.class_id not in self.without]
        forged = [[side for side in sides if side.class_id == name] for name in CLASSES]
        return [side for side in sides if side.class_id is None], [members for members in forged if members]

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        info = torch.utils.data.get_worker_info()
        rng = random.Random(f"traces {self.seed} {0 if info is None else info.id}")
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        for drawn in itertools.count():
            if drawn % _LISTED_EVERY == 0:  # pages may still be prepared while the first are learned from
                plain, forged = self._listed()
            items = []
            for number in range(self.batch):
                pool = plain if number % 2 else rng.choice(forged)
                items.append(_draw(rng.choice(pool), rng))
            yield tuple(torch.from_numpy(np.stack(parts)) for parts in zip(*items, strict=True))


def batches(folder: Path, seed: int, batch: int) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches in this process: visible, ir, uv, lights, labels (n, h, w), process (n, p, h, w)."""
    return iter(_Stream(folder, seed, batch))


def losses_of(outputs: tuple[Tensor, ...], labels: Tensor, process: Tensor) -> dict[str, Tensor]:
    """Losses of one batch; a crop's forged cells together weigh as much as an eighth of its cells at least."""
    logits = outputs[0].float()
    taught = labels != _NOT_TAUGHT
    number = torch.where(taught, labels, torch.zeros_like(labels)).long()
    target = functional.one_hot(number, 1 + len(CLASSES)).permute(0, 3, 1, 2).float()
    target[:, 0] = (number > 0).float()
    cells = labels.shape[1] * labels.shape[2]
    count = target[:, 0].sum((1, 2)).clamp(min=1.0)
    boost = (cells / 8 / count).clamp(min=1.0, max=24.0)[:, None, None]
    weight = taught.float() * torch.where(number > 0, boost, torch.ones_like(boost))
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    total = weight.sum().clamp(min=1.0)
    return {
        "forged": (each[:, 0] * weight).sum() / total,
        "class": (each[:, 1:].sum(1) * weight).sum() / total * 0.3,
        "process": functional.binary_cross_entropy_with_logits(outputs[1].float(), process) * 0.5,
    }


def export(model: Traces, path: Path) -> None:
    """Writes the ONNX file; pages of any whole number of cells."""
    model.eval()
    example = (torch.zeros(1, 3, 512, 640), torch.zeros(1, 1, 256, 320), torch.zeros(1, 3, 256, 320), torch.ones(1, 3))
    names = ["forged", "process", "visible_cells", "ir_cells", "uv_cells"]
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in names}
    axes |= {
        "visible": {0: "n", 2: "h16", 3: "w16"},
        "ir": {0: "n", 2: "h8", 3: "w8"},
        "uv": {0: "n", 2: "h8", 3: "w8"},
    }
    torch.onnx.export(
        model,
        example,
        str(path),
        input_names=["visible", "ir", "uv", "lights"],
        output_names=names,
        dynamic_axes=axes | {"lights": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )


def _options() -> argparse.Namespace:
    return parse_options(
        _RECIPE,
        __doc__,
        lambda parser: (
            parser.add_argument("--data", type=Path, default=Path("runs/traces/train")),
            parser.add_argument("--without", default="", help="classes left out, comma-separated"),
        ),
    )


def main() -> None:
    """Command line of the recipe."""
    options = _options()
    begin(options)
    model = Traces().to(memory_format=torch.channels_last)

    def losses(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        visible, ir, uv, lights, labels, process = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = model(visible.contiguous(memory_format=torch.channels_last), ir, uv, lights)
        return losses_of(outputs, labels, process)

    without = frozenset(name for name in options.without.split(",") if name)
    train(model, _Stream(options.data, options.seed, options.batch, without), losses, _RECIPE, options)


if __name__ == "__main__":
    main()
