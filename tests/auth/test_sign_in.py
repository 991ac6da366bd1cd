"""Signing in and out, set-up, links, sessions."""

from __future__ import annotations

import io
import os
import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
import sqlalchemy as sa
import sqlalchemy.exc
from flask import request

from app import create_app, database, people, sessions
from app.database import writing_connection
from app.errors import Conflict
from app.extensions import utcnow
from app.models import Person, Session
from app.permissions import public
from blueprints.auth import services
from blueprints.auth.views import device_in_words, safe_next
from tests.conftest import PASSWORD, Client, running
from tests.conftest import sign_in as sign_in_without_password
from tests.serving import skip_unless


def sign_in(client, email="bob@example.com", password=PASSWORD, **more):
    return client.send("/auth/login", email=email, password=password, **more)


def test_signing_in_leads_where_one_wanted_to_go(client):
    answer = client.get("/auth/account")
    assert answer.status_code == 303
    assert answer.location == "/auth/login?next=/auth/account"
    assert sign_in(client, next="/auth/account").location == "/auth/account"
    assert "Bob Brown" in client.get("/auth/account").text


def test_unknown_and_wrong_and_disabled_look_the_same(client):
    pages = []
    for email in ("nobody@example.com", "bob@example.com", "charlie@example.com"):
        answer = sign_in(client, email, "wrong password")
        assert answer.status_code == 422
        pages.append(answer.text.replace(email, "").split("<main")[1].split('name="csrf_token"')[0])
    assert pages[0] == pages[1] == pages[2]


def test_a_disabled_person_sees_nothing_with_the_right_password_or_an_old_cookie(client, charlie):
    assert sign_in(client, "charlie@example.com").status_code == 422
    assert charlie.get("/").location == "/auth/login?next=/"


def test_signing_in_makes_a_new_session_and_signing_out_ends_it_on_the_server(app, client):
    sign_in(client)
    with client.session_transaction() as session:
        token = session["_user_id"]
    client.send("/auth/logout")
    with app.app_context():
        assert sessions.actor_of(token) is None
    with client.session_transaction() as session:
        session["_user_id"] = token
    assert client.get("/").status_code == 303


def test_a_cookie_holds_a_token_and_the_database_only_its_hash(app, bob):
    with bob.session_transaction() as session, app.app_context():
        stored = [row.token_hash for row in sessions.of_person(people.find("bob@example.com").id)]
        assert sessions.digest(session["_user_id"]) in stored
        assert session["_user_id"] not in stored


@pytest.mark.parametrize("cookie", ["x", "a.b.c", "." * 4000, "eyJfdXNlcl9pZCI6IjEifQ.Z.Z", "é"])
def test_a_forged_cookie_is_a_stranger(client, cookie):
    client.set_cookie("roundtrip", cookie)
    assert client.get("/").status_code == 303


def test_ten_failures_make_a_stranger_wait_but_not_the_owner(app, client, bob):
    known = app.test_client()
    sign_in(known)
    known.send("/auth/logout")
    codes = [sign_in(client, password="wrong password").status_code for _ in range(12)]
    assert codes[:10] == [422] * 10
    assert codes[10:] == [429] * 2
    answer = sign_in(client)
    assert int(answer.headers["Retry-After"]) > 0
    assert sign_in(known).status_code == 303, "a device that has signed in before is counted apart"


def test_tries_at_the_same_moment_count_like_tries_one_after_the_other(app):
    codes = []

    def guess():
        codes.append(sign_in(app.test_client(), password="wrong password").status_code)

    threads = [threading.Thread(target=guess) for _ in range(24)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert set(codes) == {422, 429}
    assert codes.count(422) <= 10


@pytest.mark.parametrize(
    "body", [{"email": "bob@example.com", "password": PASSWORD}, {"email": 5, "password": 6}, [1]]
)
def test_json_is_no_way_round_the_throttle(client, body):
    answer = client.post("/auth/login", json=body, headers={"X-CSRFToken": client.csrf()})
    assert answer.status_code == 422, "the throttle reads forms, so a sign-in is a form"


def test_a_file_in_the_place_of_a_text_is_a_missing_value(client):
    fields = {"csrf_token": client.csrf(), "email": (io.BytesIO(b"x"), "x.txt"), "password": "x"}
    assert client.post("/auth/login", data=fields).status_code == 422


def test_a_throttled_try_says_which_hook_blocked_it(client, trip_of):
    for _ in range(10):
        sign_in(client, password="wrong password")
    trip_of(sign_in(client)).blocked_by("hooks.sign_in_throttle")


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\/evil.example", "javascript:alert(1)",
     "/\t/evil.example", "http:evil.example", " //evil.example", "evil", "/\x00/x", "https:/evil",
     "//[", "//a\uff0fb"],
)  # fmt: skip
def test_the_way_on_after_signing_in_stays_here(app, target):
    with app.test_request_context():
        assert safe_next(target) == "/"


