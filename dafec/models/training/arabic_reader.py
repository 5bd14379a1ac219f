"""Trains the Arabic line recogniser: ``python -m dafec.models.training.arabic_reader --minutes 40 --workers 0``.

A line of 48 x width grey pixels goes through a small convolution stack down to one feature column every 4 pixels and
four dilated convolutions along the line, and out as logits a column for connectionist temporal classification: the
blank and ``ARABIC_ALPHABET``, in the order the letters stand on paper from the left. ``--publish`` measures the batch
norms anew, writes the ONNX file and its manifest entry, and prints the figures of the card
(``dafec/models/cards/arabic_lines.md``) on faces the training never saw.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import IterableDataset

from dafec.models.manifest import MODELS_FOLDER, ModelEntry, write_entry
from dafec.models.runtime import open_session
from dafec.models.training.arabic_lines import classes_of, sample_line
from dafec.models.training.loop import Recipe, begin, parse_options, train
from dafec.models.training.norms import measure_norms
from dafec.ocr.visual_zone_arabic import ARABIC_ALPHABET, LINE_HEIGHT, decode_line

__all__ = ["ArabicReader", "export", "main", "measure", "publish"]

_RECIPE = Recipe(
    name="arabic",
    items="lines",
    minutes=40,
    seed=4,
    batch=24,
    warm_up=200,
    average=0.998,
    clip=3.0,
    save_every_s=240,
    prefetch=4,
)
_SORT = 8  # batches drawn ahead and sorted by width, so that little is padded
_TEST_LINES = 500
_TEST_SEED = 9_001


def _step(inputs: int, outputs: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


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


class ArabicReader(nn.Module):
    """(n, 1, 48, w) lines to (n, w / 4, classes) logits, the blank first."""

    def __init__(self, channels: int = 160) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _step(1, 16, (2, 2)),
            _step(16, 40, (2, 2)),
            _Residual(40),
            _step(40, 80, (2, 1)),
            _Residual(80),
        )
        self.fold = nn.Sequential(
            nn.Conv2d(80, channels, (6, 3), padding=(0, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.along = nn.Sequential(*(_Dilated(channels, d) for d in (1, 2, 4, 1)))
        self.head = nn.Conv1d(channels, len(ARABIC_ALPHABET) + 1, 1)

    def forward(self, lines: Tensor) -> Tensor:
        """Logits of every column."""
        logits: Tensor = self.head(self.along(self.fold(self.stem(lines)).squeeze(2)))
        return logits.transpose(1, 2)


Item = tuple[NDArray[np.float32], list[int]]


def _collate(items: list[Item]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lines (n, 1, 48, w), columns of each (n,), all classes in a row, how many each has (n,)."""
    width = max(line.shape[1] for line, _ in items)
    lines = np.zeros((len(items), 1, LINE_HEIGHT, width), np.float32)
    for row, (line, _) in enumerate(items):
        lines[row, 0, :, : line.shape[1]] = line
    columns = torch.tensor([line.shape[1] // 4 for line, _ in items])
    classes = torch.tensor([kind for _, kinds in items for kind in kinds])
    return torch.from_numpy(lines), columns, classes, torch.tensor([len(kinds) for _, kinds in items])


class _Stream(IterableDataset):
    """Endless batches of drawn lines."""

    def __init__(self, seed: int, batch: int) -> None:
        super().__init__()
        self.seed, self.batch = seed, batch

    def _items(self, rng: random.Random) -> Iterator[Item]:
        while True:
            line, text = sample_line(rng)
            kinds = classes_of(text)
            repeats = sum(a == b for a, b in itertools.pairwise(kinds))
            if len(kinds) + repeats < line.shape[1] // 4:
                yield line, kinds

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        cv2.setNumThreads(1)
        info = torch.utils.data.get_worker_info()
        rng = random.Random(f"arabic {self.seed} {0 if info is None else info.id}")
        items = self._items(rng)
        while True:
            drawn = sorted(itertools.islice(items, self.batch * _SORT), key=lambda item: item[0].shape[1])
            parts = [drawn[i : i + self.batch] for i in range(0, len(drawn), self.batch)]
            rng.shuffle(parts)
            yield from (_collate(part) for part in parts)


def export(model: ArabicReader, path: Path) -> None:
    """Writes the ONNX file; widths and batch stay free."""
    model.eval()
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, LINE_HEIGHT, 320),),
        str(path),
        input_names=["lines"],
        output_names=["logits"],
        dynamic_axes={"lines": {0: "n", 3: "w"}, "logits": {0: "n", 1: "t"}},
        opset_version=17,
        dynamo=False,
    )


def _distance(one: str, other: str) -> int:
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def measure(path: Path, *, held_out: bool) -> dict[str, float]:
    """Error rate of letters and share of lines read exactly, on fresh drawn lines."""
    session = open_session("arabic_lines", path.read_bytes())
    rng = random.Random(_TEST_SEED)
    errors = letters = exact = 0
    for _ in range(_TEST_LINES):
        line, text = sample_line(rng, held_out=held_out)
        wrong = _distance(decode_line(session.run(line[None, None])[0][0]).text, text)
        errors, letters, exact = errors + wrong, letters + len(text), exact + (wrong == 0)
    return {"letter_errors": round(errors / letters, 4), "line_exact": round(exact / _TEST_LINES, 4)}


def publish(weights: Path, minutes: float, seed: int, folder: Path = MODELS_FOLDER) -> None:
    """Batch norms anew, the ONNX file, its manifest entry with the figures."""
    model = ArabicReader()
    model.load_state_dict(torch.load(weights))
    batches = itertools.islice(_Stream(seed=555, batch=_RECIPE.batch), 40)
    measure_norms(model, ((lines,) for lines, *_ in batches))
    path = folder / "arabic_lines.onnx"
    export(model, path)
    figures = {f"trained_faces_{k}": v for k, v in measure(path, held_out=False).items()}
    figures |= {f"new_faces_{k}": v for k, v in measure(path, held_out=True).items()}
    write_entry(
        ModelEntry(
            name="arabic_lines",
            file=path.name,
            sha256="",
            input="lines (n, 1, 48, w) float32, zero mean, unit deviation, w a multiple of 32",
            output=f"logits (n, w / 4, {len(ARABIC_ALPHABET) + 1}) float32: blank, then ARABIC_ALPHABET, from the left",
            command=f"python -m dafec.models.training.arabic_reader --minutes {minutes:g} --workers 0",
            seeds=(seed,),
            data="own rendered lines of invented names, dafec/models/training; nothing of a real document",
            figures=figures,
        ),
        folder,
    )
    sys.stdout.write(f"{figures}\n")


def main() -> None:
    """Command line of the recipe."""
    if "--publish" in sys.argv:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--publish", type=Path, required=True, help="averaged weights")
        parser.add_argument("--minutes", type=float, default=_RECIPE.minutes)
        parser.add_argument("--seed", type=int, default=_RECIPE.seed)
        args = parser.parse_args()
        torch.set_num_threads(1)
        publish(args.publish, args.minutes, args.seed)
        return
    options = parse_options(_RECIPE, __doc__)
    begin(options)
    model = ArabicReader().to(memory_format=torch.channels_last)

    def losses(batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        lines, columns, classes, counts = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(lines.contiguous(memory_format=torch.channels_last)).float()
        scores = functional.log_softmax(logits, -1).transpose(0, 1)
        return {"ctc": functional.ctc_loss(scores, classes, columns, counts, zero_infinity=True)}

    train(model, _Stream(options.seed, options.batch), losses, _RECIPE, options)


if __name__ == "__main__":
    main()
