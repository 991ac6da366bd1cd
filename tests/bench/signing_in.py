"""What a flood of wrong sign-ins does to everybody else: the time of pages, as a ratio.

    python tests/bench/signing_in.py [guesses a second]

A served app is asked for a page by somebody who is signed in, again and again: first alone, then while
guesses for ever other accounts come from ever other addresses, so that no limit per account or
address holds them up. Then the owner of an account signs in on a device that is known.
"""

from __future__ import annotations

import http.client
import itertools
import re
import statistics
import sys
import tempfile
import threading
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import serving

SECONDS, SENDERS = 6, 8
PASSWORD = "a long enough wörd"


class Flood:
    """Guesses at a steady rate, from threads of this process; `codes` counts what they were answered."""

    def __init__(self, url: str, a_second: float) -> None:
        self.host, self.pause = urlsplit(url).netloc, SENDERS / a_second
        self.codes: dict[int, int] = {}
        self.numbers, self.ended = itertools.count(), threading.Event()
        self.threads = [threading.Thread(target=self.send) for _ in range(SENDERS)]

    def __enter__(self) -> Flood:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def send(self) -> None:
        """Guess until the end, on one connection with one form."""
        server = http.client.HTTPConnection(self.host, timeout=60)
        server.request("GET", "/auth/login")
        page = server.getresponse()
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page.read().decode())[1]  # type: ignore[index]
        due = time.monotonic()
        while not self.ended.is_set():
            self.guess(server, cookie, token)
            due = max(due + self.pause, time.monotonic() - 1)
            time.sleep(max(0, due - time.monotonic()))

    def guess(self, server: http.client.HTTPConnection, cookie: str, token: str) -> None:
        """One guess, as from an address of its own."""
        number = next(self.numbers)
        body = urlencode(
            {"csrf_token": token, "email": f"x{number}@example.com", "password": "guess"}
        )
        server.request("POST", "/auth/login", body, {
            "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie,
            "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        })  # fmt: skip
        answer = server.getresponse()
        answer.read()
        self.codes[answer.status] = self.codes.get(answer.status, 0) + 1


def pages(browser: serving.Browser) -> list[float]:
    """How long a page took, for some seconds: ten a second, as people do."""
    found, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        began = time.perf_counter()
        assert browser.get("/auth/account").status == HTTPStatus.OK
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(0.1)
    return found


def told(name: str, times: list[float], floor: list[float]) -> None:
    """A line of the outcome."""
    middle, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    was, slow_was = statistics.median(floor), statistics.quantiles(floor, n=20)[-1]
    print(
        f"{name:<16} median {middle:7.1f} ms  x{middle / was:4.2f}   p95 {slow:7.1f} ms  x{slow / slow_was:4.2f}"
    )


def main(a_second: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        with serving.serving(Path(folder), {"ROUNDTRIP_PROXIES": "1"}) as server:
            browser = serving.sign_in(server, password=PASSWORD)
            browser.get("/auth/account")
            alone = pages(browser)
            with Flood(server.url, a_second) as flood:
                first, flooded = pages(browser), pages(browser)
                began = time.perf_counter()
                fields = {"email": "olga@example.com", "password": PASSWORD}
                owner = browser.post("/auth/login", fields, form="/auth/account")
                took = time.perf_counter() - began
    told("pages alone", alone, alone)
    told("as it begins", first, alone)
    told("as it goes on", flooded, alone)
    sent = sum(flood.codes.values())
    print(f"{sent / SECONDS / 2:.0f} guesses a second; answers {flood.codes}")
    print(f"the owner signs in: {owner.status}, {took * 1000:.0f} ms")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 200)
