"""Zones for tests: reads with chosen doubts, and contexts for checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from dafec.features.contract import CheckContext
from dafec.geometry import Quad
from dafec.ocr.parse import parse_mrz
from dafec.ocr.types import CharRead, LineRead, MrzRead
from dafec.page import Page
from dafec.quality import Quality

TODAY = date(2026, 6, 1)
CORNERS = Quad(((0.0, 0.0), (440.0, 0.0), (440.0, 20.0), (0.0, 20.0)))

PASSPORT = ("PPIRQJABER<<NOOR<SALIM<<<<<<<<<<<<<<<<<<<<<<", "K704123588IRQ8502142F3106305<<<<<<<<<<<<<<<6")
CARD = ("I<IRQK704123588<<<<<<<<<<<<<<<", "8502142F3106305IRQ<<<<<<<<<<<6", "JABER<<NOOR<SALIM<<<<<<<<<<<<<")
VISA = ("V<IRQJABER<<NOOR<SALIM<<<<<<<<<<<<<<<<<<<<<<", "K704123588IRQ8502142F3106305<<<<<<<<<<<<<<<<")
SPECIMEN = ("PPUTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "K704123588UTO8502142F3106305<<<<<<<<<<<<<<<6")

Doubts = Mapping[tuple[int, int], tuple[tuple[str, float], ...]]


def swap(lines: Sequence[str], line: int, at: int, text: str) -> tuple[str, ...]:
    """The lines with ``text`` printed at one place."""
    changed = list(lines)
    changed[line] = changed[line][:at] + text + changed[line][at + len(text) :]
    return tuple(changed)


def read_of(lines: Sequence[str], doubts: Doubts | None = None, status: str | None = None) -> MrzRead:
    """A read of ``lines``; the characters in ``doubts`` have those alternatives, the rest are certain."""
    doubts = doubts or {}
    rows = []
    for number, text in enumerate(lines):
        chars = []
        for at, char in enumerate(text):
            others = doubts.get((number, at), ())
            left = 1.0 - sum(p for _, p in others)
            chars.append(CharRead(char, max(left, 0.001) if others else 0.9999, tuple(others), (10.0 * at, 0.0)))
        rows.append(LineRead(tuple(chars), 12.0))
    found: Any = status or ("uncertain" if doubts else "read")
    return MrzRead(found, parse_mrz(lines, today=TODAY).format, tuple(rows), CORNERS, 0.7 if doubts else 0.999)


def page_of(lines: Sequence[str], *, infrared: bool = False) -> Page:
    """A page whose zone has boxes of 2.5 mm a character, lines at 60 mm and every 6 mm below."""
    image = np.zeros((8, 8), dtype=np.float32)
    return Page(
        outline_px=CORNERS,
        outline_source="edges",
        format="TD3",
        width_mm=125.0,
        height_mm=88.0,
        px_per_mm=8.0,
        dpi=203.2,
        images={"visible": image, "ir": image} if infrared else {"visible": image},
        registration={},
        frame_from_page=np.eye(3),
        mrz_boxes_mm=tuple((5.0, 60.0 + 6 * n, 2.5 * len(text), 3.0) for n, text in enumerate(lines)),
    )


def context_of(
    lines: Sequence[str] | None,
    doubts: Doubts | None = None,
    *,
    with_page: bool = True,
    with_read: bool = True,
    infrared: MrzRead | None = None,
    second: tuple[str, ...] | None = None,
    today: date = TODAY,
    status: str | None = None,
) -> CheckContext:
    """A context whose visible read is ``lines``."""
    reads: dict[Any, MrzRead] = {}
    if lines is not None and with_read:
        reads["visible"] = read_of(lines, doubts, status)
    if infrared is not None:
        reads["ir"] = infrared
    return CheckContext(
        page=page_of(lines, infrared=infrared is not None) if with_page and lines is not None else None,
        reads=reads,
        mrz=None if lines is None else parse_mrz(lines, today=today),
        quality=Quality({}, ()),
        today=today,
        second_read=second,
    )
