"""H: what browsers are told, and what they cannot be made to do."""

from __future__ import annotations

import re

import pytest

from app import create_app
from tests.conftest import PASSWORD, running
from tests.security.conftest import sign_in

pytest.importorskip("blueprints.equipment", reason="the pages of the example are asked")

LIST = "/tools/equipment/item/"


@pytest.fixture
def answers(app, alice, client):
    """A function: answers of every kind, by name."""

    @app.get("/broken")
    def broken():
        raise RuntimeError("it broke")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    style = re.search(r'/static/roundtrip\.css[^"]*', client.get("/auth/login").text)[0]
    etag = client.get(style).headers["ETag"]
    return lambda: {
        "page": alice.get("/"),
        "list": alice.get(LIST),
        "sign-in": client.get("/auth/login"),
        "redirect": client.get("/"),
        "not found": client.get("/nothing"),
        "refused form": client.post("/auth/login"),
        "not this way": client.delete("/auth/login"),
        "error": alice.get("/broken"),
        "too large": client.post("/auth/login", environ_base={"CONTENT_LENGTH": str(10**12)}),
        "json": client.get("/healthz"),
        "problem": client.get("/nothing.json"),
        "download": alice.get(LIST + "export.csv"),
        "workbook": alice.get(LIST + "export.xlsx"),
        "static": client.get(style),
        "not modified": client.get(style, headers={"If-None-Match": etag}),
        "missing file": client.get("/static/nothing.css"),
        "options": client.options("/auth/login"),
        "head": client.head("/auth/login"),
    }


def test_h1_every_kind_of_answer_carries_the_headers(answers):
    for name, answer in answers().items():
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["Content-Security-Policy"].split(";")
        )
        assert (
            policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        ), name
        assert policy["form-action"] == policy["script-src"] == policy["style-src"] == "'self'", (
            name
        )
        assert "unsafe" not in answer.headers["Content-Security-Policy"], name
        assert answer.headers["X-Content-Type-Options"] == "nosniff", name
        assert answer.headers["X-Frame-Options"] == "DENY", name
        assert answer.headers["Referrer-Policy"] == "same-origin", name
        assert answer.headers["X-Trip-Id"], name
        if answer.data:
            kind = answer.headers["Content-Type"]
            assert "charset=utf-8" in kind or not kind.startswith("text/"), (name, kind)


def test_h1_the_answers_are_of_the_kinds_they_are_called(answers):
    codes = {name: answer.status_code for name, answer in answers().items()}
    assert codes["error"] == 403 or codes["error"] == 500
    assert codes["not modified"] == 304
    assert codes["too large"] == 413
    assert codes["not this way"] == 405
    assert codes["redirect"] == 303
    assert codes["download"] == codes["workbook"] == codes["static"] == codes["json"] == 200


def test_h1_https_is_remembered_for_a_year_and_http_is_not(client):
    secure = client.get("/auth/login", base_url="https://localhost").headers
    assert int(secure["Strict-Transport-Security"].partition("max-age=")[2]) >= 31_536_000
    assert "Strict-Transport-Security" not in client.get("/auth/login").headers


def test_h1_no_page_has_a_script_or_style_in_it(alice):
    for path in ("/", LIST, "/auth/account", "/auth/sessions", "/auth/confirm", "/trips/"):
        page = alice.get(path).text
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", page), (
            path
        )


def test_h2_what_signed_in_people_see_is_kept_nowhere(answers):
    for name, answer in answers().items():
        if name not in ("static", "not modified", "missing file"):
            assert "no-store" in answer.headers["Cache-Control"], name
            assert "Cookie" in answer.headers["Vary"], name


def test_h2_a_static_file_sets_no_cookie(answers):
    assert "Set-Cookie" not in answers()["static"].headers


# Forged requests --------------------------------------------------------------------------------

