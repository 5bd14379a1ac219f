"""What makes one face differ from another, and the canvas it is drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Unit

__all__ = [
    "Canvas",
    "HairStyle",
    "Traits",
    "blurred",
    "bump",
    "dome",
    "draw_traits",
    "fbm",
    "noise",
    "smooth",
    "soft_below",
]

Headwear = Literal["none", "ghutra", "cap"]
BeardStyle = Literal["full", "goatee", "moustache"]
HairStyle = Literal["short", "side", "buzz", "receding", "bald", "curly", "long", "bob", "tied", "fringe", "waves"]


@dataclass(frozen=True, slots=True)
class Traits:
    """One face. Lengths are halves of a head's height (chin to crown = 2)."""

    woman: bool
    age: float
    skin: tuple[float, float, float]  # linear
    flush: float
    width: float  # of the skull
    jaw: float  # width of the jaw to that of the skull
    chin: float  # 0 pointed .. 1 square
    eye_gap: float
    eye_width: float
    eye_open: float
    eye_slant: float
    eye_colour: tuple[float, float, float]
    lid: float  # how much the upper lid covers
    brow_height: float
    brow_thick: float
    brow_arch: float
    nose_width: float
    nose_length: float
    nose_ridge: float
    mouth_width: float
    lips: float
    smile: float
    cheek: float
    ears: float
    hair: HairStyle
    hair_colour: tuple[float, float, float]
    grey: float
    hairline: float
    parting: float
    volume: float
    beard: float  # 0 none .. 1 full
    stubble: float
    moustache: bool
    beard_style: BeardStyle
    headscarf: bool
    headwear: Headwear
    scarf_colour: tuple[float, float, float]
    glasses: bool
    frame_colour: tuple[float, float, float]
    frame_round: float
    clothes: Literal["shirt", "tee", "jacket", "blouse", "robe"]
    clothes_colour: tuple[float, float, float]
    yaw: float  # radians; positive: turned to the picture's right
    pitch: float  # positive: chin up
    roll: float
    gaze: tuple[float, float]  # shares of an eye's width, right and down
    light: tuple[float, float, float]
    ambient: float
    lens_blur: float
    grain: float
    cast: tuple[float, float, float]
    asymmetry: tuple[float, ...]
    centre: tuple[float, float]
    scale: float


@dataclass(frozen=True, slots=True)
class Canvas:
    """Coordinates of a picture: ``u`` to the right and ``v`` down, 0 between the eyes, chin at v = 1, crown at -1."""

    u: Unit
    v: Unit
    unit_px: float  # pixels of one half head

    @classmethod
    def of(cls, shape: tuple[int, int], traits: Traits) -> Canvas:
        """The canvas of a picture with the head where, and held as, the traits have it.

        The head leans by ``roll``, the shoulders by a third of it. A lifted or lowered chin moves the features along
        the outline, most of all in the middle of the face.
        """
        rows, columns = shape
        unit = rows * traits.scale
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        across = (x - columns * traits.centre[0]) / unit
        down = (y - rows * traits.centre[1]) / unit
        lean = traits.roll * (1 - 0.67 * smooth(down, 0.95, 1.55))
        cosine, sine = np.cos(lean).astype(np.float32), np.sin(lean).astype(np.float32)
        u, v = across * cosine + down * sine, down * cosine - across * sine
        v = v + np.float32(0.45 * traits.pitch) * np.clip(1 - v * v, 0, 1) * np.exp(-0.5 * (u / 0.8) ** 2)
        return cls(np.asarray(u, np.float32), np.asarray(v, np.float32), unit)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.u.shape
        return rows, columns

    def window(self, left: float, right: float, top: float, bottom: float) -> tuple[slice, slice]:
        """Rows and columns that hold a box of ``u`` and ``v``, cut to the canvas."""
        rows, columns = self.shape
        x0, y0 = float(self.u[0, 0]), float(self.v[0, 0])
        tilt = abs(float(self.u[1, 0] - self.u[0, 0])) * self.unit_px if rows > 1 else 0.0
        lean = 0.08 + 2.6 * tilt  # half heads: how far a tilted head leaves its upright box
        first, last = (round((at - y0) * self.unit_px) for at in (top - lean, bottom + lean))
        begin, end = (round((at - x0) * self.unit_px) for at in (left - lean, right + lean))
        return slice(max(first, 0), min(max(last, 1), rows)), slice(max(begin, 0), min(max(end, 1), columns))

    def part(self, place: tuple[slice, slice]) -> Canvas:
        """The canvas of a part of the picture."""
        return Canvas(np.ascontiguousarray(self.u[place]), np.ascontiguousarray(self.v[place]), self.unit_px)


