"""Starts a real service process on a free port and gives its address."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FAKE = [sys.executable, str(HERE / "serve_with_fake.py")]


#: A test that looks at the second pass asks for it.
_PLAIN = {"DAFEC_SERVICE_COMPLETE_PASS": "false"}


class Service:
    """A running service."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        # A file and not a pipe: a full pipe that nobody reads would make the service wait.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by ``running``
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}", **_PLAIN, **environment},
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().removeprefix("DAFEC: ")

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """Sends a signal; gives the exit status and what was written to the error output."""
        self.process.send_signal(how)
        self.process.communicate(timeout=60)
        return self.process.returncode, self.said()

    def said(self) -> str:
        """What was written to the error output."""
        self.errors.seek(0)
        return self.errors.read()


@contextmanager
def running(data: Path, command: list[str] | None = None, **environment: str) -> Iterator[Service]:
    """A service on a free port, ended at the latest when the block ends."""
    service = Service(command or [*FAKE, "0", str(data)], environment)
    try:
        assert service.url.startswith("http://"), service.said()
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.communicate(timeout=60)
        service.errors.close()
        if service.process.stdout is not None:
            service.process.stdout.close()
