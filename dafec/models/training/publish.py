"""Puts trained weights where the reader finds them: ``python -m dafec.models.training.publish``.

The trainings leave averaged weights. Here the batch norms are measured anew on fresh pictures, the ONNX files are
written beside the manifest, and their entries into it. README.md beside this file has the commands of the shipped
models.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import torch

from dafec.models.manifest import MODELS_FOLDER, ModelEntry, write_entry
from dafec.models.training import locator, reader, traces
from dafec.models.training.norms import measure_norms

__all__ = ["main", "publish_locator", "publish_reader", "publish_traces"]

_DATA = "own rendered zones and scenes, dafec/models/training; nothing of a real document"
_FRESH_SEED = 555  # of the pictures the batch norms are measured on
_FRESH_BATCHES = 40


def publish_reader(weights: Path, seeds: tuple[int, ...], command: str, folder: Path = MODELS_FOLDER) -> None:
    """The line recogniser.

    Args:
        weights: averaged weights as ``reader`` saves them.
        seeds: of the training runs behind them.
        command: that trained them.
        folder: of the manifest.
    """
    model = reader.Reader()
    model.load_state_dict(torch.load(weights))
    batches = itertools.islice(reader.batches(seed=_FRESH_SEED, batch=32), _FRESH_BATCHES)
    measure_norms(model, ((strips, widths) for strips, _, widths in batches))
    reader.export(model, folder / "mrz_reader.onnx")
    write_entry(
        ModelEntry(
            name="mrz_reader",
            file="mrz_reader.onnx",
            sha256="",
            input="strips (n, 1, 32, w) float32, zero mean, unit deviation, capitals 16 px; widths (n,) int64, pixels",
            output="logits (n, w / 4, 38) float32: 37 characters and 'no character centre here'",
            command=command,
            seeds=seeds,
            data=_DATA,
        ),
        folder,
    )


def publish_locator(weights: Path, seeds: tuple[int, ...], command: str, folder: Path = MODELS_FOLDER) -> None:
    """The zone detector and the line finder; arguments as for ``publish_reader``."""
    both = locator.new_networks()
    both.load_state_dict(torch.load(weights))
    batches = list(itertools.islice(locator.batches(seed=_FRESH_SEED, batch=8), _FRESH_BATCHES))
    measure_norms(both["detector"], ((frames,) for frames, _, _, _ in batches))
    measure_norms(both["finder"], ((crops,) for _, _, crops, _ in batches))
    locator.export(both["detector"], both["finder"], folder)
    described = {
        "mrz_detector": (
            "frames (n, 1, h, w) float32, (grey - 128) / 64, longest side 512 or 1,024, sides multiples of 32",
            "maps (n, 4, h / 4, w / 4) float32: zone logit, document logit, reading direction x and y",
        ),
        "mrz_lines": (
            "crops (n, 1, 96, 448) float32, zero mean, unit deviation, zone 352 px wide",
            "maps (n, 2, 48, 112) float32: line-centre logit, log(cap height / 8 px)",
        ),
    }
    for name, (inputs, outputs) in described.items():
        entry = ModelEntry(name, f"{name}.onnx", "", inputs, outputs, command, seeds, _DATA)
        write_entry(entry, folder)


def publish_traces(
    weights: Path, data: Path, seeds: tuple[int, ...], command: str, folder: Path = MODELS_FOLDER
) -> None:
    """The trace network.

    Args:
        weights: averaged weights as ``traces`` saves them.
        data: sides the batch norms are measured on.
        seeds: of the training runs behind them.
        command: that trained them.
        folder: of the manifest.
    """
    model = traces.Traces()
    model.load_state_dict(torch.load(weights))
    batches = itertools.islice(traces.batches(data, seed=_FRESH_SEED, batch=8), _FRESH_BATCHES)
    measure_norms(model, (batch[:4] for batch in batches))
    traces.export(model, folder / "traces.onnx")
    entry = ModelEntry(
        name="traces",
        file="traces.onnx",
        sha256="",
        input="visible (n, 3, 16 h, 16 w), ir (n, 1, 8 h, 8 w), uv (n, 3, 8 h, 8 w) float32, (value - 128 or 32) / 64, "
        "400 and 200 dpi; lights (n, 3) float32, 1 where a light is there",
        output="logits float32 of cells of 1.016 mm: forged and class (n, 14, h, w), coverage by process (n, 5, h, w); "
        "embeddings (n, 64, h, w), (n, 48, h, w), (n, 48, h, w)",
        command=command,
        seeds=seeds,
        data="synthetic documents of dafec.specimens, the set train of benchmarks/detection",
    )
    write_entry(entry, folder)


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", type=Path, help="averaged weights of the recogniser")
    parser.add_argument("--locator", type=Path, help="averaged weights of detector and line finder")
    parser.add_argument("--traces", type=Path, help="averaged weights of the trace network")
    parser.add_argument("--data", type=Path, default=Path("runs/traces/train"), help="sides, for the trace network")
    parser.add_argument("--seed", type=int, action="append", default=[], help="of the training; may be repeated")
    parser.add_argument("--command", default="", help="that trained them")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.reader:
        publish_reader(args.reader, tuple(args.seed), args.command)
    if args.locator:
        publish_locator(args.locator, tuple(args.seed), args.command)
    if args.traces:
        publish_traces(args.traces, args.data, tuple(args.seed), args.command)


if __name__ == "__main__":
    main()
