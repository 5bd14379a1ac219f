"""``dafec screen``: captures to reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dafec.commands.output import Tally, console, mark, print_json, printable, progress, say_error, table
from dafec.errors import DafecError, InstallationError, UsageError
from dafec.messages import Language, catalogue, text

if TYPE_CHECKING:
    from dafec.report import Report, TextInfo, VerdictInfo

__all__ = ["screen"]

#: More reasons than this nobody reads at a desk.
_MAX_REASONS = 3
_REFERRED = 1


def screen(
    captures: Annotated[list[Path], typer.Argument(metavar="CAPTURE", help="Images, PDF files or capture folders.")],
    library: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of enrolled document series.")
    ] = None,
    series: Annotated[
        str | None, typer.Option(metavar="CODE", help="The documents' series, chosen by hand; needs --library.")
    ] = None,
    visual_zone: Annotated[  # noqa: FBT002
        bool, typer.Option(help="Read the text of the page too and compare it with the zone; a second or more a page.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One report a line, in the order given.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """Screen documents and say what was found: no anomaly, look, refer, or not checked.

    A capture folder holds pictures named visible, ir and uv, of any format, and an optional capture.toml (dpi, reader,
    pages); a single image is taken as visible light. A bad input is reported and does not stop the rest.

    Exit codes: 0 done, 1 a document was referred, 2 bad usage, 3 an input could not be used and no document was
    referred, 4 the installation is broken. A referral is never hidden by a bad input in the same call.

    For example:

        dafec screen passport.jpg
        dafec screen captures/*/
        dafec screen captures/*/ --library series
        dafec screen captures/*/ --json > reports.jsonl
    """
    from dafec.capture import load_capture
    from dafec.screening import ScreeningContext, screen_capture
    from dafec.settings import load_settings

    if series is not None and library is None:
        raise UsageError("series.needs_option", option="--library")
    settings = load_settings(language=lang)
    context = ScreeningContext.load(settings, library)
    limits = settings.limits()
    tally = Tally()
    reports: list[tuple[Path, Report]] = []
    try:
        for path in progress(captures, lang, shown=not as_json):
            try:
                report = screen_capture(
                    load_capture(path, limits=limits), context, visual_zone=visual_zone, series=series
                )
            except InstallationError:
                raise
            except DafecError as error:
                say_error(error, lang, file=str(path), as_json=as_json)
                tally.add(error.exit_code)
                continue
            if report.verdict.level == "refer":
                tally.add(_REFERRED)
            if as_json:
                print_json(report.to_json())
            else:
                reports.append((path, report))
    finally:
        # What was found before an installation broke must be told as well.
        if reports:
            _print_reports(reports, lang)
    tally.leave()


def _print_reports(reports: list[tuple[Path, Report]], language: Language) -> None:
    from dafec.capture import shown_name

    columns = ("capture", "verdict", "document", "reasons", "coverage", "time")
    rows = table(columns, language, whole=("verdict", "document", "coverage", "time"))
    for path, report in reports:
        verdict = report.verdict
        document = " ".join(part for part in (report.document.issuer, report.document.format) if part)
        rows.add_row(
            shown_name(path),
            mark(verdict.level, text(f"cli.level.{verdict.level}", language)),
            printable(document) or "–",
            _short_reasons(verdict, language),
            f"{verdict.made}/{verdict.made + verdict.not_possible}",
            f"{report.timings_ms.get('total', 0.0):.0f} ms",
        )
    console().print(rows)
    if len(reports) == 1:
        _print_details(reports[0][1], language)


def _short_reasons(verdict: VerdictInfo, language: Language) -> str:
    """The heaviest findings by the names of their checks, then what else the verdict stands on, in a few words."""
    reasons = [_reason(check, language) for check in verdict.reasons]
    notes = [_labelled("cli.note", note, language) for note in verdict.notes]
    separator = "، " if language == "ar" else ", "
    said = list(dict.fromkeys([*reasons, *notes]))
    more = [f"… (+{len(said) - _MAX_REASONS})"] if len(said) > _MAX_REASONS else []
    return separator.join([*said[:_MAX_REASONS], *more]) or "–"


def _reason(check_id: str, language: Language) -> str:
    """A finding's label; of a series' own check its light and what the series calls the place."""
    label = _labelled("cli.reason", check_id, language)
    light, _, rest = check_id.partition("-")
    if label != check_id or f"cli.series_reason.{light}" not in catalogue(language):
        return label
    parts = rest.split("-", 2)
    return text(f"cli.series_reason.{light}", language, {"place": parts[-1]})


def _labelled(area: str, name: str, language: Language) -> str:
    """A label in a few words; the name itself for what another version of a report knows."""
    label = text(f"{area}.{name}", language)
    return name if label == f"{area}.{name}" else label


def _print_details(report: Report, language: Language) -> None:
    out = console()
    out.print(mark(report.verdict.level, _in(report.verdict.text, language)))
    for note in report.verdict.notes:
        out.print(mark("look", text(f"verdict.notes.{note}", language)))
    for line in report.mrz.lines:
        out.print(printable(f"  {line}"))
    for issue in report.capture.quality:
        out.print(mark("look", _in(issue.text, language)))
    rows = table(("check", "result", "finding"), language)
    for check in report.checks:
        result = mark(check.result, text(f"cli.result.{check.result}", language))
        finding = _in(check.text, language)
        if check.side:
            finding = text("page.on_side", language, {"number": check.side + 1, "finding": finding})
        rows.add_row(check.id, result, printable(finding))
    if rows.row_count:
        out.print(rows)


def _in(texts: TextInfo, language: Language) -> str:
    return texts.ar if language == "ar" else texts.en
