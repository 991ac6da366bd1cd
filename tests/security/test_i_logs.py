"""I: what is logged, what never is, and what happens when something is away. The audit list, I5, is
tested where it is."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import create_app, people
from app.extensions import db
from app.logs import Message
from app.models import Definition, Session
from app.permissions import requires
from tests.conftest import PASSWORD, running
from tests.security.conftest import cookie_line, sign_in, token_of

pytest.importorskip("blueprints.equipment", reason="the pages of the example are asked")

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def lines(caplog):
    """A function: the log lines so far that match, as a server writes them."""
    caplog.set_level(logging.INFO)
    written, form = [], Message()

    class Writing(logging.Handler):
        def emit(self, record):
            written.append(form.format(record))

    handler = Writing()
    logging.getLogger().addHandler(handler)
    yield lambda pattern: [line for line in written if re.search(pattern, line)]
    logging.getLogger().removeHandler(handler)


def test_i1_signing_in_both_ways_is_logged_with_when_who_where_and_trip(client, lines):
    failed = sign_in(client, password="wrong password").headers["X-Trip-Id"]
    good = sign_in(client).headers["X-Trip-Id"]
    assert lines(rf"^{TIME} trip={failed} sign-in failed: person=2 address=127.0.0.1$")
    assert lines(rf"^{TIME} trip={good} signed in: person=2 address=127.0.0.1$")


def test_i1_a_limit_that_is_hit_is_logged(client, lines):
    for _ in range(11):
        sign_in(client, password="wrong password")
    assert lines(rf"^{TIME} trip=\w+ sign-in has to wait: address=127.0.0.1 by=account wait=\d+s")


def test_i1_a_refusal_is_logged_with_the_right_that_was_missing(app, bob, lines):
    @app.get("/closed")
    @requires("people")
    def closed():
        return ""

    trip = bob.get("/closed").headers["X-Trip-Id"]
    assert lines(rf"^{TIME} trip={trip} refused: person=2 address=127.0.0.1: .*“people”")


def test_i1_a_password_and_people_are_logged(app, client, lines):
    sign_in(client)
    client.send("/auth/account/password", current=PASSWORD, password="several good words")
    with app.app_context():
        people.disable("bob@example.com")
    assert lines(rf"^{TIME} trip=\w+ password set: person=2")
    assert lines(rf"^{TIME} person disabled: id=2")


@pytest.mark.parametrize("form", ["text", "json"])
def test_i1_the_line_of_a_request_says_when_in_utc(app, bob, lines, form):
    app.config["ROUNDTRIP_LOG_FORMAT"] = form
    bob.get("/auth/account")
    (line,) = lines("/auth/account")
    if form == "json":
        facts = json.loads(line)
        assert facts["person"] == 2 and facts["address"] == "127.0.0.1" and facts["status"] == 200
        assert re.fullmatch(TIME, facts["time"])
    else:
        assert re.search(
            rf"trip=\w+ person=2 address=127.0.0.1 method=GET status=200 .* time={TIME}$", line
        )


def test_i1_what_a_client_sends_makes_no_line_of_its_own(client, lines):
    client.get("/auth/reset/x%0a2026-01-01T00:00:00Z%20signed%20in:%20person=1")
    sign_in(client, "eve\nsigned in: person=1@example.com", "x")
    assert not [line for line in lines("person=1") if "\n" in line]
    assert not lines("^signed in|^2026-01-01")


# Nothing secret --------------------------------------------------------------------------------


def test_i2_no_password_cookie_or_token_is_in_a_log_or_a_trip(app, client, lines, clock):
    good, wrong = PASSWORD, "unique-marker-wrong-password"
    sign_in(client, password=wrong)
    sign_in(client, password=good, remember="y")
    secrets = [wrong, good, token_of(client), client.get_cookie("roundtrip").value, client.csrf()]
    clock.forward(hours=2)
    secrets.append(
        cookie_line(client.get("/?token=unique-marker-query")).partition("=")[2].partition(";")[0]
    )
    client.send("/auth/confirm", password=wrong, next="/?x=unique-marker-next")
    client.send("/auth/account/password", current=wrong, password="unique-marker-new-password")
    client.get("/auth/reset/unique-marker-link")
    client.get("/auth/account", headers={"Authorization": "Bearer rt_unique-marker-bearer"})
    secrets += ["unique-marker", token_of(client)]
    app.extensions["trips"].store.flush()
    files = [path.read_bytes() for path in Path(app.instance_path).glob("trips.*")]
    seen = "\n".join(lines("")).encode() + b"".join(files)
    assert b"/auth/confirm" in seen
    for secret in secrets:
        assert secret.encode() not in seen, secret


def test_i2_the_values_of_cells_are_in_no_log_and_no_trip(app, alice, lines):
    fields = {"code": "MRK-1", "name": "unique-marker-cell", "state": "ready"}
    alice.send("/tools/equipment/item/new", **fields)
    alice.get("/tools/equipment/item/?q=unique-marker-cell")
    app.extensions["trips"].store.flush()
    files = [path.read_bytes() for path in Path(app.instance_path).glob("trips.*")]
    assert b"unique-marker-cell" not in "\n".join(lines("")).encode() + b"".join(files)


# Trips -----------------------------------------------------------------------------------------


def test_i3_a_trip_is_seen_by_whoever_made_it_and_by_those_who_may(app, client, alice, bob):
    trip = bob.get("/auth/account").headers["X-Trip-Id"]
    assert client.get(f"/trips/{trip}").status_code == 303
    assert bob.get(f"/trips/{trip}").status_code == alice.get(f"/trips/{trip}").status_code == 200
    other = alice.get("/auth/account").headers["X-Trip-Id"]
    assert (
        bob.get(f"/trips/{other}").status_code == bob.get(f"/trips/{other}.json").status_code == 404
    )
    limited = bob.get(f"/trips/{trip}.json").json
    assert "queries" not in limited and "logs" not in limited


def test_i3_what_a_trip_shows_is_escaped(app, alice):
    trip = alice.get("/nothing/<script>alert(1)</script>?q=<script>").headers["X-Trip-Id"]
    assert "<script>alert" not in alice.get(f"/trips/{trip}").text


def test_i3_switched_off_nothing_is_kept(instance):
    made = running(create_app({"INSTANCE": instance, "TESTING": True, "TRIPS": "off"}))
    app = next(made)
    app.test_client().get("/auth/login")
    assert not list(Path(app.instance_path).glob("trips.sqlite"))
    list(made)


# Errors ----------------------------------------------------------------------------------------

LEAKS = r"Traceback|File \"|line \d+, in|site-packages|werkzeug|sqlalchemy|sqlite3|SELECT |/tmp/|0x[0-9a-f]{8}|it broke"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_i4_an_error_says_its_trip_and_nothing_of_the_inside(app, bob, accept):
    def broken(kind):
        def view():
            if kind == "sql":
                db.session.execute(sa.text("SELECT nothing FROM nowhere"))
            raise RuntimeError("it broke")

        return requires("signed in")(view)

    for kind in ("python", "sql"):
        app.add_url_rule(f"/{kind}", kind, broken(kind))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for path, status in (("/python", 500), ("/sql", 500), ("/nothing", 404), ("/auth/logout", 405)):
        answer = bob.get(path, headers={"Accept": accept})
        assert answer.status_code == status, path
        assert answer.headers["X-Trip-Id"] in answer.text
        main = answer.text.partition("<main")[2] or answer.text
        assert not re.search(LEAKS, main), re.search(LEAKS, main)


# What is away ----------------------------------------------------------------------------------


def test_i6_without_redis_no_limit_is_taken_for_kept(instance):
    settings = {"INSTANCE": instance, "TESTING": True, "REDIS_URL": "redis://127.0.0.1:1"}
    made = running(create_app(settings))
    client = next(made).test_client()
    assert sign_in(client).status_code == 503
    assert "roundtrip_device" not in str(client.get("/auth/login").headers)
    list(made)


@pytest.mark.parametrize("table", [Session.__tablename__, Definition.__tablename__])
def test_i6_without_the_tables_that_rights_are_read_from_nobody_comes_in(app, bob, table):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql(f"DROP TABLE {table}")
    answer = bob.get("/tools/equipment/item/")
    assert answer.status_code >= 500 or answer.status_code in (303, 404)
    assert "Add item" not in answer.text


def test_i6_a_session_that_cannot_be_looked_up_is_nobodys(app, bob, monkeypatch):
    def away(*_):
        raise sa.exc.OperationalError("", {}, Exception("the database is locked"))

    monkeypatch.setattr("app.sessions._opened", away)
    answer = bob.get("/auth/account")
    assert answer.status_code == 503
    assert "Bob Brown" not in answer.text


def test_i6_a_right_that_cannot_be_worked_out_is_no_right(app, bob, monkeypatch):
    def broken(*_):
        raise RuntimeError("it broke")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("app.permissions.may", broken)
    answer = bob.get("/auth/account")
    assert answer.status_code == 500
    assert "Present password" not in answer.text


def test_i6_a_route_that_says_nothing_is_closed(app, alice):
    app.add_url_rule("/open", "open", lambda: "secret")
    answer = alice.get("/open")
    assert answer.status_code == 403
    assert "secret" not in answer.text.partition("<main")[2]
