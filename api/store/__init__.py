"""What the service keeps: screenings in a database, encrypted images as blobs, the audit log. Only ``Store`` writes."""

from api.store.places import StorePlaces
from api.store.records import (
    ImageRecord,
    NewScreening,
    ScreeningPage,
    ScreeningRecord,
    ScreeningSummary,
    StoredImage,
)
from api.store.store import Store

__all__ = [
    "ImageRecord",
    "NewScreening",
    "ScreeningPage",
    "ScreeningRecord",
    "ScreeningSummary",
    "Store",
    "StorePlaces",
    "StoredImage",
]
