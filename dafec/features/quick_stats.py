"""Order statistics of small arrays, without the overhead of the general ones.

Checks take medians and quantiles of some hundred values some thousand times a page; ``numpy.quantile`` spends ten times
as long on its arguments as on such an array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["median_beside", "quick_quantile"]


def quick_quantile(values: NDArray[np.float32], share: float) -> float:
    """The value below which a share of an array lies, by the nearest rank.

    Args:
        values: of any shape, at least one, finite.
        share: 0..1.

    Returns:
        One of the values.
    """
    flat = values.ravel()
    rank = min(max(round(share * (flat.size - 1)), 0), flat.size - 1)
    return float(np.partition(flat, rank)[rank])


def median_beside(values: NDArray[np.float64], reach: int, least: int) -> NDArray[np.float64]:
    """For each value the median of its neighbours in the row, itself left out.

    Args:
        values: (n,); NaN where nothing was measured.
        reach: neighbours to either side.
        least: fewer finite neighbours give NaN.

    Returns:
        (n,).
    """
    padded = np.full(len(values) + 2 * reach, np.nan)
    padded[reach : reach + len(values)] = np.where(np.isfinite(values), values, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    beside = np.sort(np.delete(windows, reach, axis=1), axis=1)  # NaN sorts last
    count = np.isfinite(beside).sum(axis=1)
    row = np.arange(len(values))
    low, high = beside[row, np.maximum(count - 1, 0) // 2], beside[row, np.minimum(count // 2, 2 * reach - 1)]
    return np.where(count >= least, (low + high) / 2, np.nan)
