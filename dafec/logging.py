"""Logs without personal data (Doc 9303-2 Appendix C, F.1; ASVS 16.2.5): one JSON object a line on standard error.

An event may carry only the fields of ``ALLOWED_FIELDS``. Any other is replaced by a mark, so that a new call that
hands a name, a number or a line of a machine-readable zone to the log cannot leak it by mistake. Exceptions are
logged as their type and place; their texts may quote what they failed on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

__all__ = ["ALLOWED_FIELDS", "WITHHELD", "configure_logging", "describe_exception", "withhold_personal_data"]

WITHHELD = "[withheld]"
_MAX_TEXT = 200

#: Fields that say nothing about a holder or a document.
ALLOWED_FIELDS = frozenset(
    {
        "at", "check", "checks", "code", "count", "elapsed_ms", "error", "event", "host", "level", "lights", "method",
        "model", "models", "path", "port", "provider", "request_id", "result", "scanner", "screenings", "sha256",
        "stage", "state", "status", "threads", "timestamp", "verdict", "version",
    }
)  # fmt: skip


def configure_logging(*, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send structlog's events to ``stream``, standard error by default."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            describe_exception,
            withhold_personal_data,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),  # what it is when something is said
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


def describe_exception(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by the exception's type (``error``) and the line it came from (``at``)."""
    info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            event["at"] = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return event


def withhold_personal_data(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep the allowed fields, as plain and short values; mark every other."""
    return {name: _plain(value) if name in ALLOWED_FIELDS else WITHHELD for name, value in event.items()}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(value)[:_MAX_TEXT]]
    return str(value)[:_MAX_TEXT]
