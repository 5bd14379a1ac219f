"""The exception tree of DAFEC.

    DafecError
    +-- UsageError          exit code 2: the caller asked for something that does not exist
    +-- InputError          exit code 3: the bytes or texts handed in cannot be used
    +-- InstallationError   exit code 4: this installation is broken or incomplete

Every error carries a stable ``code`` (``"capture.truncated"``), and by it a message and a remedy in the caller's
language from ``dafec/locales``. Errors of lower layers (OpenCV, Pillow, onnxruntime, the file system) are mapped to
this tree with ``raise ... from`` where they occur; nothing else leaves the package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dafec.messages import Language, text

__all__ = ["DafecError", "Detail", "InputError", "InstallationError", "UsageError"]

Detail = str | int | float | bool | None


class DafecError(Exception):
    """Base of every error DAFEC raises on purpose.

    Args:
        code: stable dotted identifier; ``errors.<code>.message`` and ``errors.<code>.remedy`` stand in every catalogue.
        details: plain values that fill the placeholders of the texts and help a developer; never personal data.
    """

    exit_code: ClassVar[int] = 4

    def __init__(self, code: str, /, **details: Detail) -> None:
        self.code = code
        self.details: Mapping[str, Detail] = details
        super().__init__(f"{code}: {self.message()}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled with its code and details, so that it survives a process pool."""
        return _rebuild, (type(self), self.code, dict(self.details))

    def message(self, language: Language = "en") -> str:
        """What happened, in one sentence of the caller's language."""
        return text(f"errors.{self.code}.message", language, self.details)

    def remedy(self, language: Language = "en") -> str:
        """What the caller can do now, in one sentence of the caller's language."""
        return text(f"errors.{self.code}.remedy", language, self.details)

    def body(self, language: Language = "en") -> dict[str, object]:
        """The one error body of command line and HTTP: ``code``, ``message``, ``remedy``, ``details``."""
        return {
            "code": self.code,
            "message": self.message(language),
            "remedy": self.remedy(language),
            "details": dict(self.details),
        }


class UsageError(DafecError):
    """The caller asked for something that does not exist or contradicts itself."""

    exit_code = 2


class InputError(DafecError):
    """What was handed in cannot be used: damaged, too large, of an unknown kind, contradictory."""

    exit_code = 3


class InstallationError(DafecError):
    """Something this installation needs is missing, altered or unreadable."""

    exit_code = 4


def _rebuild(kind: type[DafecError], code: str, details: dict[str, Detail]) -> DafecError:
    return kind(code, **details)
