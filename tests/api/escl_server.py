"""A network scanner on loopback: an eSCL server that speaks real HTTP, with the faults of real ones.

It follows the public eSCL specification in the parts a desk needs: capabilities, status, jobs that hold one page, and
what goes wrong with each. ``state``, ``adf`` and ``faults`` may be changed while it runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree as ET

PWG = "http://www.pwg.org/schemas/2010/12/sm"
SCAN = "http://schemas.hp.com/imaging/escl/2011/05/03"
HEAD = f'<?xml version="1.0"?>\n<scan:{{0}} xmlns:scan="{SCAN}" xmlns:pwg="{PWG}">'


class Scanner(ThreadingHTTPServer):
    """The device."""

    daemon_threads = True

    def __init__(self, image: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.image = image
        self.media_type = "image/png"
        self.state = "Idle"
        self.adf = "ScannerAdfEmpty"
        self.busy_posts = 0  # so many jobs are refused with 503
        self.busy_pages = 0  # so many times a page is not ready
        self.page_status = 200
        self.slow_s = 0.0
        self.location = "/eSCL/ScanJobs/{0}"
        self.capabilities: bytes | None = None
        self.jobs: dict[str, dict[str, str]] = {}
        self.deleted: list[str] = []
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/eSCL"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Scanner
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/xml", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        scanner = self.server
        scanner.requests.append(f"GET {self.path}")
        if self.path == "/eSCL/ScannerCapabilities":
            self._answer(200, scanner.capabilities or capabilities())
        elif self.path == "/eSCL/ScannerStatus":
            body = (
                f"{HEAD.format('ScannerStatus')}<pwg:Version>2.63</pwg:Version><pwg:State>{scanner.state}</pwg:State>"
            )
            body += f"<scan:AdfState>{scanner.adf}</scan:AdfState></scan:ScannerStatus>"
            self._answer(200, body.encode())
        elif self.path.endswith("/NextDocument"):
            self._page(self.path.split("/")[-2])
        else:
            self._answer(404)

    def _page(self, job: str) -> None:
        scanner = self.server
        time.sleep(scanner.slow_s)
        if job not in scanner.jobs:
            self._answer(404)
        elif scanner.busy_pages > 0:
            scanner.busy_pages -= 1
            self._answer(503, **{"Retry-After": "1"})
        elif scanner.page_status != 200:
            self._answer(scanner.page_status)
        else:
            del scanner.jobs[job]
            scanner.adf = "ScannerAdfEmpty"
            self._answer(200, scanner.image, scanner.media_type)

    def do_POST(self) -> None:
        scanner = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        scanner.requests.append(f"POST {self.path}")
        if self.path != "/eSCL/ScanJobs":
            self._answer(404)
        elif scanner.busy_posts > 0:
            scanner.busy_posts -= 1
            self._answer(503)
        else:
            asked = {element.tag.rpartition("}")[2]: element.text or "" for element in ET.fromstring(body).iter()}
            job = f"job-{len(scanner.jobs) + len(scanner.deleted) + 1}"
            scanner.jobs[job] = asked
            scanner.last = asked  # type: ignore[attr-defined]
            self._answer(201, Location=scanner.location.format(job))

    def do_DELETE(self) -> None:
        self.server.deleted.append(self.path.rsplit("/", 1)[-1])
        self.server.jobs.pop(self.path.rsplit("/", 1)[-1], None)
        self._answer(200)


def capabilities(resolutions: tuple[int, ...] = (100, 200, 300, 600)) -> bytes:
    """What a flatbed with a feeder says of itself."""
    listed = "".join(
        f"<scan:DiscreteResolution><scan:XResolution>{one}</scan:XResolution><scan:YResolution>{one}</scan:YResolution>"
        "</scan:DiscreteResolution>"
        for one in resolutions
    )
    inner = (
        "<scan:MinWidth>16</scan:MinWidth><scan:MaxWidth>2550</scan:MaxWidth><scan:MinHeight>16</scan:MinHeight>"
        "<scan:MaxHeight>3507</scan:MaxHeight><scan:SettingProfiles><scan:SettingProfile><scan:ColorModes>"
        "<scan:ColorMode>Grayscale8</scan:ColorMode><scan:ColorMode>RGB24</scan:ColorMode></scan:ColorModes>"
        "<scan:DocumentFormats><pwg:DocumentFormat>image/jpeg</pwg:DocumentFormat>"
        "<scan:DocumentFormatExt>image/png</scan:DocumentFormatExt></scan:DocumentFormats><scan:SupportedResolutions>"
        f"<scan:DiscreteResolutions>{listed}</scan:DiscreteResolutions></scan:SupportedResolutions>"
        "</scan:SettingProfile></scan:SettingProfiles>"
    )
    return (
        f"{HEAD.format('ScannerCapabilities')}<pwg:Version>2.63</pwg:Version>"
        "<pwg:MakeAndModel>Test Flatbed</pwg:MakeAndModel>"
        f"<scan:Platen><scan:PlatenInputCaps>{inner}</scan:PlatenInputCaps></scan:Platen>"
        f"<scan:Adf><scan:AdfSimplexInputCaps>{inner}</scan:AdfSimplexInputCaps></scan:Adf></scan:ScannerCapabilities>"
    ).encode()


@contextmanager
def running_scanner(image: bytes) -> Iterator[Scanner]:
    """A scanner that answers as long as the block lasts."""
    scanner = Scanner(image)
    thread = threading.Thread(target=scanner.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield scanner
    finally:
        scanner.shutdown()
        scanner.server_close()
        thread.join(5)
