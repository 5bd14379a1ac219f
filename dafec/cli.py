"""The ``dafec`` command.

Its own subcommands stand in ``dafec.commands``; further ones come from entry points of the group ``dafec.commands``,
so that the service adds ``serve`` without the core importing it. This is the one place where a ``DafecError`` becomes
an exit code: 0 done, 1 a document was referred, 2 bad usage, 3 bad input, 4 the installation is broken.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from dafec import __version__
from dafec.commands import installation, mrz, screen, series, specimens, verify
from dafec.commands.output import language_of, say_error
from dafec.errors import DafecError, InstallationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["build_app", "main"]

_GROUP = "dafec.commands"
_OWN: dict[str, Callable[..., None]] = {
    "screen": screen.screen,
    "mrz": mrz.mrz,
    "verify": verify.verify,
    "enrol": series.enrol,
    "series": series.series,
    "models": installation.models,
    "settings": installation.settings,
    "specimens": specimens.specimens,
}
_BROKEN = 4
_LAST_WAIT_S = 10.0  # several times the longest a check that is no accident takes


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.excepthook = _end_broken
    _accept_any_character()
    try:
        build_app(given)(args=given, prog_name="dafec")
    except DafecError as error:
        say_error(error, language_of(given), as_json="--json" in given)
        sys.exit(error.exit_code)
    finally:
        _end_threads()


def _end_threads() -> None:
    """Lets checks that were given up on end: native code that runs on while the interpreter ends kills the process.

    Where one does not end at all, the process ends at once with the exit code it was about to give.
    """
    registry = sys.modules.get("dafec.features.registry")
    if registry is None or registry.wait_for_left_behind(_LAST_WAIT_S):
        return
    ending = sys.exc_info()[1]
    code = ending.code if isinstance(ending, SystemExit) else 0 if ending is None else 4
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """The app with every subcommand that is installed.

    Args:
        arguments: the command line, if known: where it begins with an own subcommand, looking for others is left out.
    """
    # Typer's own tracebacks print local variables, and those can hold a name or a machine-readable zone.
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        help=_HELP,
    )
    app.callback()(_common)
    for name, function in _OWN.items():
        app.command(name)(function)
    if not arguments or arguments[0] not in _OWN:
        from importlib.metadata import entry_points  # reading every installed package's list takes 40 ms

        for entry in sorted(entry_points(group=_GROUP), key=lambda entry: entry.name):
            _add(app, entry)
    return app


_HELP = """Screen travel documents for fraud in visible, infrared and ultraviolet light.

DAFEC works on this computer alone; nothing is sent anywhere. It says what it found and what to do with hands and eyes
now. It never says that a document is good.

For example:

    dafec screen passport.jpg          one picture, taken as visible light
    dafec screen captures/*/           folders with visible, ir and uv pictures
    dafec mrz passport.jpg --json      only the machine-readable zone
"""


def _show_version(value: bool) -> None:  # noqa: FBT001
    if value:
        typer.echo(f"dafec {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _add(app: typer.Typer, entry: EntryPoint) -> None:
    """Register an add-on; one that cannot be imported is not listed and says why when it is asked for."""
    try:
        function = entry.load()
    except (ImportError, AttributeError) as error:
        cause = error

        def broken() -> None:
            raise InstallationError("cli.command_broken", name=entry.name) from cause

        app.command(entry.name, hidden=True)(broken)
        return
    app.command(entry.name)(function)


def _accept_any_character() -> None:
    """File names may hold what a terminal cannot show; that must not end a command in the middle."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _end_broken(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> NoReturn:
    """Python ends with 1 for an unforeseen error, and 1 means that a document was referred."""
    traceback.print_exception(kind, error, trace)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_BROKEN)


if __name__ == "__main__":
    main()
