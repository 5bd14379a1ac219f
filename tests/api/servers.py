"""Real servers for the store's tests: a private PostgreSQL cluster and a local S3 server, each on a free port.

They belong to the test session, listen to this machine only, and end with it. Where PostgreSQL is not installed the
tests that need it fail in CI and are skipped elsewhere.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pg8000.native
import pytest

S3_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def free_port() -> int:
    """A port for a server that starts in a moment.

    From below the range that the system gives to whoever asks for any port, so that none of this run's other processes
    is given it meanwhile; at random, so that tests that run at the same time hardly choose the same.
    """
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Postgres:
    """A cluster of its own; ``new_database`` gives an empty database."""

    def __init__(self, folder: Path) -> None:
        self._bin = _postgres_programs()
        # The server refuses to run as root; Debian's package brings a user for it.
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.user = "postgres" if self._as_user else pwd.getpwuid(os.geteuid()).pw_name
        self._data = folder / "data"
        self.port = free_port()
        self._count = 0
        if self._as_user:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--no-locale", "--username=postgres")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._bin / program), "--pgdata", str(self._data), *arguments]
        ended = subprocess.run(
            command, cwd="/", capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
        )
        if ended.returncode:
            pytest.fail(f"{program}: {ended.stdout}{ended.stderr}")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        log = str(self._data / "server.log")
        self._run("pg_ctl", "start", "--wait", "--silent", "--log", log, "--options", options)

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--mode", how, "--silent")

    def connect(self, database: str = "postgres") -> pg8000.native.Connection:
        return pg8000.native.Connection("postgres", host="127.0.0.1", port=self.port, database=database)

    def new_database(self) -> str:
        self._count += 1
        name = f"test_{self._count}"
        connection = self.connect()
        connection.run(f"CREATE DATABASE {name}")
        connection.close()
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    if not found and not on_path:
        said = "PostgreSQL is not installed: scripts/install-system-packages.sh"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def postgres() -> Iterator[Postgres]:
    memory = Path("/dev/shm")  # creating a database writes some hundred files
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    folder = Path(tempfile.mkdtemp(prefix="dafec-postgres-", dir=memory if roomy else None))
    folder.chmod(0o711)
    try:
        cluster = Postgres(folder)
        yield cluster
        cluster.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class S3:
    """A local S3 server; ``new_bucket`` gives the address of an empty bucket."""

    def __init__(self) -> None:
        self.port = free_port()
        self._count = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                httpx2.get(self.endpoint, timeout=2)
            except httpx2.HTTPError:
                time.sleep(0.1)
            else:
                return
        pytest.fail("the S3 server does not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

    def new_bucket(self) -> str:
        self._count += 1
        name = f"images-{self._count}"
        httpx2.put(f"{self.endpoint}/{name}", timeout=20).raise_for_status()
        return f"s3://{name}/dafec?endpoint={self.endpoint}"


@contextmanager
def s3() -> Iterator[S3]:
    server = S3()
    server.start()
    try:
        yield server
    finally:
        server.stop()
