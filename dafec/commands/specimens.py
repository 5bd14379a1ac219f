"""``dafec specimens``: synthetic documents and forgeries of them, as capture folders with their truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dafec.commands.output import console, mark, print_json, table
from dafec.errors import InputError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dafec.specimens.make import Made
    from dafec.specimens.plan import Request

__all__ = ["specimens"]


def specimens(
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder the captures are put into; one folder a capture.")
    ] = None,
    series: Annotated[str, typer.Option(help="Code of a series, or 'all': then they take turns.")] = "all",
    count: Annotated[int, typer.Option(help="Captures in all.")] = 1,
    forgery: Annotated[
        str,
        typer.Option(help="Class (C1 C2 C3 C4 F1 F2 F3 F4 F6 F7 P1 P2 P3), 'none', or 'mix': half of them genuine."),
    ] = "none",
    scanner: Annotated[str, typer.Option(help="Name of a scanner, or 'mix'.")] = "mix",
    dpi: Annotated[int, typer.Option(help="Resolution of the scan: 300, 400 or 600.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    null: Annotated[  # noqa: FBT002
        bool, typer.Option("--null", help="Go the forgery's way without forging: the document stays genuine.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; by default one a core.")] = None,
    show_list: Annotated[  # noqa: FBT002
        bool, typer.Option("--list", help="List series, forgery classes and scanners, and end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a capture: its folder and truth.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """Make synthetic travel documents in visible, infrared and ultraviolet light, genuine and forged.

    States, persons and faces are invented. Each capture is a folder with visible, ir and uv pictures (as far as the
    scanner has these lights), capture.toml and truth.json. Figures measured on them are figures on synthetic documents.

    For example:

        dafec specimens --list
        dafec specimens --series all --count 20 --out specimens
        dafec specimens --count 100 --forgery mix --scanner mix --dpi 400 --seed 7 --out training
        dafec specimens --count 8 --forgery F1 --out photo-substitutions
    """
    from dafec.specimens.make import make_captures
    from dafec.specimens.plan import plan_requests

    if show_list:
        _print_list(lang)
        return
    if out is None:
        raise typer.BadParameter(text("cli.specimens.out", lang), param_hint="--out")
    requests = plan_requests(series, count, forgery=forgery, scanner=scanner, dpi=dpi, seed=seed, null=null)
    _refuse_occupied(out, requests)
    made = list(_shown(make_captures(requests, out, workers=workers), len(requests), lang, as_json=as_json))
    if not as_json:
        _print_summary(made, out, lang)


def _refuse_occupied(out: Path, requests: list[Request]) -> None:
    """Nothing is written over: a folder of that name may hold somebody's annotations."""
    for request in requests:
        if (out / request.name).exists():
            raise InputError("specimens.occupied", name=request.name)


def _shown(made: Iterator[Made], total: int, language: Language, *, as_json: bool) -> Iterator[Made]:
    """The captures as they are finished, with a bar on standard error, or as JSON lines."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    out = console(error=True)
    with Progress(*columns, console=out, transient=True, disable=as_json or not out.is_terminal) as bar:
        task = bar.add_task(text("cli.specimens.progress", language), total=total)
        for one in made:
            if as_json:
                print_json({"folder": str(one.folder), "truth": one.truth})
            bar.advance(task)
            yield one


def _print_summary(made: list[Made], out: Path, language: Language) -> None:
    rows = table(("series", "scanner", "wear", "forgery", "captures"), language, whole=("series", "scanner"))
    counted: dict[tuple[str, str, str, str], int] = {}
    for one in made:
        forgery = one.truth["forgery"]
        kind = forgery["class"] if forgery else text("cli.specimens.none", language)
        key = (one.truth["series"], one.truth["scanner"], one.truth["wear"]["level"], kind)
        counted[key] = counted.get(key, 0) + 1
    for key, count in sorted(counted.items()):
        rows.add_row(*key, str(count))
    console().print(rows)
    console().print(mark("passed", text("cli.specimens.done", language, {"count": len(made), "folder": out.name})))


def _print_list(language: Language) -> None:
    from dafec.specimens.forgeries import forgers
    from dafec.specimens.scanners import load_scanner, scanner_names
    from dafec.specimens.series import load_series, series_codes

    rows = table(("series", "identity", "document"), language, whole=("series",))
    for code in series_codes():
        series = load_series(code)
        country, kind, number, year = series.identity
        rows.add_row(code, f"{country} {kind} {number} {year}", series.format)
    console().print(rows)
    rows = table(("forgery", "method", "lights"), language, whole=("forgery", "method"))
    for forger in forgers():
        for method, lights in forger.methods.items():
            rows.add_row(forger.id, method, " ".join(lights))
    console().print(rows)
    rows = table(("scanner", "lights", "resolution"), language, whole=("scanner",))
    for name in scanner_names():
        scanner = load_scanner(name)
        rows.add_row(name, " ".join(scanner.lights), " ".join(str(dpi) for dpi in scanner.dpis))
    console().print(rows)
