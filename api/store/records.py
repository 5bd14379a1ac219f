"""What goes into the store and comes out of it, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from api.store.models import Image, Screening
from dafec.capture import Light

__all__ = [
    "CompletionState",
    "ImageRecord",
    "NewScreening",
    "Origin",
    "PersonalData",
    "ScreeningPage",
    "ScreeningRecord",
    "ScreeningSummary",
    "StoredImage",
    "record",
    "summary",
]

#: live: from a device at the moment. recorded: taken before. unknown: nobody said.
Origin = Literal["live", "recorded", "unknown"]

#: Of the complete pass. none: there is to be none.
CompletionState = Literal["none", "due", "done", "failed"]

#: kept: report and images are there. deleted: their key was destroyed. unreadable: their master key is not there.
#: withheld: whoever asks does not see them.
PersonalData = Literal["kept", "deleted", "unreadable", "withheld"]


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image as handed in."""

    page: int  # 0-based, as in the report's capture.pages
    light: Light
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewScreening:
    """A screening that is to be kept."""

    id: str  # random, at least 128 bits
    created: datetime  # with zone
    level: str
    made: int
    not_possible: int
    report: str  # JSON
    images_digest: str  # SHA-256 over lights and contents
    key_digest: bytes | None  # SHA-256 of the Idempotency-Key
    images: tuple[StoredImage, ...]
    result: str = "{}"  # the report without personal data, JSON
    held: bool = False  # kept until released
    origin: Origin = "unknown"
    completion_due: bool = False  # a complete pass is to follow
    actor: str = ""  # who had it made, as the audit log names people; empty: whoever acts now
    desk: str | None = None  # id of the desk it was made at
    specimen: bool = False  # the document says that it is one


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is known of a stored image without its bytes."""

    page: int
    light: Light
    sha256: str  # of the image as handed in
    media_type: str
    size_bytes: int
    blob: str | None  # where its bytes lie; None: removed
    sealed: bool


@dataclass(frozen=True, slots=True)
class ScreeningSummary:
    """A stored screening without its report."""

    id: str
    created: datetime  # UTC
    level: str
    made: int
    not_possible: int
    images_digest: str
    images: tuple[ImageRecord, ...]
    held: bool
    deleted: datetime | None  # UTC
    desk: str | None  # id
    made_by: str  # as the audit log names people
    specimen: bool
    origin: Origin
    completion: CompletionState


@dataclass(frozen=True, slots=True)
class ScreeningRecord(ScreeningSummary):
    """A stored screening."""

    report: str  # as acknowledged where personal_data is "kept", else without personal data
    personal_data: PersonalData


@dataclass(frozen=True, slots=True)
class ScreeningPage:
    """Some screenings, newest first, and where the next ones begin."""

    items: tuple[ScreeningSummary, ...]
    next: str | None  # id of the last item where more follow


def summary(row: Screening) -> ScreeningSummary:
    """A row without its report."""
    return ScreeningSummary(**_values(row))  # type: ignore[arg-type]


def record(row: Screening, report: str, personal_data: PersonalData) -> ScreeningRecord:
    """A row with the report that can be shown."""
    return ScreeningRecord(**_values(row), report=report, personal_data=personal_data)  # type: ignore[arg-type]


def _values(row: Screening) -> dict[str, object]:
    return {
        "id": row.id,
        "created": row.created.replace(tzinfo=UTC),
        "level": row.level,
        "made": row.made,
        "not_possible": row.not_possible,
        "images_digest": row.images_digest,
        "images": tuple(_image(image) for image in row.images),
        "held": row.held,
        "deleted": row.deleted.replace(tzinfo=UTC) if row.deleted is not None else None,
        "desk": row.desk,
        "made_by": row.made_by,
        "specimen": row.specimen,
        "origin": row.origin,
        "completion": row.completion.state if row.completion is not None else "none",
    }


def _image(row: Image) -> ImageRecord:
    return ImageRecord(row.page, _LIGHTS[row.light], row.sha256, row.media_type, row.size_bytes, row.blob, row.sealed)


_LIGHTS: Mapping[str, Light] = {"visible": "visible", "ir": "ir", "uv": "uv"}
