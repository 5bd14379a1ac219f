"""Published weights back into a network that can learn on.

    python -m dafec.models.training.revive --out runs/reader

Checkpoints are not kept, published ONNX files are. An export folds every batch norm into the convolution before it;
this takes them apart again. The network computes the same as the file, and its batch norms have the statistics of the
training's pictures, so that it computes the same while it learns as well.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from dafec.models.training.reader import Reader, batches

__all__ = ["main", "revive"]

_MODELS = Path(__file__).parents[1]
_SPREAD_FLOOR = 1e-5  # batch norms add it to the variance


def _weights(path: Path) -> Iterator[tuple[str, list[Tensor]]]:
    """Operation and constant inputs of every node that has any, in the order of the graph."""
    graph = onnx.load(str(path)).graph
    constants = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    for node in graph.node:
        held = [constants[name] for name in node.input if name in constants]
        if held:
            yield node.op_type, held


def _norm_after(model: nn.Module) -> dict[nn.Module, nn.Module]:
    """The batch norm behind each convolution that has one: registered right after it."""
    leaves = [m for m in model.modules() if not list(m.children())]
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    return {a: b for a, b in itertools.pairwise(leaves) if isinstance(b, kinds)}


@torch.no_grad()
def revive(model: nn.Module, path: Path, pictures: list[tuple[Tensor, ...]]) -> None:
    """Fills a network with the weights of its published file.

    Args:
        model: of the architecture that was published; changed in place.
        path: the ONNX file.
        pictures: positional arguments of the model, a few batches its norms are measured on.
    """
    state = {name: p for name, p in model.named_parameters()}
    for one in onnx.load(str(path)).graph.initializer:
        if one.name in state:
            state[one.name].copy_(torch.from_numpy(numpy_helper.to_array(one).copy()))
    norms = _norm_after(model)
    folded = [held for kind, held in _weights(path) if kind == "Conv" and len(held) == 2]
    products = [held[0] for kind, held in _weights(path) if kind == "MatMul"]
    own = {id(m): m for m in model.modules() if isinstance(m, (nn.Conv1d, nn.Conv2d))}
    behind = {id(convolution): norm for convolution, norm in norms.items()}
    for (key, convolution), (weight, bias) in zip(own.items(), folded, strict=True):
        convolution.weight.copy_(weight)
        if convolution.bias is not None:
            convolution.bias.copy_(bias)
        else:
            norm = behind[key]
            norm.weight.fill_((1 + _SPREAD_FLOOR) ** 0.5)
            norm.bias.copy_(bias)
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0)
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    for layer, weight in zip(_in_graph_order(linear), products, strict=True):
        layer.weight.copy_(weight.T)
    _measure(model, list(norms.values()), pictures)


def _in_graph_order(layers: list[nn.Module]) -> list[nn.Module]:
    """The reader's place encoding is added before its attention, though the head is registered last as well."""
    first = [m for m in layers if m.in_features < 32]
    return [*first, *(m for m in layers if m not in first)]


def _measure(model: nn.Module, norms: list[nn.Module], pictures: list[tuple[Tensor, ...]]) -> None:
    """Mean and variance of what reaches each norm, then weights that undo them: the function stays the same."""
    seen: dict[nn.Module, list[Tensor]] = {norm: [] for norm in norms}

    def keep(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        axes = [0, *range(2, given[0].dim())]
        seen[norm].append(torch.stack([given[0].mean(axes), given[0].square().mean(axes)]))

    handles = [norm.register_forward_pre_hook(keep) for norm in norms]
    model.eval()
    for picture in pictures:
        model(*picture)
    for handle in handles:
        handle.remove()
    for norm in norms:
        mean, square = torch.stack(seen[norm]).mean(0)
        variance = (square - mean.square()).clamp_min(0.0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for average.pt")
    parser.add_argument("--batches", type=int, default=24)
    options = parser.parse_args()
    model = Reader()
    pictures = [(strips, widths) for strips, _, widths in itertools.islice(batches(77, 32), options.batches)]
    revive(model, _MODELS / "mrz_reader.onnx", pictures)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), options.out / "average.pt")


if __name__ == "__main__":
    main()
