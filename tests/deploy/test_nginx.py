"""deploy/nginx.conf, as a running nginx before a running Roundtrip."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.deploy import crowd
from tests.serving import (
    Browser,
    Front,
    Server,
    free_port,
    nginx_in_front,
    nginx_program,
    raw,
    serving,
    sign_in,
)

OTHER = "127.0.0.2"
"""A second address of the same machine; where nginx runs in tests, there is one."""

FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil",
    "X_Forwarded_For": "6.6.6.6",
    "Forwarded": "for=6.6.6.6;host=evil.example;proto=gopher",
    "X-Real-IP": "6.6.6.6",
}


@pytest.fixture
def behind() -> dict[str, str]:
    """Settings of an app with one proxy in front. Skips where there is none, before an app starts."""
    nginx_program()
    return {"ROUNDTRIP_PROXIES": "1"}


@contextmanager
def by_https(instance: Path, folder: Path, env: dict[str, str]) -> Iterator[tuple[Server, Front]]:
    """An app that knows its public address, as in deploy/roundtrip.service, and nginx before it."""
    nginx_program()
    settings = {
        "ROUNDTRIP_PROXIES": "1",
        "ROUNDTRIP_PORT": str(free_port()),
        "ROUNDTRIP_PUBLIC_URL": "https://localhost",
        "ROUNDTRIP_TRUSTED_HOSTS": "localhost 127.0.0.1",  # the second for the helper's own look
    }
    with serving(instance, {**settings, **env}) as server:
        with nginx_in_front(server, folder, https=True) as front:
            yield server, front


def from_other_address(port: int, path: str, headers: dict[str, str]) -> bytes:
    """The body that a client gets who is not where nginx is."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, 10, (OTHER, 0))) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().read()


# Who asks, and by which address ------------------------------------------------------------------


def test_the_app_sees_the_clients_address_whatever_the_client_claims(
    instance, tmp_path, probe, behind
):
    with serving(instance, probe | behind) as server, nginx_in_front(server, tmp_path) as front:
        headers = {**FORGED, "Host": f"localhost:{front.port}"}
        seen = json.loads(from_other_address(front.port, "/probe/seen", headers))
        assert seen["address"] == OTHER
        assert [line["address"] for line in server.requests("/probe/seen")] == [OTHER]


def test_forged_headers_do_not_change_links(instance, tmp_path, probe, behind):
    with serving(instance, probe | behind) as server, nginx_in_front(server, tmp_path) as front:
        browser = Browser(front.url, follow=False)
        seen = browser.get("/probe/seen", FORGED)
        assert seen.json["link"] == f"{front.url}/probe/seen"
        assert seen.json["secure"] is False
        for path in ("/", "/auth/login", "/nowhere"):
            answer = browser.get(path, FORGED)
            assert "evil" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "request_line, host",
    [("GET /auth/login", "evil.example"), ("GET http://evil.example/auth/login", "localhost")],
)
def test_another_host_name_gets_no_answer(instance, tmp_path, probe, behind, request_line, host):
    with serving(instance, probe | behind) as server, nginx_in_front(server, tmp_path) as front:
        request = f"{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert raw(front.port, request.encode()) == b""
        assert Browser(front.url).get("/probe/seen").status == 200
        assert "/auth/login" not in server.output()


def test_without_a_proxy_forwarded_headers_mean_nothing(instance, probe):
    with serving(instance, probe | {"ROUNDTRIP_PROXIES": "0"}) as server:
        answer = Browser(server.url).get("/probe/seen", FORGED | {"X-Forwarded-Proto": "https"})
        assert answer.json["address"] == "127.0.0.1"
        assert answer.json["link"] == f"{server.url}/probe/seen"
        assert answer.json["secure"] is False
        assert "Strict-Transport-Security" not in answer.headers
        assert [line["address"] for line in server.requests("/probe/seen")] == ["127.0.0.1"]


# HTTPS -------------------------------------------------------------------------------------------


def test_people_sign_in_by_https(instance, tmp_path, probe):
    with by_https(instance, tmp_path, probe) as (server, front):
        browser = sign_in(server, front.url, certificate=front.certificate)
        assert {cookie.secure for cookie in browser.cookies} == {True}
        assert "__Host-roundtrip" in {cookie.name for cookie in browser.cookies}
        answer = browser.get("/probe/seen")
        assert answer.json["secure"] is True
        assert answer.json["link"] == f"{front.url}/probe/seen"
        assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
        assert len(answer.headers.get_all("Strict-Transport-Security")) == 1


