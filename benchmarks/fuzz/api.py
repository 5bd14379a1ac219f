"""Schemathesis over the whole OpenAPI with every check, against a real, locked service.

    python -m benchmarks.fuzz.api [--minutes 10]

Half of the time goes to single requests (examples, boundaries, random ones that fit the description and that do not),
half to sequences of requests that use each other's answers. Everything is asked as a user who may everything. Left out:
the stream of events, which has no end; ending sessions, users and desks within the sequences, which would lock the
caller out; and the check that whatever fits the description is taken, because no schema says which bytes are a picture
or which password is right. Ends with 1 where anything fails, or where the service is not ready or has lost the session
afterwards; prints what Schemathesis found, the answers by status, and the service's memory.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from sqlalchemy import update

from api.security.access import COOKIE
from api.security.accounts import Accounts
from api.security.audit_entry import acting
from api.security.permissions import Role
from api.security.tables import opened_tables
from api.store import StorePlaces
from api.store.account_models import User
from benchmarks.service_load import resident_mib

PROGRAMS = Path(sys.executable).parent
#: Within sequences these would shut the caller out.
_ENDS_ITSELF = r"/(sessions|users|desks|account)"


@contextmanager
def locked_service(folder: Path) -> Iterator[tuple[str, int, dict[str, str], Path]]:
    """A locked service: address, process, headers of a user who may everything, and its log."""
    places = StorePlaces(folder / "data")
    with acting("command"), opened_tables(places) as tables:
        made = Accounts(tables).create("everything", list(Role))
        with tables.writing() as writing:
            writing.session.execute(update(User).values(must_change=False, password_expires=None))
    settings = {"ACCESS": "locked", "SECOND_FACTOR": "optional", "REQUESTS_PER_MINUTE": "0", "MIN_FREE_BYTES": "0"}
    command = [str(PROGRAMS / "dafec"), "serve", "--port", "0", "--data", str(places.folder)]
    log = folder / "log"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **{f"DAFEC_SERVICE_{name}": value for name, value in settings.items()}},
        ) as service,
    ):
        assert service.stdout is not None
        url = service.stdout.readline().strip().removeprefix("DAFEC: ")
        try:
            given = {"name": "everything", "password": made.one_time_password}
            answer = httpx2.post(f"{url}/api/v1/sessions", json=given, timeout=120)
            answer.raise_for_status()
            yield url, service.pid, {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "Origin": url}, log
        finally:
            service.terminate()


def run_schemathesis(url: str, headers: dict[str, str], seconds: float, seed: int, phases: str, leave_out: str) -> int:
    """One run within a time; its exit status."""
    command = [
        str(PROGRAMS / "schemathesis"), "run", f"{url}/api/v1/openapi.json",
        "--checks", "all", "--exclude-checks", "positive_data_acceptance",
        "--phases", phases, "--max-time", str(max(1, round(seconds))), "--max-examples", "100000",
        "--exclude-path-regex", leave_out, "--suppress-health-check", "all", "--seed", str(seed),
        "--request-timeout", "60", "--continue-on-failure", "--warnings", "off", "--no-color",
    ]  # fmt: skip
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    return subprocess.run(command, check=False).returncode


def statuses(log: Path) -> Counter[int]:
    """Answers by status, as the service logged them."""
    found: Counter[int] = Counter()
    for line in log.read_text("utf-8", "replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "request":
            found[int(entry.get("status") or 0)] += 1
    return found


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    chosen = parser.parse_args()
    half_s = chosen.minutes * 30
    failed = 0
    with tempfile.TemporaryDirectory() as name, locked_service(Path(name)) as (url, pid, headers, log):
        print(f"seed {chosen.seed}; resident before: {resident_mib(pid, 'VmRSS'):.0f} MiB", flush=True)
        single = r"/events$|/sessions/\{session_id\}"
        failed |= run_schemathesis(url, headers, half_s, chosen.seed, "examples,coverage,fuzzing", single)
        failed |= run_schemathesis(url, headers, half_s, chosen.seed, "stateful", rf"/events$|{_ENDS_ITSELF}")
        account = httpx2.get(f"{url}/api/v1/account", headers=headers, timeout=60).status_code
        ready = httpx2.get(f"{url}/readyz", timeout=60).status_code
        found = statuses(log)
        print("answers by status: " + ", ".join(f"{count} x {status}" for status, count in sorted(found.items())))
        errors = sum(count for status, count in found.items() if status >= 500 and status != 503)
        print(f"server errors: {errors}; still logged in: {account == 200}; ready: {ready == 200}")
        print(f"highest resident: {resident_mib(pid, 'VmHWM'):.0f} MiB")
        if errors:
            print("\n".join(line for line in log.read_text("utf-8").splitlines() if "request_failed" in line)[:4000])
    sys.exit(1 if failed or errors or account != 200 or ready != 200 else 0)


if __name__ == "__main__":
    main()
