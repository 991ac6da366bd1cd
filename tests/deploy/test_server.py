"""`python wsgi.py` and `gunicorn wsgi:app` as real processes: starts, hostile bytes, ends."""

from __future__ import annotations

import http.client
import importlib.util
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.serving import (
    Browser,
    Server,
    answers,
    csrf_token,
    raw,
    run,
    serving,
    sign_in,
    skip_unless,
)

CLOSE = b"Connection: close\r\n"
HEAD = b"Host: localhost\r\n" + CLOSE
GET = b"GET /healthz HTTP/1.1\r\n" + HEAD
POST = b"POST /healthz HTTP/1.1\r\n" + HEAD


# Starts that are refused -------------------------------------------------------------------------


def refusal(instance: Path, env: dict[str, str]) -> str:
    """The one line with which a start ends; before it only the state of the database is told."""
    ended = run(instance, ["wsgi.py"], env)
    lines = [line for line in ended.stderr.splitlines() if "The database is up to date" not in line]
    assert (ended.returncode, len(lines)) == (1, 1), ended
    assert "Roundtrip serves" not in ended.stdout
    return lines[0]


def test_a_port_that_is_taken_is_named(instance):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        line = refusal(instance, {"ROUNDTRIP_PORT": port})
    assert line.startswith(f"Port {port} on 127.0.0.1 cannot be used")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_second_server_on_the_port_is_refused(instance, host):
    """With the SO_REUSEADDR that Waitress sets, Windows would let both have it."""
    with serving(instance, {"ROUNDTRIP_HOST": host}) as server:
        assert "cannot be used" in refusal(instance, {"ROUNDTRIP_PORT": str(server.port)})


def test_an_unknown_host_stops_the_start(instance):
    assert "on 256.1.1.1 cannot be used" in refusal(instance, {"ROUNDTRIP_HOST": "256.1.1.1"})


@pytest.mark.parametrize(
    "name, value, cure",
    [
        ("TREADS", "8", "The nearest name is ROUNDTRIP_THREADS."),
        ("THREADS", "many", "is 'many', but must be a whole number from 1 to 256."),
        ("PORT", "70000", "is '70000', but must be a whole number from 0 to 65,535."),
        ("TRIPS", "maybe", "is 'maybe', but must be one of on, off."),
        ("TIMEZONE", "Mars/Base", "is 'Mars/Base', but must be a time zone like"),
    ],
)
def test_a_wrong_setting_stops_the_start(instance, name, value, cure):
    line = refusal(instance, {f"ROUNDTRIP_{name}": value})
    assert f"ROUNDTRIP_{name}" in line and cure in line


def test_a_newer_database_stops_the_start(instance):
    set_revision(instance, "9999")
    assert "made by a later version" in refusal(instance, {})


