"""The contract of a forgery: what is planned, where it takes hold, and the truth it leaves behind.

A forger has one class of THREATS and several methods; ``methods_for`` says which of them make sense on a series. It
may take hold at five stages, and does nothing at most of them:

    issue (texts) -> layout (series) -> artwork (plates) -> object (before wear and scanner) -> frames (after it)

``ForgeryJob`` carries one document through them: the plan, the series, the genuine issue, a way to draw the genuine
artwork, and the marks of what was touched. A **null edit** (``plan.null``) goes the same way through the same code and
changes nothing: it prints the same photo by the series' own process, writes the same value, lays the same pixels back.

Which lights show a forgery is declared for whole documents, and measured for places on a genuine one (``traces``): a
black dye over a black dye shows in no light, over carbon in infrared. A region that no light shows is left out.

Difficulty runs from 0, clumsy, to 1, a good workshop: how sharp, how well registered, how well matched in ink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light
from dafec.specimens.forgeries.traces import lights_that_show
from dafec.specimens.model import Appearance, Artwork, Frames, Issue
from dafec.specimens.series import Series

__all__ = ["Draw", "Forger", "ForgeryJob", "ForgeryPlan", "Region", "box_polygon"]

#: Draws a side of an issue as the series has it.
Draw = Callable[[Issue, int], Artwork]
Polygon = NDArray[np.float64]  # (n, 2), millimetres


@dataclass(frozen=True, slots=True)
class ForgeryPlan:
    """What is to be done to one document."""

    class_id: str
    method: str
    difficulty: float  # 0 clumsy .. 1 a good workshop
    seed: int
    null: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One place that was touched."""

    side: int
    name: str
    polygon_mm: Polygon
    lights: frozenset[Light] = frozenset()  # in which the object itself differs there


def box_polygon(box: BoxMm, margin_mm: float = 0.0) -> Polygon:
    """The corners of a box, clockwise from the top left."""
    x0, y0 = box.x - margin_mm, box.y - margin_mm
    x1, y1 = box.x + box.width + margin_mm, box.y + box.height + margin_mm
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


class Forger:
    """One class of forgery. Subclasses override the stages they take hold at."""

    id: ClassVar[str]
    methods: ClassVar[Mapping[str, tuple[Light, ...]]]  # lights a method can be seen in at the most
    #: Whether it changes places of a genuine object, so that what shows them can be measured on the artwork.
    local: ClassVar[bool] = False

    def methods_for(self, series: Series) -> tuple[str, ...]:
        """Methods that make sense on documents of a series: all of them, unless a class says otherwise."""
        return tuple(self.methods)

    def applies(self, series: Series) -> bool:
        """Whether documents of a series can be forged this way."""
        return bool(self.methods_for(series))

    def lights_of(self, job: ForgeryJob) -> tuple[Light, ...]:
        """Lights a document of this job can show it in at the most: those of its method."""
        return self.methods[job.plan.method]

    def edit_issue(self, job: ForgeryJob, issue: Issue) -> Issue:
        """Texts; the same where the forgery leaves them."""
        return issue

    def edit_layout(self, job: ForgeryJob, series: Series) -> Series:
        """What is drawn; the series itself unless the forger has a layout of his own."""
        return series

    def edit_artwork(self, job: ForgeryJob, artwork: Artwork, side: int) -> Artwork:
        """Plates and pieces of one side."""
        return artwork

    def edit_appearance(self, job: ForgeryJob, appearance: Appearance, side: int) -> Appearance:
        """The object itself."""
        return appearance

    def edit_frames(self, job: ForgeryJob, frames: Frames, side: int) -> Frames:
        """The pictures."""
        return frames


