"""Uploads: a multipart body taken apart while it streams in, within limits.

The parts are named by light and side (``api.parts``), and ``capture`` may hold the text of a capture.toml; the bytes
stay in memory (a screening needs them there, and they are personal data that should not lie about in temporary files).
Every limit holds while the body streams: what is too large is refused before it is here. The file name of a part
serves as a label in messages and for nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from api.errors import ServiceError
from api.parts import PARTS, refuse_same_side
from dafec.capture import LIGHTS
from dafec.errors import InputError

__all__ = ["STATEMENT_PART", "ByteBudget", "Hold", "Upload", "UploadLimits", "read_upload"]

#: Name of the part that holds the text of a capture.toml.
STATEMENT_PART = "capture"
_MAX_STATEMENT_BYTES = 65_536
#: In messages; further sides are named by the same pattern.
_KNOWN = ", ".join((*LIGHTS, f"{LIGHTS[0]}-2", STATEMENT_PART))
_LABEL_LENGTH = 60
_NOT_IN_LABELS = re.compile(r"[^\w.\- ]+")
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{1,70}")


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How large an upload may be and how long it may take."""

    image_bytes: int  # of one part
    request_bytes: int  # of the whole body
    seconds: float  # for the whole body


@dataclass(frozen=True, slots=True)
class Upload:
    """The images of one document by light and side, as handed in."""

    images: Mapping[str, bytes]  # by name of the part, at least one
    label: str  # for messages; never a path, never stored
    statement: bytes = b""  # the text of a capture.toml, as handed in

    def digest(self) -> str:
        """SHA-256 over lights, sides, contents and statement, 64 hex digits: equal for the same images and places.

        Raises:
            InputError: ``upload.same_side``.
        """
        total = hashlib.sha256()
        digests = [(name, hashlib.sha256(self.images[name]).hexdigest()) for name in PARTS if name in self.images]
        refuse_same_side(digests)
        for name, digest in digests:
            total.update(f"{name}:{digest}\n".encode())
        if self.statement:
            total.update(f"{STATEMENT_PART}:{hashlib.sha256(self.statement).hexdigest()}\n".encode())
        return total.hexdigest()


class ByteBudget:
    """The memory all uploads together may take. Used on the event loop only, so it needs no lock."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit = limit_bytes
        self.used = 0

    def hold(self) -> Hold:
        """A claim on the budget, empty at first."""
        return Hold(self)


class Hold:
    """What one upload has claimed; closing it gives everything back."""

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.bytes = 0

    def take(self, count: int) -> None:
        """Claims ``count`` bytes more. Raises ServiceError ``service.overloaded`` where they are not there."""
        if self._budget.used + count > self._budget.limit:
            raise ServiceError("service.overloaded", status=503, retry_after_s=2)
        self._budget.used += count
        self.bytes += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._budget.used -= self.bytes
        self.bytes = 0


@dataclass(slots=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str = ""
    image: str | None = None  # name of the part; None for the statement
    data: bytearray = field(default_factory=bytearray)


class _Collector:
    """Receives the parser's events. Holds at most ``image_bytes`` a part, and every part once."""

    def __init__(self, image_bytes: int) -> None:
        self._image_bytes = image_bytes
        self._part = _Part()
        self._name = b""
        self._value = b""
        self.images: dict[str, bytes] = {}
        self.statement: bytes | None = None
        self.label = ""
        self.ended = False

    def parser(self, boundary: bytes) -> MultipartParser:
        """A parser that reports to this collector."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._part.headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._part.headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("latin-1")
        if name not in PARTS and name != STATEMENT_PART:
            raise ServiceError("upload.unknown_part", status=422, name=_label(name), known=_KNOWN)
        if name in self.images or (name == STATEMENT_PART and self.statement is not None):
            raise ServiceError("upload.repeated_part", status=422, part=name)
        self._part.name = name
        if name == STATEMENT_PART:
            return
        self._part.image = name
        self.label = self.label or _label(options.get(b"filename", b"").decode("utf-8", "replace"))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._part.data += data[start:end]
        if self._part.image is None:
            if len(self._part.data) > _MAX_STATEMENT_BYTES:
                raise InputError("capture.toml_invalid", file=STATEMENT_PART, field="size")
            return
        if len(self._part.data) > self._image_bytes:
            raise ServiceError(
                "upload.image_too_large", status=413, light=self._part.image, limit_mib=_mib(self._image_bytes)
            )

    def _end_part(self) -> None:
        if self._part.image is None:
            self.statement = bytes(self._part.data)
        elif not self._part.data:
            raise ServiceError("upload.empty_part", status=422, light=self._part.image)
        else:
            self.images[self._part.image] = bytes(self._part.data)
        self._part = _Part()

    def _end(self) -> None:
        self.ended = True


def _label(name: str) -> str:
    """Letters, digits and ``. _ -`` of a client's name; what a message can show without surprises."""
    return _NOT_IN_LABELS.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1])[:_LABEL_LENGTH]


def _mib(count: int) -> float:
    return round(count / (1024 * 1024), 1)


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data":
        raise ServiceError("upload.wrong_media_type", status=415)
    if not _BOUNDARY.fullmatch(boundary):
        raise ServiceError("upload.malformed", status=422)
    return boundary


async def read_upload(
    body: AsyncIterator[bytes],
    headers: Mapping[str, str],
    limits: UploadLimits,
    budget: ByteBudget,
) -> tuple[Upload, Hold]:
    """Reads the images of a multipart body.

    Args:
        body: the body's chunks as they arrive.
        headers: of the request, names in lower case.
        limits: sizes and time.
        budget: memory of all uploads.

    Returns:
        The upload and its hold of ``budget``; the caller closes it when the bytes are no longer needed.

    Raises:
        ServiceError: ``upload.*``, ``service.overloaded``; the budget is given back already.
        InputError: ``capture.toml_invalid`` where the statement is too long for one.
    """
    with ExitStack() as on_failure:
        hold = on_failure.enter_context(budget.hold())
        try:
            boundary = _boundary(headers.get("content-type"))
            _refuse_announced_size(headers.get("content-length", ""), limits)
            collector = _Collector(limits.image_bytes)
            await _fill(collector, boundary, body, limits, hold)
        except TimeoutError as error:
            raise ServiceError("upload.timeout", status=408, limit_s=limits.seconds) from error
        except FormParserError as error:
            raise ServiceError("upload.malformed", status=422) from error
        except ClientDisconnect as error:
            raise ServiceError("upload.broken_off", status=400) from error
        on_failure.pop_all()
    return Upload(collector.images, collector.label or "upload", collector.statement or b""), hold


def _refuse_announced_size(content_length: str, limits: UploadLimits) -> None:
    if content_length.isdecimal() and int(content_length) > limits.request_bytes:
        raise ServiceError("upload.too_large", status=413, limit_mib=_mib(limits.request_bytes))


async def _fill(
    collector: _Collector, boundary: bytes, body: AsyncIterator[bytes], limits: UploadLimits, hold: Hold
) -> None:
    parser = collector.parser(boundary)
    async with asyncio.timeout(limits.seconds):
        async for chunk in body:
            if hold.bytes + len(chunk) > limits.request_bytes:
                raise ServiceError("upload.too_large", status=413, limit_mib=_mib(limits.request_bytes))
            hold.take(len(chunk))
            parser.write(chunk)
    if not collector.ended:
        raise ServiceError("upload.malformed", status=422)
    if not collector.images:
        raise ServiceError("upload.no_image", status=422, known=", ".join(LIGHTS))
