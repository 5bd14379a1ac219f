"""Preloaded by the workers of ``test_rescreen``: the made-up core of ``service_fakes`` instead of the real one."""

from __future__ import annotations

import os
import time

from service_fakes import FakeScreener

import api.rescreen_worker

screener = FakeScreener("refer")
screener.before_complete = lambda: time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
api.rescreen_worker.load_screener = lambda _: screener  # type: ignore[attr-defined]