def test_the_way_on_keeps_a_path_with_its_query(app):
    with app.test_request_context():
        assert safe_next("/trips/?slow=5&q=a%20b") == "/trips/?slow=5&q=a%20b"
        assert safe_next("/a/ü") == "/a/%C3%BC"


# Set-up ----------------------------------------------------------------------------------------


@pytest.fixture
def empty_app(app):
    """The app before set-up: nobody is there."""
    with app.app_context():
        from app.database import writing

        with writing() as session:
            session.query(Session).delete()
            session.query(Person).delete()
    return app


def setup_link(app) -> str:
    with app.app_context():
        box = services.announce_setup("http://localhost")
    return (
        next(line for line in box if "token=" in line).strip("| ").removeprefix("http://localhost")
    )


ADMIN = {"name": "Ada", "email": "ada@example.com", "password": "several good words"}


def test_set_up_works_once_and_signs_in(empty_app):
    link = setup_link(empty_app)
    client, late = empty_app.test_client(), empty_app.test_client()
    assert "first administrator" in client.get(link).text
    token = link.partition("token=")[2]
    assert client.send("/auth/setup", token=token, **ADMIN).location == "/"
    assert client.get("/").status_code == 200
    assert late.get(link).status_code == 404
    assert late.send("/auth/setup", token=token, **ADMIN).status_code == 404
    with empty_app.app_context():
        assert services.announce_setup("http://localhost") == []


def test_before_set_up_everything_leads_to_sign_in_which_says_what_waits(empty_app):
    client = empty_app.test_client()
    assert client.get("/").location == "/auth/login?next=/"
    assert "Set-up is waiting" in client.get("/auth/login").text
    assert "flask user add EMAIL --admin" in client.get("/auth/login").text
    assert client.get("/auth/setup?token=guess").status_code == 404


def test_a_new_start_makes_a_new_link_and_the_old_one_stops(empty_app):
    first, second = setup_link(empty_app), setup_link(empty_app)
    client = empty_app.test_client()
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200


def test_a_set_up_form_with_errors_keeps_the_link_and_what_was_typed(empty_app):
    link = setup_link(empty_app)
    client = empty_app.test_client()
    token = link.partition("token=")[2]
    wrong = {"password": "short", "email": "ada"}
    answer = client.send("/auth/setup", token=token, **ADMIN | wrong)
    assert "2 things to fix" in answer.text
    answer = client.send("/auth/setup", token=token, **ADMIN | {"password": "short"})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "The password needs 8 to 128 characters" in answer.text
    assert 'value="ada@example.com"' in answer.text
    assert client.send("/auth/setup", token=token, **ADMIN).status_code == 303


# Account ---------------------------------------------------------------------------------------


def test_changing_the_password_needs_the_present_one_and_ends_all_sessions(app, bob, client):
    assert (
        bob.send(
            "/auth/account/password", current="wrong password", password="another good one"
        ).status_code
        == 422
    )
    sign_in(client)
    assert (
        bob.send(
            "/auth/account/password", current=PASSWORD, password="another good one"
        ).status_code
        == 303
    )
    assert client.get("/").status_code == bob.get("/").status_code == 303
    assert sign_in(client, password="another good one").location == "/"


@pytest.mark.parametrize(
    "password", ["short", "x" * 129, "aaaaaaaaaaaa", "bob@example.com", "roundtrip1"]
)
def test_a_password_that_is_easy_to_guess_is_refused_with_what_works(bob, password):
    answer = bob.send("/auth/account/password", current=PASSWORD, password=password)
    assert answer.status_code == 422
    assert "character" in answer.text or "harder to guess" in answer.text


@pytest.mark.parametrize(
    "password",
    ["four words " * 11, "pässwörd ☃ mit Leerzeichen", "correct horse battery staple " * 3],
)
def test_a_long_password_is_never_cut(app, password):
    with app.app_context():
        people.add("dora@example.com", password=password)
        assert services.sign_in("dora@example.com", password, "", "").name == "dora"
        with pytest.raises(Exception, match="do not belong together"):
            services.sign_in("dora@example.com", password[:-1], "", "")


def test_the_look_is_chosen_per_person(bob):
    bob.send("/auth/account", name="Bob B.", theme="dark", density="compact")
    page = bob.get("/auth/account").text
    assert 'data-theme="dark" data-density="compact"' in page
    assert "Bob B." in page


