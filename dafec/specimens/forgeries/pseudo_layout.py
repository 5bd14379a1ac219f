"""Layouts of documents that nobody issues: a series by lot, with its own portrait, order of texts and static print.

Three families, after what is sold: the **camouflage** passport of a state that is no more or never was, decently
printed on dull stock in imitation of the real thing; the membership **card** of a fantasy body, an office printer's
coloured panels on bright plastic; the **world** citizen's paper, many languages in toner on copying paper with a glued
photograph. None knows what real series do under the lamp or in infrared.

A layout keeps the size and the zone's place of the format, so that a reader takes it; nothing else of a real series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from dafec.geometry import BoxMm
from dafec.specimens.artwork_fields import label_places, mrz_box
from dafec.specimens.artwork_motifs import motif_names
from dafec.specimens.inks import ink_names
from dafec.specimens.lettering import text_width_mm
from dafec.specimens.model import Laminate, Process
from dafec.specimens.series import FieldSpec, Layer, MrzSpec, PerforationSpec, PictureSpec, Series, SideSpec

__all__ = ["Family", "invent_series"]

Family = Literal["camouflage", "card", "world"]
Colour = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Means:
    """What one family is made with."""

    stocks: tuple[str, ...]
    static: Process  # by which its static print is made
    inks: tuple[tuple[str, Process], ...]  # of its texts and zone
    portrait: tuple[Process, ...]
    faces: tuple[str, ...]
    languages: tuple[tuple[str, ...], ...]
    labels: tuple[str, ...]


_MEANS: dict[Family, _Means] = {
    "camouflage": _Means(
        ("commercial_dull", "security_paper_white", "synthetic_paper"),
        "offset",
        (("resin_black", "dye_sublimation"), ("inkjet_pigment_black", "inkjet"), ("dye_black", "dye_sublimation")),
        ("dye_sublimation", "inkjet"),
        ("serif", "sans", "condensed"),
        (("en", "fr"), ("en",), ("en", "es")),
        ("above", "above", "before"),
    ),
    "card": _Means(
        ("pvc", "photo_paper", "synthetic_paper", "label_paper"),
        "inkjet",
        (("inkjet_dye_black", "inkjet"), ("toner_black", "toner")),
        ("inkjet", "am_laser"),
        ("lato_bold", "sans_bold", "condensed_bold"),
        (("en",), ("de",), ("fr",)),
        ("before", "none", "above"),
    ),
    "world": _Means(
        ("office_paper", "office_paper_recycled", "office_paper"),
        "toner",
        (("toner_black", "toner"),),
        ("dye_sublimation",),
        ("serif_bold", "serif", "condensed"),
        (("en", "es", "fr"), ("en", "fr", "de"), ("en", "es")),
        ("above", "before"),
    ),
}
_KEPT = ("surname", "given_names", "number", "birth_date", "expiry_date", "nationality", "sex")
_EDGE_MM = 3.5
#: Inks that words can be read in.
_DARK = ("offset_blue", "offset_navy", "offset_teal", "offset_green", "offset_red", "offset_burgundy", "offset_violet",
         "offset_brown", "offset_black")  # fmt: skip


def invent_series(like: Series, family: Family, name: str, rng: np.random.Generator, difficulty: float) -> Series:
    """A layout for a document of somebody else's format.

    Args:
        like: the series whose size, sides and texts it takes; its layout is kept away from.
        family: what kind of invention.
        name: of the body, in capitals.
        rng: of the layout.
        difficulty: 0 clumsy .. 1 careful: luminescent motifs, microtext, a zone in the right ink.

    Returns:
        A series that no file describes; its code is ``invented``.
    """
    means = _MEANS[family]
    dark = [str(one) for one in rng.choice(_DARK, 2, replace=False)]
    colours = [one for one in ink_names() if one.startswith("offset_") and "process" not in one and one not in dark]
    palette = (*dark, *(str(one) for one in rng.choice(colours, 3, replace=False)))
    maker = _Maker(like, family, means, name, palette, rng, difficulty)
    sides = tuple(maker.side(at) for at in range(len(like.sides)))
    return replace(like, code="invented", state=(name.title(), name), title=(maker.title, maker.title), sides=sides)


class _Maker:
    """The hand that lays out one document."""

    def __init__(
        self,
        like: Series,
        family: Family,
        means: _Means,
        name: str,
        palette: Colour,
        rng: np.random.Generator,
        difficulty: float,
    ) -> None:
        self.like, self.family, self.means, self.name = like, family, means, name
        self.palette, self.rng, self.difficulty = palette, rng, difficulty
        self.width, self.height = like.size_mm
        titles = {
            "camouflage": ("PASSPORT", "TRAVEL PASSPORT", "DIPLOMATIC PASSPORT"),
            "card": ("INTERNATIONAL PERMIT", "OFFICIAL ENVOY", "SERVICE CARD"),
            "world": ("WORLD PASSPORT", "DOCUMENT OF FREE TRAVEL", "HUMAN RIGHTS PASS"),
        }[family]
        self.title = str(rng.choice(titles))
        self.stock = str(rng.choice(means.stocks))
        self.text_ink, self.text_process = means.inks[int(rng.integers(len(means.inks)))]
        self.face = str(rng.choice(means.faces))
        self.languages = means.languages[int(rng.integers(len(means.languages)))]
        self.label = str(rng.choice(means.labels))

    def side(self, at: int) -> SideSpec:
        """One side."""
        own, rng = self.like.sides[at], self.rng
        low = mrz_box(self.like.format).y - 1.8 if own.mrz is not None else self.height - _EDGE_MM
        banner = self._banner(low)
        area = BoxMm(_EDGE_MM, banner + 1.2, self.width - 2 * _EDGE_MM, low - banner - 1.2)
        portrait = self._portrait(own, area)
        texts = self._text_area(area, None if portrait is None else portrait.box)
        spec = SideSpec(
            substrate=self.stock,
            corner_mm=own.corner_mm if rng.random() < 0.7 else 0.0,
            laminate=Laminate(gloss=0.5) if self.family == "card" and rng.random() < 0.6 else None,
            labels=self.languages,
            label_height_mm=1.15 if self.like.format != "TD1" else 0.95,
            label_ink=self.palette[0],
            label_face="sans" if self.family != "world" else "serif",
            under=tuple(self._static(banner, low, at)),
            over=(),
            portrait=portrait,
            mrz=None if own.mrz is None else MrzSpec(self.text_ink, self.text_process, b900=False),
            perforation=self._perforation(own, banner),
        )
        return self._with_fields(spec, own, texts)

    def _banner(self, low: float) -> float:
        """Foot of the head of the page, millimetres from the top."""
        return float(np.clip(low * self.rng.uniform(0.17, 0.24), 8.0, 17.0))

    def _portrait(self, own: SideSpec, area: BoxMm) -> PictureSpec | None:
        """On the other side of the page than the real series has it, and of another size."""
        if own.portrait is None:
            return None
        rng, real = self.rng, own.portrait.box
        tall = area.height * float(rng.uniform(0.60, 0.95))
        if abs(tall - real.height) < 3.0:
            tall = max(real.height - float(rng.uniform(4.0, 8.0)), area.height * 0.5)
        tall = min(tall, area.height - 1.0)
        wide = tall * float(rng.uniform(0.74, 0.82))
        left = real.x + real.width / 2 > self.width / 2
        inset = float(rng.uniform(0.0, 4.0))
        x = area.x + inset if left else area.x + area.width - wide - inset
        y = area.y + float(rng.uniform(0.3, max(area.height - tall, 0.4)))
        return PictureSpec(
            box=BoxMm(x, y, wide, tall),
            process=str(rng.choice(self.means.portrait)),  # type: ignore[arg-type]
            grey=self.family == "world" and rng.random() < 0.3,
            background=(0.55, 0.66, 0.78) if rng.random() < 0.5 else (0.75, 0.75, 0.74),
            oval=self.family == "camouflage" and rng.random() < 0.25,
            fade_mm=0.0 if self.family == "world" else float(rng.choice([0.0, 0.5])),
        )

    def _text_area(self, area: BoxMm, portrait: BoxMm | None) -> BoxMm:
        if portrait is None:
            return area
        if portrait.x + portrait.width / 2 < self.width / 2:
            x = portrait.x + portrait.width + 3.0
            return BoxMm(x, area.y, area.x + area.width - x, area.height)
        return BoxMm(area.x, area.y, portrait.x - 3.0 - area.x, area.height)

    def _with_fields(self, spec: SideSpec, own: SideSpec, area: BoxMm) -> SideSpec:
        """The texts in an order and columns of their own."""
        rng = self.rng
        keys = list(dict.fromkeys(one.key for one in own.fields if not one.key.endswith("_arabic")))
        keys = [key for key in keys if key in _KEPT or rng.random() < 0.6]
        if not keys:
            return spec
        keys = self._ordered(keys)
        columns = 2 if len(keys) > area.height / 9.0 or (area.width > 70 and rng.random() < 0.5) else 1
        rows = -(-len(keys) // columns)
        step = min(area.height / rows, 11.0)
        label = self.label if step > 5.2 or self.label != "above" else "before"
        gap = 1.4 + spec.label_height_mm if label == "above" else 0.8
        height = float(np.clip((step - gap) / 1.4, 1.2, rng.uniform(1.9, 2.6)))
        wide = area.width / columns
        fields = []
        for at, key in enumerate(keys):
            column, row = (at // rows, at % rows) if self.family != "card" else (at % columns, at // columns)
            base = area.y + row * step + gap + height
            number = key == "number"
            fields.append(
                FieldSpec(
                    key=key,
                    x_mm=area.x + column * wide,
                    y_mm=base,
                    anchor="left",
                    height_mm=height,
                    face="ocrb" if number and self.family == "camouflage" else self.face,
                    ink=self.palette[1] if number and self.family == "camouflage" else self.text_ink,
                    process=self.text_process,
                    label=label,
                    role="number" if number else "viz",
                    width_mm=wide - 2.0,
                )
            )
        made = replace(spec, fields=tuple(fields))
        if label == "before":  # there is room for one language
            return _moved_for_labels(replace(made, labels=made.labels[:1]), wide)
        return made

    def _ordered(self, keys: Sequence[str]) -> list[str]:
        """Names first or last, the rest by lot."""
        names = [key for key in ("given_names", "surname") if key in keys]
        rest = [str(key) for key in self.rng.permutation([key for key in keys if key not in names])]
        return names + rest if self.rng.random() < 0.6 else rest + names

    def _perforation(self, own: SideSpec, banner: float) -> PerforationSpec | None:
        """A careful camouflage document has one where the real series has."""
        if own.perforation is None or self.family != "camouflage" or self.difficulty < 0.6:
            return None
        return PerforationSpec(x_mm=self.width * 0.08, y_mm=banner - 1.0, height_mm=3.2, diameter_mm=0.5)

    def _static(self, banner: float, low: float, at: int) -> list[Layer]:
        make = {"camouflage": self._camouflage, "card": self._card, "world": self._world}[self.family]
        return make(banner, low, at)

    def _text(self, text: str, at: tuple[float, float], height: float, most: float, **more: Any) -> Layer:
        """Words no wider than ``most`` millimetres."""
        face = str(more.pop("face", self.face))
        colour = str(more.pop("ink", self.palette[0]))
        height = min(height, height * most / max(text_width_mm(text, height, face), 1e-6))
        given = {"text": text, "at": list(at), "height": height, "face": face, **more}
        return Layer("text", "static_text", colour, given)

    def _camouflage(self, banner: float, low: float, at: int) -> list[Layer]:
        """Guilloche, emblem, microtext: the look of a passport."""
        rng, w, h = self.rng, self.width, self.height
        whole = [0, 0, w, h]
        left = rng.random() < 0.5
        size = banner * 0.72
        layers = [
            Layer(
                "waves", "background", self.palette[2],
                {"box": whole, "lines": int(h * rng.uniform(0.8, 1.4)), "amplitude": float(rng.uniform(2, 6)),
                 "length": float(rng.uniform(18, 50)), "beat": float(rng.uniform(40, 90)),
                 "angle": float(rng.uniform(-60, 60)), "seed": int(rng.integers(1, 9000)), "width": 0.08,
                 "stops": [w * 0.2, w * 0.8]},
                self.palette[3],
            ),
            Layer(
                "rosette", "background", self.palette[4],
                {"at": [w * float(rng.uniform(0.3, 0.7)), h * float(rng.uniform(0.35, 0.6))],
                 "radius": h * float(rng.uniform(0.2, 0.34)), "petals": int(rng.integers(6, 20)),
                 "rings": int(rng.integers(10, 24)), "width": 0.08},
            ),
            Layer(
                "motif", "emblem", self.palette[1],
                {"name": str(rng.choice(motif_names())),
                 "box": [_EDGE_MM if left else w - _EDGE_MM - size, 1.5, size, size]},
            ),
        ]  # fmt: skip
        x = _EDGE_MM + size + 3.0 if left else w - _EDGE_MM - size - 3.0
        anchor = "left" if left else "right"
        room = w - size - 4 * _EDGE_MM
        layers.append(self._text(self.name, (x, banner * 0.42), banner * 0.24, room, anchor=anchor, face="serif_bold"))
        if at == 0:
            layers.append(self._text(self.title, (x, banner * 0.78), banner * 0.17, room, anchor=anchor, face="serif"))
        if self.difficulty > 0.4:
            words = self.name.replace(" ", "") * 2
            layers.append(
                Layer("microtext", "microtext", self.palette[0],
                      {"text": words, "path": [[3, banner + 0.2], [w - 3, banner + 0.2]], "height": 0.3})
            )  # fmt: skip
        if self.difficulty > 0.3:
            glow = str(rng.choice(["uv_green", "uv_yellow", "uv_blue", "uv_fake_white_blue"]))
            size = h * float(rng.uniform(0.3, 0.5))
            box = [w * float(rng.uniform(0.2, 0.5)), h * 0.25, size, size]
            layers.append(Layer("motif", "uv_static", glow, {"name": str(rng.choice(motif_names())), "box": box}))
        return layers

    def _card(self, banner: float, low: float, at: int) -> list[Layer]:
        """Coloured panels, a large pale emblem, a frame."""
        rng, w, h = self.rng, self.width, self.height
        size = (low - banner) * 0.85
        layers = [
            Layer("panel", "background", self.palette[2], {"box": [0, 0, w, banner - 1.2], "strength": 0.75}),
            Layer("panel", "background", self.palette[3], {"box": [0, banner - 1.2, w, 0.9]}),
            Layer(
                "motif", "background", self.palette[4],
                {"name": str(rng.choice(motif_names())), "strength": 0.22,
                 "box": [w * float(rng.uniform(0.25, 0.5)), banner + 1.5, size, size]},
            ),
            self._text(self.name, (w / 2, banner * 0.44), banner * 0.30, w - 10, anchor="centre", face="sans_bold",
                       ink="offset_navy"),
        ]  # fmt: skip
        if at == 0:
            layers.append(
                self._text(self.title, (w / 2, banner * 0.80), banner * 0.20, w - 12, anchor="centre", face="sans")
            )
        if rng.random() < 0.6:
            layers.append(
                Layer("hatch", "background", self.palette[1],
                      {"box": [w * 0.6, h * 0.4, w * 0.38, h * 0.3], "pitch": float(rng.uniform(0.8, 1.6)),
                       "strength": 0.4})
            )  # fmt: skip
        return layers

    def _world(self, banner: float, low: float, at: int) -> list[Layer]:
        """A globe, rays, a double frame and words in many languages."""
        rng, w, h = self.rng, self.width, self.height
        middle = [w * float(rng.uniform(0.4, 0.6)), (banner + low) / 2]
        radius = (low - banner) * float(rng.uniform(0.36, 0.46))
        layers = [
            Layer("rays", "background", self.palette[2],
                  {"at": middle, "inner": radius, "outer": radius + float(rng.uniform(8, 20)),
                   "lines": int(rng.integers(60, 140)), "width": 0.09}),
            Layer("rosette", "background", self.palette[2],
                  {"at": middle, "radius": radius, "petals": int(rng.integers(3, 7)), "rings": 7, "width": 0.14}),
            Layer("frame", "background", self.palette[3], {"box": [1.2, 1.2, w - 2.4, h - 2.4], "width": 0.35}),
            Layer("frame", "background", self.palette[3], {"box": [2.0, 2.0, w - 4.0, h - 4.0], "width": 0.15}),
            self._text(self.name, (w / 2, banner * 0.50), banner * 0.26, w - 12, anchor="centre", face="serif_bold"),
        ]  # fmt: skip
        words = f"{self.title} / PASSEPORT / PASAPORTE / REISEPASS" if at == 0 else self.title
        layers.append(self._text(words, (w / 2, banner * 0.84), banner * 0.15, w - 12, anchor="centre", face="serif"))
        if rng.random() < 0.5:
            layers.append(
                Layer(
                    "motif",
                    "emblem",
                    self.palette[4],
                    {"name": "stars", "box": [w * 0.03, 2.6, banner * 0.6, banner * 0.6]},
                )
            )
        return layers


def _moved_for_labels(spec: SideSpec, wide: float) -> SideSpec:
    """Texts moved to the right of the labels that stand before them."""
    need = min(max(box.width for _, box in label_places(spec)) + 1.2, wide * 0.55)
    return replace(
        spec,
        fields=tuple(replace(one, x_mm=one.x_mm + need, width_mm=max(wide - need - 1.5, 6.0)) for one in spec.fields),
    )
