"""G: passwords, keys and other secrets."""

from __future__ import annotations

import ast
import sys
import threading
import time
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from app import passwords, people
from app.errors import Unavailable
from tests.security.conftest import sign_in

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("app", "blueprints") for path in (CHECKOUT / folder).rglob("*.py")]


# Work ------------------------------------------------------------------------------------------


@pytest.fixture
def room(monkeypatch):
    """A room of its own for the passwords of a test."""
    made = passwords.Room()
    monkeypatch.setattr(passwords, "room", made)
    return made


@pytest.fixture
def busy(monkeypatch):
    """How many passwords are being checked at the same time, and the most that ever were."""
    lock, seen = threading.Lock(), {"now": 0, "most": 0, "all": 0}

    def verify(_self, _hashed, _password):
        with lock:
            seen["now"] += 1
            seen["all"] += 1
            seen["most"] = max(seen["most"], seen["now"])
        time.sleep(0.005)
        with lock:
            seen["now"] -= 1
        return True

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    return seen


def all_at_once(work, count):
    threads = [threading.Thread(target=work) for _ in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]


def test_g1_a_password_is_stored_as_argon2id_with_what_owasp_advises(app):
    with app.app_context():
        stored = people.find("bob@example.com").password_hash
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_g1_never_more_than_two_passwords_are_checked_at_the_same_time(room, busy):
    all_at_once(lambda: people.matches("hash", "password"), 30)
    assert busy["most"] <= 2
    assert busy["all"] == 30, "who is known is never sent away"


def test_g1_of_very_many_strangers_at_once_some_are_sent_away_and_no_others(room, busy):
    refused = []

    def stranger():
        try:
            people.matches("hash", "password", known=False)
        except Unavailable as error:
            refused.append(error)

    all_at_once(stranger, 150)
    assert 30 <= busy["all"] < 150
    assert len(refused) == 150 - busy["all"]
    assert people.matches("hash", "password")
    with pytest.raises(Unavailable):
        people.matches("hash", "password", known=False)
    room.crowded_until = 0
    assert people.matches("hash", "password", known=False), "whoever comes alone is not sent away"
    assert room.inside == 0


def test_g1_thirty_people_who_sign_in_together_on_new_devices_are_let_in(app, room):
    codes = []
    all_at_once(lambda: codes.append(sign_in(app.test_client()).status_code), 30)
    assert codes == [303] * 30


def test_g1_whoever_is_sent_away_is_told_when_to_come_back(app, room, client, monkeypatch):
    known = app.test_client()
    sign_in(known)
    monkeypatch.setattr(room, "left", 0.0)
    monkeypatch.setattr(room, "a_second", 0.0)
    monkeypatch.setattr(room, "inside", 1)
    answer = sign_in(client)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "few seconds" in answer.text
    assert sign_in(known).status_code == 303, "a device that has signed in before is let in"


def test_g1_an_error_gives_the_place_back(room, monkeypatch):
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), room.turn():
            raise ZeroDivisionError
    assert room.inside == 0
    with room.turn(), room.turn():
        pass


# Keys ------------------------------------------------------------------------------------------


def test_g2_the_key_is_made_at_the_first_start_and_readable_by_its_owner_alone(app):
    path = Path(app.instance_path) / "secret_key"
    assert len(path.read_text(encoding="ascii")) >= 50
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_g2_the_key_is_in_no_page_no_log_no_trip_and_no_database(app, alice, caplog):
    key = app.secret_key

    @app.get("/broken")
    def broken():
        raise RuntimeError("it broke")

    caplog.set_level(0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    pages = [alice.get(path).text for path in ("/", "/broken", "/docs/settings", "/trips/pipeline")]
    pages += [alice.get(f"/trips/{alice.get('/broken').headers['X-Trip-Id']}.json").text]
    assert key not in "".join(pages) + caplog.text
    app.extensions["trips"].store.flush()
    for path in Path(app.instance_path).rglob("*.sqlite*"):
        assert key.encode() not in path.read_bytes(), path


def calls_and_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


NO_SECRETS = {"app/trips/trip.py", "blueprints/equipment/example.py"}
"""What a trip is called, as rights decide who may look; and made-up data."""


def test_g3_secrets_come_from_the_generator_for_secrets_alone():
    using = {
        p.relative_to(CHECKOUT).as_posix() for p in SOURCES if "random" in calls_and_imports(p)
    }
    assert using <= NO_SECRETS


def names_in(node):
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} | {
        one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)
    }


SECRET_NAMES = {"token", "password", "secret", "csrf_token", "signature", "secret_key"}


def test_g3_no_secret_is_compared_character_by_character():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                texts = any(isinstance(side, ast.Constant) for side in sides)
                where = f"{path.relative_to(CHECKOUT)}:{node.lineno}"
                hashed = names_in(node) & {"digest", "token_hash", "password_hash"}
                settled = hashed or path.name in (
                    "hooks.py",
                    "passwords.py",
                )  # of a cookie just accepted, of a new password
                assert texts or settled or not names_in(node) & SECRET_NAMES, where


def test_g3_tokens_have_at_least_128_bits(app, bob):
    with bob.session_transaction() as session, app.app_context():
        assert len(session["_user_id"]) >= 22
        assert len(people.reset_link("bob@example.com")) >= 22
