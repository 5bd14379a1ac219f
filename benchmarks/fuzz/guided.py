"""Coverage-guided fuzzing with Atheris: inputs that reach new branches are kept and changed further.

    python -m benchmarks.fuzz.guided decoders|zone [--seconds 600] [--corpus DIR]

``decoders``: bytes through ``dafec.capture``. ``zone``: text through the parser of the machine-readable zone, which
must give one of its three outcomes for whatever is written there, and has every digit right in what it calls valid.
Anything raised but an InputError, more than 20 s or more than 3,000 MB for one input is a crash: Atheris writes the
input to ``crash-...`` and ends with an error. Needs the extra ``fuzz``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dafec.decoding", "dafec.capture", "dafec.ocr"]):
    from dafec.capture import capture_from_parts
    from dafec.errors import InputError
    from dafec.ocr.parse import parse_text

from benchmarks.fuzz.images import whole_files

_TODAY = date(2026, 1, 1)
_ZONES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
    "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
    "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<",
)


def decoders(data: bytes) -> None:
    """Bytes that say they are an image."""
    try:
        capture_from_parts({"visible": data})
    except InputError:
        return


def zone(data: bytes) -> None:
    """Text that says it is a zone."""
    text = data.decode("utf-8", "replace")
    try:
        parse = parse_text(text, today=_TODAY)
    except InputError:
        return
    assert parse.outcome in ("valid", "valid_note", "invalid")
    if parse.outcome == "valid":
        assert all(digit.ok for digit in parse.check_digits)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=("decoders", "zone"))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="kept between runs")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus = chosen.corpus or Path(name)
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = whole_files() if chosen.target == "decoders" else [zone.encode() for zone in _ZONES]
        for number, seed in enumerate(seeds):
            (corpus / f"whole-{number}").write_bytes(seed)
        limits = [f"-max_total_time={chosen.seconds}", "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1"]
        longest = 1 << 20 if chosen.target == "decoders" else 400
        arguments = [sys.argv[0], *limits, f"-max_len={longest}", str(corpus)]
        atheris.Setup(arguments, decoders if chosen.target == "decoders" else zone)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
