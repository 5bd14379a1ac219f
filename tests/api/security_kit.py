"""A locked service with users whose password is known, and requests made as one of them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from api.security.access import COOKIE
from api.security.audit_entry import acting
from api.security.gate import Gate
from api.security.passwords import hash_password
from api.security.permissions import Role
from api.security.tables import utc
from api.store.account_models import Desk, User

PASSWORD = "tango river mango 5"
BASE = "http://localhost:8000"
SESSIONS = "/api/v1/sessions"


@cache
def kept_password() -> str:
    return hash_password(PASSWORD)


def gate_of(app: FastAPI) -> Gate:
    gate = app.state.service.gate
    assert isinstance(gate, Gate)
    return gate


def add_user(app: FastAPI, name: str, *roles: Role, desk: str | None = None) -> str:
    """A user who has chosen PASSWORD already; his id."""
    gate = gate_of(app)
    user_id = secrets.token_hex(8)
    now = utc(datetime.now(UTC))
    with gate._tables.writing() as writing:
        number = None
        if desk is not None:
            number = writing.session.query(Desk.number).filter(Desk.id == desk).scalar()
        writing.session.add(
            User(
                id=user_id,
                name=name,
                roles="+".join(sorted(roles)),
                desk_number=number,
                created=now,
                password_hash=kept_password(),
                password_changed=now,
                must_change=False,
            )
        )
    return user_id


def add_desk(app: FastAPI, name: str) -> tuple[str, str]:
    """A desk's id and key."""
    with acting("command"):
        made = gate_of(app).desks.create(name)
    return made.id, made.key


def set_user(app: FastAPI, user_id: str, **values: Any) -> None:
    with gate_of(app)._tables.writing() as writing:
        writing.session.execute(update(User).where(User.id == user_id).values(**values))


class Somebody:
    """Requests of one caller: a session, a desk's key, or nothing."""

    def __init__(self, client: TestClient, token: str = "", key: str = "") -> None:
        self.client, self.token, self.key = client, token, key

    def __call__(self, method: str, path: str, **rest: Any) -> Any:
        headers = dict(rest.pop("headers", {}))
        if self.token:
            headers.setdefault("Cookie", f"{COOKIE}={self.token}")
        if self.key:
            headers.setdefault("Authorization", f"Bearer {self.key}")
            headers.setdefault("DAFEC-Time", str(int(time.time())))
            headers.setdefault("DAFEC-Nonce", secrets.token_urlsafe(16))
        headers.setdefault("Origin", BASE)
        self.client.cookies.clear()
        answer = self.client.request(method, path, headers=headers, follow_redirects=False, **rest)
        self.client.cookies.clear()
        return answer


def log_in(client: TestClient, name: str, password: str = PASSWORD, code: str = "", **headers: str) -> Any:
    return Somebody(client)("POST", SESSIONS, json={"name": name, "password": password, "code": code}, headers=headers)


def token_of(answer: Any) -> str:
    return str(answer.headers["set-cookie"]).split(";")[0].partition("=")[2]


def logged_in(client: TestClient, name: str, password: str = PASSWORD, code: str = "") -> Somebody:
    answer = log_in(client, name, password, code)
    assert answer.status_code == 201, answer.text
    return Somebody(client, token_of(answer))


def entries(app: FastAPI) -> list[dict[str, Any]]:
    """The audit log."""
    import json

    from sqlalchemy import select

    from api.store.models import AuditEntry

    with gate_of(app)._tables.reading() as session:
        return [json.loads(e) for e in session.scalars(select(AuditEntry.entry).order_by(AuditEntry.position))]


def actions(app: FastAPI) -> list[str]:
    return [entry["action"] for entry in entries(app)]
