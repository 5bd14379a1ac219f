"""The tile that strews drops is what its maker makes, and blue."""

from __future__ import annotations

import numpy as np

from dafec.specimens.blue_noise import blue_noise, void_and_cluster


def low_share(pattern: np.ndarray) -> float:
    power = np.abs(np.fft.fft2(pattern - pattern.mean())) ** 2
    f = np.hypot(np.fft.fftfreq(len(pattern))[:, None], np.fft.fftfreq(len(pattern))[None])
    return float(power[(f > 0) & (f < 0.1)].mean() / power[f > 0.3].mean())


def test_every_level_fills_its_share_evenly() -> None:
    tile = blue_noise()
    assert tile.shape == (256, 256)
    white = np.random.default_rng(1).uniform(size=tile.shape)
    for level in (0.1, 0.3, 0.5, 0.8):
        assert abs((tile < level).mean() - level) < 1e-3
        assert low_share(tile < level) < 0.05 * low_share(white < level)


def test_the_maker_makes_a_ranking() -> None:
    ranks = void_and_cluster(24, 1)
    np.testing.assert_array_equal(np.sort(ranks.ravel()), np.arange(24 * 24))
    assert low_share(ranks < 24 * 24 * 0.3) < 0.2
    np.testing.assert_array_equal(ranks, void_and_cluster(24, 1))
