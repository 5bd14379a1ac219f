"""A service process for tests: the real socket, server, store and page, with the made-up core of ``service_fakes``.

Run as ``python serve_with_fake.py PORT DATA``, with further settings by ``DAFEC_SERVICE_*``; errors end it as they end
``dafec``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from service_fakes import FakeScreener

from api.serve import run_service
from api.settings import load_settings
from dafec.errors import DafecError


def main() -> int:
    screener = FakeScreener(os.environ.get("FAKE_LEVEL", "refer"))
    screener.before = lambda: time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    screener.before_complete = lambda: time.sleep(float(os.environ.get("FAKE_COMPLETE_SECONDS", "0")))
    try:
        settings = load_settings(port=int(sys.argv[1]), data=Path(sys.argv[2]), min_free_bytes=0)
        run_service(settings, lambda _: screener)
    except DafecError as error:
        sys.stderr.write(f"{error.code}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
