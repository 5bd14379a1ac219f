"""``dafec mrz``: read machine-readable zones from images, or parse them from text."""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dafec.commands.output import Tally, console, mark, print_json, printable, progress, say_error, table
from dafec.errors import DafecError, InputError, InstallationError, UsageError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from dafec.capture import Limits
    from dafec.ocr.reader import OcrContext

__all__ = ["mrz", "read_zones"]

_STANDARD_INPUT = "-"
#: Three lines of 30 characters are 92 bytes; a page of text is no machine-readable zone.
_MAX_TEXT_BYTES = 4096
_STATE_OF = {"issuer_name": "issuer", "nationality_name": "nationality"}


def mrz(
    images: Annotated[
        list[Path] | None, typer.Argument(metavar="IMAGE", help="Images, PDF files or capture folders.")
    ] = None,
    text_file: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="FILE", help="Parse two or three lines of text instead; - reads standard input."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, in the order given.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
    threads: Annotated[
        int | None, typer.Option(min=1, max=64, envvar="DAFEC_THREADS", help="Threads within one model [2].")
    ] = None,
) -> None:
    """Read the machine-readable zone of documents, as printed: nothing is repaired by check digits.

    Every zone in an image is read, at any rotation. With --text, lines that were typed or read elsewhere are checked
    by the rules of Doc 9303.

    For example:

        dafec mrz passport.jpg
        dafec mrz scans/*.png --json
        dafec mrz --text - < lines.txt
    """
    if text_file is not None and images:
        raise UsageError("cli.text_and_images")
    if text_file is not None:
        _parse_text(text_file, lang, as_json=as_json)
        return
    if not images:
        raise UsageError("cli.no_input")
    from dafec.ocr.reader import OcrContext
    from dafec.settings import load_settings

    settings = load_settings(language=lang, threads=threads)
    context = OcrContext.load(settings.threads)
    limits = settings.limits()
    tally = Tally()
    for path in progress(images, lang, shown=not as_json):
        try:
            found = read_zones(path, context, language=lang, limits=limits)
        except InstallationError:
            raise
        except DafecError as error:
            say_error(error, lang, file=str(path), as_json=as_json)
            tally.add(error.exit_code)
            continue
        if as_json:
            print_json(found)
        else:
            _print_zones(found, lang)
    tally.leave()


def read_zones(
    path: Path,
    context: OcrContext,
    *,
    language: Language = "en",
    limits: Limits | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """Every zone of every page of one input.

    Args:
        path: image, PDF or capture folder; of a page with several lights the primary one is read.
        context: the loaded models.
        language: of the messages of notes and faults.
        limits: what the input may ask for; the defaults where None.
        today: the day two-digit years are judged by; the day of the call where None.

    Returns:
        ``file``, ``zones`` (the report's mrz objects) and ``elapsed_ms``: decoding, finding, reading and parsing.

    Raises:
        InputError: the input cannot be used.
        InstallationError: a model failed.
    """
    from dafec.capture import DEFAULT_LIMITS, load_capture
    from dafec.ocr.mrz_object import mrz_object
    from dafec.ocr.parse import parse_mrz
    from dafec.ocr.reader import read_image

    begun = time.perf_counter()
    capture = load_capture(path, limits=limits or DEFAULT_LIMITS)
    day = today or date.today()  # the desk's own day, as a document's dates are
    zones = [
        mrz_object(read, parse_mrz(read.texts, today=day), language)
        for frame in (page.primary for page in capture.pages)
        for read in read_image(frame.pixels, context=context, bit_depth=frame.bit_depth)
    ]
    return {"file": str(path), "zones": zones, "elapsed_ms": round((time.perf_counter() - begun) * 1000, 1)}


def _parse_text(source: str, language: Language, *, as_json: bool) -> None:
    from dafec.ocr.parse import parse_text, parse_to_dict

    parsed = parse_to_dict(parse_text(_read_text(source), today=date.today()), language)
    if as_json:
        print_json(parsed)
        return
    _print_outcome(parsed, language)
    _print_fields(parsed, language)
    _print_remarks(parsed, language)


def _print_outcome(parsed: dict[str, Any], language: Language) -> None:
    sentence = f"{text('cli.outcome.' + parsed['outcome'], language)}  {parsed['format'] or ''}"
    console().print(mark(parsed["outcome"], sentence))


def _print_remarks(parsed: dict[str, Any], language: Language) -> None:
    """Faults, then notes."""
    out = console()
    for kind, symbol in (("faults", "invalid"), ("notes", "valid_note")):
        # The same remark on several fields reads the same.
        for line in dict.fromkeys(f"{remark['message']}  [{remark['code']}]" for remark in parsed[kind]):
            out.print(mark(symbol, line))


def _read_text(source: str) -> str:
    from dafec.capture import read_file, shown_name

    name = "standard input" if source == _STANDARD_INPUT else shown_name(source)
    data = sys.stdin.buffer.read(_MAX_TEXT_BYTES + 1) if source == _STANDARD_INPUT else read_file(Path(source))
    if len(data) > _MAX_TEXT_BYTES:
        raise InputError("cli.text_too_long", file=name, limit=_MAX_TEXT_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("cli.not_text", file=name) from error


def _print_zones(found: dict[str, Any], language: Language) -> None:
    from rich.text import Text

    from dafec.capture import shown_name

    out = console()
    out.print(Text(f"{shown_name(found['file'])}  ({found['elapsed_ms']} ms)", style="bold"))
    if not found["zones"]:
        out.print(mark("not_found", text("cli.read.not_found", language)))
    for zone in found["zones"]:
        out.print(mark(zone["status"], f"{text('cli.read.' + zone['status'], language)}  {zone['format'] or ''}"))
        for line in zone["lines"]:
            out.print(Text(f"  {printable(line)}"))
        if zone["outcome"] is not None:
            _print_outcome(zone, language)
        _print_fields(zone, language)
        _print_remarks(zone, language)


def _print_fields(zone: dict[str, Any], language: Language) -> None:
    from dafec.ocr.states import state_name

    fields = dict(zone["fields"])
    for name, code in _STATE_OF.items():  # English in the data of both languages, translated for who reads it here
        if fields.get(name):
            fields[name] = state_name(fields[code].ljust(3, "<"), language) or fields[name]
    rows = table(("field", "value"), language)
    for name, value in fields.items():
        if value:
            rows.add_row(_field_label(name, language), printable(str(value)))
    if rows.row_count:
        console().print(rows)


def _field_label(name: str, language: Language) -> str:
    key = f"mrz.fields.{name}"
    label = text(key, language)
    return name if label == key else label
