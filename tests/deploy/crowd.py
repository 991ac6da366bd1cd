"""Many slow clients at once, and how long somebody else waits meanwhile."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

from tests.serving import Browser

CLIENTS = 300
SECONDS = 2.5

HEADERS = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"X-Slow: a\r\n"
BODY = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", b"a"


class Outcome(NamedTuple):
    """Answers to the probe in seconds, the slowest last, and how many slow clients held out."""

    waits: list[float]
    held: int


def dribble(port: int, probe: str, kind: tuple[bytes, bytes], source: str = "") -> Outcome:
    """Hold CLIENTS connections open with a few bytes now and then, and ask `probe` in between.

    They come from the address `source`, which limits for one address then leave the probe out of.
    """
    browser, waits = Browser(probe), []
    crowd = [_begin(port, kind[0], source) for _ in range(CLIENTS)]
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            held = sum(_goes_on(client, kind[1]) for client in crowd)
            waits.append(_ask(browser))
            time.sleep(0.2)
    finally:
        for client in crowd:
            client.close()
    return Outcome(sorted(waits), held)


def _begin(port: int, first: bytes, source: str) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), 5, (source, 0) if source else None)
    client.sendall(first)
    client.setblocking(False)
    return client


def _goes_on(client: socket.socket, piece: bytes) -> bool:
    """Send a little more; False when the server has hung up or answered."""
    try:
        client.send(piece)
        client.recv(1)
        return False
    except BlockingIOError:
        return True  # nothing to read: it still waits for the rest
    except OSError:
        return False


def _ask(browser: Browser) -> float:
    began = time.monotonic()
    assert browser.get("/healthz", seconds=5).status == 200
    return time.monotonic() - began