def test_one_sees_and_ends_ones_own_sessions_only(app, bob, alice, client):
    sign_in(client)
    assert bob.get("/auth/sessions").text.count('data-label="Address"') == 2
    with app.app_context():
        other = sessions.of_person(people.find("alice@example.com").id)[0].id
    bob.send("/auth/sessions/end", id=other)
    assert bob.send("/auth/sessions/end", id=10**30).status_code == 303
    assert alice.get("/").status_code == 200, "somebody else's session stays"
    bob.send("/auth/sessions/end")
    assert client.get("/").status_code == 303
    assert bob.get("/").status_code == 200


@pytest.mark.parametrize("name", ["  ", "x" * 201])
def test_a_name_that_cannot_be_is_said_at_its_field(bob, name):
    answer = bob.send("/auth/account", name=name, theme="auto", density="default")
    assert answer.status_code == 422
    assert "The name needs 1 to 200 characters" in answer.text


def test_a_password_is_set_wholly_or_the_link_still_works(app, bob, monkeypatch):
    def disk_full(*_):
        raise sqlalchemy.exc.OperationalError("", {}, sqlite3.OperationalError("disk is full"))

    with app.app_context():
        token = people.reset_link("bob@example.com")
        with monkeypatch.context() as patch, pytest.raises(sqlalchemy.exc.OperationalError):
            patch.setattr(people, "set_password", disk_full)
            services.reset_password(token, "several good words")
        assert people.link_is_open("reset", token)
        assert bob.get("/").status_code == 200
        services.reset_password(token, "several good words")
        assert not people.link_is_open("reset", token)
    assert bob.get("/").status_code == 303, "every session ended with it"


def test_the_cookie_lasts_as_long_as_a_session_may(app):
    assert app.permanent_session_lifetime == sessions.ABSOLUTE


def test_guessing_at_the_present_password_is_limited_too(bob):
    fields = {"current": "wrong", "password": "several good words"}
    codes = [bob.send("/auth/account/password", **fields).status_code for _ in range(11)]
    assert codes == [422] * 10 + [429]


# Commands --------------------------------------------------------------------------------------


def test_a_person_is_added_by_command_and_chooses_a_password_by_the_link(runner, client):
    result = runner.invoke(args=["user", "add", "Eve@Example.com", "--name", "Eve"])
    assert result.exit_code == 0, result.output
    path = "/auth/reset/" + result.stdout.strip().rpartition("/")[2]
    assert client.send(path, password="several good words").status_code == 303
    assert client.send(path, password="several other words").status_code == 404, (
        "the link works once"
    )
    assert sign_in(client, "eve@example.com", "several good words").location == "/"


def test_commands_refuse_with_one_clear_line(runner):
    for args, words in (
        (["user", "add", "nonsense"], "needs an @"),
        (["user", "add", "bob@example.com"], "already here"),
        (["user", "disable", "nobody@example.com"], "Nobody here"),
        (["user", "disable", "alice@example.com"], "last administrator"),
        (["user", "reset-link", "nobody@example.com"], "Nobody here"),
    ):
        result = runner.invoke(args=args)
        assert result.exit_code == 1
        assert words in result.output
        assert result.output.count("\n") == 1


def test_people_are_listed(runner):
    output = runner.invoke(args=["user", "list"]).output
    assert "alice@example.com\tAlice Adams\tadmin" in output
    assert "charlie@example.com\tCharlie Clark\tdisabled" in output


def test_the_last_administrator_stays(app):
    with app.app_context(), pytest.raises(Conflict):
        people.disable("alice@example.com")


def test_a_disabled_person_is_let_in_again_by_command_and_gets_no_link_before(runner, client):
    refused = runner.invoke(args=["user", "reset-link", "charlie@example.com"])
    assert refused.exit_code == 1
    assert "flask user enable charlie@example.com" in refused.output
    assert runner.invoke(args=["user", "enable", "charlie@example.com"]).exit_code == 0
    assert sign_in(client, "charlie@example.com").location == "/"


def test_administrators_are_made_and_unmade_by_command_and_one_always_stays(runner, bob):
    assert bob.get("/trips/routes").status_code in (403, 404)
    assert runner.invoke(args=["user", "admin", "bob@example.com"]).exit_code == 0
    assert bob.get("/trips/routes").status_code in (200, 404)
    assert runner.invoke(args=["user", "admin", "alice@example.com", "--off"]).exit_code == 0
    last = runner.invoke(args=["user", "admin", "bob@example.com", "--off"])
    assert last.exit_code == 1
    assert "last administrator" in last.output


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("curl/8.1", "curl"),
        ("<script>" * 20, "<script>" * 5),
        ("", "Not told"),
    ],
)  # fmt: skip
def test_a_device_is_told_in_words(agent, words):
    assert device_in_words(agent) == words


