"""A real Waitress in a thread, and raw sockets to talk to it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.trips.server import create_server


class Wire:
    """The address of a served app, and the simplest of clients."""

    def __init__(self, app: Any, server: Any) -> None:
        self.app, self.server, self.port = app, server, int(server.effective_port)

    @contextmanager
    def connect(self, receive_buffer: int = 0) -> Iterator[socket.socket]:
        """A raw connection."""
        with socket.socket() as sock:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(20)
            sock.connect(("127.0.0.1", self.port))
            yield sock

    def get(
        self, path: str, method: str = "GET", headers: str = "", body: bytes = b""
    ) -> tuple[int, str, bytes]:
        """Status, trip id and body of one request."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}{length}\r\n"
        with self.connect() as sock:
            sock.sendall(head.encode("latin-1") + body)
            return self.read(sock)

    def read(self, sock: socket.socket) -> tuple[int, str, bytes]:
        """Read an answer to its end."""
        data = b""
        while chunk := sock.recv(1_000_000):
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), trip_id(head), body

    def trip(self, wanted: str) -> dict[str, Any]:
        """The trip with this id, once it has ended."""
        keeper = self.app.extensions["trips"]
        for _ in range(200):
            data = keeper.find(wanted)
            if data and data["outcome"] != "running":
                return dict(data)
            time.sleep(0.02)
        raise AssertionError(f"trip {wanted!r} did not end")


def trip_id(head: bytes) -> str:
    """The value of X-Trip-Id in a response head."""
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"x-trip-id:")]
    return lines[0].partition(b":")[2].strip().decode() if lines else ""


@pytest.fixture
def serve() -> Iterator[Any]:
    """A function that serves an app and gives the wire to it."""
    servers = []

    def start(app: Any, threads: int = 2, **options: Any) -> Wire:
        server = create_server(app, host="127.0.0.1", port=0, threads=threads, **options)
        thread = threading.Thread(target=_run, args=(server,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return Wire(app, server)

    yield start
    for server, thread in servers:
        server.task_dispatcher.shutdown(timeout=2)
        server.stop = True
        server.pull_trigger()
        thread.join(3)
        server.close()


def _run(server: Any) -> None:
    """`server.run()` that can be stopped from another thread."""
    server.stop = False
    while not server.stop:
        server.asyncore.loop(
            timeout=0.05, map=server._map, use_poll=server.adj.asyncore_use_poll, count=1
        )
