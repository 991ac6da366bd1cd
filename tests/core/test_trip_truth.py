"""The trip is true: time put into a stage shows up in that stage, and in no other.

A real Waitress serves; the client is a raw socket, so that slow sending and reading are real too.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa
from flask import render_template_string
from werkzeug.routing import BaseConverter

from app.database import db
from app.permissions import public

PUT_IN = 0.1  # seconds
NEAR_US = 5_000


naps: list[float] = []
holding, release = threading.Event(), threading.Event()


def nap() -> int:
    """Take time, and note how much it really was: a busy machine wakes one up late."""
    began = time.perf_counter()
    time.sleep(PUT_IN)
    naps.append(time.perf_counter() - began)
    return 1


class SlowConverter(BaseConverter):
    """A URL converter that takes its time."""

    def to_python(self, value: str) -> str:
        nap()
        return value


@pytest.fixture
def slow_app(app):
    """An app with a slow place in every stage, each chosen by the address."""
    naps.clear()
    app.url_map.converters["slow"] = SlowConverter
    app.jinja_env.globals["doze"] = lambda: nap() and ""

    @app.before_request
    def slow_hook():
        from flask import request

        if request.path == "/hook":
            nap()

    @app.after_request
    def slow_after(response):
        from flask import request

        if request.path == "/after":
            nap()
        return response

    def view(path="", big=False):
        if path == "view":
            nap()
        if path == "hold":
            holding.set()
            release.wait(10)
        if path == "sql":
            with db.engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                raw.create_function("doze", 0, nap)
                connection.execute(sa.text("SELECT doze()")).all()
        if path == "template":
            return render_template_string("{{ doze() }}")
        return b"x" * 30_000_000 if path == "big" else "ok"

    public(view)
    app.add_url_rule("/<path>", "plain", view)
    app.add_url_rule("/convert/<slow:path>", "convert", view)
    return app


def own_ms(trip: dict) -> dict[str, int]:
    return {stage["name"]: (stage["own_us"] or 0) // 1000 for stage in trip["stages"]}


def check_only(trip: dict, stage: str, late: float = 0) -> None:
    """`late`: seconds by which the server may have noticed the end of the nap too late."""
    own = {one["name"]: one["own_us"] or 0 for one in trip["stages"]}
    assert -NEAR_US < own[stage] - naps[-1] * 1e6 < NEAR_US + late * 1e6, own_ms(trip)
    assert max(own, key=own.__getitem__) == stage, own_ms(trip)
    assert abs(trip["unaccounted_us"]) <= trip["total_us"] * 0.02


@pytest.mark.parametrize(
    ("path", "stage"),
    [
        ("/hook", "request_middleware"),
        ("/convert/x", "url"),
        ("/view", "view"),
        ("/sql", "database"),
        ("/template", "template"),
        ("/after", "response_middleware"),
    ],
)
def test_time_spent_in_a_stage_shows_in_that_stage(slow_app, serve, path, stage):
    wire = serve(slow_app)
    wire.get(path)  # compiles what is compiled once
    check_only(wire.trip(wire.get(path)[1]), stage)


def test_a_slow_client_shows_as_client_request(slow_app, serve):
    wire = serve(slow_app)
    wire.get("/warm")
    with wire.connect() as sock:
        sock.sendall(b"GET /x HTTP/1.1\r\nHost: localhost\r\n")
        nap()
        sock.sendall(b"Connection: close\r\n\r\n")
        awake = time.perf_counter()
        wanted = wire.read(sock)[1]
        check_only(wire.trip(wanted), "client", late=time.perf_counter() - awake)


def test_a_full_queue_shows_as_wsgi_with_how_many_were_ahead(slow_app, serve):
    holding.clear()
    release.clear()
    wire = serve(slow_app, threads=1)
    wire.get("/warm")
    queue, answers = wire.server.task_dispatcher.queue, []
    first = threading.Thread(target=wire.get, args=("/hold",))
    second = threading.Thread(target=lambda: answers.append(wire.get("/x")))
    first.start()
    until(holding.is_set)
    second.start()
    until(lambda: len(queue) == 1)
    nap()
    release.set()
    first.join()
    second.join()
    trip = wire.trip(answers[0][1])
    own = own_ms(trip)
    assert max(own, key=own.__getitem__) == "wsgi", own
    assert trip["queue_us"] >= naps[-1] * 1e6 - NEAR_US
    assert trip["ahead"] == 0, "the one before is being worked on, nobody waits"


def until(true: Any) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_slow_reader_shows_as_response(slow_app, serve):
    wire = serve(slow_app)
    wire.get("/warm")
    with wire.connect(receive_buffer=65_536) as sock:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        time.sleep(PUT_IN)
        trip = wire.trip(wire.read(sock)[1])
    own = own_ms(trip)
    assert own["response"] >= PUT_IN * 1000 - 20, own
    assert max(own, key=own.__getitem__) == "response", own
    assert trip["last_byte_us"] >= PUT_IN * 1e6 - 20_000


def test_the_trip_is_as_long_as_an_outside_client_measures(slow_app, serve):
    wire = serve(slow_app)
    wire.get("/warm")
    began = time.perf_counter()
    _, wanted, _ = wire.get("/view")
    outside = time.perf_counter() - began
    trip = wire.trip(wanted)
    measured = sum(stage["own_us"] or 0 for stage in trip["stages"]) / 1e6
    assert measured <= outside + 0.001
    assert outside - measured < 0.03, (
        "connecting and thread switches, but no stage that nobody names"
    )


def test_the_nine_own_times_add_up_to_the_whole(slow_app, serve):
    wire = serve(slow_app)
    for path in ("/sql", "/template", "/nothing/here", "/view"):
        trip = wire.trip(wire.get(path)[1])
        assert abs(sum(stage["own_us"] or 0 for stage in trip["stages"]) - trip["total_us"]) <= 9