# Where something is away or in the way ----------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DELETE FROM alembic_version", "flask upgrade"),
        ("UPDATE alembic_version SET version_num = '9999'", "flask upgrade cannot help"),
        ("DROP TABLE alembic_version", "flask upgrade"),
    ],
)
@pytest.mark.parametrize("words_typed", [["list"], ["add", "eve@example.com"]])
def test_commands_on_another_schema_say_what_to_do(app, runner, change, words, words_typed):
    with app.app_context(), writing_connection() as connection:
        connection.exec_driver_sql(change)
    done = runner.invoke(args=["user", *words_typed])
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert words in done.output
    assert runner.invoke(args=["user", "add", "--help"]).exit_code == 0


def limited_app(instance, url):
    settings = {"SIGNIN_RATE": "3/minute", "REDIS_URL": url, "TESTING": True}
    app = create_app({"INSTANCE": instance, **settings})
    app.test_client_class = Client
    return app


def test_without_redis_nobody_signs_in_and_the_rest_goes_on(instance):
    for app in running(limited_app(instance, "redis://127.0.0.1:1")):
        bob = sign_in_without_password(app, "bob")
        answer = sign_in(app.test_client())
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert bob.get("/").status_code == 200
        assert app.test_client().get("/auth/login").status_code == 200
        account = {"name": "Bob", "theme": "auto", "density": "default"}
        assert bob.send("/auth/account", **account).status_code == 303


@pytest.fixture
def redis_url():
    """A Redis; skipped where none answers, never in CI."""
    redis = pytest.importorskip("redis", reason="the package redis is not installed")
    url = "redis://127.0.0.1:6379"
    try:
        redis.from_url(url, socket_connect_timeout=3).ping()
    except redis.ConnectionError as error:
        skip_unless(False, f"no Redis on this machine: {error}")
    return url


def test_processes_count_failures_together_by_redis(instance, redis_url):
    email = f"{os.urandom(6).hex()}@example.com"
    first, second = (limited_app(instance, redis_url).test_client() for _ in range(2))
    for client in (first, second):
        client.environ_base["REMOTE_ADDR"] = f"test {email}"
    codes = [sign_in(c, email, "wrong password").status_code for c in (first, second) * 2]
    assert codes == [422, 422, 422, 429]
    for client in (first, second):
        list(running(client.application))


def long_ago(app):
    """Nobody has been seen for an hour."""
    with app.app_context(), writing_connection() as connection:
        connection.execute(sa.update(Session).values(last_seen_at=utcnow() - timedelta(hours=1)))


def test_a_visit_is_not_held_up_by_somebody_elses_write(app, bob):
    bob.get("/")
    long_ago(app)
    with closing(sqlite3.connect(app.instance_path + "/roundtrip.sqlite")) as lock:
        lock.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert bob.get("/").status_code == 200
        assert time.monotonic() - began < 2
    with app.app_context():
        with database.db.engine.connect() as connection:
            waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
        assert waits == database.BUSY_SECONDS * 1000, "other writes wait as before"
    bob.get("/")
    with app.app_context():
        seen = sessions.of_person(people.find("bob@example.com").id)[0].last_seen_at
    assert utcnow() - seen < timedelta(minutes=1)


NUL = [("email", "bob\0@example.com"), ("password", "several\0good words"), ("next", "/\0")]


@pytest.mark.parametrize(("name", "value"), NUL)
def test_a_nul_in_a_form_is_refused_in_words(client, name, value):
    answer = client.send(
        "/auth/login", **{"email": "bob@example.com", "password": "x", name: value}
    )
    assert answer.status_code == 422


def test_a_nul_is_no_error_of_ours_on_postgresql(postgresql_url, tmp_path):
    app = create_app({"INSTANCE": tmp_path, "DATABASE_URL": postgresql_url, "TESTING": True})

    @app.get("/find")
    @public
    def find():
        return people.find(request.args["email"]).name

    with app.app_context():
        database.upgrade(app)
        people.add("bob@example.com", "Bob Brown", password=PASSWORD)
    for _ in running(app):
        bob = sign_in_without_password(app, "bob")
        for name, value in NUL:
            fields = {"email": "bob@example.com", "password": "x", name: value}
            assert app.test_client().send("/auth/login", **fields).status_code == 422
        account = {"theme": "auto", "density": "default"}
        answer = bob.send("/auth/account", name="B\0b", **account)
        assert answer.status_code == 422
        assert "cannot be stored" in answer.text
        assert bob.get("/find?email=%00").status_code == 422
        long_ago(app)
        lock = sa.select(Session).with_for_update()
        with app.app_context(), database.db.engine.connect() as other:
            other.execute(lock)
            began = time.monotonic()
            assert bob.get("/auth/account").status_code == 200
            assert time.monotonic() - began < 2
