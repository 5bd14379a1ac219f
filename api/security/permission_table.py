"""The permission table: every function by role, every route by what it asks. Generated from the code, never typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.security.access import LoggedInRule, PublicRule, RequireRule, rules_of
from api.security.permissions import DESK_PERMISSIONS, ROLE_PERMISSIONS, Actor, Permission, RecordScope, Role

__all__ = ["columns", "opens", "permission_table", "route_rows"]

Rule = RequireRule | LoggedInRule | PublicRule

_YES, _NO = "yes", ""
_RECORDS: Mapping[RecordScope, str] = {
    "all": "all",
    "desk": "own desk, own work",
    "specimens": "specimens",
    "none": "none",
}


def columns() -> list[str]:
    """Who a column stands for: every role, a desk's key, nobody."""
    return [*(role.value for role in Role), "desk", "nobody"]


def opens(rule: Rule, column: str) -> bool:
    """Whether a rule lets somebody in."""
    if isinstance(rule, PublicRule):
        return True
    if isinstance(rule, LoggedInRule):
        return column not in {"desk", "nobody"}
    if column == "nobody":
        return False
    has = DESK_PERMISSIONS if column == "desk" else ROLE_PERMISSIONS[Role(column)]
    return bool(has.intersection(rule.permissions))


def route_rows(routes: Iterable[Any]) -> list[tuple[str, str, Rule]]:
    """Method, path and rule of every route; two routes of one method and path do not occur.

    Raises:
        ValueError: a route asks nothing, or more than one thing.
    """
    rows: list[tuple[str, str, Rule]] = []
    for route in routes:
        found = rules_of(route)
        if len(found) != 1:
            raise ValueError(f"{route.path} declares {len(found)} rules of access instead of one")
        rows.extend((method, route.path, found[0]) for method in sorted(route.methods))
    return sorted(rows, key=lambda row: (row[1], row[0]))


def permission_table() -> str:
    """Both tables in Markdown."""
    from pathlib import Path

    from api.app import create_app
    from api.core import load_screener
    from api.settings import load_settings

    app = create_app(load_settings(data=Path("not-opened")), load_screener)
    heads = columns()
    lines = ["| function | " + " | ".join(heads[:-1]) + " |", "|---|" + "---|" * (len(heads) - 1)]
    for permission in Permission:
        asked = RequireRule((permission,))
        cells = [_YES if opens(asked, column) else _NO for column in heads[:-1]]
        lines.append(f"| `{permission.value}` | " + " | ".join(cells) + " |")
    people = [Actor("user", "", frozenset(), frozenset({role})) for role in Role]
    records = [_RECORDS[actor.records] for actor in (*people, Actor("desk", "", DESK_PERMISSIONS))]
    lines.append("| records of screenings | " + " | ".join(records) + " |")
    lines += ["", "| method | path | asks for | " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * len(heads)]
    for method, path, rule in route_rows(app.state.every_route):
        cells = [_YES if opens(rule, column) else _NO for column in heads]
        lines.append(f"| {method} | `{path}` | {_asks(rule)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _asks(rule: Rule) -> str:
    if isinstance(rule, PublicRule):
        return f"nothing: {rule.reason}"
    if isinstance(rule, LoggedInRule):
        return "a login"
    return " or ".join(f"`{permission.value}`" for permission in rule.permissions)
