"""A core that answers at once with a report of the true shape, for tests of the service around it.

It decodes with the real ``dafec.capture``; what it says about a picture is made up. Nothing here claims that screening
works: the tests of the core do that, and ``test_real_core.py`` runs the service with the real one.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import numpy as np
from PIL import Image, ImageDraw

from dafec.capture import Capture, Light, capture_from_parts
from dafec.report import CheckInfo, Report, texts

LINES = ["P<UTOMUSTERFRAU<<SAMPLE<ANNA<<<<<<<<<<<<<<<<", "X12345678<UTO9001017F3501012<<<<<<<<<<<<<<00"]


def draw_page(shade: int = 225, size: tuple[int, int] = (1000, 704), file_format: str = "PNG") -> bytes:
    """A page of 125 x 88 mm at 8 pixels per millimetre: portrait box, text bars and two lines of characters."""
    image = Image.new("RGB", size, (shade, shade, min(255, shade + 10)))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 120, 300, 480), fill=(150, 140, 130))
    draw.ellipse((110, 180, 230, 340), fill=(205, 180, 160))
    for row in range(6):
        draw.rectangle((360, 130 + row * 55, 700 - row * 20, 150 + row * 55), fill=(60, 60, 70))
    for row, line in enumerate(LINES):
        draw.text((50, 565 + row * 50), " ".join(line), fill=(15, 15, 15), font_size=17)
    out = io.BytesIO()
    image.save(out, file_format, dpi=(203, 203))
    return out.getvalue()


def _check(check_id: str, result: str, *, region: tuple[float, float, float, float] | None = None) -> CheckInfo:
    said = {
        "MRZ-CD-BIRTH": (
            "Second line of the code does not add up: date of birth.",
            "السطر الثاني لا يتوافق: تاريخ الولادة.",
        ),
        "IR-AB-MR": ("The ink of the code can be seen in infrared.", "حبر المنطقة المقروءة يظهر بالأشعة تحت الحمراء."),
        "UV-BR-FU": ("The paper shines under ultraviolet light.", "الورق يتوهج تحت الأشعة فوق البنفسجية."),
    }
    english, arabic = said[check_id]
    return CheckInfo(
        id=check_id,
        version=1,
        result=result,  # type: ignore[arg-type]
        value=0.42 if check_id != "MRZ-CD-BIRTH" else None,
        unit="PCS" if check_id == "IR-AB-MR" else None,
        expected=(0.6, None) if check_id == "IR-AB-MR" else None,
        source="Doc 9303-3 4.11",
        region_mm=region,
        llr=2.0 if result == "failed" else -0.2,
        message="test.message",
        values={},
        text=texts("").model_copy(update={"en": english, "ar": arabic}),
    )


def make_report(capture: Capture, level: str = "refer", fields: Mapping[str, str | None] | None = None) -> Report:
    """A report of the true shape about ``capture``."""
    frame = capture.pages[0].primary
    bad = level in ("refer", "look")
    checks = [
        _check("MRZ-CD-BIRTH", "failed" if bad else "passed", region=(40.0, 76.0, 10.0, 4.0)),
        _check("IR-AB-MR", "passed" if "ir" in capture.pages[0].frames else "not_supported", region=(5, 70, 115, 13)),
        _check("UV-BR-FU", "failed" if bad and "uv" in capture.pages[0].frames else "undetermined", region=None),
    ]
    failed = [check.id for check in checks if check.result == "failed"]
    w, h = frame.width_px, frame.height_px
    return Report.model_validate(
        {
            "schema": "dafec.report/1",
            "id": "set-by-the-service",
            "created": datetime.now(UTC),
            "date": "2026-11-23",
            "capture": {
                "pages": [
                    {
                        "frames": [
                            {
                                "light": f.light,
                                "sha256": f.sha256,
                                "width_px": f.width_px,
                                "height_px": f.height_px,
                                "dpi": f.dpi,
                            }
                            for f in page.frames.values()
                        ]
                    }
                    for page in capture.pages
                ],
                "quality": [],
            },
            "document": {
                "format": "TD3",
                "issuer": "UTO",
                "series": None,
                "series_match": None,
                "outline_px": [(0, 0), (w - 1, 0), (w - 1, h - 1), (0, h - 1)],
                "outline_source": "edges",
                "width_mm": 125.0,
                "height_mm": 88.0,
                "dpi": 203.0,
                "specimen": True,
            },
            "mrz": {
                "status": "read",
                "format": "TD3",
                "lines": LINES,
                "outcome": "invalid" if bad else "valid",
                "fields": fields
                or {"birth_date": "1990-01-01", "expiry_date": "2035-01-01", "nationality": "UTO", "issuer": "UTO"},
                "check_digits": [
                    {
                        "field": "birth_date",
                        "printed": "7",
                        "expected": "1" if bad else "7",
                        "ok": not bad,
                        "line": 1,
                        "position": 19,
                    }
                ],
                "notes": [],
                "faults": [],
                "confidence": 0.98,
                "alternatives": [{"line": 1, "position": 0, "char": "X", "probability": 0.9, "others": [("K", 0.08)]}],
                "corners_px": None,
            },
            "checks": [check.model_dump() for check in checks],
            "verdict": {
                "level": level,
                "llr": 4.0 if bad else -0.4,
                "probability": 0.2 if bad else 0.01,
                "prior": 0.005,
                "reasons": failed,
                "made": sum(check.result in ("passed", "failed") for check in checks),
                "not_possible": sum(check.result not in ("passed", "failed") for check in checks),
                "notes": ["specimen"],
                "message": f"verdict.{level}",
                "text": texts(f"verdict.{level}").model_dump(),
                "decision": {"name": "test", "version": 1, "sha256": "0" * 64},
            },
            "timings_ms": {"total": 1.0},
            "software": {"dafec": "test", "models": {}, "onnxruntime": "none", "provider": "none", "threads": 1},
        }
    )


class FakeScreener:
    """Answers at once; ``before`` runs within each screening, on its thread."""

    def __init__(self, level: str = "refer") -> None:
        self.level = level
        self.before: Callable[[], object] = lambda: None
        self.before_complete: Callable[[], object] = lambda: None
        self.complete_level: str | None = None  # another one than the first report's
        self.days: list[date | None] = []  # by which complete reports were judged
        self.typed_level = "look"  # of what somebody typed
        self.calls = 0
        self._lock = threading.Lock()

    def decode(self, images: Mapping[Light, bytes], name: str, statement: bytes = b"") -> Capture:
        return capture_from_parts({str(light): data for light, data in images.items()}, name=name, statement=statement)

    def series_count(self) -> int:
        return 0

    def notices(self) -> tuple[str, ...]:
        return ()

    def screen(self, capture: Capture, *, complete: bool = False, today: date | None = None) -> Report:
        if complete:
            self.before_complete()
            self.days.append(today)
            return make_report(capture, self.complete_level or self.level)
        if capture.name != "warm-up":
            with self._lock:
                self.calls += 1
            self.before()
        return make_report(capture, self.level)

    def screen_typed(self, capture: Capture, zone: tuple[str, ...], today: date, *, complete: bool) -> Report:
        report = make_report(capture, self.typed_level)
        checks = [check.model_copy(update={"result": "passed", "llr": 0.0}) for check in report.checks]
        return report.model_copy(
            update={"mrz": report.mrz.model_copy(update={"lines": list(zone)}), "checks": checks, "date": f"{today}"}
        )


def noise_page(seed: int) -> bytes:
    """A picture of its own content, small."""
    pixels = np.random.default_rng(seed).integers(0, 255, (120, 170, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
