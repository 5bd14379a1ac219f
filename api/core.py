"""The core behind the service's ``Screener``: the models loaded once, screenings made with them.

The core's screening is imported when it is loaded, not before: the app can be described (OpenAPI) and tested without
the models and their runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api.engine import Screener
from api.settings import Settings
from dafec.capture import Capture, Light, Limits, capture_from_parts
from dafec.report import Report

__all__ = ["load_screener"]


class CoreScreener:
    """The core as the service sees it.

    Args:
        screen: ``dafec.screening.screen_capture`` with its context filled in.
        limits: what one capture may ask for.
    """

    def __init__(self, screen: Callable[[Capture], Report], limits: Limits) -> None:
        self._screen = screen
        self._limits = limits

    def decode(self, images: Mapping[Light, bytes], name: str, statement: bytes = b"") -> Capture:
        """The capture of untrusted bytes."""
        parts = {str(light): data for light, data in images.items()}
        return capture_from_parts(parts, name=name, limits=self._limits, statement=statement)

    def screen(self, capture: Capture) -> Report:
        """The report of a capture."""
        return self._screen(capture)


def load_screener(settings: Settings) -> Screener:
    """Loads the models.

    Args:
        settings: ``threads`` goes before the core's own setting, because the service screens several at once.

    Raises:
        InstallationError: a model or a file of the core is missing, altered or unreadable.
    """
    from dafec.screening import ScreeningContext, screen_capture
    from dafec.settings import load_settings

    core = load_settings(threads=settings.threads)
    context = ScreeningContext.load(core)
    return CoreScreener(lambda capture: screen_capture(capture, context), core.limits())
