"""The trip tells what happened: scripted requests whose story is known."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask import Blueprint, Response, abort, g, redirect, request, session, stream_with_context

from app import create_app
from app.errors import Conflict
from app.permissions import public, requires, signed_in
from tests.conftest import running, sign_in

dropin = Blueprint("dropin", __name__)


@dropin.before_app_request
def gate() -> Any:
    """Answers itself, refuses or changes, as the query asks."""
    match request.args.get("gate"):
        case "answer":
            return Response("from the gate", 203)
        case "refuse":
            abort(418)
        case "fail":
            raise RuntimeError("the gate is broken")
        case "change":
            g.colour = "blue"
        case "session":
            session["visits"] = 1
        case "several":
            g.colour = "blue"
            g.colour = "red"
            session["visits"] = g.setdefault("visits", 1)
        case "nothing":
            g.actor = g.setdefault("actor", g.pop("missing", None)) or g.actor
        case "remove":
            del g.began
            g.pop("actor")
    return None


@dropin.after_app_request
def stamp(response: Response) -> Response:
    """Changes the response, as the query asks."""
    match request.args.get("stamp"):
        case "header":
            response.headers["X-Stamp"] = "1"
        case "status":
            response.status_code = 202
        case "body":
            response.set_data("another")
        case "fail":
            raise RuntimeError("the stamp is broken")
    return response


@dropin.get("/ok")
@public
def ok() -> str:
    return "ok"


@dropin.get("/etag")
@public
def etag() -> Response:
    response = Response("same")
    response.set_etag("7")
    return response


@dropin.get("/folder/")
@public
def folder() -> str:
    return "folder"


@dropin.get("/away")
@public
def away() -> Any:
    return redirect("/ok")


@dropin.get("/boom")
@public
def boom() -> str:
    raise ValueError("no such luck")


@dropin.get("/conflict")
@public
def conflict() -> str:
    raise Conflict("It has been lent to somebody else.")


@dropin.get("/teapot")
@public
def teapot() -> str:
    abort(418)


@dropin.post("/form")
@public
def form() -> str:
    return "saved"


@dropin.get("/mine")
@signed_in
def mine() -> str:
    return "mine"


@dropin.get("/admins")
@requires("trips")
def admins() -> str:
    return "admins"


@dropin.get("/forgotten")
def forgotten() -> str:
    return "a route that declares no right"


@dropin.get("/stream")
@public
def stream() -> Response:
    def parts() -> Any:
        for n in range(3):
            if n == 2 and request.args.get("break"):
                raise ValueError("half way")
            yield f"part {n}\n"

    return Response(stream_with_context(parts()), mimetype="text/plain")


@dropin.get("/endless")
@public
def endless() -> Response:
    def parts() -> Any:
        for _ in range(400):
            yield b"x" * 100_000
            time.sleep(0.005)

    return Response(parts(), mimetype="application/octet-stream")


class Middleware:
    """WSGI middleware that lets pass, changes or answers, as the query asks."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        query = environ.get("QUERY_STRING", "")
        if "wsgi=answer" in query:
            start_response("451 Not here", [("Content-Length", "0")])
            return []
        if "wsgi=environ" in query:
            environ["HTTP_X_ADDED"] = "1"
        if "wsgi=header" not in query:
            return self.app(environ, start_response)
        return self.app(
            environ, lambda s, h, *rest: start_response(s, [*h, ("X-Wsgi", "1")], *rest)
        )


@pytest.fixture
def app(instance):
    app = create_app(
        {
            "INSTANCE": instance,
            "TESTING": True,
            "PROPAGATE_EXCEPTIONS": False,
            "TRUSTED_HOSTS": ("localhost",),
        }
    )
    app.register_blueprint(dropin)
    app.wsgi_app = Middleware(app.wsgi_app)
    yield from running(app)


MIDDLEWARE = f"{__name__}.Middleware"
GATE, STAMP = f"{__name__}.gate", f"{__name__}.stamp"


@pytest.mark.parametrize(
    ("path", "options", "status", "stopped_by"),
    [
        ("/ok", {}, 200, None),
        ("/ok", {"headers": {"Host": "evil.example"}}, 400, "hooks.trusted_host"),
        ("/form", {"method": "POST", "data": b"x" * 101_000_000}, 413, "hooks.size_limit"),
        ("/form", {"method": "POST"}, 400, "hooks.csrf_token"),
        ("/mine", {}, 303, "hooks.default_deny"),
        ("/mine.json", {}, 404, "URL match"),
        ("/admins", {}, 303, "hooks.default_deny"),
        ("/forgotten", {}, 403, "hooks.default_deny"),
        ("/ok?gate=answer", {}, 203, GATE),
        ("/ok?gate=refuse", {}, 418, GATE),
        ("/ok?gate=fail", {}, 500, GATE),
        ("/ok?gate=change", {}, 200, None),
        ("/ok?stamp=fail", {}, 500, None),
        ("/nowhere", {}, 404, "URL match"),
        ("/form", {}, 405, "URL match"),
        ("/folder", {}, 308, "URL match"),
        ("/away", {}, 302, None),
        ("/boom", {}, 500, None),
        ("/conflict", {}, 409, None),
        ("/teapot", {}, 418, None),
        ("/ok", {"method": "HEAD"}, 200, None),
        ("/ok", {"method": "OPTIONS"}, 200, None),
        ("/etag", {"headers": {"If-None-Match": '"7"'}}, 304, None),
        ("/static/roundtrip.css", {}, 200, None),
        ("/stream", {}, 200, None),
        ("/ok?wsgi=answer", {}, 451, MIDDLEWARE),
    ],
)  # fmt: skip
def test_what_stopped_a_request_is_named(client, trip_of, path, options, status, stopped_by):
    answer = client.open(path, **options)
    assert answer.status_code == status
    check = trip_of(answer).blocked_by(stopped_by)
    assert check.data["status"] == status


