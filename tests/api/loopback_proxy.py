"""A plain reverse proxy on loopback, as stands before several services: the next machine in turn for every request."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_OWN = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class Proxy(ThreadingHTTPServer):
    """Passes on what comes; ``served`` counts by machine."""

    daemon_threads = True

    def __init__(self, machines: Sequence[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.machines = [urlsplit(url).netloc for url in machines]
        self.turn = itertools.cycle(range(len(machines)))
        self.served = [0] * len(machines)
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_machine(self) -> int:
        with self.lock:
            number = next(self.turn)
            self.served[number] += 1
            return number


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        assert isinstance(self.server, Proxy)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
        headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": "https"}
        connection = http.client.HTTPConnection(self.server.machines[self.server.next_machine()], timeout=60)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PUT = _pass_on

    def log_message(self, *_: object) -> None:
        """Nothing is told."""


@contextmanager
def proxy(machines: Sequence[str]) -> Iterator[Proxy]:
    server = Proxy(machines)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
