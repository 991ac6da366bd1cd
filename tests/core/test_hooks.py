"""The middleware of the core, one law at a time."""

from __future__ import annotations

import json
import logging
import mimetypes
import re
import shutil
from pathlib import Path

import pytest
from flask import Blueprint, Response

from app import create_app, hooks
from app.hooks import AFTER, BEFORE
from app.permissions import PUBLIC, public, right_of
from tests.conftest import running, sign_in


def test_the_registered_order_is_the_order_in_the_file(app):
    assert tuple(app.before_request_funcs[None][: len(BEFORE)]) == BEFORE
    assert tuple(reversed(app.after_request_funcs[None]))[-len(AFTER) :] == AFTER


def test_extensions_register_no_hooks_behind_the_list(app):
    assert [
        f
        for f in app.before_request_funcs[None]
        if not f.__module__.startswith(("app.", "blueprints."))
    ] == []
    assert [
        f
        for f in app.after_request_funcs[None]
        if not f.__module__.startswith(("app.", "blueprints."))
    ] == []


def test_every_route_declares_its_right_and_strangers_reach_only_public_ones(app, client):
    for rule in app.url_map.iter_rules():
        if rule.endpoint.endswith("static"):
            continue
        right = right_of(app.view_functions[rule.endpoint])
        assert right is not None, f"{rule.endpoint} declares no right"
        if right[0] == PUBLIC or "GET" not in rule.methods:
            continue
        answer = client.get(re.sub(r"<[^>]+>", "1", rule.rule))
        assert answer.status_code in (303, 401, 404), rule.rule
        if answer.status_code == 303:
            assert answer.location.startswith("/auth/login?next=")


def test_public_routes_are_these(app):
    found = {r.endpoint for r in app.url_map.iter_rules() if not r.endpoint.endswith("static")}
    open_ones = {e for e in found if right_of(app.view_functions[e]) == (PUBLIC, "")}
    assert open_ones - {"api.options"} == {  # which says what methods there are
        "auth.invite",
        "auth.login",
        "auth.logout",
        "auth.reset",
        "auth.setup",
        "health.alive",
        "health.ready",
    }


