"""``dafec verify``: screen again and compare with a stored report."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dafec.commands.output import console, mark, print_json
from dafec.errors import InputError
from dafec.messages import Language, text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dafec.report import Report

__all__ = ["differences", "verify"]

#: What two runs over the same bytes may differ in.
_INCIDENTAL = frozenset({"id", "created", "timings_ms", "text"})
#: Processors of different makes add up floats in different orders; nothing a report says hangs on the fourth digit.
#: On the machine that made the report the result is exact, and ``verify`` says which of the two it was.
_TOLERANCE = 1e-3
#: A heat map is 8 bits of such floats: so many steps of 255 are rounding.
_HEAT_STEPS = 2


def verify(
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="A report as 'dafec screen --json' printed it.")],
    capture: Annotated[Path, typer.Argument(metavar="CAPTURE", help="The image or folder it was made from.")],
    library: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of enrolled document series.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """Screen a capture again, as on the day of the report, and compare every result.

    Ends with 0 if the report is reproduced, and with 3 if the capture is another one, the models or versions differ,
    or a result differs: then the report was altered or did not come from these images.

    For example:

        dafec screen sample_docs/td3-arabic --json > report.json
        dafec verify report.json sample_docs/td3-arabic
    """  # fmt: skip
    from dafec.capture import load_capture, read_file
    from dafec.report import parse_report
    from dafec.screening import ScreeningContext, screen_capture
    from dafec.settings import load_settings

    stored = parse_report(read_file(report))
    settings = load_settings(prior=stored.verdict.prior)
    context = replace(ScreeningContext.load(settings, library), today=date.fromisoformat(stored.date))
    was_read = any(
        check.id.startswith("VIZ-") and check.id != "VIZ-SIDES" and check.message != "checks.viz.not_read"
        for check in stored.checks
    )
    made = screen_capture(load_capture(capture, limits=settings.limits()), context, visual_zone=was_read)
    rounded = _compare(stored, made)
    if as_json:
        answer = {"reproduced": True, "exact": not rounded, "rounded": rounded}
        print_json({**answer, "id": stored.id, "level": stored.verdict.level})
    elif rounded:
        sentence = text("cli.reproduced_rounded", lang, {"count": len(rounded), "place": rounded[0]})
        console().print(mark("ok", sentence))
    else:
        console().print(mark("ok", text("cli.reproduced", lang)))


def differences(stored: object, made: object, place: str = "", *, tolerance: float = _TOLERANCE) -> Iterator[str]:
    """Dotted places where two trees of plain JSON values differ, numbers by more than the tolerance."""
    if isinstance(stored, dict) and isinstance(made, dict):
        for name in sorted(stored.keys() | made.keys()):
            if name == "heat_map" and stored.get(name) and made.get(name):
                yield from _other_heat(stored[name], made[name], f"{place}.{name}", tolerance)
            elif name not in _INCIDENTAL:
                yield from differences(
                    stored.get(name), made.get(name), f"{place}.{name}".lstrip("."), tolerance=tolerance
                )
    elif isinstance(stored, list) and isinstance(made, list) and len(stored) == len(made):
        for index, (left, right) in enumerate(zip(stored, made, strict=True)):
            yield from differences(left, right, f"{place}.{index}", tolerance=tolerance)
    elif _is_number(stored) and _is_number(made):
        if not math.isclose(stored, made, rel_tol=tolerance, abs_tol=tolerance):  # type: ignore[arg-type]
            yield place
    elif stored != made or isinstance(stored, bool) != isinstance(made, bool):
        yield place


def _other_heat(stored: dict[str, Any], made: dict[str, Any], place: str, tolerance: float) -> Iterator[str]:
    """The place where two heat maps differ by more than rounding, or at all where no tolerance is given."""
    if stored == made:
        return
    left, right = _shades(stored), _shades(made)
    if left is None or right is None or left.shape != right.shape or stored["cell_mm"] != made["cell_mm"]:
        yield place
        return
    furthest = int(abs(left.astype(int) - right.astype(int)).max())
    if furthest > (_HEAT_STEPS if tolerance else 0):
        yield place


def _shades(heat: dict[str, Any]) -> NDArray[np.uint8] | None:
    """A stored heat map's values; None where it is none."""
    import cv2
    import numpy as np

    try:
        data = np.frombuffer(base64.b64decode(heat["png"], validate=True), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    except (ValueError, KeyError, TypeError, cv2.error):
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare(stored: Report, made: Report) -> list[str]:
    """Places where the two differ by rounding alone; raises where they differ by more."""
    left, right = stored.to_dict(), made.to_dict()
    if _digests(left) != _digests(right):
        raise InputError("cli.other_capture")
    software = list(differences(left.pop("software"), right.pop("software"), "software"))
    found = list(differences(left, right))
    if found and software:
        raise InputError("cli.other_software", place=software[0], count=len(found))
    if found:
        raise InputError("cli.not_reproduced", place=found[0], count=len(found))
    return list(differences(left, right, tolerance=0.0))


def _digests(report: dict[str, Any]) -> list[list[str]]:
    return [[frame["sha256"] for frame in page["frames"]] for page in report["capture"]["pages"]]
