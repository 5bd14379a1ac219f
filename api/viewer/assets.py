"""Static files by content hash: a changed file has a new address, so that browsers may keep the old one for ever."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

__all__ = ["StaticFile", "StaticFolder"]

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webp": "image/webp",
    "txt": "text/plain; charset=utf-8",
}
#: Own files, then those of others, as ``scripts/fetch_third_party.py`` brings them; that folder may be missing.
_FOLDERS = ("static", "third_party")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, in memory."""

    data: bytes
    media_type: str


class StaticFolder:
    """All static files, read once. One hash stands for all of them, so that modules can import each other by name."""

    def __init__(self) -> None:
        self._files: dict[str, StaticFile] = {}
        for folder in _FOLDERS:
            place = files("api.viewer").joinpath(folder)
            entries = sorted(place.iterdir(), key=lambda item: item.name) if place.is_dir() else []
            for entry in entries:
                media_type = _MEDIA_TYPES.get(entry.name.rsplit(".", 1)[-1])
                if media_type is not None:
                    self._files[entry.name] = StaticFile(entry.read_bytes(), media_type)
        total = hashlib.sha256()
        for name, file in self._files.items():
            total.update(f"{name}:{hashlib.sha256(file.data).hexdigest()}\n".encode())
        self.digest = total.hexdigest()[:16]

    def url(self, name: str) -> str:
        """The address of a file. Raises KeyError for a name that is not there: a template's mistake."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"

    def has(self, name: str) -> bool:
        """Whether there is a file of that name: those of others may not have been brought."""
        return name in self._files

    def find(self, digest: str, name: str) -> StaticFile | None:
        """The file of that name and hash, if both are current."""
        return self._files.get(name) if digest == self.digest else None