def bump(x: Unit, y: Unit, at: tuple[float, float], size: tuple[float, float]) -> Unit:
    """A hill of height 1: a Gaussian."""
    result: Unit = np.exp(-0.5 * (((x - at[0]) / size[0]) ** 2 + ((y - at[1]) / size[1]) ** 2))
    return result


def blurred(image: NDArray[Any], sigma: float) -> Unit:
    """A wide Gaussian blur, done on a smaller picture."""
    if sigma < 4:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)
    rows, columns = image.shape[:2]
    small = cv2.resize(image, (max(columns // 4, 1), max(rows // 4, 1)), interpolation=cv2.INTER_AREA)
    wide = cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / 4), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, dtype=np.float32)


def smooth(x: Unit, low: float, high: float) -> Unit:
    """0 below ``low``, 1 above ``high``, smooth between; the other way round where ``low`` > ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    result: Unit = t * t * (3 - 2 * t)
    return result


def soft_below(x: Unit, edge: Unit | float, soft: float) -> Unit:
    """1 where ``x`` is below ``edge``, with a soft border."""
    result: Unit = np.clip((edge - x) / soft + 0.5, 0, 1).astype(np.float32)
    return result


def dome(canvas: Canvas, wide: Unit | float, thick: float, *, middle: float = -0.20) -> Unit:
    """How far inside a cap over the skull, in half heads: an ellipse above ``middle``, sides straight down below it."""
    reach = wide + thick
    high = 1.0 + middle + thick
    down = np.minimum(canvas.v - middle, 0) / high
    result: Unit = ((1 - np.sqrt((canvas.u / reach) ** 2 + down**2)) * reach).astype(np.float32)
    return result


def noise(rng: np.random.Generator, shape: tuple[int, int], pitch: tuple[float, float]) -> Unit:
    """Smooth noise of about unit deviation with a correlation of ``pitch`` (rows, columns) pixels."""
    rows, columns = (max(3, round(size / step) + 2) for size, step in zip(shape, pitch, strict=True))
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def fbm(rng: np.random.Generator, shape: tuple[int, int], pitch: float, octaves: int = 3) -> Unit:
    """Noise on several scales, each half as large and half as strong as the one before."""
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        step = max(1.5, pitch / 2**octave)
        total += noise(rng, shape, (step, step)) * 0.5**octave
    return total


_SKIN_LIGHT = np.array([0.74, 0.50, 0.385])
_SKIN_DARK = np.array([0.115, 0.060, 0.038])
_EYES = ((0.045, 0.022, 0.012), (0.09, 0.045, 0.02), (0.13, 0.11, 0.05), (0.10, 0.16, 0.22), (0.12, 0.16, 0.11))
_HAIR = ((0.012, 0.010, 0.010), (0.030, 0.020, 0.014), (0.075, 0.042, 0.022), (0.17, 0.10, 0.05), (0.36, 0.25, 0.13))
_CLOTH = (
    (0.03, 0.04, 0.08), (0.30, 0.32, 0.36), (0.55, 0.56, 0.58), (0.10, 0.03, 0.035), (0.05, 0.10, 0.07),
    (0.04, 0.035, 0.03), (0.20, 0.25, 0.38), (0.42, 0.35, 0.28), (0.02, 0.02, 0.022), (0.33, 0.15, 0.18),
)  # fmt: skip
_SCARF = (
    (0.02, 0.02, 0.025),
    (0.42, 0.38, 0.33),
    (0.10, 0.14, 0.24),
    (0.30, 0.12, 0.15),
    (0.55, 0.55, 0.56),
    (0.13, 0.20, 0.17),
)


_BEARDS: tuple[BeardStyle, ...] = ("full", "full", "full", "goatee", "moustache")
#: Doc 9303-9, annex D: the head is not turned or tilted by more than about 5 degrees; some tilt a little more.
_TURN, _TILT = 0.095, 0.075  # radians


def _headwear(rng: np.random.Generator, *, woman: bool, share: float) -> Headwear:
    """What men of cultures wear where women wear scarves: a third as often a headcloth, and a cap here and there."""
    lot = rng.random()
    if woman or lot >= 0.45 * share:
        return "none"
    return "ghutra" if lot < 0.32 * share else "cap"


def _pick(rng: np.random.Generator, choices: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
    red, green, blue = choices[int(rng.integers(len(choices)))]
    vary = float(np.exp(rng.normal(0, 0.18)))
    return min(red * vary, 0.8), min(green * vary, 0.8), min(blue * vary, 0.8)


def _hair_style(rng: np.random.Generator, *, woman: bool, age: float) -> HairStyle:
    if woman:
        women: tuple[HairStyle, ...] = ("long", "long", "bob", "tied", "tied", "fringe", "waves", "curly")
        return women[int(rng.integers(len(women)))]
    if rng.random() < (age - 30) / 90:
        return "bald" if rng.random() < 0.4 else "receding"
    men: tuple[HairStyle, ...] = ("short", "short", "side", "side", "buzz", "curly")
    return men[int(rng.integers(len(men)))]


def _hair_colour(rng: np.random.Generator, melanin: float) -> tuple[float, float, float]:
    darkest = 5 if melanin < 0.3 else (3 if melanin < 0.55 else 2)
    red, green, blue = _HAIR[int(rng.integers(darkest))]
    vary = float(np.exp(rng.normal(0, 0.15)))
    return red * vary, green * vary, blue * vary


def draw_traits(rng: np.random.Generator, *, woman: bool, age: float, headscarf_share: float) -> Traits:
    """One face by lot."""
    melanin = float(np.clip(rng.beta(1.25, 1.7), 0.02, 0.97))
    skin = np.exp(np.log(_SKIN_LIGHT) * (1 - melanin) + np.log(_SKIN_DARK) * melanin)
    skin = skin * np.exp(rng.normal(0, 0.03, 3))
    dark_eyes = melanin > 0.3 or rng.random() < 0.35
    shaved = rng.random()
    bearded = not woman and shaved < 0.42
    light = np.array([rng.normal(0, 0.42), -0.40 + rng.normal(0, 0.16), 1.0])
    light /= np.linalg.norm(light)
    grey = float(np.clip((age - 42) / 30 + rng.normal(0, 0.18), 0, 0.92)) if age > 38 else 0.0
    clothes: tuple[Literal["shirt", "tee", "jacket", "blouse", "robe"], ...] = (
        ("blouse", "tee", "jacket", "blouse") if woman else ("shirt", "tee", "jacket", "shirt")
    )
    return Traits(
        woman=woman,
        age=age,
        skin=(float(skin[0]), float(skin[1]), float(skin[2])),
        flush=float(rng.uniform(0.3, 1.0)) * (1 - 0.7 * melanin),
        width=float(rng.normal(0.655 if woman else 0.675, 0.028)),
        jaw=float(rng.normal(0.735 if woman else 0.80, 0.04)),
        chin=float(np.clip(rng.normal(0.3 if woman else 0.55, 0.2), 0, 1)),
        eye_gap=float(rng.normal(0.272, 0.011)),
        eye_width=float(rng.normal(0.128, 0.006)),
        eye_open=float(np.clip(rng.normal(0.047 if woman else 0.041, 0.008), 0.028, 0.066)),
        eye_slant=float(rng.normal(0.06, 0.06)),
        eye_colour=_pick(rng, _EYES[:2] if dark_eyes else _EYES[2:]),
        lid=float(np.clip(rng.normal(0.35 + (age - 30) / 160, 0.15), 0, 1)),
        brow_height=float(rng.normal(-0.175 if woman else -0.160, 0.019)),
        brow_thick=float(rng.normal(0.023 if woman else 0.034, 0.004)),
        brow_arch=float(rng.normal(0.035 if woman else 0.018, 0.012)),
        nose_width=float(rng.normal(0.138 + 0.035 * melanin + (0 if woman else 0.012), 0.010)),
        nose_length=float(rng.normal(0.425, 0.022)),
        nose_ridge=float(rng.normal(1.0, 0.18)),
        mouth_width=float(rng.normal(0.222, 0.016)),
        lips=float(np.clip(rng.normal((0.068 if woman else 0.054) + 0.022 * melanin, 0.009), 0.034, 0.12)),
        smile=float(rng.normal(0.013, 0.015)),
        cheek=float(rng.uniform(0.2, 1.0)),
        ears=float(rng.uniform(0.8, 1.15)),
        hair=_hair_style(rng, woman=woman, age=age),
        hair_colour=_hair_colour(rng, melanin),
        grey=grey * (0.45 if woman else 1.0),
        hairline=float(rng.normal(-0.60, 0.04)),
        parting=float(rng.choice([-1, 1])) * float(rng.uniform(0.1, 0.3)),
        volume=float(rng.uniform(0.6, 1.35)),
        beard=float(rng.uniform(0.45, 1.0)) if bearded else 0.0,
        stubble=0.0 if woman else float(rng.uniform(0.05, 0.5)),
        moustache=bearded and rng.random() < 0.85,
        beard_style=_BEARDS[int(rng.integers(len(_BEARDS)))],
        headscarf=woman and rng.random() < headscarf_share,
        headwear=_headwear(rng, woman=woman, share=headscarf_share),
        scarf_colour=_pick(rng, _SCARF),
        glasses=rng.random() < 0.14 + 0.16 * (age > 50),
        frame_colour=_pick(rng, ((0.02, 0.02, 0.02), (0.10, 0.05, 0.03), (0.28, 0.27, 0.26), (0.05, 0.06, 0.1))),
        frame_round=float(rng.uniform(2.2, 4.5)),
        clothes=clothes[int(rng.integers(len(clothes)))],
        clothes_colour=_pick(rng, _CLOTH),
        yaw=float(np.clip(rng.normal(0, 0.050), -_TURN, _TURN)),
        pitch=float(np.clip(rng.normal(0, 0.045), -_TURN, _TURN)),
        roll=float(np.clip(rng.normal(0, 0.028), -_TILT, _TILT)),
        gaze=(float(rng.normal(0, 0.045)), float(rng.normal(0, 0.02))),
        light=(float(light[0]), float(light[1]), float(light[2])),
        ambient=float(rng.uniform(0.30, 0.56)),
        lens_blur=float(rng.uniform(0.7, 1.15)),
        grain=float(rng.uniform(0.006, 0.02)),
        cast=tuple(float(x) for x in np.exp(rng.normal(0, 0.025, 3))),  # type: ignore[arg-type]
        asymmetry=tuple(float(x) for x in rng.normal(0, 1, 10)),
        centre=(0.5 + float(rng.normal(0, 0.008)), float(rng.normal(0.485, 0.008))),
        scale=float(rng.normal(0.345, 0.009)),
    )
