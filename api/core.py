"""The core behind the service's ``Screener``: the models loaded once, screenings made with them.

The core's screening is imported when it is loaded, not before: the app can be described (OpenAPI) and tested without
the models and their runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from api.engine import Screener
from api.library import LibraryWatch
from api.settings import Settings
from dafec.capture import Capture, Limits, capture_from_parts
from dafec.references.library import Library
from dafec.report import Report

__all__ = ["load_screener"]


class CoreScreener:
    """The core as the service sees it.

    Args:
        screen: ``dafec.screening.screen_capture`` with its context filled in, but for the library, whether the
            page's text is read, and the day dates are judged by.
        screen_typed: the same with a zone that somebody typed.
        limits: what one capture may ask for.
        library: of document series.
    """

    def __init__(
        self,
        screen: Callable[[Capture, Library | None, bool, date | None], Report],
        screen_typed: Callable[[Capture, Library | None, tuple[str, ...], date, bool], Report],
        limits: Limits,
        library: LibraryWatch,
    ) -> None:
        self._screen = screen
        self._screen_typed = screen_typed
        self._limits = limits
        self._library = library

    def decode(self, images: Mapping[str, bytes], name: str, statement: bytes = b"") -> Capture:
        """The capture of untrusted bytes."""
        return capture_from_parts(images, name=name, limits=self._limits, statement=statement)

    def screen(self, capture: Capture, *, complete: bool = False, today: date | None = None) -> Report:
        """The report of a capture, by the series as they are on disk now."""
        return self._screen(capture, self._library.current(), complete, today)

    def screen_typed(self, capture: Capture, zone: tuple[str, ...], today: date, *, complete: bool) -> Report:
        """The report of a capture with a zone that somebody typed from the document."""
        return self._screen_typed(capture, self._library.current(), zone, today, complete)

    def series_count(self) -> int:
        """How many document series a screening is compared with now."""
        return self._library.count()

    def notices(self) -> tuple[str, ...]:
        """Codes of what is wrong with the library."""
        return self._library.notices()


def load_screener(settings: Settings) -> Screener:
    """Loads the models and the document series.

    Args:
        settings: ``threads`` goes before the core's own setting, because the service screens several at once.

    Raises:
        InstallationError: a model or a file of the core is missing, altered or unreadable.
        InputError: ``library.unreadable`` where the settings name a library that is not there.
    """
    from dataclasses import replace

    from dafec.screening import ScreeningContext, screen_capture
    from dafec.settings import load_settings

    core = load_settings(threads=settings.threads)
    watch = LibraryWatch(settings.library_folder(), needed=settings.library is not None)
    context = ScreeningContext.load(core)

    def screen(capture: Capture, library: Library | None, complete: bool, today: date | None) -> Report:  # noqa: FBT001
        return screen_capture(capture, replace(context, library=library, today=today), visual_zone=complete)

    def typed(
        capture: Capture,
        library: Library | None,
        zone: tuple[str, ...],
        today: date,
        complete: bool,  # noqa: FBT001 - one caller
    ) -> Report:
        ready = replace(context, library=library, today=today)
        return screen_capture(capture, ready, visual_zone=complete, zone=zone)

    return CoreScreener(screen, typed, core.limits(), watch)
