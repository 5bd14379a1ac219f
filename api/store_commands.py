"""``dafec audit``, ``dafec backup`` and ``dafec restore``: light to import, as every command loads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dafec.commands.output import console, mark, print_json
from dafec.errors import DafecError, InputError, InstallationError, UsageError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from api.security.audit_file import Verified
    from api.security.audit_heads import SignedHead
    from api.store.places import StorePlaces

__all__ = ["AuditAction", "audit", "backup", "restore"]

_MOST_LINE_BYTES = 65_536

_Data = Annotated[Path | None, typer.Option(help="Data folder of the service [data].", file_okay=False)]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
_Lang = Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")]


class AuditAction(StrEnum):
    """What to do with the audit log."""

    EXPORT = "export"
    VERIFY = "verify"
    HEAD = "head"
    RECEIPT = "receipt"


def audit(
    action: Annotated[AuditAction, typer.Argument(help="export, verify, head or receipt.")],
    file: Annotated[Path | None, typer.Argument(help="Written by export, head and receipt; read by verify.")] = None,
    head: Annotated[
        list[Path] | None,
        typer.Option(
            help="A head that was kept elsewhere. For verify: the log must begin as it was then; may be given "
            "more than once. For head: adds the proof that the log begins as it was then."
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="For verify: file of the public key, audit.pub of the folder of keys; may be given again."),
    ] = None,
    entry: Annotated[int | None, typer.Option(min=0, help="For receipt: number of the entry, from 0.")] = None,
    data: _Data = None,
    as_json: _Json = False,  # noqa: FBT002
    lang: _Lang = "en",
) -> None:
    """Export the audit log, verify an exported copy, or print its signed head.

    **export FILE** writes the whole log as JSON lines. **verify FILE** needs neither the service nor its database, and
    finds an edit, a deletion, a truncation and a swap; it takes receipts and heads with a proof as well. **head**
    prints the log's signed state: keep it outside this computer, printed or on another machine, and give it to
    *verify* later. **receipt FILE --entry N** writes the proof that one entry is in the log.

    For example:

        dafec audit head head.json                               daily, to another machine
        dafec audit export log.jsonl
        dafec audit verify log.jsonl --head head.json --key audit.pub

    Ends with 0 if all is well, and with 3 if the copy is not what was signed.
    """  # fmt: skip
    heads, keys = _read_heads(head or ()), _read_keys(key or ())
    if action is AuditAction.VERIFY:
        _say_verified(_verify(_needed(file, action), heads, keys), as_json=as_json, lang=lang)
        return
    size = _write_log(action, file, heads, entry, _places(data))
    if as_json and file is not None:
        print_json({"file": str(file), "entries": size})
    elif file is not None:
        what = "exported" if action is AuditAction.EXPORT else f"written_{action}"
        console().print(mark("ok", text(f"store.audit.{what}", lang, {"size": size, "file": str(file)})))


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made where it is missing, must be empty.")],
    data: _Data = None,
    as_json: _Json = False,  # noqa: FBT002
    lang: _Lang = "en",
) -> None:
    """Write a backup of everything the service keeps, and verify it; the service may go on meanwhile.

    The keys are not in it: copy their folder to another safe place. Without them no image of the backup can be read.
    Ends with 4 if an image was missing or damaged before: the backup is whole but for that.

    For example:

        dafec backup /media/safe/2026-11-24
        dafec backup /media/safe/2026-11-24 --data /var/lib/dafec
    """  # fmt: skip
    from api.store.backup import make_backup

    facts = make_backup(_places(data), folder)
    if as_json:
        print_json(asdict(facts) | {"folder": str(folder)})
    else:
        values = {"screenings": facts.rows["screenings"], "images": facts.blobs, "folder": str(folder)}
        console().print(mark("ok", text("store.backup.made", lang, values)))
    if facts.damaged:
        raise InstallationError("backup.images_damaged", count=facts.damaged)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The backup.", exists=True, file_okay=False)],
    data: _Data = None,
    as_json: _Json = False,  # noqa: FBT002
    lang: _Lang = "en",
) -> None:
    """Verify a backup and bring it into an empty store.

    The store is that of the settings: a data folder, or a database and a store of images elsewhere. Nothing may be
    there yet. Put the keys back as well before the service is started. A restore that was cut off is simply repeated.

    For example:

        dafec restore /media/safe/2026-11-24 --data /var/lib/dafec
    """  # fmt: skip
    from api.store.backup import restore_backup

    facts = restore_backup(folder, _places(data))
    if as_json:
        print_json(asdict(facts))
        return
    values = {"screenings": facts.rows["screenings"], "images": facts.blobs, "made": facts.made}
    console().print(mark("ok", text("store.backup.restored", lang, values)))


def _places(data: Path | None) -> StorePlaces:
    from api.settings import load_settings

    return load_settings(data=data).store_places()


def _needed(file: Path | None, action: AuditAction) -> Path:
    if file is None:
        raise UsageError("audit.file_needed", action=str(action))
    return file


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError("audit.not_found", file=str(file)) from error


def _read_heads(files: list[Path] | tuple[()]) -> list[SignedHead]:
    from api.security.audit_heads import parse_head

    return [parse_head(_read(file)) for file in files]


def _read_keys(files: list[Path] | tuple[()]) -> list[str]:
    from api.security.audit_heads import read_public_key

    return [read_public_key(_read(file)) for file in files]


def _verify(file: Path, heads: list[SignedHead], keys: list[str]) -> Verified:
    from api.security.audit_file import verify_file

    return verify_file(_lines(file), anchors=heads, keys=keys)


def _lines(file: Path) -> Iterator[bytes]:
    """The lines of a file, none longer than a little more than an entry can be."""
    try:
        with file.open("rb") as handle:
            while line := handle.readline(_MOST_LINE_BYTES + 1):
                yield line
    except OSError as error:
        raise InputError("audit.not_found", file=str(file)) from error


def _say_verified(found: Verified, *, as_json: bool, lang: Language) -> None:
    if as_json:
        print_json({"verified": True, **asdict(found)})
        return
    key = "verified" if found.kind == "export" else f"verified_{found.kind}"
    console().print(mark("ok", text(f"store.audit.{key}", lang, asdict(found))))
    if found.anchored:
        console().print(mark("ok", text("store.audit.anchored", lang, {"size": found.anchored})))
    else:
        console().print(mark("look", text("store.audit.not_anchored", lang)))
    if not found.key_pinned:
        console().print(mark("look", text("store.audit.key_not_pinned", lang, {"key": found.keys[0]})))


def _write_log(
    action: AuditAction, file: Path | None, heads: list[SignedHead], entry: int | None, places: StorePlaces
) -> int:
    """Writes what was asked for to the file, or a head to the terminal; how many entries the log has."""
    from contextlib import closing

    from api.security.audit_entry import canonical_json
    from api.store.readonly import StoreReader

    with closing(StoreReader(places)) as store, store.audit_log() as log:
        signer = store.audit_key()
        if action is AuditAction.HEAD and file is None and not heads:
            print_json(canonical_json(log.head(signer).to_dict()).decode("ascii"))
        elif action is AuditAction.HEAD:
            lines = [log.advance(heads[0], signer) if heads else canonical_json({"head": log.head(signer).to_dict()})]
            if file is None:
                print_json(lines[0].decode("ascii"))
            else:
                _write(file, lines)
        elif action is AuditAction.RECEIPT:
            _write(_needed(file, action), [log.receipt(-1 if entry is None else entry, signer)])
        else:
            _write(_needed(file, action), log.export(signer))
        return log.size


def _write(file: Path, lines: Iterator[bytes] | list[bytes]) -> None:
    try:
        with file.open("xb") as handle:
            for line in lines:
                handle.write(line + b"\n")
    except OSError as error:
        raise InstallationError("audit.not_written", file=str(file)) from error
    except DafecError:  # half a log is none
        file.unlink(missing_ok=True)
        raise