def test_the_rate_limit_and_the_sign_in_throttle_say_that_they_blocked(client, trip_of):
    for _ in range(10):
        client.send("/auth/login", email="bob@example.com", password="wrong")
    trip_of(client.send("/auth/login", email="bob@example.com", password="x")).blocked_by(
        "hooks.sign_in_throttle"
    )
    for _ in range(130):
        last = client.post("/auth/login?x", environ_base={"REMOTE_ADDR": "127.0.0.9"})
    trip_of(last).blocked_by("hooks.rate_limit")


def test_a_member_without_the_right_is_stopped_by_the_deny_hook(app, trip_of):
    check = trip_of(sign_in(app, "bob").get("/admins")).blocked_by("hooks.default_deny")
    assert "403" in check.hook("hooks.default_deny")["detail"]
    assert any(
        "permission" == log["kind"] and "refused" in log["text"] for log in check.data["logs"]
    )


@pytest.mark.parametrize(
    ("query", "hook", "verdict", "detail"),
    [
        ("gate=change", GATE, "changed", "set g.colour"),
        ("gate=session", GATE, "changed", "changed the session"),
        ("gate=several", GATE, "changed", "set g.colour, g.visits; changed the session"),
        ("gate=remove", GATE, "changed", "set g.began, g.actor"),
        ("gate=nothing", GATE, "passed", ""),
        ("", GATE, "passed", ""),
        ("", "hooks.trip", "changed", "set g.trip_id, g.began"),
        ("stamp=header", STAMP, "changed", "added X-Stamp"),
        ("stamp=status", STAMP, "changed", "status 200 → 202"),
        ("stamp=body", STAMP, "changed", "changed Content-Length; replaced the body"),
        ("", STAMP, "passed", ""),
        ("wsgi=environ", MIDDLEWARE, "changed", "environ: HTTP_X_ADDED"),
        ("wsgi=header", MIDDLEWARE, "changed", "added X-Wsgi"),
        ("", MIDDLEWARE, "passed", ""),
    ],
)
def test_what_a_piece_of_middleware_changed_is_told(client, trip_of, query, hook, verdict, detail):
    found = trip_of(client.get(f"/ok?{query}")).hook(hook)
    assert (found["verdict"], found["detail"]) == (verdict, detail)


def test_middleware_is_listed_in_the_order_in_which_it_ran(client, trip_of):
    names = [hook["name"] for hook in trip_of(client.get("/ok")).data["hooks"]]
    order = [MIDDLEWARE, "session open", "hooks.trip", "hooks.default_deny", GATE]
    order += [STAMP, "hooks.conditional", "hooks.request_line", "session save"]
    assert [name for name in names if name in order] == order


def test_wsgi_middleware_can_be_taken_back(app, client, trip_of):
    layers, before = len(app.layers), app.wsgi_app
    app.wsgi_app = Middleware(app.wsgi_app)
    assert len(app.layers) == layers + 1
    app.wsgi_app = before
    assert len(app.layers) == layers
    names = [hook["name"] for hook in trip_of(client.get("/ok")).data["hooks"]]
    assert names.count(MIDDLEWARE) == layers


def test_a_stopped_request_never_reached_the_later_stages(client, trip_of):
    check = trip_of(client.post("/form"))
    assert check.stage("view")["own_us"] is None
    assert check.stage("view")["state"] == "not reached"
    assert check.stage("response_middleware")["own_us"] > 0


def test_a_404_says_what_was_tried_and_a_405_what_works(client, trip_of):
    assert "nearest: /auth/account" in trip_of(client.get("/auth/nowhere/at/all")).data["tried"]
    assert trip_of(client.get("/form")).data["tried"] == "the address takes OPTIONS, POST"


def test_an_error_is_named_and_its_handler_runs_in_stage_8(client, trip_of):
    check = trip_of(client.get("/boom"))
    assert check.data["outcome"] == "error"
    assert check.data["error"] == "ValueError: no such luck"
    assert check.hook("errors.http_error")["stage"] == "response_middleware"


def test_a_stream_that_breaks_half_way_says_so(app, client):
    with pytest.raises(ValueError, match="half way"):
        client.get("/stream?break=1")
    trip = next(app.extensions["trips"].in_memory())
    assert (trip.outcome, trip.error) == ("failed half way", "ValueError: half way")


def test_what_fails_after_the_last_byte_is_told_too(app, client):
    def fail():
        raise ValueError("left a mess")

    @app.get("/mess")
    @public
    def mess():
        response = Response("sent")
        response.call_on_close(fail)
        return response

    with pytest.raises(ValueError, match="left a mess"):
        client.get("/mess")
    trip = next(app.extensions["trips"].in_memory())
    assert (trip.outcome, trip.error) == ("error", "ValueError: left a mess")


def test_a_client_that_goes_away_is_seen(app, serve):
    wire = serve(app)
    with wire.connect(receive_buffer=4096) as sock:
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = sock.recv(4096)
    from tests.core.conftest import trip_id

    assert wire.trip(trip_id(head))["outcome"] == "client gone"


def test_another_server_leaves_what_it_cannot_tell_not_measured(client, trip_of):
    check = trip_of(client.get("/ok"))
    assert check.stage("client")["state"] == "not measured"
    assert check.data["queue_us"] is None
    assert check.data["last_byte_us"] is None
