"""A lamp that is getting weak is a state of its scanner; one dark capture is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from scanner_kits import attached, folder_kit, wait_for
from service_fakes import FakeScreener, noise_page

from dafec.capture import Capture
from dafec.report import QualityInfo, Report, texts


class DarkScreener(FakeScreener):
    """Finds the visible image too dark as long as it is told to."""

    dark = False

    def screen(self, capture: Capture, *, complete: bool = False, today: date | None = None) -> Report:
        report = super().screen(capture, complete=complete)
        if not self.dark:
            return report
        issue = QualityInfo(
            kind="underexposed",
            light="visible",
            value=0.1,
            limit=0.3,
            unit="share",
            affects=[],
            message="quality.underexposed.visible",
            text=texts("quality.underexposed.visible"),
        )
        quality = report.capture.model_copy(update={"quality": [issue]})
        return report.model_copy(update={"capture": quality})


def test_lamp_is_weak_after_three_dark_captures_and_well_after_a_bright_one(tmp_path: Path) -> None:
    screener = DarkScreener()
    with folder_kit(tmp_path) as kit, attached(kit, tmp_path, screener):
        states: list[Any] = []
        for number, dark in enumerate((False, True, True, False, True, True, True)):
            screener.dark = dark
            (tmp_path / "watched" / f"{number}-visible.png").write_bytes(noise_page(number))
            wait_for(lambda wanted=number + 1: kit.status()["captures"] == wanted)
            wait_for(lambda: kit.status()["state"] != "busy")
            states.append(kit.status()["state"])
        assert states == ["ready"] * 6 + ["lamp_weak"]
        assert kit.status()["code"] == "scanner.lamp_weak"
        screener.dark = False
        (tmp_path / "watched" / "9-visible.png").write_bytes(noise_page(99))
        wait_for(lambda: kit.status()["state"] == "ready")
