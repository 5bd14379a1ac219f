"""``dafec users`` and ``dafec desks``: light to import, as every command loads them. The service may be running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dafec.commands.output import console, mark, print_json, table
from dafec.errors import UsageError
from dafec.messages import Language, text

if TYPE_CHECKING:
    from api.security.accounts import Accounts, NewUser, UserRecord
    from api.security.desks import DeskKey, DeskRecord, Desks
    from api.security.permissions import Role
    from api.security.tables import Tables

__all__ = ["DeskAction", "UserAction", "desks", "users"]

_Data = Annotated[Path | None, typer.Option(help="Data folder of the service [data].", file_okay=False)]
_Json = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
_Lang = Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")]
_Desk = Annotated[str | None, typer.Option(help="Name of the desk the user works at.")]


class UserAction(StrEnum):
    """What to do with users."""

    LIST = "list"
    ADD = "add"
    CHANGE = "change"
    RESET = "reset"
    DISABLE = "disable"
    ENABLE = "enable"
    UNBLOCK = "unblock"
    PERMISSIONS = "permissions"


class DeskAction(StrEnum):
    """What to do with desks."""

    LIST = "list"
    ADD = "add"
    RENEW = "renew"
    REVOKE = "revoke"


def users(
    action: Annotated[
        UserAction, typer.Argument(help="list, add, change, reset, disable, enable, unblock or permissions.")
    ] = UserAction.LIST,
    name: Annotated[str | None, typer.Argument(help="Name of the user.")] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="officer, examiner, trainer, analyst or administrator; may be given more than once."),
    ] = None,
    desk: _Desk = None,
    data: _Data = None,
    as_json: _Json = False,  # noqa: FBT002
    lang: _Lang = "en",
) -> None:
    """Show and change who may log in to the service, and as what.

    **add NAME --role R** prints a one-time password, good for 72 hours; the user chooses his own at the first login.
    **reset NAME** gives a new one, removes the second factor and ends the sessions: the way back in for an
    administrator who lost either. **change** sets roles and desk. **permissions** prints what each role may, as a
    table in Markdown; it needs no data.

    For example:

        dafec users add "H. Basri" --role examiner
        dafec users reset administrator
    """  # fmt: skip
    if action is UserAction.PERMISSIONS:
        from api.security.permission_table import permission_table

        console().print(permission_table(), soft_wrap=True)
        return
    roles = _roles(role or ())
    with _tables(data, new=action is UserAction.ADD) as tables:
        from api.security.accounts import Accounts
        from api.security.desks import Desks

        accounts = Accounts(tables)
        desk_id = Desks(tables).id_of(desk) if desk is not None else None
        if action is UserAction.LIST:
            _list_users(accounts, Desks(tables), as_json=as_json, lang=lang)
        elif action is UserAction.ADD:
            _say_password(accounts.create(_needed(name, action), roles, desk_id), as_json=as_json, lang=lang)
        elif action is UserAction.RESET:
            _say_password(accounts.reset(accounts.id_of(_needed(name, action))), as_json=as_json, lang=lang)
        else:
            changed = _change(accounts, action, accounts.id_of(_needed(name, action)), roles, desk_id)
            _say_user(changed, as_json=as_json, lang=lang)


def desks(
    action: Annotated[DeskAction, typer.Argument(help="list, add, renew or revoke.")] = DeskAction.LIST,
    name: Annotated[str | None, typer.Argument(help="Name of the desk.")] = None,
    data: _Data = None,
    as_json: _Json = False,  # noqa: FBT002
    lang: _Lang = "en",
) -> None:
    """Show the desks, make one with a key, renew or revoke its key.

    A key is printed once. It opens screening at its desk and nothing else; a program sends it as
    *Authorization: Bearer KEY*.

    For example:

        dafec desks add "Hall 2 / desk 4"
        dafec desks revoke "Hall 2 / desk 4"
    """  # fmt: skip
    with _tables(data, new=action is DeskAction.ADD) as tables:
        from api.security.desks import Desks

        found = Desks(tables)
        if action is DeskAction.LIST:
            _list_desks(found.list(), as_json=as_json, lang=lang)
        elif action is DeskAction.ADD:
            _say_key(found.create(_needed(name, action)), as_json=as_json, lang=lang)
        elif action is DeskAction.RENEW:
            _say_key(found.renew(found.id_of(_needed(name, action))), as_json=as_json, lang=lang)
        else:
            _list_desks([found.revoke(found.id_of(_needed(name, action)))], as_json=as_json, lang=lang)


@contextmanager
def _tables(data: Path | None, *, new: bool) -> Iterator[Tables]:
    """The tables of a service; only where something is added may there be none yet.

    Raises:
        UsageError: ``store.nothing_there``.
    """
    from api.security.audit_entry import acting
    from api.security.tables import opened_tables
    from api.settings import load_settings
    from api.store.database import database_url
    from dafec.logging import configure_logging

    configure_logging()  # to the error output: what --json prints is JSON alone
    places = load_settings(data=data).store_places()
    file = database_url(places.database, places.folder).database
    if not new and places.database is None and not Path(file or "").is_file():
        raise UsageError("store.nothing_there", folder=str(places.folder))
    with acting("command"), opened_tables(places) as tables:
        yield tables


def _needed(name: str | None, action: StrEnum) -> str:
    if name is None:
        raise UsageError("account.name_needed", action=str(action))
    return name


def _roles(given: list[str] | tuple[()]) -> frozenset[Role]:
    from api.security.permissions import Role

    known = {role.value for role in Role}
    for word in given:
        if word not in known:
            raise UsageError("account.unknown_role", role=word, known=", ".join(sorted(known)))
    return frozenset(Role(word) for word in given)


def _change(
    accounts: Accounts, action: UserAction, user_id: str, roles: frozenset[Role], desk_id: str | None
) -> UserRecord:
    if action is UserAction.CHANGE:
        return accounts.change(user_id, roles, desk_id)
    if action is UserAction.UNBLOCK:
        return accounts.unblock(user_id)
    return accounts.set_disabled(user_id, disabled=action is UserAction.DISABLE)


def _state(user: UserRecord) -> str:
    if user.disabled is not None:
        return "state_disabled"
    if user.blocked_until is not None:
        return "state_blocked"
    return "state_first" if user.must_change else "state_active"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else sorted(value) if name == "roles" else value
        for name, value in values.items()
    }


def _list_users(accounts: Accounts, found: Desks, *, as_json: bool, lang: Language) -> None:
    names = {desk.id: desk.name for desk in found.list()}
    records = accounts.list()
    if as_json:
        for user in records:
            print_json(_plain(asdict(user)))
        return
    shown = table(("user", "roles", "desk", "account_state", "audit_id"), lang, whole=("audit_id",))
    for user in records:
        roles = ", ".join(text(f"api.role.{role}", lang) for role in sorted(user.roles))
        desk = names.get(user.desk or "", "")
        shown.add_row(user.name, roles, desk, text(f"api.access.{_state(user)}", lang), f"user:{user.id}")
    console().print(shown)


def _list_desks(records: list[DeskRecord], *, as_json: bool, lang: Language) -> None:
    if as_json:
        for desk in records:
            print_json(_plain(asdict(desk)))
        return
    shown = table(("desk", "account_state", "key_made", "audit_id"), lang, whole=("audit_id",))
    for desk in records:
        state = "desk_revoked" if desk.revoked is not None else "desk_active"
        made = desk.key_made.strftime("%Y-%m-%d %H:%M UTC")
        shown.add_row(desk.name, text(f"api.access.{state}", lang), made, f"desk:{desk.id}")
    console().print(shown)


def _say_user(user: UserRecord, *, as_json: bool, lang: Language) -> None:
    if as_json:
        print_json(_plain(asdict(user)))
    else:
        console().print(mark("ok", f"{user.name}: {text(f'api.access.{_state(user)}', lang)}"))


def _say_password(made: NewUser, *, as_json: bool, lang: Language) -> None:
    if as_json:
        print_json(asdict(made))
        return
    console().print(mark("ok", f"{text('api.access.one_time_title', lang)}: {made.one_time_password}"))
    console().print(text("api.access.one_time_text", lang))


def _say_key(made: DeskKey, *, as_json: bool, lang: Language) -> None:
    if as_json:
        print_json(asdict(made))
        return
    console().print(mark("ok", f"{text('api.access.desk_key_title', lang)}: {made.key}"), soft_wrap=True)
    console().print(text("api.access.desk_key_text", lang))
