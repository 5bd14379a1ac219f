"""Logging in: one answer for every failure, growing delays, sessions and their ends, the second factor, cookies."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from security_kit import (
    BASE,
    PASSWORD,
    SESSIONS,
    Somebody,
    actions,
    add_user,
    entries,
    gate_of,
    log_in,
    logged_in,
    set_user,
    token_of,
)
from service_fakes import FakeScreener
from sqlalchemy import select

from api.app import create_app
from api.errors import ServiceError
from api.security.attempts import blocked_for_s
from api.security.logins import MOST_SESSIONS, Logins, SessionLimits
from api.security.permissions import Role
from api.security.second_factor import new_recovery_codes, new_secret, recovery_digest, step_of_code
from api.security.throttle import OF_ADDRESS, OF_NAME, RateLimit
from api.settings import Settings
from api.store.account_models import LoginSession, RecoveryCode, SecondFactor

NEW = "velvet anchor prism 81"
NOW = datetime(2026, 11, 24, 12, 0, 15, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"access": "locked", "second_factor": "optional"})


@pytest.fixture
def required(settings: Settings) -> Iterator[TestClient]:
    """A service that wants a second factor of everybody."""
    app = create_app(settings.model_copy(update={"second_factor": "required"}), lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as running:
        yield running


def failed(client: TestClient, name: str, password: str = "wrong", **headers: str) -> tuple[int, str]:
    answer = log_in(client, name, password, **headers)
    return answer.status_code, answer.json()["code"]


def test_first_start_makes_an_administrator_who_must_choose_a_password(settings: Settings, client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    once = app.state.service.first_password
    assert len(once.replace("-", "")) == 20
    answer = log_in(client, "Administrator", once)
    assert answer.status_code == 201
    assert (answer.json()["pending"], answer.json()["permissions"], answer.json()["home"]) == (
        ["password"],
        [],
        "/account",
    )
    me = Somebody(client, token_of(answer))
    refused = me("GET", "/api/v1/users")
    assert (refused.status_code, refused.json()["code"]) == (403, "access.password_needed")
    assert me("GET", "/users", headers={"Accept": "text/html"}).headers["location"] == "/account"
    changed = me("PUT", "/api/v1/account/password", json={"present": once, "new": NEW})
    assert changed.status_code == 200
    assert me("GET", "/api/v1/account").status_code == 401  # the old token is none any more
    assert Somebody(client, token_of(changed))("GET", "/api/v1/users").status_code == 200
    assert failed(client, "administrator", once) == (401, "login.failed")


def test_second_start_makes_nobody(settings: Settings, client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    assert gate_of(app).accounts.create_first_administrator() is None


def test_one_time_password_is_over_after_three_days(app: FastAPI, client: TestClient) -> None:
    made = gate_of(app).accounts.create("huda", [Role.OFFICER])
    late = datetime.now(UTC) + timedelta(hours=72, minutes=1)
    with pytest.raises(ServiceError, match=r"login\.failed"):
        gate_of(app).logins.log_in("huda", made.one_time_password, "", "here", now=late)
    assert log_in(client, "huda", made.one_time_password).status_code == 201


def test_every_failure_has_the_same_answer(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    off = add_user(app, "disabled", Role.OFFICER)
    set_user(app, off, disabled=datetime(2026, 1, 1))
    answers = [
        log_in(client, "known", "wrong"),
        log_in(client, "nobody of this name", PASSWORD),
        log_in(client, "disabled"),
        log_in(client, "known", PASSWORD, code="123456"),  # has no authenticator
        log_in(client, "known", "x" * 600),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert not [answer for answer in answers if "set-cookie" in answer.headers]
    assert {frozenset(answer.headers) for answer in answers} == {frozenset(answers[0].headers)}


@pytest.mark.alone
def test_a_name_that_does_not_exist_takes_as_long(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """argon2 runs once for both; the rest differs by less than a tenth of it."""
    monkeypatch.setattr("api.security.logins.blocked_for_s", lambda *_: 0)
    monkeypatch.setattr("api.security.logins.count_failure", lambda *_: None)
    add_user(app, "known", Role.OFFICER)
    logins = gate_of(app).logins

    def spent_s(name: str) -> float:
        begun = time.process_time()
        with pytest.raises(ServiceError, match=r"login\.failed"):
            logins.log_in(name, "wrong password", "", "here")
        return time.process_time() - begun

    spent_s("known"), spent_s("unknown")  # the first calls load things
    known, unknown = ([spent_s(name) for _ in range(5)] for name in ("known", "unknown"))
    assert statistics.median(unknown) == pytest.approx(statistics.median(known), rel=0.25)
    assert min(*known, *unknown) > 0.02  # it is a hash of 64 MiB, not a comparison


def test_delay_grows_for_names_that_exist_and_for_those_that_do_not(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    for name in ("known", "unknown"):
        for _ in range(OF_NAME.free - 1):
            assert failed(client, name) == (401, "login.failed")
        assert failed(client, name) == (401, "login.failed")
        answer = log_in(client, name)  # also with the right password
        assert (answer.status_code, answer.json()["code"]) == (429, "login.blocked")
        assert 1 <= int(answer.headers["retry-after"]) <= 30
    assert log_in(client, "KNOWN ").status_code == 429  # the same name
    assert actions(app).count("login.blocked") == 2


def test_delay_doubles_up_to_an_hour_and_is_forgotten_after_a_day() -> None:
    delays = [OF_NAME.delay(failures) for failures in range(1, 14)]
    assert delays[:4] == [None] * 4
    assert [d.total_seconds() for d in delays[4:] if d] == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert OF_NAME.delay(10_000) == timedelta(hours=1)


def test_delay_is_over_by_itself_and_a_success_clears_it(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    logins = gate_of(app).logins

    def attempt(password: str, at: datetime) -> str:
        try:
            logins.log_in("known", password, "", "here", now=at)
        except ServiceError as error:
            return error.code
        return "in"

    for _ in range(OF_NAME.free):
        assert attempt("wrong", NOW) == "login.failed"
    assert attempt(PASSWORD, NOW + timedelta(seconds=29)) == "login.blocked"
    assert attempt("wrong", NOW + timedelta(seconds=31)) == "login.failed"
    assert attempt(PASSWORD, NOW + timedelta(seconds=90)) == "login.blocked"  # twice as long by now
    assert attempt(PASSWORD, NOW + timedelta(seconds=92)) == "in"
    assert attempt("wrong", NOW + timedelta(seconds=93)) == "login.failed"
    assert attempt(PASSWORD, NOW + timedelta(seconds=94)) == "in"


def test_failures_of_a_day_ago_do_not_count(app: FastAPI, client: TestClient) -> None:
    logins = gate_of(app).logins
    for hour in range(OF_NAME.free + 2):
        with pytest.raises(ServiceError, match=r"login\.failed"):
            logins.log_in("nobody", "wrong", "", "here", now=NOW + timedelta(hours=25 * hour))


def test_an_address_that_tries_many_names_is_delayed(app: FastAPI, client: TestClient) -> None:
    logins = gate_of(app).logins
    for number in range(OF_ADDRESS.free):
        with pytest.raises(ServiceError, match=r"login\.failed"):
            logins.log_in(f"name {number}", "wrong", "", "10.0.0.9", now=NOW)
    with pytest.raises(ServiceError, match=r"login\.blocked"):
        logins.log_in("another", "wrong", "", "10.0.0.9", now=NOW)
    with pytest.raises(ServiceError, match=r"login\.failed"):
        logins.log_in("another", "wrong", "", "10.0.0.10", now=NOW)


def test_an_administrator_lifts_the_delay(app: FastAPI, client: TestClient) -> None:
    user = add_user(app, "known", Role.OFFICER)
    add_user(app, "boss", Role.ADMINISTRATOR)
    boss = logged_in(client, "boss")
    for _ in range(OF_NAME.free):
        failed(client, "known")
    assert boss("GET", f"/api/v1/users/{user}").json()["blocked_until"] is not None
    assert boss("DELETE", f"/api/v1/users/{user}/block").json()["blocked_until"] is None
    assert log_in(client, "known").status_code == 201


def test_cookie_is_for_this_host_alone_and_not_for_scripts(
    app: FastAPI, client: TestClient, settings: Settings
) -> None:
    add_user(app, "known", Role.OFFICER)
    flags = {part.strip().lower() for part in log_in(client, "known").headers["set-cookie"].split(";")[1:]}
    assert flags == {"httponly", "path=/", "samesite=strict"}


def test_cookie_over_tls_is_secure_and_bound_to_the_host(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"tls": "proxy"}), lambda _: FakeScreener())
    with TestClient(app, base_url="https://localhost", raise_server_exceptions=False) as client:
        add_user(app, "known", Role.OFFICER)
        given = {"name": "known", "password": PASSWORD}
        answer = client.post(SESSIONS, json=given, headers={"Origin": "https://localhost"})
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "__Host-dafec_session"
        flags = {part.strip().lower() for part in rest.split(";")[1:]}
        assert flags == {"httponly", "path=/", "samesite=strict", "secure"}  # no Domain, no Max-Age
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_token_is_random_and_only_its_digest_is_kept(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    tokens = {logged_in(client, "known").token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 43 for token in tokens)  # 256 bits
    files = [f.read_bytes() for f in Path(app.state.service.settings.data).glob("dafec.sqlite3*")]
    assert files
    assert not [token for token in tokens if any(token.encode() in data for data in files)]


def test_login_ends_the_session_the_browser_had(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    before = logged_in(client, "known")
    answer = before("POST", SESSIONS, json={"name": "known", "password": PASSWORD})
    assert answer.status_code == 201
    assert token_of(answer) != before.token
    assert before("GET", "/api/v1/account").status_code == 401


def test_a_token_from_outside_is_never_taken_up(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    planted = Somebody(client, secrets.token_urlsafe(32))
    assert planted("POST", SESSIONS, json={"name": "known", "password": PASSWORD}).status_code == 201
    assert planted("GET", "/api/v1/account").status_code == 401


@pytest.mark.parametrize(
    ("steps_min", "alive"),
    [
        ([29], True),
        ([31], False),
        ([29, 29, 29, 29], True),  # what comes in between keeps it
        ([29] * 24, True),
        ([29] * 25, False),  # 12 hours and 5 minutes
    ],
)
def test_session_ends_when_idle_and_in_any_case(
    app: FastAPI, client: TestClient, steps_min: list[int], alive: bool
) -> None:
    add_user(app, "known", Role.OFFICER)
    logins = gate_of(app).logins
    login = logins.log_in("known", PASSWORD, "", "here", now=NOW)
    at = NOW
    found = None
    for step in steps_min:
        at += timedelta(minutes=step)
        found = logins.user_of(login.token, at)
    assert (found is not None) is alive


def test_sessions_that_are_over_are_removed(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    gate = gate_of(app)
    gate.logins.log_in("known", PASSWORD, "", "here", now=NOW - timedelta(days=2))
    gate.logins.forget_old()
    with gate._tables.reading() as session:
        assert session.scalars(select(LoginSession)).all() == []


def test_one_sees_and_ends_ones_own_sessions_and_no_others(app: FastAPI, client: TestClient) -> None:
    add_user(app, "one", Role.OFFICER)
    add_user(app, "two", Role.OFFICER)
    here, there, stranger = logged_in(client, "one"), logged_in(client, "one"), logged_in(client, "two")
    items = here("GET", SESSIONS).json()["items"]
    assert [item["current"] for item in items].count(True) == 1
    assert len(items) == 2
    others = stranger("GET", SESSIONS).json()["items"][0]["id"]
    refused = here("DELETE", f"{SESSIONS}/{others}")
    assert (refused.status_code, refused.json()["code"]) == (404, "session.not_found")
    (elsewhere,) = [item["id"] for item in items if not item["current"]]
    assert here("DELETE", f"{SESSIONS}/{elsewhere}").status_code == 204
    assert there("GET", "/api/v1/account").status_code == 401
    assert here("GET", "/api/v1/account").status_code == 200
    assert stranger("GET", "/api/v1/account").status_code == 200


def test_logging_out_ends_the_session_on_the_server_and_clears_the_browser(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    me = logged_in(client, "known")
    answer = me("DELETE", f"{SESSIONS}/current")
    assert answer.status_code == 204
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert me("GET", "/api/v1/account").status_code == 401


def test_sessions_of_a_user_are_few(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    all_of_them = [logged_in(client, "known") for _ in range(MOST_SESSIONS + 1)]
    alive = [me("GET", "/api/v1/account").status_code == 200 for me in all_of_them]
    assert alive.count(True) == MOST_SESSIONS
    assert alive[-1]


def test_disabling_changing_and_resetting_take_effect_at_once(app: FastAPI, client: TestClient) -> None:
    user = add_user(app, "known", Role.OFFICER)
    add_user(app, "boss", Role.ADMINISTRATOR)
    boss, me = logged_in(client, "boss"), logged_in(client, "known")
    assert me("GET", "/api/v1/screenings").status_code == 200
    assert boss("PUT", f"/api/v1/users/{user}", json={"roles": ["administrator"]}).status_code == 200
    assert me("GET", "/api/v1/screenings").status_code == 403
    assert me("GET", "/api/v1/users").status_code == 200
    assert boss("PUT", f"/api/v1/users/{user}/state", json={"disabled": True}).status_code == 200
    assert me("GET", "/api/v1/account").status_code == 401
    assert failed(client, "known", PASSWORD) == (401, "login.failed")
    assert boss("PUT", f"/api/v1/users/{user}/state", json={"disabled": False}).status_code == 200
    me = logged_in(client, "known")
    once = boss("POST", f"/api/v1/users/{user}/reset").json()["one_time_password"]
    assert me("GET", "/api/v1/account").status_code == 401
    assert failed(client, "known", PASSWORD) == (401, "login.failed")
    me = logged_in(client, "known", once)
    assert boss("DELETE", f"/api/v1/users/{user}/sessions").status_code == 204
    assert me("GET", "/api/v1/account").status_code == 401


def test_the_last_administrator_stays(app: FastAPI, client: TestClient) -> None:
    gate = gate_of(app)
    first = gate.accounts.id_of("administrator")
    with pytest.raises(ServiceError, match=r"user\.last_administrator"):
        gate.accounts.set_disabled(first, disabled=True)
    with pytest.raises(ServiceError, match=r"user\.last_administrator"):
        gate.accounts.change(first, [Role.ANALYST], None)
    second = add_user(app, "second", Role.ADMINISTRATOR)
    gate.accounts.set_disabled(first, disabled=True)
    with pytest.raises(ServiceError, match=r"user\.last_administrator"):
        gate.accounts.set_disabled(second, disabled=True)


def test_changing_the_password_needs_the_present_one_and_ends_the_other_sessions(
    app: FastAPI, client: TestClient
) -> None:
    add_user(app, "known", Role.OFFICER)
    here, there = logged_in(client, "known"), logged_in(client, "known")
    put = "/api/v1/account/password"
    assert here("PUT", put, json={"present": "wrong", "new": NEW}).json()["code"] == "password.wrong"
    assert here("PUT", put, json={"present": PASSWORD, "new": PASSWORD}).json()["code"] == "password.same"
    assert here("PUT", put, json={"present": PASSWORD, "new": "short"}).json()["code"] == "password.too_short"
    changed = here("PUT", put, json={"present": PASSWORD, "new": NEW})
    assert changed.status_code == 200
    assert there("GET", "/api/v1/account").status_code == 401
    assert here("GET", "/api/v1/account").status_code == 401
    assert Somebody(client, token_of(changed))("GET", "/api/v1/account").status_code == 200
    assert log_in(client, "known", NEW).status_code == 201


def test_guessing_the_present_password_is_delayed_like_a_login(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    me = logged_in(client, "known")
    for _ in range(OF_NAME.free):
        assert me("POST", "/api/v1/account/second-factor", json={"present": "wrong"}).status_code == 403
    assert me("POST", "/api/v1/account/second-factor", json={"present": PASSWORD}).status_code == 429


def enrolled(client: TestClient, name: str) -> tuple[Somebody, str, list[str]]:
    """A user who set up an authenticator: his session, its secret, his recovery codes."""
    me = logged_in(client, name)
    proposed = me("POST", "/api/v1/account/second-factor", json={"present": PASSWORD}).json()
    code = pyotp.TOTP(proposed["secret"]).now()
    answer = me("PUT", "/api/v1/account/second-factor", json={"code": code})
    assert answer.status_code == 200, answer.text
    return Somebody(client, token_of(answer)), proposed["secret"], answer.json()["recovery_codes"]


def test_second_factor_is_asked_of_everybody_before_anything_else(required: TestClient) -> None:
    app = required.app
    assert isinstance(app, FastAPI)
    add_user(app, "known", Role.OFFICER)
    me = logged_in(required, "known")
    refused = me("GET", "/api/v1/screenings")
    assert (refused.status_code, refused.json()["code"]) == (403, "access.second_factor_needed")
    me, secret, codes = enrolled(required, "known")
    assert me("GET", "/api/v1/screenings").status_code == 200
    assert len(set(codes)) == 10
    assert failed(required, "known", PASSWORD) == (401, "login.failed")  # the password alone
    later = pyotp.TOTP(secret).at(time.time() + 30)
    assert log_in(required, "known", code=later).status_code == 201


def test_code_is_taken_once(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    _, secret, _ = enrolled(client, "known")
    assert log_in(client, "known", code=pyotp.TOTP(secret).now()).status_code == 401  # it confirmed the authenticator
    later = pyotp.TOTP(secret).at(time.time() + 30)
    assert log_in(client, "known", code=later).status_code == 201
    assert log_in(client, "known", code=later).status_code == 401


def test_steps_that_are_taken() -> None:
    secret = new_secret()
    totp = pyotp.TOTP(secret)
    step = int(NOW.timestamp()) // 30
    for aside, taken in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = step_of_code(secret, totp.generate_otp(step + aside), NOW, 0)
        assert found == (step + aside if taken else None)
    assert step_of_code(secret, totp.generate_otp(step), NOW, step) is None
    assert step_of_code(secret, totp.generate_otp(step - 1), NOW, step) is None
    arabic = totp.generate_otp(step).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert step_of_code(secret, f"{arabic[:3]} {arabic[3:]}", NOW, 0) == step
    for wrong in ("", "12345", "1234567", "12345a", "\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2"):
        assert step_of_code(secret, wrong, NOW, 0) is None


def test_recovery_code_stands_in_once_and_only_for_its_user(app: FastAPI, client: TestClient) -> None:
    add_user(app, "one", Role.OFFICER)
    add_user(app, "two", Role.OFFICER)
    _, _, codes = enrolled(client, "one")
    enrolled(client, "two")
    assert log_in(client, "two", code=codes[0]).status_code == 401
    assert log_in(client, "one", code=codes[0].upper().replace("-", " ")).status_code == 201
    assert log_in(client, "one", code=codes[0]).status_code == 401
    assert actions(app).count("recovery_code.used") == 1


def test_new_recovery_codes_take_the_place_of_the_old(app: FastAPI, client: TestClient) -> None:
    add_user(app, "one", Role.OFFICER)
    me, _, old = enrolled(client, "one")
    new = me("POST", "/api/v1/account/recovery-codes", json={"present": PASSWORD}).json()["recovery_codes"]
    assert not set(old) & set(new)
    assert log_in(client, "one", code=old[3]).status_code == 401
    assert log_in(client, "one", code=new[3]).status_code == 201
    add_user(app, "none", Role.OFFICER)
    refused = logged_in(client, "none")("POST", "/api/v1/account/recovery-codes", json={"present": PASSWORD})
    assert refused.json()["code"] == "second_factor.none"


def test_proposed_factor_counts_only_once_confirmed(app: FastAPI, client: TestClient) -> None:
    add_user(app, "one", Role.OFFICER)
    me = logged_in(client, "one")
    confirm = "/api/v1/account/second-factor"
    assert me("PUT", confirm, json={"code": "123456"}).json()["code"] == "second_factor.none_proposed"
    proposed = me("POST", confirm, json={"present": PASSWORD}).json()
    assert proposed["address"].startswith("otpauth://totp/DAFEC:one?secret=")
    assert proposed["qr_svg"].startswith("<svg")
    assert me("PUT", confirm, json={"code": "000000"}).json()["code"] == "second_factor.wrong_code"
    assert log_in(client, "one").status_code == 201  # still without a code


def test_secret_of_the_factor_and_the_codes_are_not_in_the_clear(app: FastAPI, client: TestClient) -> None:
    add_user(app, "one", Role.OFFICER)
    _, secret, codes = enrolled(client, "one")
    with gate_of(app)._tables.reading() as session:
        (factor,) = session.scalars(select(SecondFactor)).all()
        assert secret.encode() not in factor.sealed
        assert {row.digest for row in session.scalars(select(RecoveryCode))} == {recovery_digest(c) for c in codes}
    files = [f.read_bytes() for f in Path(app.state.service.settings.data).glob("dafec.sqlite3*")]
    assert not [word for word in (secret, *codes) if any(word.encode() in data for data in files)]


def test_reset_removes_the_factor(app: FastAPI, client: TestClient) -> None:
    user = add_user(app, "one", Role.OFFICER)
    enrolled(client, "one")
    once = gate_of(app).accounts.reset(user).one_time_password
    assert log_in(client, "one", once).json()["pending"] == ["password"]
    assert "second_factor.removed" in actions(app)


def test_two_logins_with_one_code_at_once_are_one(app: FastAPI, client: TestClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    add_user(app, "one", Role.OFFICER)
    _, secret, _ = enrolled(client, "one")
    logins = gate_of(app).logins
    at = datetime.now(UTC) + timedelta(seconds=60)
    code = pyotp.TOTP(secret).at(at)

    def attempt(_: int) -> bool:
        try:
            logins.log_in("one", PASSWORD, code, "here", now=at)
        except ServiceError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]


def test_recovery_codes_have_more_than_112_bits() -> None:
    import math

    codes = new_recovery_codes()
    assert all(len(code.replace("-", "")) * math.log2(31) > 112 for code in codes)


def test_what_happened_is_on_record_without_a_name(app: FastAPI, client: TestClient) -> None:
    user = add_user(app, "h. basri", Role.OFFICER)
    failed(client, "h. basri")
    failed(client, "somebody else")
    me = logged_in(client, "h. basri")
    me("PUT", "/api/v1/account/password", json={"present": PASSWORD, "new": NEW})
    log = entries(app)
    assert [e["target"] for e in log if e["action"] == "login.failed"] == [f"user:{user}", ""]
    (login,) = [e for e in log if e["action"] == "login.succeeded"]
    assert (login["actor"], login["target"]) == (f"user:{user}", f"user:{user}")
    (changed,) = [e for e in log if e["action"] == "password.changed"]
    assert changed["actor"] == f"user:{user}"
    assert "basri" not in str(log)


def test_nothing_typed_is_logged(app: FastAPI, client: TestClient, capfd: pytest.CaptureFixture[str]) -> None:
    add_user(app, "h. basri", Role.OFFICER)
    log_in(client, "h. basri", "velvet wrong 77")
    me = logged_in(client, "h. basri")
    me("GET", "/api/v1/account")
    said = "".join(capfd.readouterr())
    for word in ("basri", "velvet wrong 77", PASSWORD, me.token):
        assert word not in said


def test_rate_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    limit = RateLimit(60, clock=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(60)] == [0.0] * 60
    assert limit.wait_s("a") == pytest.approx(1.0)
    assert limit.wait_s("b") == 0.0
    now[0] += 1.01
    assert limit.wait_s("a") == 0.0
    assert RateLimit(0).wait_s("a") == 0.0
    assert all(limit.wait_s(str(number)) == 0.0 for number in range(10_500))
    assert len(limit._buckets) == 10_000


def test_too_many_requests_are_told_when_to_come_back(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"requests_per_minute": 5}), lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        answers = [client.get("/api/v1/screenings") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert answers[-1].json()["code"] == "access.too_many_requests"
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_flood_of_logins_is_told_to_come_back_and_stops_nobody_who_is_in(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    me = logged_in(client, "known")
    pool = gate_of(app).hashing
    waiting, pool._pending = pool._pending, pool._places  # as if that many hashed and waited
    answer = log_in(client, "known")
    assert (answer.status_code, answer.json()["code"]) == (503, "service.overloaded")
    assert int(answer.headers["retry-after"]) >= 1
    assert me("GET", "/api/v1/account").status_code == 200
    pool._pending = waiting
    assert log_in(client, "known").status_code == 201


def test_limits_of_sessions_come_from_the_settings(app: FastAPI, client: TestClient) -> None:
    add_user(app, "known", Role.OFFICER)
    short = Logins(gate_of(app)._tables, SessionLimits(timedelta(minutes=1), timedelta(minutes=2)))
    login = short.log_in("known", PASSWORD, "", "here", now=NOW)
    assert short.user_of(login.token, NOW + timedelta(seconds=61)) is None
    assert gate_of(app).logins.user_of(login.token, NOW + timedelta(seconds=61)) is not None


def test_attempts_are_kept_as_digests(app: FastAPI, client: TestClient) -> None:
    failed(client, "secret-looking-name")
    with gate_of(app)._tables.reading() as session:
        assert blocked_for_s(session, b"x" * 32, "testclient", datetime.now(UTC)) == 0
    files = [f.read_bytes() for f in Path(app.state.service.settings.data).glob("dafec.sqlite3*")]
    assert not [data for data in files if b"secret-looking-name" in data]
