"""What cannot be done is refused in words that name the place and the cure, and nothing is half written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import people as persons
from app.extensions import db, utcnow
from app.models import Change, Token
from tests.api.conftest import API, problem, refused
from tests.tools.conftest import declared

LARGE = 10**400


@pytest.fixture
def nothing_written(app, orders):
    """Afterwards there is no change but the one that made the orders."""
    yield
    with app.app_context():
        assert db.session.query(Change).count() == 1


pytestmark = [
    pytest.mark.parametrize("on_each_database", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("nothing_written"),
]
"""What is asked here does not depend on the database."""

# Bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"), (b"{", "no JSON"), (b"{'a': 1}", "no JSON"), (b'{"a": 1,}', "no JSON"),
        (b'{"city": "a", "city": "b"}', "stands twice"), (b'{"total": NaN}', "NaN is no number"),
        (b'{"total": Infinity}', "Infinity is no number"), (b'{"city": "\xff"}', "not UTF-8"),
        (b"[" * 30 + b"]" * 30, "nested deeper"), (b"[" * 100_000, "JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested deeper"), (b"\xef\xbb\xbf{}", "JSON"),
        (b'{"quantity": ' + b"9" * 5_000 + b"}", "JSON"), (b"\0", "no JSON"),
    ],
    ids=lambda one: one[:12] if isinstance(one, bytes) else "",
)  # fmt: skip
def test_d11_what_is_no_json_is_a_400_that_says_why(script, body, words):
    for method, url in (("POST", API), ("PATCH", f"{API}1"), ("POST", f"{API}batch")):
        told = problem(script.ask(method, url, body), 400)
        assert words in told["detail"]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (API, {"\ud800": 1}), (API, {"order_no": "\ud800"}), (API, {"status": "\ud800"}),
        (f"{API}batch", {"\ud800": []}), (f"{API}batch", {"create": [{"\udc00": 1}]}),
    ],
)  # fmt: skip
def test_d11_half_a_letter_is_refused_wherever_it_stands(script, url, body):
    problem(script.post(url, body), 422)


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b"true", b"[{}]"])
def test_d11_json_that_is_no_record_is_refused(script, body):
    assert "object" in problem(script.post(API, body), 422)["detail"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)  # fmt: skip
def test_f4_another_kind_of_body_is_a_415_that_names_the_right_one(script, kind):
    answer = script.post(API, b'{"order_no": "X"}', Content_Type=kind)
    assert "application/json" in problem(answer, 415)["detail"]


def test_a_body_that_is_too_large_is_refused(app, script):
    limit = app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    problem(script.post(API, b'"' + b"x" * limit + b'"'), 413)


def test_a_body_that_says_it_is_of_more_than_100_mb_is_refused_unread(script):
    answer = script.client.post(
        API,
        headers={"Authorization": f"Bearer {script.key}"},
        environ_overrides={"CONTENT_LENGTH": "100000001"},
    )
    problem(answer, 413)


# Values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("order_no", one) for one in (None, "", 7, True, [], {}, "a\nb", "x" * 100_000, "\0")),
        *(("customer", one) for one in (7, [], {}, "a\0b", "a\nb", "\ud800")),
        *(("email", one) for one in ("x", "@", "a@b c", 1)),
        *(("quantity", one) for one in ("x", 1.5, "1.5", True, [1], 2**70, LARGE, -LARGE)),
        *(("total", one) for one in ("x", "1,5", "1.234", "NaN", "Infinity", "1e5", [], True, "9" * 40)),
        *(("status", one) for one in ("open", "Nope", 1, ["Open"])),
        *(("ordered", one) for one in ("2026-02-30", "03.01.2026", "0000-01-01", 20260101, "today")),
        *(("note", one) for one in (1, {}, ["a"], "a\0b")),
    ],
    ids=lambda one: repr(one)[:24],
)  # fmt: skip
def test_d13_a_value_of_the_wrong_kind_is_refused_at_its_field(script, name, value):
    answer = script.post(API, {"order_no": "X1", "city": "Rome", name: value})
    told = refused(answer)
    assert list(told) == [name] and told[name]
    assert name in refused(script.ask("PATCH", f"{API}1", {"city": "R", "version": 1, name: value}))


def test_all_that_is_wrong_is_said_at_once(script):
    told = refused(script.post(API, {"quantity": "x", "ordered": "x", "nope": 1, "status": "x"}))
    assert told.keys() >= {"quantity", "ordered", "nope", "status"}
    assert "there are order_no, customer" in told["nope"]


def test_values_of_every_other_type_are_refused_in_words(app, script, made):
    words = (
        "yes-no", "decimal", "percent", "date-time", "time", "duration", "multi-choice", "url", "phone",
        "person",
    )  # fmt: skip
    fields = tuple(declared(one, one, name=one.replace("-", "_")) for one in words)
    made([], fields=fields, name="all", label="All")
    url = "/api/v1/orders/all/"
    for name in (one.replace("-", "_") for one in words):
        for value in ({}, [[]], "\0", 10**30, {"a": [1]}):
            answer = script.post(url, {name: value})
            assert answer.status_code == 422, (name, value, answer.text)
            assert name in refused(answer)
    with app.app_context():  # the table's own entry
        db.session.query(Change).filter(Change.table_id != 3).delete()
        db.session.commit()


# Addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["/api/v1/no/such/", "/api/v1/orders/nope/", "/api/v1/orders/nope/1", "/api/v1/nope", "/api/v2/",
     "/api/v1/orders/orders/nope", "/api/v1/%00/x/", "/api/v1/orders%2Forders/x/", "/api/v1/'/\"/"],
)  # fmt: skip
def test_an_address_of_nothing_is_404(script, url):
    answer = script.get(url)
    assert answer.status_code == 404, answer.text


def test_another_method_is_a_405_that_names_those_that_work(script):
    answer = script.ask("PUT", API, {})
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    problem(script.get(f"{API}batch"), 405)


def test_d15_a_word_that_is_taken_once_is_refused_twice(script):
    for query in ("limit=1&limit=2", "version=1&version=2", "count=true&count=false"):
        method = "DELETE" if "version" in query else "GET"
        url = f"{API}1" if method == "DELETE" else API
        answer = script.ask(method, f"{url}?{query}")
        assert answer.status_code == 400, query


# Keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["expired", "revoked", "disabled", "wrong", "none", "basic"])
def test_f2_what_is_no_key_any_more_opens_nothing(app, program, end):
    script = program("bob")
    with app.app_context():
        token = db.session.get(Token, script.number)
        if end == "expired":
            token.expires_at = utcnow() - timedelta(seconds=1)
        elif end == "revoked":
            db.session.delete(token)
        db.session.commit()
        if end == "disabled":
            persons.disable("bob@example.com")
    script.key = {"wrong": script.key[:-1] + "!", "none": ""}.get(end, script.key)
    headers = {"Authorization": f"Basic {script.key}"} if end == "basic" else {}
    for answer in (script.get(API, **headers), script.post(API, {"order_no": "X"}, **headers)):
        assert answer.status_code in (401, 400) and "SO-2" not in answer.text
        if end != "basic":
            problem(answer, 401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_f2_a_key_in_the_address_opens_nothing(script, client):
    for name in ("key", "token", "access_token", "api_key"):
        answer = client.get(f"{API}?{name}={script.key}")
        assert answer.status_code == 401
        assert script.key not in answer.text


# Sessions --------------------------------------------------------------------------------------


def test_f4_a_session_writes_only_with_its_token(bob):
    for headers in ({}, {"X-CSRFToken": "x"}):
        told = problem(bob.post(API, json={"order_no": "X"}, headers=headers), 400)
        assert "X-CSRFToken" in told["detail"]
    assert bob.get(API).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_f4_what_another_site_can_make_a_browser_send_is_refused(bob, kind):
    answer = bob.post(API, data=b'{"order_no": "X"}', content_type=kind)
    problem(answer, 400)
    answer = bob.post(API, data=b"{}", content_type=kind, headers={"X-CSRFToken": bob.csrf()})
    problem(answer, 415)


def test_who_sends_no_key_is_told_how_to(app):
    answer = app.test_client().get(API)
    assert "Authorization: Bearer" in problem(answer, 401)["detail"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_character_nul_in_an_address_is_named(script, orders):
    assert "NUL" in problem(script.get(f"{API}?q=%00"), 400)["detail"]
    assert "once" in problem(script.get(f"{API}?q=a&q=b"), 400)["detail"]


def test_the_methods_that_work_are_named(script, orders):
    assert "GET" in problem(script.ask("DELETE", "/api/v1/"), 405)["detail"]
