"""The three lights a document is captured in."""

from __future__ import annotations

from typing import Literal

__all__ = ["LIGHTS", "Light"]

#: visible 400-700 nm, ir 850-950 nm (B900), uv 365 nm.
Light = Literal["visible", "ir", "uv"]
LIGHTS: tuple[Light, ...] = ("visible", "ir", "uv")
