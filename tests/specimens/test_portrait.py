"""Portraits: one seed one face, other seeds other faces, photographs and not cartoons."""

from __future__ import annotations

import numpy as np
import pytest

from dafec.specimens.portrait import PortraitStyle, draw_portrait

SIZE = (270, 210)


def test_the_same_seed_gives_the_same_face() -> None:
    first = draw_portrait(41, SIZE)
    draw_portrait(42, SIZE)
    for other in range(50, 56):  # the cache forgets
        draw_portrait(other, (40, 31))
    np.testing.assert_array_equal(first, draw_portrait(41, SIZE))


def test_other_seeds_give_other_faces() -> None:
    faces = [draw_portrait(seed, SIZE) for seed in range(12)]
    for index, face in enumerate(faces):
        for other in faces[:index]:
            assert float(np.abs(face - other).mean()) > 0.01


@pytest.mark.parametrize("seed", range(8))
def test_linear_light_of_the_size_asked_for(seed: int) -> None:
    face = draw_portrait(seed, SIZE, PortraitStyle(age=20 + 7 * seed, headscarf_share=0.5))
    assert face.shape == (*SIZE, 3)
    assert face.dtype == np.float32
    assert float(face.min()) >= 0
    assert float(face.max()) <= 1
    assert np.isfinite(face).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_head_before_a_wall(seed: int) -> None:
    background = (0.60, 0.64, 0.68)
    face = draw_portrait(seed, SIZE, PortraitStyle(background=background))
    corner = face[4:20, 4:20].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(corner, background, atol=0.12)
    middle = face[100:160, 75:135].reshape(-1, 3).mean(axis=0)
    assert middle[0] > middle[1] > middle[2]  # skin is redder than it is blue
    assert np.abs(middle - corner).max() > 0.03


def test_no_flat_areas_and_no_hard_outlines() -> None:
    face = draw_portrait(7, (560, 436)).mean(axis=2)
    cheek = face[290:330, 150:190]
    assert 0.002 < float(cheek.std()) < 0.2
    steps = np.abs(np.diff(np.sqrt(face), axis=1))
    assert float(steps.max()) < 0.45  # a drawn outline steps from skin to black between two pixels


def test_the_face_is_the_same_before_another_wall() -> None:
    first = draw_portrait(9, SIZE, PortraitStyle(background=(0.6, 0.6, 0.6)))
    other = draw_portrait(9, SIZE, PortraitStyle(background=(0.75, 0.78, 0.8)))
    difference = np.abs(first - other)[110:170, 80:130]
    assert float(difference.mean()) < 0.02