CHANGES = ["/auth/logout", "/auth/login", "/auth/account", "/auth/account/password", "/auth/sessions/end",
    "/auth/confirm", LIST + "new"]  # fmt: skip


def a_form(**fields):
    return {"email": "bob@example.com", "password": PASSWORD, "name": "Mallory", **fields}


@pytest.mark.parametrize("address", CHANGES)
def test_h3_a_change_without_the_token_of_the_session_is_refused(app, alice, bob, address):
    for token in (None, "", "x", alice.csrf()):
        fields = a_form() if token is None else a_form(csrf_token=token)
        answer = bob.post(address, data=fields)
        assert answer.status_code == 400, token
    assert bob.get("/").status_code == 200
    assert "Mallory" not in bob.get("/auth/account").text


@pytest.mark.parametrize("address", CHANGES)
def test_h3_a_change_from_another_site_is_refused_over_https(app, bob, address):
    bob.set_cookie("roundtrip", bob.get_cookie("roundtrip").value)
    for came in ({"Referer": "https://evil.example/"}, {}):
        fields = a_form(csrf_token=bob.csrf())
        answer = bob.post(address, data=fields, headers=came, base_url="https://localhost")
        assert answer.status_code == 400


def addresses_of_changes(app):
    rules = list(app.url_map.iter_rules())
    pages = {rule.rule for rule in rules if "GET" in rule.methods}
    for rule in rules:
        if "POST" in rule.methods and rule.rule not in pages:
            yield re.sub(r"<[^>]*>", "1", rule.rule)


def test_h3_nothing_is_changed_by_get(app, alice):
    for address in addresses_of_changes(app):
        assert alice.get(address, query_string=a_form()).status_code in (308, 404, 405), address
    assert alice.get("/").status_code == 200


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "_method"])
def test_h3_no_header_makes_another_method(alice, name):
    answer = alice.get("/auth/logout", headers={name: "POST"}, query_string={"_method": "POST"})
    assert answer.status_code == 405
    assert alice.get("/").status_code == 200


def test_h3_signing_in_and_out_needs_a_form_of_ours(app, client, bob):
    assert client.post("/auth/login", data=a_form()).status_code == 400
    assert bob.post("/auth/logout").status_code == 400
    assert bob.get("/").status_code == 200


# Forged addresses ------------------------------------------------------------------------------

FORGED = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https",
    "Forwarded": "for=10.9.9.9;host=evil.example", "X-Real-IP": "10.9.9.9", "X-Forwarded-Prefix": "/evil"}  # fmt: skip


def test_h6_what_a_client_claims_of_proxies_changes_no_link_and_no_log(client, caplog):
    caplog.set_level(0)
    answer = client.get("/", headers=FORGED)
    assert answer.location == "/auth/login?next=/"
    assert "Strict-Transport-Security" not in answer.headers
    page = client.get("/auth/login", headers=FORGED).text
    assert "evil" not in page + caplog.text
    assert "10.9.9.9" not in caplog.text


def test_h6_what_a_client_claims_of_proxies_goes_round_no_limit(app):
    codes = []
    for number in range(12):
        client = app.test_client()
        headers = {**FORGED, "X-Forwarded-For": f"10.9.9.{number}"}
        answer = sign_in(client, f"x{number}@example.com", "wrong", _headers=headers)
        codes.append(answer.status_code)
    assert codes == [422] * 10 + [429] * 2


def test_h6_the_nearest_proxy_is_believed_and_no_entry_before_it(instance):
    made = running(create_app({"INSTANCE": instance, "TESTING": True, "PROXIES": 1}))
    app, codes = next(made), []
    for number in range(12):
        headers = {"X-Forwarded-For": f"10.9.9.{number}, 192.0.2.7"}
        answer = sign_in(app.test_client(), f"x{number}@example.com", "wrong", _headers=headers)
        codes.append(answer.status_code)
    assert codes == [422] * 10 + [429] * 2
    list(made)
