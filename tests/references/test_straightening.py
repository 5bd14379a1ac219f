"""Pages whose outline is off, or whose personal print is: they have to lie where their static print is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from series_samples import look_of, page_of

from dafec.features.routines_material import Reference
from dafec.geometry import FORMAT_SIZE_MM
from dafec.page import Page
from dafec.references.aligning import agreement_of, align_page
from dafec.references.enrolment import Enrolled
from dafec.references.library import Library


@pytest.fixture
def reference(enrolled: Enrolled) -> Reference:
    return Library.open(enrolled.folder.parent).reference(enrolled.series.code, "data")


def askew(page: Page, corner_mm: tuple[float, float]) -> Page:
    """The page as an outline gives it whose top left corner was taken that far off."""
    width, height = (side * page.px_per_mm for side in FORMAT_SIZE_MM["TD3"])
    right = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    wrong = right.copy()
    wrong[0] += np.array(corner_mm, np.float32) * page.px_per_mm
    matrix = cv2.getPerspectiveTransform(wrong, right)
    flags = cv2.BORDER_REPLICATE
    images = {
        light: np.asarray(cv2.warpPerspective(image, matrix, image.shape[1::-1], borderMode=flags), np.float32)
        for light, image in page.images.items()
    }
    return replace(page, images=images)


def test_a_page_that_lies_right_agrees(reference: Reference) -> None:
    found = align_page(page_of(look_of(20)), reference)
    assert agreement_of(found).score > 0.85


@pytest.mark.parametrize("corner_mm", [(0.0, 3.0), (-2.0, 2.0), (2.5, -1.0)])
def test_a_page_whose_outline_is_askew_is_put_straight(reference: Reference, corner_mm: tuple[float, float]) -> None:
    right = agreement_of(align_page(page_of(look_of(20)), reference)).score
    found = align_page(askew(page_of(look_of(20)), corner_mm), reference)
    assert agreement_of(found).score > 0.9 * right
    assert found.aligned["visible"]
