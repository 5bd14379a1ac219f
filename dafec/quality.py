"""Quality: focus, glare, exposure, resolution and missing bands, and what each means for which check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dafec.capture import Light

__all__ = ["LightQuality", "Quality", "QualityIssue"]

IssueKind = Literal["blurred", "glare", "underexposed", "overexposed", "low_resolution", "missing_band", "unregistered", "cropped"]


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """One reason why a capture supports less than it could."""

    kind: IssueKind
    light: Light
    value: float  # measured
    limit: float  # beyond which the issue is raised
    unit: str
    affects: tuple[str, ...]  # ids of checks that are weaker or impossible because of it
    message: str  # catalogue key: what it is and what to do


@dataclass(frozen=True, slots=True)
class LightQuality:
    """Measurements of one light's rectified image."""

    focus: float  # edge spread as 10-90 % rise in micrometres on the document; larger is softer
    glare_fraction: float  # of the page, saturated and textureless, 0..1
    exposure: float  # 0.95 quantile of luminance, 0..1
    dpi: float | None  # true resolution


@dataclass(frozen=True, slots=True)
class Quality:
    """What this capture can and cannot support."""

    lights: Mapping[Light, LightQuality]
    issues: tuple[QualityIssue, ...]
