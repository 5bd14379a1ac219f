"""The training loop both recipes share: AdamW, a short warm-up, a cosine down to nothing, averaged weights.

The length is a time, not a number of steps: machines differ, and the cosine always ends where the time ends. What is
kept is ``average.pt``, the exponential mean of the weights. The means and variances of its batch norms lag behind the
weights; ``publish`` measures them anew before anything is exported.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

__all__ = ["Recipe", "begin", "parse_options", "train"]

_log = logging.getLogger(__name__)
_REPORT_EVERY = 50  # steps


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one training does differently from the other."""

    name: str  # also the folder below runs/
    items: str  # what a batch is made of
    minutes: float  # unless the command line says otherwise, as the next two
    seed: int
    batch: int
    warm_up: int  # steps until the full rate
    average: float  # share of the mean that stays at each step
    clip: float  # largest norm of all gradients
    save_every_s: float
    prefetch: int  # batches each worker prepares


def parse_options(
    recipe: Recipe, description: str | None, more: Callable[[argparse.ArgumentParser], object] | None = None
) -> argparse.Namespace:
    """Command line of a recipe: minutes, out, seed, batch, workers, threads, rate, resume, and what ``more`` adds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=recipe.minutes)
    parser.add_argument("--out", type=Path, default=Path("runs") / recipe.name, help="folder for average.pt")
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--batch", type=int, default=recipe.batch, help=f"{recipe.items} a step")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--threads", type=int, default=1, help="threads that learn")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--resume", type=Path, help="averaged weights to go on from")
    if more is not None:
        more(parser)
    return parser.parse_args()


def begin(options: argparse.Namespace) -> None:
    """Seeds torch, limits its threads, makes the folder, sends progress to standard output."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)


def _rate(highest: float, step: int, warm_up: int, done: float) -> float:
    return highest * min(1.0, (step + 1) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6


def train(
    model: nn.Module,
    batches: IterableDataset,
    losses: Callable[[tuple[Tensor, ...]], dict[str, Tensor]],
    recipe: Recipe,
    options: argparse.Namespace,
) -> None:
    """Trains for the given minutes and saves the averaged weights now and then and at the end.

    Args:
        model: what learns; begun anew, or from ``options.resume``.
        batches: endless, each a tuple of tensors.
        losses: named losses of one batch; their sum is minimised.
        recipe: of this training.
        options: as ``parse_options`` gives them.
    """
    if options.resume:
        model.load_state_dict(torch.load(options.resume))
    swa = torch.optim.swa_utils
    average = swa.AveragedModel(model, multi_avg_fn=swa.get_ema_multi_avg_fn(recipe.average), use_buffers=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    prefetch = recipe.prefetch if options.workers else None
    loader = DataLoader(batches, batch_size=None, num_workers=options.workers, prefetch_factor=prefetch)
    start = last_save = time.monotonic()
    running: dict[str, float] = {}
    for step, batch in enumerate(loader):
        done = (time.monotonic() - start) / (options.minutes * 60)
        if done >= 1:
            break
        rate = _rate(options.rate, step, recipe.warm_up, done)
        for group in optimiser.param_groups:
            group["lr"] = rate
        named = losses(batch)
        optimiser.zero_grad()
        sum(named.values()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimiser.step()
        average.update_parameters(model)
        for name, loss in named.items():
            running[name] = running.get(name, 0.0) + float(loss.detach())
        if (step + 1) % _REPORT_EVERY == 0:
            _report(recipe, step + 1, options.batch, running, rate, time.monotonic() - start)
            running.clear()
        if time.monotonic() - last_save > recipe.save_every_s:
            last_save = time.monotonic()
            torch.save(average.module.state_dict(), options.out / "average.pt")
    torch.save(average.module.state_dict(), options.out / "average.pt")


def _report(recipe: Recipe, steps: int, batch: int, running: dict[str, float], rate: float, elapsed_s: float) -> None:
    means = ", ".join(f"{name} {total / _REPORT_EVERY:.4f}" for name, total in running.items())
    count = steps * batch
    _log.info(
        "%d steps, %d %s, loss %s, rate %.2e, %.1f %s/s",
        steps, count, recipe.items, means, rate, count / elapsed_s, recipe.items,
    )  # fmt: skip
