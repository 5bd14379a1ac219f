"""The rules for a new password, its hash, and the commands that make users and desks."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
import servers
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from api.errors import ServiceError
from api.security.accounts import Accounts
from api.security.audit_entry import acting
from api.security.desks import Desks
from api.security.logins import Logins, SessionLimits
from api.security.passwords import (
    MAX_PASSWORD_LENGTH,
    MIN_PASSWORD_LENGTH,
    check_password,
    hash_password,
    is_breached,
    random_words,
    verify_password,
)
from api.security.permissions import Role
from api.security.tables import opened_tables
from api.store import StorePlaces
from dafec import cli
from dafec.errors import InstallationError, UsageError


def refused(password: str, *about: str, breached: Path | None = None) -> str | None:
    try:
        check_password(password, about, breached)
    except ServiceError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    "password",
    [
        "tango river mango 5",
        "xk4-9fm2-pq7t",
        "كلمات لا رابط بينها ٧",
        "nur ein ganz langer Satz ohne Ziffern",
        "velvet anchor prism " * 3,  # 60 characters
        "w8" + "zq7 mk3 " * 31,  # 250
        "\U0001f6c2 tango \U0001f6c3 river",
    ],
)
def test_taken(password: str) -> None:
    assert refused(password, "huda") is None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "too_short"),
        ("Xk4-9fm2-p", "too_short"),
        ("x" * (MAX_PASSWORD_LENGTH + 1), "too_long"),
        ("aaaaaaaaaaaaaaaaaa", "too_common"),
        ("passwordpassword", "too_common"),
        ("qwertyuiop1234", "too_common"),
        ("1q2w3e4r5t6y7u", "too_common"),
        ("basrahairport2026", "too_common"),
        ("Dafec-Dafec-Dafec", "too_common"),
        ("huda.al-basri", "too_common"),
        ("huda al-basri 1990", "too_common"),
        ("مطار البصرة", "too_short"),
        ("مطار البصرة العراق", "too_common"),
        ("abcdefghijklmnop", "too_common"),
        ("01012026010120", "too_common"),
    ],
)
def test_refused(password: str, code: str) -> None:
    assert refused(password, "huda.al-basri") == f"password.{code}"


def test_frequent_passwords_that_are_long_enough_are_refused() -> None:
    """The 30,000 most frequent hold more than the 3,000 of ASVS 6.2.4, which are those of 12 characters first."""
    long = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_PASSWORD_LENGTH]
    assert len(FREQUENCY_LISTS["passwords"]) >= 30_000
    assert len(long) > 100
    assert [word for word in random.Random(1).sample(long, 60) if refused(word) is None] == []


def test_offline_list_of_breached_passwords(tmp_path: Path) -> None:
    words = [f"leaked password {number}" for number in range(500)]
    hashes = sorted(hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest().upper() for word in words)
    file = tmp_path / "breached.txt"
    file.write_text("".join(f"{found}:{number}\r\n" for number, found in enumerate(hashes)))
    assert all(is_breached(word, file) for word in words)
    assert not any(is_breached(f"another {number}", file) for number in range(500))
    assert refused("leaked password 7", breached=file) == "password.too_common"
    file.write_text("")
    assert not is_breached("x", file)
    with pytest.raises(InstallationError, match=r"password\.list_unusable"):
        is_breached("x", tmp_path / "absent")


def test_hash_is_argon2id_with_the_documented_cost_and_takes_every_character() -> None:
    kept = hash_password("tango river mango 5")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert verify_password("tango river mango 5", kept)
    for other in ("tango river mango 5 ", "Tango river mango 5", "tango river mango", ""):
        assert not verify_password(other, kept)
    long = "z" * 200 + "a"
    assert not verify_password("z" * 200 + "b", hash_password(long))  # nothing is cut off
    assert not verify_password("x", "no hash")
    assert not verify_password("x", None)


def test_one_time_passwords_are_random() -> None:
    made = {random_words(4, 5) for _ in range(50)}
    assert len(made) == 50
    assert not [word for word in made if set(word) & set("01ilo")]


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


def last(out: str) -> dict[str, Any]:
    return dict(json.loads(out.strip().splitlines()[-1]))


def test_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = ("--data", tmp_path / "data")
    assert run(capfd, "users", "add", "x", "--role", "officer", *data)[0] == 4
    code, out, _ = run(capfd, "users", "add", "Huda", "--role", "administrator", "--json", *data)
    assert code == 0
    huda = last(out)
    assert run(capfd, "desks", "add", "Hall 2", *data)[0] == 0
    assert run(capfd, "users", "add", "ali", "--role", "officer", "--desk", "Hall 2", *data)[0] == 0
    _, out, _ = run(capfd, "users", "--json", *data)
    listed = [json.loads(line) for line in out.strip().splitlines()]
    assert [(user["name"], user["roles"], user["must_change"]) for user in listed] == [
        ("ali", ["officer"], True),
        ("huda", ["administrator"], True),
    ]
    assert run(capfd, "users", "disable", "huda", *data)[0] == 4  # the last one
    assert run(capfd, "users", "change", "ali", "--role", "administrator", *data)[0] == 0
    assert run(capfd, "users", "disable", "huda", *data)[0] == 0
    assert run(capfd, "users", "enable", "huda", *data)[0] == 0
    assert run(capfd, "users", "unblock", "huda", *data)[0] == 0
    code, out, _ = run(capfd, "users", "reset", "huda", "--json", *data)
    assert last(out)["one_time_password"] != huda["one_time_password"]
    assert run(capfd, "users", "reset", "nobody", *data)[0] == 4
    assert run(capfd, "users", "reset", *data)[0] == 2
    assert run(capfd, "users", "add", "y", "--role", "boss", *data)[0] == 2
    _, out, _ = run(capfd, "desks", "renew", "Hall 2", "--json", *data)
    assert last(out)["key"].startswith("dafec-desk.")
    assert run(capfd, "desks", "revoke", "Hall 2", *data)[0] == 0
    for lang, word in (("en", "revoked"), ("ar", "ملغى")):
        assert word in run(capfd, "desks", "--lang", lang, *data)[1]
        assert "huda" in run(capfd, "users", "--lang", lang, *data)[1]


def test_permissions_command_prints_the_table(capfd: pytest.CaptureFixture[str]) -> None:
    from api.security.permission_table import permission_table

    assert run(capfd, "users", "permissions")[1].strip() == permission_table()


@pytest.mark.parametrize("places", ["postgresql"], indirect=True)
def test_the_same_on_postgresql(places: StorePlaces, postgres: servers.Postgres) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from datetime import timedelta

    from api.store import Store

    Store(places).close()
    with acting("command"), opened_tables(places) as tables, opened_tables(places) as other:

        def first(which: Any) -> str | None:
            with acting("service"):
                return Accounts(which).create_first_administrator()

        with ThreadPoolExecutor(2) as pool:
            made = list(pool.map(first, (tables, other)))
        assert sorted(password is None for password in made) == [False, True]  # two processes, one administrator
        once = next(password for password in made if password)
        logins = Logins(tables, SessionLimits(timedelta(minutes=30), timedelta(hours=12)))
        login = logins.log_in("administrator", once, "", "10.0.0.1")
        found = logins.user_of(login.token)
        assert found is not None
        assert found.roles == {Role.ADMINISTRATOR}
        key = Desks(tables).create("one").key
        assert Desks(other).desk_of_key(key) is not None
        with pytest.raises(ServiceError, match=r"login\.failed"):
            logins.log_in("administrator", "wrong", "", "10.0.0.1")


def test_no_users_where_nothing_can_be_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"keys\.inside_data"),
        opened_tables(StorePlaces(tmp_path / "data", keys=tmp_path / "data" / "keys")),
    ):
        pass


@pytest.mark.parametrize("command", [("desks",), ("users",), ("desks", "revoke", "Hall 2"), ("users", "reset", "A. B")])
def test_looking_in_the_wrong_folder_makes_no_service_there(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, _, error = run(capfd, *command, "--data", str(tmp_path / "data"))
    assert code == 2
    assert "store.nothing_there" in error
    assert not list(tmp_path.iterdir())
