"""What several checks share is measured once, whoever asks first, and belongs to one page only."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from dafec.page_cache import MeasurementCache
from tests.synthetic_pages import Look, reader_page


def test_a_measurement_is_made_once_and_shared():
    cache, made = MeasurementCache(), []
    values = [cache.get("paper", lambda: made.append(1) or np.ones(3)) for _ in range(3)]
    assert len(made) == 1
    assert values[0] is values[1] is values[2]
    assert cache.get(("paper", "uv"), lambda: 7) == 7


def test_threads_that_ask_together_wait_for_one_measurement():
    cache, made, found = MeasurementCache(), [], []
    start = threading.Barrier(6)

    def measure():
        made.append(1)
        time.sleep(0.05)
        return 42

    def ask():
        start.wait()
        found.append(cache.get("slow", measure))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), found) == (1, [42] * 6)


def test_one_slow_measurement_does_not_hold_up_another():
    cache, begun, go_on = MeasurementCache(), threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(5)
        return 1

    thread = threading.Thread(target=lambda: cache.get("slow", slow))
    thread.start()
    assert begun.wait(5)
    assert cache.get("quick", lambda: 2) == 2
    go_on.set()
    thread.join()


def test_a_measurement_that_fails_is_tried_again():
    cache = MeasurementCache()

    def fails():
        raise ValueError("nothing there")

    with pytest.raises(ValueError, match="nothing there"):
        cache.get("paper", fails)
    assert cache.get("paper", lambda: 3) == 3


def test_a_changed_page_keeps_nothing_of_the_old_one():
    page = reader_page(Look(px_per_mm=4.0))
    assert page.measured.get("tint", lambda: 1) == 1
    changed = replace(page, images={"visible": page.images["visible"] * np.float32(0.5)})
    assert changed.measured.get("tint", lambda: 2) == 2
    assert page.measured.get("tint", lambda: 3) == 1
