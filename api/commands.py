"""Subcommands the service adds to ``dafec``, found by entry point; light to import, as every command loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dafec.messages import LANGUAGES, Language

__all__ = ["serve"]


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen at [127.0.0.1]. Another than this computer needs --allow-network."),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="TCP port [8000]; 0 takes a free one.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the database and the images [data]; made where it is missing.", file_okay=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="File of settings in TOML, with the scanners that are attached.", dir_okay=False),
    ] = None,
    allow_network: Annotated[  # noqa: FBT002 - Typer makes the flag of it
        bool,
        typer.Option(
            "--allow-network", help="Let other computers in; everybody then needs a login or a desk's key, over TLS."
        ),
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name this service may be called by; may be given more than once."),
    ] = None,
    locked: Annotated[  # noqa: FBT002
        bool, typer.Option("--locked", help="Ask everybody for a login, also at this computer and at the first start.")
    ] = False,
    tls: Annotated[
        str | None,
        typer.Option(
            help="own (a private authority is made beside the other keys), files, proxy, off or auto [auto: off for "
            "this computer only, own beyond]."
        ),
    ] = None,
    lang: Annotated[
        Language | None, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages [both at the start].")
    ] = None,
) -> None:
    """Serve screenings over HTTP and the desk's page, until Ctrl-C.

    Everything stays on this computer: the page at / takes the images of a document and shows the verdict, and
    /api/v1/screenings does the same for programs (description at /api/v1/openapi.json). Ctrl-C finishes what was
    begun. Further settings stand in a file (--config) or are environment variables that begin with DAFEC_SERVICE_;
    dafec settings lists them all.

    For example:

        dafec serve
        dafec serve --port 8080 --data /var/lib/dafec
        dafec serve --host 0.0.0.0 --allow-network --allowed-host desk.basra.example
    """  # fmt: skip
    from api.serve import run_service
    from api.settings import load_settings

    run_service(
        load_settings(
            host=host,
            port=port,
            data=data,
            config=config,
            allow_network=allow_network or None,
            allowed_hosts=tuple(allowed_host) if allowed_host else None,
            access="locked" if locked else None,
            tls=tls,
        ),
        languages=(lang,) if lang is not None else LANGUAGES,
    )
