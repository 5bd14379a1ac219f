"""How commands speak: one JSON object a line for programs, tables with colours and symbols for people."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dafec.errors import DafecError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "MARKS",
    "Tally",
    "console",
    "language_of",
    "mark",
    "print_json",
    "printable",
    "progress",
    "say_error",
    "table",
]

_BROKEN_PIPE = 141  # what a shell reports for a program that wrote to a closed pipe
_WIDTH_WITHOUT_TERMINAL = 160

#: Colour always with a symbol (Doc 9303-2 C.34): of a verdict level or of a check's result.
MARKS: dict[str, tuple[str, str]] = {
    "no_anomaly": ("✔", "green"),
    "look": ("!", "yellow"),
    "refer": ("✘", "red"),
    "not_checked": ("–", "bright_black"),
    "passed": ("✔", "green"),
    "failed": ("✘", "red"),
    "undetermined": ("?", "yellow"),
    "not_supported": ("–", "bright_black"),
    "aborted": ("■", "white"),
    "valid": ("✔", "green"),
    "valid_note": ("!", "yellow"),
    "invalid": ("✘", "red"),
    "read": ("✔", "green"),
    "uncertain": ("?", "yellow"),
    "not_found": ("–", "bright_black"),
    "ok": ("✔", "green"),
    "error": ("✘", "red"),
}

#: A referral outweighs a bad input: who looks at the exit code alone can capture a bad picture again later, but must
#: not let the holder of a referred document go. Bad usage and a broken installation mean that screening broke off.
_SEVERITY = (0, 3, 1, 2, 4)

#: What a terminal takes for commands, or what reverses the order of what follows: control characters, embeddings and
#: overrides of direction, separators, halves of surrogate pairs. Direction marks and isolates stay: Arabic texts need
#: them, and an isolate ends with its line.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]")


class Tally:
    """The exit code of a command with several inputs: the gravest thing that happened."""

    def __init__(self) -> None:
        self.code = 0

    def add(self, code: int) -> None:
        """Remember ``code`` if it is graver than what was before."""
        if _SEVERITY.index(code) > _SEVERITY.index(self.code):
            self.code = code

    def leave(self) -> None:
        """End the command with the code."""
        raise typer.Exit(self.code)


def language_of(arguments: Sequence[str]) -> Language:
    """The language asked for on the command line, else in DAFEC_LANGUAGE, else English.

    Errors must be told in it even where they keep the command line from being parsed.
    """
    asked = os.environ.get("DAFEC_LANGUAGE", "en")
    for position, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            asked = argument.removeprefix("--lang=")
        elif argument == "--lang" and position + 1 < len(arguments):
            asked = arguments[position + 1]
    return "ar" if asked == "ar" else "en"


def console(*, error: bool = False) -> Console:
    """A rich console on standard output or error; wide where no terminal gives a width."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def print_json(value: dict[str, Any] | str) -> None:
    """One line of JSON, given as text already or as plain values; ends quietly where nobody reads any more."""
    line = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Within JSON these stand in strings only, where the escape means the same; on a terminal it does nothing.
    line = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", line)
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more when it ends; that must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE) from None


def say_error(error: DafecError, language: Language, *, file: str | None = None, as_json: bool = False) -> None:
    """Tell an error: as a JSON line on standard output, or as two lines on standard error."""
    if as_json:
        named = {} if file is None else {"file": file}
        print_json({**named, "error": error.body(language)})
        return
    from rich.text import Text

    symbol, colour = MARKS["error"]
    out = console(error=True)
    message, remedy = printable(error.message(language)), printable(error.remedy(language))
    out.print(Text.assemble((f"{symbol} ", colour), message, (f"  [{error.code}]", "bright_black")))
    out.print(Text(f"  {remedy}"))


def printable(told: str) -> str:
    """``told`` without characters a terminal would obey; names and readings may hold any."""
    return _STEERING.sub("?", told)


def mark(kind: str, label: str = "") -> Any:
    """The symbol of a level, result or outcome in its colour, with ``label`` behind it."""
    from rich.text import Text

    symbol, colour = MARKS[kind]
    return Text(f"{symbol} {printable(label)}".rstrip(), style=colour)


def table(columns: Sequence[str], language: Language, *, whole: Sequence[str] = ()) -> Any:
    """An empty rich table whose headers are catalogue keys under ``cli.column``; ``whole`` columns are never broken."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(text(f"cli.column.{column}", language), overflow="fold", no_wrap=column in whole)
    return made


def progress(paths: Sequence[Path], language: Language, *, shown: bool) -> Iterator[Path]:
    """The paths one by one, with a bar on standard error where that is a terminal and there are several."""
    if not shown or len(paths) < 2 or not sys.stderr.isatty():
        yield from paths
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, console=console(error=True), transient=True))
        task = bar.add_task(text("cli.progress", language), total=len(paths))
        for path in paths:
            yield path
            bar.advance(task)