def set_revision(instance: Path, revision: str) -> None:
    """Make the database one of another version."""
    with closing(sqlite3.connect(instance / "roundtrip.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


# Commands in a pipe ------------------------------------------------------------------------------


def test_commands_read_and_write_utf8(instance):
    words = ["user", "add", "lukasz@example.com", "--name", "Łukasz 山田", "--password-stdin"]
    added = run(instance, ["-m", "flask", *words], stdin="zażółć gęślą\n")
    assert added.stdout == "Łukasz 山田 <lukasz@example.com> was added.\n", added.stderr
    listed = run(instance, ["-m", "flask", "user", "list"])
    assert "Łukasz 山田" in listed.stdout, listed.stderr


# Bytes that no browser sends ---------------------------------------------------------------------


@pytest.fixture
def small(instance: Path, probe: dict[str, str]) -> Iterator[Server]:
    """A server that takes 1 MB."""
    with serving(instance, probe | {"ROUNDTRIP_MAX_UPLOAD_MB": "1"}) as server:
        yield server


def test_a_body_declared_too_large_is_refused_before_it_is_sent(small):
    head = b"POST /auth/login HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000000\r\n"
    for request in (head + b"\r\n", head + b"Expect: 100-continue\r\n\r\n"):
        began = time.monotonic()
        answer = raw(small.port, request, enough=b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
        assert time.monotonic() - began < 1
    assert small.requests("/healthz")  # logged, while the refused ones never reached the app
    assert "/auth/login" not in small.output()


def test_a_body_in_chunks_is_refused_at_the_limit(small):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    request = b"POST /auth/login HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert raw(small.port, request + chunk * 20).startswith(b"HTTP/1.1 413 ")
    fits = raw(small.port, request + chunk * 10 + b"0\r\n\r\n")
    assert fits.startswith(b"HTTP/1.1 400 "), "at the limit the form is read; its token is missing"


HOSTILE = {
    "no request line": (b"GARBAGE\r\n\r\n", {400}),
    "a header without a colon": (GET + b"no colon\r\n\r\n", {400}),
    "a header with NUL": (GET + b"X-A: a\0b\r\n\r\n", {400}),
    "a bare line feed": (GET + b"X-A: a\nX-B: b\r\n\r\n", {400}),
    "NUL in the path": (b"GET /healthz\0 HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 404}),
    "an escaped NUL": (b"GET /%00 HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 404}),
    "bytes that are not UTF-8": (b"GET /%ff%fe?q=%ff HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 404}),
    "a lower-case method": (b"get /healthz HTTP/1.1\r\n" + HEAD + b"\r\n", {400, 405}),
    "an unknown method": (b"BREW /healthz HTTP/1.1\r\n" + HEAD + b"\r\n", {405, 501}),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", {405}),
    "the whole server": (b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n", {200, 404, 405}),
    "70 KB of headers": (GET + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n", {431}),
    "a negative length": (POST + b"Content-Length: -5\r\n\r\n", {400}),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400}),
    "a length of 27 digits": (POST + b"Content-Length: " + b"9" * 27 + b"\r\n\r\n", {413}),
    "another encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", {501}),
    "a chunk without a size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
    "an empty host": (b"GET /healthz HTTP/1.1\r\nHost:\r\n" + CLOSE + b"\r\n", {200, 400}),
    "a host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n" + CLOSE + b"\r\n", {303, 400}),
    "a broken cookie": (GET + b"Cookie: roundtrip=\xff\xfe.x.y; =; ;;\r\n\r\n", {200}),
    "5,000 digits": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", {0, 400, 413}),
    "an address with a bracket": (b"GET http://[ HTTP/1.1\r\n" + HEAD + b"\r\n", {0, 400}),
}  # fmt: skip


def test_h5_malformed_requests_are_refused_and_the_server_lives_on(small):
    wrong = {}
    for name, (data, expected) in HOSTILE.items():
        answer = raw(small.port, data)
        status = int(answer.split(b" ", 2)[1]) if answer else 0  # 0: hung up without an answer
        if status not in expected or answer.count(b"HTTP/1.") > 1:
            wrong[name] = answer[:300]
    assert wrong == {}
    assert answers(f"{small.url}/healthz")
    assert "Traceback" not in small.output()


def test_h5_a_body_with_two_framings_hides_no_second_request(small):
    request = (
        b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /probe/seen HTTP/1.1\r\n" + HEAD + b"\r\n"
    )
    answer = raw(small.port, request)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 405 "))
    # Chunked wins, as RFC 9112 says: what follows is a request of its own, or nothing at all.
    assert answer.count(b"HTTP/1.") <= 2
    assert answers(f"{small.url}/healthz")


def test_requests_sent_at_once_are_answered_in_order(small):
    slow = b"GET /probe/slow?seconds=0.3 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = raw(small.port, slow + GET + b"\r\n")
    first, _, second = answer.partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1 200 OK")
    assert b"xxxxxxxxxx" in first and b'"alive"' in second


# The end of a server -----------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
@pytest.mark.parametrize("seconds, size", [(1, 10), (0, 20_000_000)], ids=["working", "sending"])
def test_sigterm_lets_a_running_request_end(instance, probe, seconds, size):
    with serving(instance, probe) as server, closing(connected(server.port)) as client:
        path = f"/probe/slow?seconds={seconds}&size={size}".encode()
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.4)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.4)  # the client is slow: most of a large answer is not yet taken
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(body) == size
        assert server.process.wait(10) == 0
        assert not answers(f"{server.url}/healthz")


def connected(port: int) -> socket.socket:
    """A connection whose client waits up to ten seconds for each piece."""
    return socket.create_connection(("127.0.0.1", port), 10)


def read_to_end(client: socket.socket) -> bytes:
    """All that still comes."""
    return b"".join(iter(lambda: client.recv(1_000_000), b""))


def test_what_was_confirmed_survives_kill_9(instance, probe):
    confirmed: list[int] = []
    for _ in range(2):
        with serving(instance, probe) as server:
            began = time.monotonic()
            writer = threading.Thread(target=write_notes, args=(server, confirmed))
            writer.start()
            wait_for_more(confirmed, 20)
            server.process.kill()
            writer.join(15)
            assert time.monotonic() - began < 20
    with serving(instance, probe) as server:  # no step in between
        assert Browser(server.url).get("/readyz").json["status"] == "ready"
    with closing(sqlite3.connect(instance / "roundtrip.sqlite")) as database:
        present = {row[0] for row in database.execute("SELECT id FROM probe__note")}
        assert set(confirmed) <= present
        assert len(present) <= len(confirmed) + 2  # written, and killed before it could say so
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def write_notes(server: Server, confirmed: list[int]) -> None:
    """Write notes one after the other until the server is gone, and keep what it confirmed."""
    browser = Browser(server.url)
    try:
        note = {"text": "a note", "csrf_token": csrf_token(browser.get("/probe/notes").text)}
        while True:
            confirmed.append(browser.post("/probe/notes", note).json["id"])
    except (OSError, ValueError, http.client.HTTPException):
        return  # the server is gone, or went half way through an answer


def wait_for_more(confirmed: list[int], count: int) -> None:
    """Return when so many more have been confirmed; fail after a while."""
    enough, deadline = len(confirmed) + count, time.monotonic() + 15
    while len(confirmed) < enough:
        assert time.monotonic() < deadline, "nothing is confirmed any more"
        time.sleep(0.01)


# Another WSGI server -----------------------------------------------------------------------------

GUNICORN = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", "127.0.0.1:{port}"]


@contextmanager
def by_gunicorn(instance: Path, env: dict[str, str] | None = None) -> Iterator[Server]:
    """The app under gunicorn; skips where that is missing, as on Windows."""
    skip_unless(importlib.util.find_spec("gunicorn"), "gunicorn is not installed")
    with serving(instance, env, [*GUNICORN, "wsgi:app"]) as server:
        yield server


def test_gunicorn_serves(instance):
    with by_gunicorn(instance) as server:
        answer = Browser(server.url).get("/auth/login")
        assert answer.status == 200
        assert answer.headers["X-Trip-Id"]


def test_under_gunicorn_what_only_waitress_can_tell_is_not_measured(instance):
    with by_gunicorn(instance) as server:
        olga = sign_in(server)
        number = olga.get("/").headers["X-Trip-Id"]
        client, wsgi = olga.get(f"/trips/{number}.json").json["stages"][:2]
        assert (client["name"], client["total_us"]) == ("client", None)
        assert wsgi["total_us"] is not None
        assert "not measured" in olga.get(f"/trips/{number}").text


def refusal_by_gunicorn(instance: Path, env: dict[str, str] | None = None) -> str:
    """What is printed by a start that ends by itself (and does not try for ever)."""
    with pytest.raises(AssertionError, match="the server ended") as ended:
        with by_gunicorn(instance, env):
            pass
    return str(ended.value)


def test_gunicorn_does_not_start_on_an_old_schema(instance):
    set_revision(instance, "0000")
    assert "flask upgrade" in refusal_by_gunicorn(instance)


def test_gunicorn_does_not_start_on_a_new_database_until_it_was_upgraded(tmp_path):
    new = tmp_path / "new"
    assert "flask upgrade" in refusal_by_gunicorn(new)
    assert run(new, ["-m", "flask", "upgrade"]).returncode == 0
    with by_gunicorn(new) as server:
        assert Browser(server.url).get("/readyz").status == 200


def test_gunicorn_does_not_start_on_a_wrong_setting(instance):
    printed = refusal_by_gunicorn(instance, {"ROUNDTRIP_TREADS": "8"})
    assert "The nearest name is ROUNDTRIP_THREADS" in printed
