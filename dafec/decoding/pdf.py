"""PDF: the image of each page, at its own resolution, opened in a process of its own (``pdf_worker``)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial
from typing import IO, Any

import numpy as np

from dafec.decoding.headers import PDF, check_size, media_type_of, read_headers
from dafec.decoding.model import EncodedImage, Header, Limits, Pixels
from dafec.decoding.pixels import decode_pixels, turn_upright
from dafec.errors import InputError, InstallationError

__all__ = ["open_pdf"]

_TIME_LIMIT_S = 40.0
_MAX_LINE_BYTES = 4096
_EMBEDDED_TYPES = ("image/jpeg", "image/jp2")


def open_pdf(data: bytes, name: str, limits: Limits) -> list[EncodedImage]:
    """The image of every page that has one; a page of several images is drawn as a whole.

    Raises:
        InputError: encrypted, without an image, damaged, too large, too many pages, or beyond the process's limits.
        InstallationError: ``capture.pdf_unavailable``, the process cannot be started.
    """
    command = [
        # -P: never import from the working directory, which may hold what a stranger sent.
        sys.executable, "-P", "-m", "dafec.decoding.pdf_worker",
        str(int(limits.max_megapixels * 1e6)), str(limits.max_pages),
    ]  # fmt: skip
    try:
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise InstallationError("capture.pdf_unavailable") from error
    feeder = threading.Thread(target=_feed, args=(worker.stdin, data), daemon=True)
    alarm = threading.Timer(_TIME_LIMIT_S, worker.kill)
    feeder.start()
    alarm.start()
    try:
        assert worker.stdout is not None
        return _read_images(worker.stdout, name, limits)
    finally:
        alarm.cancel()
        worker.kill()
        worker.wait()
        feeder.join()
        if worker.stdout is not None:
            worker.stdout.close()


def _feed(stdin: IO[bytes] | None, data: bytes) -> None:
    assert stdin is not None
    try:
        with stdin:
            stdin.write(data)
    except BrokenPipeError:
        return  # the worker has ended; what it wrote, or did not, says why


def _read_images(stdout: IO[bytes], name: str, limits: Limits) -> list[EncodedImage]:
    images: list[EncodedImage] = []
    budget_bytes = limits.max_capture_mb * 1e6
    while True:
        line = stdout.readline(_MAX_LINE_BYTES)
        if not line.endswith(b"\n"):  # killed by its limits, or by the damage it met
            raise InputError("capture.pdf_failed", file=name)
        message: dict[str, Any] = json.loads(line)
        if message["kind"] == "end":
            return images
        if message["kind"] == "error":
            details = {"file": name, "format": "PDF", **message["details"]}
            if message["code"] == "capture.too_large":
                check_size(details["width"], details["height"], name, limits)
            raise InputError(message["code"], **details)
        payload = stdout.read(message["bytes"])
        if len(payload) < message["bytes"]:
            raise InputError("capture.pdf_failed", file=name)
        image = (
            _encoded(payload, message, name, limits)
            if message["kind"] == "encoded"
            else _drawn(payload, message, name, limits)
        )
        images.append(image)
        budget_bytes -= image.header.decoded_bytes
        if budget_bytes < 0:
            raise InputError("capture.capture_too_large", file=name, limit=limits.max_capture_mb)


def _encoded(payload: bytes, message: dict[str, Any], name: str, limits: Limits) -> EncodedImage:
    media_type = media_type_of(payload, name)
    if media_type not in _EMBEDDED_TYPES:
        raise InputError("capture.damaged", file=name, format="PDF")
    inner = read_headers(payload, media_type, name, limits)[0]

    def decode() -> Pixels:
        return _turned(decode_pixels(payload, _plain(inner), name), message)

    return EncodedImage(_pdf_header(inner.width_px, inner.height_px, inner.channels, inner.bit_depth, message), decode)


def _plain(inner: Header) -> Header:
    """The embedded header without EXIF: a PDF places its images itself."""
    return Header(
        inner.media_type, inner.width_px, inner.height_px, inner.channels, inner.bit_depth,
        alpha=inner.alpha, by_pillow=inner.by_pillow, scan_ends=inner.scan_ends, progressive=inner.progressive,
    )  # fmt: skip


def _drawn(payload: bytes, message: dict[str, Any], name: str, limits: Limits) -> EncodedImage:
    height, width, channels = message["shape"]
    check_size(width, height, name, limits)
    pixels = np.frombuffer(payload, np.uint8).reshape(height, width, channels)
    if channels == 1:
        pixels = pixels[:, :, 0]
    header = _pdf_header(width, height, channels, 8, message)
    return EncodedImage(header, partial(_turned, pixels, message))


def _pdf_header(width: int, height: int, channels: int, depth: int, message: dict[str, Any]) -> Header:
    return Header(PDF, width, height, channels, depth, message["dpi"])


def _turned(pixels: Pixels, message: dict[str, Any]) -> Pixels:
    return turn_upright(pixels, mirrored=message["mirrored"], quarter_turns=message["quarter_turns"])
