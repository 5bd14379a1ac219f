"""``dafec rescreen``: light to import, as every command loads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dafec.commands.output import console, mark, print_json, table
from dafec.errors import UsageError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from api.rescreen import Cluster
    from api.settings import Settings
    from api.store.rescreenings import Run

__all__ = ["rescreen"]

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LEVELS = ("no_anomaly", "look", "refer", "not_checked")


def rescreen(
    run: Annotated[
        str | None,
        typer.Argument(help="Name of the run: a new one begins it, that of one that was cut off goes on with it."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder of the service [data].", file_okay=False)] = None,
    config: Annotated[Path | None, typer.Option(help="File of settings in TOML.", dir_okay=False)] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Dask scheduler, tls://host:8786, or tcp:// on this computer [this computer works]."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Documents at once, where there is no scheduler.")] = 2,
    tls_authority: Annotated[
        Path | None, typer.Option(help="Certificate of who issued the machines' own, PEM.", dir_okay=False)
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="This computer's certificate, PEM.", dir_okay=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.", dir_okay=False)] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Documents screened on that day (UTC) or later.", formats=["%Y-%m-%d"])
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Documents screened before that day (UTC).", formats=["%Y-%m-%d"])
    ] = None,
    level: Annotated[
        list[str] | None, typer.Option(help="Documents of that verdict; may be given more than once.")
    ] = None,
    visual_zone: Annotated[bool, typer.Option(help="Read the text of the page too.")] = True,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """Screen the archive again, by the models and document series that are installed now.

    Every document whose images are still kept is screened once more and judged by the day it was screened on. What
    comes of it lies beside the report that was acknowledged, which stays as it is. A run that is cut off, by Ctrl-C or
    by a power cut, goes on when it is started again under its name; each document is in it once. Without a name the
    runs are listed.

    On SQLite the service has to be stopped meanwhile; on PostgreSQL it goes on, and any number of machines may
    help: give each the settings of a service and start `dask worker tls://...` there.
    """
    from api.settings import load_settings

    settings = load_settings(data=data, config=config)
    if run is None:
        _list(settings, as_json=as_json, lang=lang)
        return
    if not _NAME.fullmatch(run):
        raise UsageError("rescreen.bad_name")
    unknown = [one for one in level or () if one not in _LEVELS]
    if unknown:
        raise UsageError("rescreen.bad_level", levels=", ".join(_LEVELS))
    from api.rescreen import Cluster, Order
    from api.store.rescreenings import Wanted

    wanted = Wanted(_day(since), _day(until), tuple(level or ()))
    cluster = Cluster(scheduler, workers, tls_authority, tls_certificate, tls_key)
    _say(_ended(settings, Order(run, wanted, visual_zone), cluster, lang, shown=not as_json), settings, as_json, lang)


def _ended(settings: Settings, order: Any, cluster: Cluster, lang: Language, *, shown: bool) -> Run:
    from api.rescreen import rescreen as work

    with _bar(lang, shown=shown) as tell:
        return work(settings, order, cluster, tell)


def _day(given: datetime | None) -> datetime | None:
    return given.replace(tzinfo=UTC) if given is not None else None


@contextmanager
def _bar(lang: Language, *, shown: bool) -> Iterator[Callable[[Run], None]]:
    """What shows how far a run is, on standard error where that is a terminal."""
    out = console(error=True)
    if not shown or not out.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(text("cli.rescreen.progress", lang), total=None)
        yield lambda run: bar.update(task, total=run.total, completed=run.total - run.due)


def _facts(run: Run) -> dict[str, Any]:
    return {
        "run": run.name,
        "begun": run.begun.isoformat(),
        "ended": run.ended.isoformat() if run.ended is not None else None,
        "software": run.software,
        "documents": run.total,
        "due": run.due,
        "done": run.done,
        "failed": run.failed,
        "gone": run.gone,
    }


def _say(run: Run, settings: Settings, as_json: bool, lang: Language) -> None:  # noqa: FBT001 - one caller
    from api.store.readonly import StoreReader
    from api.store.rescreenings import level_changes

    with closing(StoreReader(settings.store_places())) as store:
        changes = level_changes(store, run.name)
    if as_json:
        rows = [{"before": one, "now": other, "documents": count} for (one, other), count in sorted(changes.items())]
        print_json(_facts(run) | {"levels": rows})
        return
    values = {"run": run.name, "done": run.done, "failed": run.failed, "gone": run.gone}
    console().print(mark("ok" if not run.failed else "look", text("cli.rescreen.ended", lang, values)))
    if changes:
        shown = table(("level_before", "level_now", "documents"), lang)
        for (before, now), count in sorted(changes.items()):
            shown.add_row(text(f"cli.level.{before}", lang), text(f"cli.level.{now}", lang), str(count))
        console().print(shown)


def _list(settings: Settings, *, as_json: bool, lang: Language) -> None:
    from api.store.readonly import StoreReader
    from api.store.rescreenings import list_runs

    with closing(StoreReader(settings.store_places())) as store:
        runs = list_runs(store)
    if as_json:
        print_json({"runs": [_facts(run) for run in runs]})
        return
    if not runs:
        console().print(text("cli.rescreen.none", lang))
        return
    shown = table(("run", "begun", "documents", "due", "done", "failed"), lang)
    for run in runs:
        begun = run.begun.strftime("%Y-%m-%d %H:%M")
        shown.add_row(run.name, begun, str(run.total), str(run.due), str(run.done), str(run.failed))
    console().print(shown)