@dataclass(slots=True, eq=False)
class ForgeryJob:
    """One document on its way through a forger's hands."""

    plan: ForgeryPlan
    forger: Forger
    series: Series
    genuine: Issue
    draw: Draw
    issue: Issue = field(init=False)  # as edited
    layout: Series = field(init=False)  # what is drawn
    notes: dict[str, Any] = field(default_factory=dict)  # what one stage tells the next
    regions: list[Region] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)  # texts that stand on the object though no issue has them
    features: dict[str, str] = field(default_factory=dict)  # what became of the document's features: "perforation"

    def __post_init__(self) -> None:
        """Issue and layout are the genuine ones until they are edited."""
        self.issue = self.genuine
        self.layout = self.series

    def rng(self, stream: int) -> np.random.Generator:
        """Lots of one stream; the same for the same plan."""
        return np.random.default_rng([self.plan.seed, stream])

    def seed(self, stream: int) -> int:
        """A seed for what takes one."""
        return int(self.rng(stream).integers(2**31))

    def better(self, clumsy: float, good: float) -> float:
        """A figure between what a clumsy hand and a good workshop make, by the plan's difficulty."""
        return clumsy + (good - clumsy) * self.plan.difficulty

    def mark(self, side: int, name: str, polygon: Polygon, lights: tuple[Light, ...] = ()) -> None:
        """Notes what is touched; what lies outside the page is cut off. A null edit touches nothing.

        Args:
            side: of the document.
            name: of the place.
            polygon: its corners, millimetres.
            lights: that show it for a reason the artwork does not tell: relief, an edit of the pictures.
        """
        if self.plan.null:
            return
        width, height = self.series.size_mm
        inside = np.clip(polygon, 0.0, [width, height])
        self.regions.append(Region(side, name, inside, frozenset(lights)))

    def mark_page(self, side: int, name: str = "page") -> None:
        """Notes that a whole side is forged."""
        self.mark(side, name, box_polygon(BoxMm(0.0, 0.0, *self.series.size_mm)))

    def edit_issue(self, issue: Issue) -> Issue:
        """First stage."""
        self.issue = self.forger.edit_issue(self, issue)
        self.layout = self.forger.edit_layout(self, self.series)
        return self.issue

    def edit_artwork(self, artwork: Artwork, side: int) -> Artwork:
        """Second stage; then what it left is looked at in every light."""
        edited = self.forger.edit_artwork(self, artwork, side)
        if self.forger.local and any(region.side == side for region in self.regions):
            as_issued = artwork if self.issue is self.genuine else self.draw(self.genuine, side)
            self._look(as_issued, edited, side)
        return edited

    def _look(self, as_issued: Artwork, edited: Artwork, side: int) -> None:
        """Finds the lights that show each region of a side."""
        self.regions = [
            replace(one, lights=one.lights | lights_that_show(as_issued, edited, one.polygon_mm))
            if one.side == side
            else one
            for one in self.regions
        ]

    def edit_appearance(self, appearance: Appearance, side: int) -> Appearance:
        """Third stage."""
        return self.forger.edit_appearance(self, appearance, side)

    def edit_frames(self, frames: Frames, side: int) -> Frames:
        """Last stage."""
        return self.forger.edit_frames(self, frames, side)

    def truth(self) -> dict[str, Any]:
        """Class, method, difficulty, regions in millimetres, and the lights it can be seen in at all."""
        most = self.forger.lights_of(self)
        regions = [one for one in self.regions if one.lights or not self.forger.local]
        seen = {light for one in regions for light in one.lights} if self.forger.local else set(most)
        return {
            "class": self.plan.class_id,
            "method": self.plan.method,
            "difficulty": round(self.plan.difficulty, 3),
            "lights": [light for light in LIGHTS if light in seen],
            "features": dict(sorted(self.features.items())),
            "regions": [
                {
                    "side": one.side,
                    "name": one.name,
                    "polygon_mm": np.round(one.polygon_mm, 2).tolist(),
                    "lights": [light for light in LIGHTS if light in (one.lights or most)],
                }
                for one in regions
            ],
        }
