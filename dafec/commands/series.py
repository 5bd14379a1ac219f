"""``dafec enrol`` and ``dafec series``: document series are learned, approved, listed, exchanged."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dafec.commands.output import Tally, console, mark, print_json, printable, progress, say_error, table
from dafec.errors import DafecError, InputError, UsageError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from dafec.references.enrolment import Enrolled
    from dafec.references.library import Library
    from dafec.references.samples import Sample
    from dafec.references.series import Series

__all__ = ["enrol", "series"]

_T = TypeVar("_T")
_LibraryOption = Annotated[Path, typer.Option("--library", file_okay=False, help="Folder of document series.")]
_ByOption = Annotated[str | None, typer.Option("--by", help="Who does it; your login where left out.")]
_LangOption = Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")]
_JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def enrol(
    code: Annotated[str, typer.Argument(metavar="CODE", help="Country-type-number-year: UTO-P-1-2020.")],
    library: _LibraryOption,
    captures: Annotated[list[Path] | None, typer.Argument(metavar="CAPTURE", help="5 to 20 captures.")] = None,
    approve: Annotated[
        str | None, typer.Option("--approve", metavar="NAME", help="Second person who lets the series count.")
    ] = None,
    by: _ByOption = None,
    note: Annotated[str, typer.Option(help="What this series is.")] = "",
    recalibrate: Annotated[  # noqa: FBT002
        bool, typer.Option("--recalibrate", help="Learn the ranges again from this site's captures.")
    ] = False,
    counterfeit: Annotated[
        str | None, typer.Option(metavar="NAME", help="The captures are of a known counterfeit: learn its mark.")
    ] = None,
    as_json: _JsonOption = False,  # noqa: FBT002
    lang: _LangOption = "en",
) -> None:
    """Learn a document series from captures of documents known to be in order, and approve it.

    A new or changed series is silent: its checks run and are logged and do not count, until a second person approves.
    The proposal is shown as pictures in the series' folder: what is constant, what is personal, what varies.

    For example:

        dafec enrol UTO-P-1-2020 captures/*/ --library series
        dafec enrol UTO-P-1-2020 --library series --approve "H. Salim"
        dafec enrol UTO-P-1-2020 fakes/*/ --library series --counterfeit basra_2026
    """
    from datetime import date

    from dafec.references import enrolment

    who, today = by or getpass.getuser(), date.today()
    if not captures:
        if approve is None:
            raise InputError("enrol.too_few", found=0, least=5)
        _tell(enrolment.approve(library, code, approve, today), library, lang, as_json=as_json)
        return
    if approve is not None and approve.strip().casefold() == who.strip().casefold():
        raise UsageError("enrol.same_person", series=code, name=who)
    samples = _read(captures, lang, as_json=as_json)
    made: Enrolled | None = None
    if counterfeit is not None:
        changed = enrolment.add_counterfeit(library, code, counterfeit, samples, who, today)
    elif recalibrate:
        changed = enrolment.recalibrate(library, code, samples, who, today)
    else:
        made = enrolment.enrol(code, samples, library, who, today, note)
        changed = made.series
    if approve is not None:
        changed = enrolment.approve(library, code, approve, today)
    _tell(changed, library, lang, as_json=as_json, made=made)


def _read(captures: list[Path], lang: Language, *, as_json: bool) -> list[Sample]:
    from datetime import date

    from dafec.capture import load_capture
    from dafec.ocr.reader import OcrContext
    from dafec.references.samples import read_sample
    from dafec.settings import load_settings

    settings = load_settings(language=lang)
    context = OcrContext.load(settings.threads)
    limits = settings.limits()
    samples = []
    for path in progress(captures, lang, shown=not as_json):
        samples.append(read_sample(load_capture(path, limits=limits), path.name, context, date.today()))
    return samples


def _tell(series: Series, library: Path, lang: Language, *, as_json: bool, made: Enrolled | None = None) -> None:
    """What was made: state, checks with their ranges, and where the pictures are."""
    folder = library / series.code
    if as_json:
        sheets = [str(path) for path in made.sheets] if made is not None else []
        print_json({**series.model_dump(mode="json", by_alias=True), "folder": str(folder), "pictures": sheets})
        return
    out = console()
    out.print(mark(_MARKS[series.state], f"{series.code} v{series.version} – {text(f'series.{series.state}', lang)}"))
    for side in series.sides:
        rows = table(("check", "measure", "expected", "centre"), lang, whole=("check", "measure"))
        for check in side.checks:
            low = "" if check.low is None else f"{check.low:.3g}"
            high = "" if check.high is None else f"{check.high:.3g}"
            centre = "" if check.centre is None else f"{check.centre:.3g} ± {check.spread or 0:.2g}"
            rows.add_row(f"{check.routine}-{check.name}", check.measure, f"{low} … {high}", centre)
        out.print(rows)
    if made is not None:
        for light in made.dropped_lights:
            out.print(mark("look", text("series.light_dropped", lang, {"light": light})))
        out.print(text("series.pictures", lang, {"folder": printable(str(folder))}))
        out.print(text("series.approve_next", lang, {"series": series.code, "library": str(library)}))


_MARKS = {"silent": "look", "approved": "ok", "retired": "not_found"}


def series(
    action: Annotated[str, typer.Argument(help="list, show, retire, export, import or keys.")],
    library: _LibraryOption,
    name: Annotated[str | None, typer.Argument(help="Code of a series; file to import; name of the key.")] = None,
    file: Annotated[Path | None, typer.Option("--file", dir_okay=False, help="File to write.")] = None,
    key: Annotated[Path | None, typer.Option("--key", dir_okay=False, help="Private key to sign with.")] = None,
    trusted: Annotated[Path | None, typer.Option("--trusted", file_okay=False, help="Folder of public keys.")] = None,
    by: _ByOption = None,
    as_json: _JsonOption = False,  # noqa: FBT002
    lang: _LangOption = "en",
) -> None:
    """List the series of a library, show or retire one, carry one to another site in a signed file.

    For example:

        dafec series list --library series
        dafec series show UTO-P-1-2020 --library series
        dafec series keys basra --library series --trusted keys
        dafec series export UTO-P-1-2020 --library series --key keys/basra.key --file uto.dafec
        dafec series import uto.dafec --library series --trusted keys
    """
    from datetime import date

    from dafec.references import enrolment, exchange
    from dafec.references.library import Library

    who, today = by or getpass.getuser(), date.today()
    if action == "list":
        _list(Library.open(library), lang, as_json=as_json)
        return
    if action not in ("show", "retire", "export", "import", "keys"):
        raise UsageError("series.no_such_action", action=action[:20])
    wanted = _given(name, "NAME")
    if action == "show":
        _tell(Library.open(library).get(wanted), library, lang, as_json=as_json)
    elif action == "retire":
        _tell(enrolment.retire(library, wanted, who, today), library, lang, as_json=as_json)
    elif action == "export":
        made = exchange.export_series(library, wanted, _given(key, "--key"), _given(file, "--file"))
        _tell(made, library, lang, as_json=as_json)
    elif action == "import":
        made = exchange.import_series(Path(wanted), library, _given(trusted, "--trusted"), who, today)
        _tell(made, library, lang, as_json=as_json)
    else:
        for path in exchange.make_keys(_given(trusted, "--trusted"), wanted):
            typer.echo(str(path))


def _given(value: _T | None, option: str) -> _T:
    if value is None:
        raise UsageError("series.needs_option", option=option)
    return value


def _list(library: Library, lang: Language, *, as_json: bool) -> None:
    tally = Tally()
    rows = table(("series", "state", "version", "format", "checks"), lang, whole=("series", "state"))
    for code in library.codes:
        try:
            found = library.get(code)
        except DafecError as error:
            tally.add(error.exit_code)
            say_error(error, lang, file=code, as_json=as_json)
            continue
        checks = sum(len(side.checks) for side in found.sides)
        if as_json:
            print_json(
                {
                    "series": code,
                    "state": found.state,
                    "version": found.version,
                    "format": found.format,
                    "captures": found.captures,
                    "checks": checks,
                    "approved_by": found.approved_by,
                }
            )
            continue
        state = mark(_MARKS[found.state], text(f"series.{found.state}", lang))
        rows.add_row(code, state, str(found.version), found.format, str(checks))
    if not as_json:
        console().print(rows)
    tally.leave()
