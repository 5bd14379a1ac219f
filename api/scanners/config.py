"""The settings of scanners: ``[[scanners]]`` in the service's settings file, each with its driver and its desk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from dafec.capture import LIGHTS, Light

__all__ = ["EsclConfig", "FolderConfig", "PushConfig", "SaneConfig", "ScannerConfig"]

_HOURS = 24.0


def _plain_names(light: Light) -> tuple[str, ...]:
    """Names of files where the settings say nothing: as a capture folder has them, or with the light at the end."""
    return (f"{light}.*", f"*[-_. ]{light}.*", rf"re:(?:(?P<set>.*)[-_. ])?{light}-(?P<side>[2-8])\.[^.]*")


def _colour() -> dict[Light, tuple[str, ...]]:
    return {"visible": ("--mode", "Color")}


def _all_plain_names() -> dict[Light, tuple[str, ...]]:
    return {light: _plain_names(light) for light in LIGHTS}


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="Name of the scanner in states and metrics.")
    desk: str = Field(min_length=1, max_length=64, description="Id or name of the desk it stands at.")
    interval_s: float = Field(2.0, gt=0, le=3600, description="Time between two looks at the device.")


class PushConfig(_Common):
    """A reader whose own program sends captures by HTTP, with the desk's key."""

    driver: Literal["push"]
    silent_after_s: float = Field(
        0.0, ge=0, description="Unplugged if nothing came for so long; 0: silence says nothing."
    )


class FolderConfig(_Common):
    """A folder a reader's program writes its captures to; a network share is watched in the same way."""

    driver: Literal["folder"]
    folder: Path = Field(description="Watched, with its subfolders.")
    names: dict[Light, tuple[str, ...]] = Field(
        default_factory=_all_plain_names,
        description="Names of the files of each light: globs, or regular expressions after `re:`. What `*` stands for "
        "first, or the group `set`, is the same for the images of one document; the group `side` (1 to 8, front or "
        "back) tells its sides apart.",
    )
    wait_for: tuple[Light, ...] = Field(
        ("visible",), description="Lights a document must have before it is screened at once."
    )
    sides: int = Field(
        1, ge=1, le=8, description="Sides or pages a document must have before it is screened at once; 2 for cards."
    )
    set_timeout_s: float = Field(
        10.0, gt=0, le=3600, description="An incomplete document is waited for so long after its last file."
    )
    partial: Literal["screen", "refuse"] = Field("screen", description="What then happens to it.")
    settle_s: float = Field(1.0, gt=0, le=600, description="A file is whole if nothing of it changed for so long.")
    patience_s: float = Field(
        60.0, gt=0, le=86_400, description="A file that is cut off is taken for half-written for so long."
    )
    answer_s: float = Field(10.0, gt=0, le=600, description="A share that does not answer for so long is unplugged.")
    keep_processed_hours: float = Field(
        0.0, ge=0, description="Screened files lie in `processed` for so long; 0: they are removed at once."
    )
    keep_refused_hours: float = Field(
        7 * _HOURS, ge=0, description="Files that could not be used lie in `refused` for so long."
    )
    recorded: bool = Field(
        default=False, description="What arrives here was recorded before, and is marked as such in every report."
    )
    live_within_s: float = Field(
        600.0, gt=0, description="A file older than that when it is first seen was recorded before."
    )
    dpi: float | None = Field(None, ge=50, le=2400, description="True resolution, where the files do not state it.")
    reader: str | None = Field(None, max_length=200, description="Make and model.")

    @field_validator("names")
    @classmethod
    def _can_be_read(cls, names: dict[Light, tuple[str, ...]]) -> dict[Light, tuple[str, ...]]:
        if not names:
            raise ValueError("no light has a name")
        for pattern in (pattern for patterns in names.values() for pattern in patterns):
            if pattern.startswith("re:"):
                try:
                    re.compile(pattern.removeprefix("re:"))
                except re.error as error:
                    raise ValueError("not a regular expression") from error
        return names

    @model_validator(mode="after")
    def _waits_for_what_can_come(self) -> Self:
        if not set(self.wait_for) <= set(self.names):
            raise ValueError("wait_for names a light no file can have")
        return self


class SaneConfig(_Common):
    """A scanner that SANE knows, driven by the program ``scanimage``."""

    driver: Literal["sane"]
    device: str = Field(
        min_length=1, max_length=200, pattern=r"^[^-\s][^\x00-\x1f]*$", description="As `scanimage -L` names it."
    )
    lights: dict[Light, tuple[str, ...]] = Field(
        default_factory=_colour,
        description="Options of scanimage for each light, in the order of scanning.",
    )
    sides: int = Field(
        1, ge=1, le=8, description="Sides each light is scanned of, one after the other, by a feeder for both sides."
    )
    resolution: int = Field(400, ge=50, le=2400, description="Pixels per inch.")
    options: tuple[str, ...] = Field((), description="Further options of scanimage, for every light.")
    scan_timeout_s: float = Field(60.0, gt=0, le=600, description="A scan of one light that takes longer is ended.")
    probe_timeout_s: float = Field(10.0, gt=0, le=600, description="The same for looking whether it is there.")
    program: str = Field("scanimage", min_length=1, description="Name or path of the program.")
    reader: str | None = Field(None, max_length=200, description="Make and model.")

    @field_validator("lights")
    @classmethod
    def _has_one(cls, lights: dict[Light, tuple[str, ...]]) -> dict[Light, tuple[str, ...]]:
        if not lights:
            raise ValueError("no light")
        return lights


class EsclConfig(_Common):
    """A network scanner that speaks eSCL (AirScan, Mopria); it gives visible light only."""

    driver: Literal["escl"]
    url: str = Field(description="Address of its eSCL service, `http://scanner.local/eSCL`.")
    source: Literal["Platen", "Feeder"] = Field("Platen", description="Where the document lies.")
    resolution: int = Field(400, ge=50, le=2400, description="Pixels per inch; the nearest it has is taken.")
    width_mm: float = Field(130.0, gt=10, le=500, description="Of the area that is scanned, from its first corner.")
    height_mm: float = Field(95.0, gt=10, le=500, description="Of the area that is scanned.")
    answer_s: float = Field(10.0, gt=0, le=600, description="Time an answer may take.")
    scan_timeout_s: float = Field(90.0, gt=0, le=600, description="Time a scan may take.")
    auto: bool = Field(default=False, description="Scan by itself as soon as the feeder is loaded.")
    authority: Path | None = Field(
        None, description="Certificate of the scanner or of who issued it, PEM, for an https address."
    )
    reader: str | None = Field(None, max_length=200, description="Make and model.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError("not an http or https address")
        return url.rstrip("/")


ScannerConfig = Annotated[PushConfig | FolderConfig | SaneConfig | EsclConfig, Field(discriminator="driver")]