def test_http_leads_to_https(instance, tmp_path, probe):
    with by_https(instance, tmp_path, probe) as (server, front):
        answer = Browser(front.http_url, follow=False).get("/probe/seen?a=1&b=%2F")
        assert answer.status == 301
        assert answer.headers["Location"] == "https://localhost/probe/seen?a=1&b=%2F"
        assert answer.headers["Server"] == "nginx"
        assert "/probe/seen" not in server.output()


def test_the_app_compresses_and_not_nginx(instance, tmp_path, probe):
    with by_https(instance, tmp_path, probe) as (_server, front):
        browser = Browser(front.url, front.certificate)
        by_app = browser.get("/auth/login", {"Accept-Encoding": "gzip"})
        assert by_app.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in by_app.headers["Vary"]
        plain = browser.get("/probe/slow?seconds=0&size=50000", {"Accept-Encoding": "gzip"})
        assert plain.headers["Content-Encoding"] is None  # not a kind that the app compresses


# Bodies and slow clients -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "framing, body",
    [
        ("Content-Length: 50000000", b""),
        ("Expect: 100-continue\r\nContent-Length: 50000000", b""),
        ("Transfer-Encoding: chunked", (b"10000\r\n" + b"x" * 65_536 + b"\r\n") * 20),
    ],
    ids=["declared", "waiting", "chunked"],
)
def test_nginx_refuses_a_body_over_the_limit(instance, tmp_path, probe, behind, framing, body):
    with serving(instance, probe | behind | {"ROUNDTRIP_MAX_UPLOAD_MB": "1"}) as server:
        with nginx_in_front(server, tmp_path, max_upload_mb=1) as front:
            head = f"POST /probe/notes HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
            began = time.monotonic()
            answer = raw(front.port, head.encode() + body, enough=b"\r\n\r\n")
            assert time.monotonic() - began < 2
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert "/probe/notes" not in server.output()


@pytest.mark.parametrize("kind", [crowd.HEADERS, crowd.BODY], ids=["headers", "body"])
def test_slow_clients_do_not_hurt_others_behind_nginx(instance, tmp_path, behind, kind):
    with serving(instance, behind) as server, nginx_in_front(server, tmp_path) as front:
        outcome = crowd.dribble(front.port, front.url, kind, OTHER)
    assert outcome.waits[-1] < 1
    # Of bodies no more than the 100 of `limit_conn`; of headers all, until their time is over.
    assert outcome.held == (crowd.CLIENTS if kind == crowd.HEADERS else 100)


@pytest.mark.parametrize("kind", [crowd.HEADERS, crowd.BODY], ids=["headers", "body"])
def test_slow_clients_do_not_hurt_others_without_nginx(instance, kind):
    with serving(instance) as server:
        outcome = crowd.dribble(server.port, server.url, kind)
    assert outcome.waits[-1] < 1
    assert outcome.held == crowd.CLIENTS


# When the app is away ----------------------------------------------------------------------------


def test_a_restart_of_the_app_needs_nothing_of_nginx(instance, tmp_path, behind):
    with serving(instance, behind) as server:
        port = server.port
        with nginx_in_front(server, tmp_path) as front:
            browser = Browser(front.url)
            assert browser.get("/healthz").status == 200
            server.process.kill()
            server.process.wait()
            away = browser.get("/healthz")
            assert (away.status, away.headers["Retry-After"]) == (503, "5")
            with serving(instance, behind | {"ROUNDTRIP_PORT": str(port)}):
                assert browser.get("/healthz").status == 200


class Hangs:
    """A server that answers one request on a connection and hangs up on the second."""

    port = 0

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Hangs:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # refused by Windows, where closing wakes the thread
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self._answer_first(connection)

    def _answer_first(self, connection: socket.socket) -> None:
        if self._note(connection):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self._note(connection)

    def _note(self, connection: socket.socket) -> bool:
        data = connection.recv(65_536)
        self.seen += [data.split(b" ", 1)[0].decode()] if data else []
        return bool(data)


def test_a_form_is_never_sent_twice(tmp_path):
    with Hangs() as app, nginx_in_front(app, tmp_path) as front:  # type: ignore[arg-type]
        host = {"Host": "localhost"}
        for method, status in (("GET", 200), ("GET", 200), ("POST", 503)):
            connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=10)
            connection.request(method, "/", b"a=1" if method == "POST" else None, host)
            assert connection.getresponse().status == status
            connection.close()
        # the second GET was hung up on and sent again, the form was not
        assert app.seen == ["GET", "GET", "GET", "POST"]
