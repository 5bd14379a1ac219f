"""Every route and every role: who gets in, who does not, and that no route was forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from security_kit import BASE, Somebody, add_desk, add_user, entries, logged_in
from service_fakes import FakeScreener

from api.app import create_app
from api.security.access import LoggedInRule, PublicRule, require
from api.security.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from api.security.permission_table import columns, opens, permission_table, route_rows
from api.security.permissions import ROLE_PERMISSIONS, Permission, Role
from api.security.throttle import OF_ADDRESS, OF_NAME
from api.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- permissions: dafec users permissions -->\n", "<!-- end of permissions -->"

#: Routes that are open to whoever reaches the service. A further one is a decision, and is made here.
PUBLIC = {
    ("GET", "/api/v1/report-schema"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/login"),
    ("POST", "/api/v1/sessions"),
    ("GET", "/static/{digest}/{name}"),
}


def _app() -> FastAPI:
    return create_app(Settings(data=Path("never-opened")), lambda _: FakeScreener())


ROWS = route_rows(_app().state.every_route)


def test_no_route_of_the_app_is_left_out() -> None:
    app = _app()
    listed = {id(route) for route in app.state.every_route}
    paths = {route.path for route in app.state.every_route}
    waiting: list[Any] = list(app.routes)
    seen = 0
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            waiting.extend(inner)
            continue
        seen += 1
        # The description of the interface is the same in every installation, and FastAPI's own.
        assert id(route) in listed or route.path in paths or route.path == "/api/v1/openapi.json", route
    assert seen >= len(app.state.every_route)


def test_a_route_that_asks_nothing_or_twice_is_found() -> None:
    router = APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(ValueError, match="/forgotten declares 0 rules"):
        route_rows(router.routes)
    twice = APIRouter()

    @twice.get("/twice", dependencies=[require(Permission.CASES_READ), require(Permission.CASES_DECIDE)])
    async def two() -> None: ...

    with pytest.raises(ValueError, match="declares 2 rules"):
        route_rows(twice.routes)


def test_what_is_public_was_decided() -> None:
    assert {(method, path) for method, path, rule in ROWS if isinstance(rule, PublicRule)} == PUBLIC
    assert all(len(rule.reason) > 10 for _, _, rule in ROWS if isinstance(rule, PublicRule))


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("table") / "data"
    settings = Settings(data=folder, min_free_bytes=0, access="locked", second_factor="optional", requests_per_minute=0)
    app = create_app(settings, lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        found: dict[str, Any] = {"app": app, "nobody": Somebody(client)}
        for role in Role:
            add_user(app, f"the {role.value}", role)
            found[role.value] = logged_in(client, f"the {role.value}")
        found["desk"] = Somebody(client, key=add_desk(app, "desk 1")[1])
        yield found


@pytest.mark.parametrize("column", columns())
@pytest.mark.parametrize(("method", "path", "rule"), ROWS, ids=[f"{method} {path}" for method, path, _ in ROWS])
def test_who_gets_in(people: dict[str, Any], method: str, path: str, rule: Any, column: str) -> None:
    address = _filled(path)
    if opens(rule, column) and path.endswith("/events"):
        pytest.skip("a stream without an end; who may not is refused before it begins")
    answer = people[column](method, address, **({"json": {}} if method in {"POST", "PUT", "PATCH"} else {}))
    has_body = method != "HEAD" and answer.headers.get("content-type") == "application/json"
    code = answer.json().get("code", "") if has_body else ""
    if opens(rule, column):
        assert answer.status_code not in {401, 403}, answer.text
        assert not code.startswith("access."), answer.text
    elif column == "nobody" or isinstance(rule, LoggedInRule):
        assert answer.status_code == 401
        assert method == "HEAD" or code == "access.login_needed"
    else:
        assert answer.status_code == 403
        assert method == "HEAD" or code == "access.not_allowed"


def _filled(path: str) -> str:
    """An address of the route, of something that is not there."""
    while "{" in path:
        head, _, rest = path.partition("{")
        name, _, tail = rest.partition("}")
        path = f"{head}{'0' * 16 if name.endswith('_id') else '0'}{tail}"
    return path


def test_refusals_are_on_record_and_name_the_function(people: dict[str, Any]) -> None:
    people["analyst"]("GET", "/api/v1/users")
    last = [entry for entry in entries(people["app"]) if entry["action"] == "access.refused"][-1]
    assert last["details"] == {"function": "users.manage"}
    assert last["actor"].startswith("user:")


def test_administrators_see_no_document_and_examiners_manage_nobody() -> None:
    assert not [p for p in ROLE_PERMISSIONS[Role.ADMINISTRATOR] if p.startswith(("screenings", "cases", "analysis"))]
    for role in set(Role) - {Role.ADMINISTRATOR}:
        assert not ROLE_PERMISSIONS[role] & {Permission.USERS_MANAGE, Permission.DESKS_MANAGE, Permission.AUDIT_READ}


def test_every_permission_is_open_to_somebody() -> None:
    assert frozenset().union(*ROLE_PERMISSIONS.values()) == frozenset(Permission)


def test_the_committed_table_is_the_generated_one() -> None:
    committed = DOCUMENT.read_text("utf-8").split(BEGIN, 1)[1].split(END, 1)[0].strip()
    assert committed == permission_table()


def test_every_test_the_document_names_exists() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", DOCUMENT.read_text("utf-8")))
    source = "".join(file.read_text("utf-8") for file in DOCUMENT.parents[1].glob("tests/**/test_*.py"))
    assert len(named) > 50
    assert named - set(re.findall(r"def (test_[a-z0-9_]+)\(", source)) == set()


def test_limits_in_the_document_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text("utf-8")
    settings = Settings()
    assert f"{settings.session_idle_minutes:g} minutes without use" in " ".join(text.split())
    assert f"after {settings.session_absolute_hours:g} hours in any case" in " ".join(text.split())
    assert f"After {OF_NAME.free} failures of a name, or {OF_ADDRESS.free} from an address" in text
    assert f"**Passwords**: {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters" in text
    named = {word for word in re.findall(r"`([a-z_]+)` (?:is|names)", text)}
    assert {"second_factor", "breached_passwords"} <= named
    assert named <= set(Settings.model_fields)


if __name__ == "__main__":  # writes the table anew
    text = DOCUMENT.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    DOCUMENT.write_text(f"{head}{BEGIN}{permission_table()}\n{END}{rest.split(END, 1)[1]}", "utf-8")