def test_programs_get_401_where_people_are_led_to_sign_in(client):
    answer = client.get("/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"


def test_a_form_of_another_session_is_refused_and_nothing_is_saved(app, bob, alice):
    token = alice.csrf()
    answer = bob.post("/auth/account", data={"csrf_token": token, "name": "Mallory"})
    assert answer.status_code == 400
    assert "nothing was saved" in answer.text
    assert "Mallory" not in bob.get("/auth/account").text


@pytest.mark.parametrize(
    "path", ["/auth/login", "/nowhere", "/static/roundtrip.css", "/healthz", "/auth/logout"]
)
def test_security_headers_are_on_every_answer(client, path):
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Trip-Id"]


def test_static_files_are_what_they_are_whatever_windows_has_registered(instance):
    kinds = {
        "roundtrip.css": "text/css",
        "roundtrip.js": "text/javascript",
        "favicon.svg": "image/svg+xml",
    }
    for name in kinds:
        mimetypes.add_type("text/plain", Path(name).suffix)  # as another program may have set it
    client = create_app({"INSTANCE": instance, "TESTING": True}).test_client()
    found = {name: client.get(f"/static/{name}", buffered=True).mimetype for name in kinds}
    assert found == kinds


def test_pages_of_signed_in_people_stay_out_of_caches_and_versioned_files_stay_in(bob, client):
    page = bob.get("/")
    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.headers["Vary"]
    address = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    file = client.get(address)
    assert "immutable" in file.headers["Cache-Control"]
    assert "Cookie" not in file.headers["Vary"]
    assert "Set-Cookie" not in file.headers


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_bodies_are_compressed_as_the_browser_asks_and_etags_still_match(app, client, coding):
    @app.get("/etag")
    @public
    def etag():
        response = Response("text " * 500, mimetype="text/plain")
        response.set_etag("7")
        return response

    first = client.get("/etag", headers={"Accept-Encoding": coding})
    assert first.headers["Content-Encoding"] == coding
    assert int(first.headers["Content-Length"]) < 500
    again = {"Accept-Encoding": coding, "If-None-Match": first.headers["ETag"]}
    assert client.get("/etag", headers=again).status_code == 304
    assert client.get("/etag", headers=again | {"If-None-Match": '"8"'}).status_code == 200


@pytest.mark.parametrize("form", ["text", "json"])
def test_each_request_writes_one_structured_line(instance, caplog, form):
    app = create_app({"INSTANCE": instance, "TESTING": True, "LOG_FORMAT": form})
    with caplog.at_level(logging.INFO, "roundtrip.request"):
        answer = app.test_client().get("/auth/reset/secret-token?x=1\r\nforged")
    lines = [record.getMessage() for record in caplog.records if record.name == "roundtrip.request"]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "secret-token" not in lines[0]
    assert answer.headers["X-Trip-Id"] in lines[0]
    if form == "json":
        assert json.loads(lines[0])["status"] == 404
    list(running(app))


def test_the_record_of_a_request_is_one_as_logging_makes_it(monkeypatch):
    for asked in (True, False):
        for fact in ("logThreads", "logProcesses", "logMultiprocessing"):
            monkeypatch.setattr(logging, fact, asked)
        args = ("roundtrip.request", logging.INFO, "", 0, "a line", None, None)
        wanted, record = vars(logging.LogRecord(*args)), vars(hooks._record("a line"))
        assert record.keys() == wanted.keys()
        for name in ("created", "msecs", "relativeCreated"):
            assert type(record[name]) is type(wanted.pop(name))
        assert abs(record["created"] * 1000 % 1000 - record["msecs"]) < 1
        assert record.items() >= wanted.items()


def test_a_host_that_is_not_ours_is_refused(instance):
    app = create_app(
        {
            "INSTANCE": instance,
            "TESTING": True,
            "TRUSTED_HOSTS": ("tools.example.com", ".example.org"),
        }
    )
    client = app.test_client()
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "tools.example.com:8000"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "a.example.org"}).status_code == 200


def test_forwarded_headers_count_only_behind_a_declared_proxy(instance):
    sent = {
        "X-Forwarded-For": "9.9.9.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    for proxies, secure in ((0, False), (1, True)):
        app = create_app({"INSTANCE": instance, "TESTING": True, "PROXIES": proxies})
        headers = app.test_client().get("/healthz", headers=sent).headers
        assert ("Strict-Transport-Security" in headers) is secure
        list(running(app))


def test_signed_in_people_cost_two_queries_and_static_files_none(app, trip_of):
    bob = sign_in(app, "bob")
    trip_of(bob.get("/static/roundtrip.css")).queries(0)
    bob.get("/auth/account")  # the first request of a process reads what tables are declared as
    check = trip_of(bob.get("/auth/account")).queries(2)  # session with roles, tables of the rail
    assert check.data["queries"][0]["where"] == "hooks.person"


def test_a_body_over_the_limit_is_refused_by_name(client, trip_of):
    answer = client.post("/auth/login", data=b"x" * 100_000_001)
    assert answer.status_code == 413
    trip_of(answer).blocked_by("hooks.size_limit")


def test_a_view_that_is_only_called_static_is_closed_like_any_other(app, client):
    dropin = Blueprint("dropin", __name__)

    @dropin.get("/dropin")
    def static():
        return "not a file"

    app.register_blueprint(dropin)
    assert client.get("/dropin").status_code == 403


def test_a_full_disk_does_not_take_the_pages_along(client, instance):
    shutil.rmtree(instance / "cache")  # compiled templates can no longer be written
    assert client.get("/auth/login").status_code == 200
