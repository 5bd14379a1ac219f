"""A page brought onto a series' reference.

The page's images are reduced by whole blocks, brought to the reference's size by the page's own millimetres, and
registered to the reference's picture of the same light by ``dafec.registration`` (patches of edge maps, a robust affine
map). Each light is registered by itself, because bands of a reader differ by fractions of a millimetre; a light that
shows nothing to hold on to takes over the geometry light's map and says so.

``agreement`` tells how far the page is a page of this side at all: the median correlation, over cells of four
millimetres, of what is constant on the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import (
    REFERENCE_PX_PER_MM,
    FloatImage,
    Material,
    Reference,
    channel_mean,
    stretched_bytes,
)
from dafec.features.zones import decode_srgb
from dafec.geometry import BoxMm, FloatArray
from dafec.lights import LIGHTS, Light
from dafec.page import Page
from dafec.references.straightening import closer_map, straighten
from dafec.registration import register

__all__ = ["Agreement", "agreement_of", "align_page", "plain_material", "turned_page"]

_CELL_MM = 5.0
_FAR_PX = 1.0  # a sixth of a millimetre
_DOUBTFUL = 0.5  # correlation of edges; pages that lie well reach 0.6 and more
_ASKEW = 0.7  # the same, below which an outline may be askew
_FEATURES, _LEAST_FEATURES = 1200, 20
_FAR_MM = 8.0
_MAX_STRETCH = 0.1


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a page shows what a reference shows."""

    score: float  # median correlation of cells in the geometry light, -1..1
    share: float  # of the cells that agree (correlation above 0.4), 0..1
    light: Light


def _reduced(image: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    if factor <= 1:
        return image
    height, width = image.shape[0] // factor, image.shape[1] // factor
    cut = image[: height * factor, : width * factor]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _warp(image: NDArray[np.float32], matrix: FloatArray, shape: tuple[int, int]) -> FloatImage:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, matrix[:2], (shape[1], shape[0]), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped if warped.ndim == 3 else warped[:, :, None], dtype=np.float32)


def _direct(page_shape: tuple[int, ...], reference_shape: tuple[int, int]) -> FloatArray:
    """Reference pixels to page pixels where both cover the whole document."""
    sx, sy = page_shape[1] / reference_shape[1], page_shape[0] / reference_shape[0]
    return np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1.0]])


def _source(image: NDArray[np.float32], px_per_mm: float) -> tuple[NDArray[np.float32], FloatArray]:
    """The image reduced to a little above the reference's scale, and the map from page pixels to its pixels."""
    factor = max(1, int(px_per_mm / REFERENCE_PX_PER_MM))
    shrink = np.array([[1 / factor, 0, (1 / factor - 1) / 2], [0, 1 / factor, (1 / factor - 1) / 2], [0, 0, 1.0]])
    return _reduced(image, factor), shrink


def align_page(
    page: Page, reference: Reference, lights: tuple[Light, ...] = LIGHTS, begun: Material | None = None
) -> Material:
    """Bring a page onto a reference.

    Args:
        page: upright, with any lights.
        reference: of the side it is taken for.
        lights: which of the page's lights are wanted; the geometry light always comes with them.
        begun: the same page on the same reference with fewer lights; they are taken over.

    Returns:
        The material; ``aligned`` says which lights were registered.
    """
    common = [light for light in LIGHTS if light in page.images and light in reference.linear]
    linear: dict[Light, FloatImage] = dict(begun.linear) if begun is not None else {}
    aligned: dict[Light, bool] = dict(begun.aligned) if begun is not None else {}
    maps: dict[Light, FloatArray] = dict(begun.page_from_reference) if begun is not None else {}
    straight: FloatArray | None = None
    if begun is not None:
        page, straight = replace(page, images=begun.page), begun.page_from_straight
    for light in common:
        if light in linear or (light != common[0] and light not in lights):
            continue
        direct = maps.get(common[0])  # reference pixels to page pixels, as the geometry light has it
        if direct is None:
            direct = _direct(page.images[light].shape, reference.shape)
        found = _align_light(page, reference, light, direct)
        if light == common[0] and found.correlation < _ASKEW:
            put = straighten(page, reference, light, found.matrix, direct)
            if put is not None:
                again = _align_light(put.page, reference, light, direct)
                if again.aligned and again.correlation > found.correlation:
                    page, straight, found = put.page, put.page_from_straight, again
        linear[light], maps[light], aligned[light] = found.linear, found.matrix, found.aligned
    to_mm = _reference_boxes(page, maps[common[0]]) if common and begun is None else ()
    to_mm = begun.mrz_mm if begun is not None else to_mm
    return Material(reference, linear, aligned, page.images, page.px_per_mm, maps, to_mm, page_from_straight=straight)


@dataclass(frozen=True, slots=True, eq=False)
class _Aligned:
    """One light on the reference."""

    linear: FloatImage
    matrix: FloatArray  # reference pixels to page pixels
    aligned: bool  # whether it was registered
    correlation: float  # of edges


