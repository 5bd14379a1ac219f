"""The shelf: inks and substrates by name, from ``data/inks.toml`` and ``data/substrates.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from dafec.errors import InstallationError
from dafec.specimens.model import Ink, Substrate

__all__ = ["ink", "ink_names", "substrate", "substrate_names", "twin_names"]


@cache
def _inks() -> dict[str, Ink]:
    entries = tomllib.loads(_text("inks.toml"))
    return {
        name: Ink(
            name,
            tuple(map(float, entry["density"])),  # type: ignore[arg-type]
            float(entry.get("uv_density", 0.0)),
            tuple(map(float, entry.get("emission", (0.0, 0.0, 0.0)))),  # type: ignore[arg-type]
        )
        for name, entry in entries.items()
    }


@cache
def _substrates() -> dict[str, Substrate]:
    entries = tomllib.loads(_text("substrates.toml"))
    return {
        name: Substrate(
            name,
            tuple(map(float, entry["reflectance"])),  # type: ignore[arg-type]
            tuple(map(float, entry["fluorescence"])),  # type: ignore[arg-type]
            **{key: float(entry[key]) for key in ("mottle", "mottle_mm", "uv_mottle") if key in entry},
        )
        for name, entry in entries.items()
    }


def _text(name: str) -> str:
    return resources.files("dafec.specimens").joinpath("data", name).read_text(encoding="utf-8")


def ink(name: str) -> Ink:
    """The ink of this name.

    Raises:
        InstallationError: there is none; a series or a forger asks for something the shelf does not hold.
    """
    try:
        return _inks()[name]
    except KeyError:
        raise InstallationError("specimens.unknown_ink", name=name) from None


def substrate(name: str) -> Substrate:
    """The substrate of this name.

    Raises:
        InstallationError: there is none.
    """
    try:
        return _substrates()[name]
    except KeyError:
        raise InstallationError("specimens.unknown_substrate", name=name) from None


def ink_names() -> tuple[str, ...]:
    """Every ink, in the order of the file."""
    return tuple(_inks())


def substrate_names() -> tuple[str, ...]:
    """Every substrate, in the order of the file."""
    return tuple(_substrates())


def twin_names() -> tuple[tuple[str, str], ...]:
    """Metameric pairs: alike to the eye, the first clear and the second dark in infrared."""
    clear = [name for name in _inks() if name.startswith("split_") and name.endswith("_clear")]
    return tuple((name, name.removesuffix("_clear") + "_dark") for name in clear)
