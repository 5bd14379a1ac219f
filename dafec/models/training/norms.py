"""Batch-norm statistics of averaged weights: measured anew on fresh data, since averages of statistics lag behind."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["measure_norms"]


@torch.no_grad()
def measure_norms(model: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Replaces running means and variances by the plain mean over ``batches``; the model is left in evaluation mode.

    Args:
        model: any module; its batch norms are changed in place.
        batches: positional arguments of the model, one tuple a batch.
    """
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    model.train()
    for batch in batches:
        model(*batch)
    model.eval()
