"""What the service keeps: screenings in a database, images as files by content hash. The only writer is ``Store``."""

from api.store.store import ImageRecord, NewScreening, ScreeningPage, ScreeningRecord, Store, StoredImage

__all__ = ["ImageRecord", "NewScreening", "ScreeningPage", "ScreeningRecord", "Store", "StoredImage"]
