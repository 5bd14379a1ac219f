"""What GEN-type and VIZ-* say about captures: a line for each, and a count for each outcome.

    python -m benchmarks.typography CAPTURE... [--visual-zone]

Captures are folders or pictures, rendered or real. Figures on rendered ones are figures on synthetic data.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from dafec.capture import load_capture
from dafec.errors import InputError
from dafec.screening import ScreeningContext, screen_capture


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--visual-zone", action="store_true")
    options = parser.parse_args()
    context = ScreeningContext.load()
    counts: Counter[tuple[str, str]] = Counter()
    for path in options.captures:
        try:
            report = screen_capture(load_capture(path), context, visual_zone=options.visual_zone)
        except InputError as error:
            print(f"{path.name}: {error.code}")
            continue
        chosen = [check for check in report.checks if check.id.startswith(("GEN-type", "VIZ-"))]
        counts.update((check.id, check.result) for check in chosen)
        odd = [
            f"{check.id} {check.result} {check.message.rsplit('.', 1)[-1]} {check.value or ''} {check.values}"
            for check in chosen
            if check.result in ("failed", "aborted") or (check.id.startswith("GEN") and check.result == "undetermined")
        ]
        print(f"{path.name} {report.document.format} {report.document.dpi} {report.verdict.level}: {'; '.join(odd)}")
    for (check, outcome), count in sorted(counts.items()):
        print(f"{check:20} {outcome:14} {count}")


if __name__ == "__main__":
    main()