def _align_light(page: Page, reference: Reference, light: Light, direct: FloatArray) -> _Aligned:
    """One light brought onto the reference, linear."""
    reduced, shrink = _source(page.images[light], page.px_per_mm)
    moving = _warp(reduced, shrink @ direct, reference.shape)
    picture = stretched_bytes(channel_mean(moving))
    known = reference.pictures[light]
    found, fitted = register(known, picture, REFERENCE_PX_PER_MM)
    matrix = direct @ fitted
    # An outline that is off by millimetres leaves few patches in reach; from a map close by, most are.
    starts: list[FloatArray] = []
    if found.reliable and _moved_px(fitted, reference.shape) > _FAR_PX:
        starts.append(fitted)
    if not found.reliable or found.correlation < _DOUBTFUL:
        coarse = _feature_map(known, picture)
        starts += [] if coarse is None else [coarse]
    for start in starts:
        closer = stretched_bytes(channel_mean(_warp(reduced, shrink @ direct @ start, reference.shape)))
        again, refined = register(known, closer, REFERENCE_PX_PER_MM)
        if again.reliable and (again.correlation > found.correlation or not found.reliable):
            found, matrix = again, direct @ start @ refined
    coded = moving
    if found.reliable:
        coded = _warp(reduced, shrink @ matrix, reference.shape)
        closer_by = closer_map(reference, light, stretched_bytes(channel_mean(coded)))
        if closer_by is not None:
            matrix = matrix @ closer_by
            coded = _warp(reduced, shrink @ matrix, reference.shape)
    return _Aligned(decode_srgb(coded), matrix, found.reliable, found.correlation)


def _feature_map(known: NDArray[np.uint8], picture: NDArray[np.uint8]) -> FloatArray | None:
    """A rough affine map from reference to page pixels by matched corners; None where too few agree.

    Registration searches a few millimetres and a few percent; an outline that took the cover's edge for the page's is
    beyond both.
    """
    detector = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=8)
    (points, one), (others, two) = detector.detectAndCompute(known, None), detector.detectAndCompute(picture, None)
    if one is None or two is None or min(len(points), len(others)) < _LEAST_FEATURES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(one, two)
    source = np.array([points[pair.queryIdx].pt for pair in pairs], dtype=np.float32)
    target = np.array([others[pair.trainIdx].pt for pair in pairs], dtype=np.float32)
    near = np.abs(source - target).max(axis=1) < _FAR_MM * REFERENCE_PX_PER_MM
    if near.sum() < _LEAST_FEATURES:
        return None
    found, inside = cv2.estimateAffine2D(source[near], target[near], method=cv2.RANSAC, ransacReprojThreshold=3.0)
    if found is None or inside.sum() < _LEAST_FEATURES:
        return None
    matrix = np.vstack([found, [0, 0, 1]])
    stretch = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    return matrix if float(np.abs(stretch - 1).max()) < _MAX_STRETCH else None


def _moved_px(matrix: FloatArray, shape: tuple[int, int]) -> float:
    """How far a map moves the corner it moves farthest."""
    height, width = shape
    corners = np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]], dtype=np.float64)
    return float(np.abs((matrix @ corners - corners)[:2]).max())


def _reference_boxes(page: Page, matrix: FloatArray) -> tuple[BoxMm, ...]:
    """The lines of the zone on the reference."""
    inverse = np.linalg.inv(matrix)
    boxes = []
    for x, y, width, height in page.mrz_boxes_mm:
        corners = np.array([[x, x + width], [y, y + height], [1 / page.px_per_mm, 1 / page.px_per_mm]])
        (x0, x1), (y0, y1), _ = inverse @ (corners * page.px_per_mm) / REFERENCE_PX_PER_MM
        boxes.append(BoxMm(float(x0), float(y0), float(x1 - x0), float(y1 - y0)))
    return tuple(boxes)


def plain_material(page: Page, width_mm: float, height_mm: float) -> tuple[Mapping[Light, FloatImage], FloatArray]:
    """A page's images on the reference raster by its own millimetres alone, linear, and the map used."""
    shape = (round(height_mm * REFERENCE_PX_PER_MM), round(width_mm * REFERENCE_PX_PER_MM))
    made: dict[Light, FloatImage] = {}
    direct = np.eye(3)
    for light, image in page.images.items():
        direct = _direct(image.shape, shape)
        reduced, shrink = _source(image, page.px_per_mm)
        made[light] = decode_srgb(_warp(reduced, shrink @ direct, shape))
    return made, direct


def turned_page(page: Page) -> Page:
    """The page upside down: without a zone nothing tells its top from its bottom."""
    images = {light: np.ascontiguousarray(image[::-1, ::-1]) for light, image in page.images.items()}
    return replace(page, images=images, mrz_boxes_mm=())


def agreement_of(material: Material) -> Agreement:
    """How far the material is what its reference says; see ``Agreement``."""
    light: Light = next(iter(material.linear), "visible")
    if not material.linear:
        return Agreement(0.0, 0.0, light)
    if not material.aligned.get(light, False):
        return Agreement(0.0, 0.0, light)
    own, known = material.view[light], material.reference.view[light]
    if own.shape[2] != known.shape[2]:
        own, known = material.grey[light][:, :, None], material.reference.grey[light][:, :, None]
    weight = material.reference.weight[light]
    size = round(_CELL_MM * REFERENCE_PX_PER_MM)
    rows, columns = max(1, own.shape[0] // size), max(1, own.shape[1] // size)

    def cells(values: FloatImage) -> FloatImage:
        cut = np.ascontiguousarray(values[: rows * size, : columns * size])
        return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)

    ok = cells(channel_mean(own * known) * weight)
    kk = cells(channel_mean(known * known) * weight)
    oo = cells(channel_mean(own * own) * weight)
    share = cells(weight)
    full = (share > 0.2) & (kk > 1.0e-4 * share)
    if full.sum() < 4:
        return Agreement(0.0, 0.0, light)
    agreement = ok[full] / np.sqrt(np.maximum(kk[full] * oo[full], 1e-12))
    return Agreement(float(np.median(agreement)), float((agreement > 0.4).mean()), light)
