"""Errors become a page for people and problem+json for programs, with the trip's number and no leak."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy.exc
from flask import abort

from app import errors
from app.permissions import public

JSON = {"Accept": "application/json"}

RAISED = {
    "not-found": (errors.NotFound("No such item."), 404),
    "forbidden": (errors.Forbidden("You lack the right “update”."), 403),
    "invalid": (errors.Invalid("Look again.", [("year", "Year must be a number")]), 422),
    "conflict": (errors.Conflict("Lent to Bob."), 409),
    "too-many": (errors.TooMany("Wait.", 7), 429),
    "unavailable": (errors.Unavailable("Later."), 503),
    "broken": (ValueError("internal words"), 500),
    "swapped": (
        sqlalchemy.exc.ProgrammingError(
            "SELECT 1", {}, Exception('relation "crew__people" does not exist')
        ),
        503,
    ),
    "wrong": (sqlalchemy.exc.ProgrammingError("SELEC 1", {}, Exception("syntax error")), 500),
    "locked": (
        sqlalchemy.exc.OperationalError(
            "UPDATE x", {}, sqlite3.OperationalError("database is locked")
        ),
        503,
    ),
    "full": (
        sqlalchemy.exc.OperationalError(
            "UPDATE x", {}, sqlite3.OperationalError("database or disk is full")
        ),
        507,
    ),
    "no-column": (
        sqlalchemy.exc.OperationalError(
            "SELECT y", {}, sqlite3.OperationalError("no such column: y")
        ),
        500,
    ),
}


@pytest.fixture
def app(app):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.get("/raise/<what>")
    @public
    def raise_it(what):
        if what.isdecimal():
            abort(int(what))
        raise RAISED[what][0]

    return app


@pytest.mark.parametrize("what", sorted(RAISED))
@pytest.mark.parametrize("headers", [{}, JSON], ids=["page", "json"])
def test_each_error_has_its_status_words_and_trip_number(client, what, headers):
    error, status = RAISED[what]
    answer = client.get(f"/raise/{what}", headers=headers)
    assert answer.status_code == status
    assert answer.headers["X-Trip-Id"] in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Traceback" not in answer.text
    assert "internal words" not in answer.text
    if isinstance(error, errors.AppError):
        assert error.detail in answer.text


def test_problem_json_has_the_members_of_the_standard(client):
    answer = client.get("/raise/invalid", headers=JSON)
    assert answer.mimetype == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Some values need another look",
        "status": 422,
        "detail": "Look again.",
        "trip": answer.headers["X-Trip-Id"],
        "errors": [{"field": "year", "message": "Year must be a number"}],
    }


def test_waiting_times_are_said_in_a_header(client):
    assert client.get("/raise/too-many").headers["Retry-After"] == "7"
    assert int(client.get("/raise/locked").headers["Retry-After"]) > 0


def test_405_says_what_works(client):
    assert "POST" in client.get("/auth/logout").headers["Allow"]


@pytest.mark.parametrize("status", [400, 404, 405, 410, 413, 415, 429])
def test_plain_aborts_have_our_own_words(client, status):
    answer = client.get(f"/raise/{status}")
    assert answer.status_code == status
    assert "<h1>" in answer.text


@pytest.mark.parametrize("host", ["evil.example:x", "a b", "[::1", "ä.example", "x" * 5000, ""])
def test_a_hostile_host_is_refused_without_breaking_the_error_page(client, host):
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code in (200, 400)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/..%2f..%2fetc/passwd",
        "/static/..%2F%5cevil",
        "/static/../wsgi.py",
        "/\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "/" + "a/" * 2000,
        "/%ff%fe",
        "//evil.example/",
        "/trips/%3Cscript%3E",
    ],
)
def test_a_hostile_path_gets_an_answer_and_no_error_of_ours(client, path):
    answer = client.get(path)
    assert answer.status_code < 500
    assert "<script>alert" not in answer.text


def test_the_strangers_answer_names_no_internals(client):
    page = client.get("/raise/broken").text
    for word in ("app/", "site-packages", "sqlite", "File "):
        assert word not in page


@pytest.mark.parametrize(
    "came, back",
    [
        ("http://localhost/tools/crew/people/1?page=2", "/tools/crew/people/1?page=2"),
        ("https://elsewhere.example/tools/crew", ""),
        ("http://localhost//elsewhere.example/x", ""),
        ("javascript:alert(1)", ""),
        ("http://localhost/raise/conflict", ""),
        (None, ""),
    ],
)
def test_an_error_leads_back_to_the_page_of_ours_that_one_came_from(client, came, back):
    page = client.get("/raise/conflict", headers={"Referer": came} if came else {}).text
    assert ("Go back" in page) == bool(back)
    assert f'href="{back}">Go back' in page if back else "elsewhere" not in page


def test_a_deadlock_is_not_told_as_a_table_that_was_changed(app):
    words = 'deadlock detected\nCONTEXT:  while locking tuple (0,1) in relation "crew__people"'
    error = sqlalchemy.exc.OperationalError("UPDATE x", {}, Exception(words))
    with app.test_request_context("/api/v1/"):
        answer = errors.database_error(error)
    assert answer.status_code == 503 and "busy" in answer.json["detail"]
