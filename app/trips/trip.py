"""One recorded request, while it is being recorded. Cheap first: one list of notes, no sums, no locks.

A trip is parted twice. *Phases* part the request from its first byte to its last: at any moment
exactly one of the nine stages is the phase. *Spans* are the named things inside (a hook, a query, a
template), nested. Here both are only noted on a tape, as they happen; a `Reading` tells what the tape says.

Times are nanoseconds of `time.perf_counter_ns`, except `began_at` (Unix time, seconds).
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from app.trips.reading import (
    CLIENT_SENT,
    CLOSE,
    ENTER,
    MAX_SPANS,
    NAME,
    TELL,
    Reading,
)
from app.trips.stages import WSGI

MAX_LOGS = 200
MAX_TEXT = 500
MAX_STATEMENT = 4000

MAX_TAPE = 6 * MAX_SPANS

now = time.perf_counter_ns

Seen = tuple[int, Any, list[tuple[str, str]]]
"""A response to compare with: its status, its body and its headers."""


def _new_id() -> str:
    return random.getrandbits(64).to_bytes(8).hex()  # a name, no secret: rights decide who may look


@dataclass(slots=True, eq=False)
class Trip:
    """What is known of one request. Attributes are public to the modules of this package."""

    method: str
    path: str
    t0: int
    id: str = field(default_factory=_new_id)
    began_at: float = field(default_factory=time.time)
    tape: list[Any] = field(default_factory=list)
    done: Reading | None = None  # of a tape that grew too long: what it said so far
    t_end: int = 0
    phase: int = WSGI
    logs: list[tuple[int, str, str]] | None = None
    lost_logs: int = 0
    lazy: dict[tuple[str, str], int] | None = None  # (relation, where) → how often it was loaded
    n_queries: int = 0
    query: str = ""
    route: str | None = None
    endpoint: str | None = None
    args: dict[str, Any] | None = None
    tried: str = ""  # what a 404 or 405 tried
    status: int = 0
    person_id: int | None = None
    person: str = ""
    bytes_in: int | None = None  # None: the server cannot tell
    bytes_out: int = 0
    arrival: Any = None
    ahead: int | None = None  # requests that waited before this one
    queue_ns: int = 0
    first_byte: int = 0
    last_byte: int = 0
    outcome: str = "ok"
    error: str = ""
    cpu_start: int = 0
    cpu_ns: int = 0
    seen: Seen | None = None  # the response, as the last hook left it
    layer: tuple[int, dict[str, Any]] | None = None  # the WSGI middleware that has the request
    emitted: tuple[int, bool, list[tuple[str, str]]] | None = None  # and what it has to pass on
    back: int = 0
    quiet: bool = False
    keep: str = ""
    request_headers: tuple[str | None, ...] = ()  # in the order of `redact.HEADERS`
    response_headers: Sequence[tuple[str, str]] = ()

    def enter(self, phase: int) -> None:
        """Let `phase` begin and the one before it end."""
        if phase != self.phase:
            self.phase = phase
            self.tape += (ENTER, phase, now())

    def open(self, kind: str, name: str) -> int:
        """Begin a span inside the one that is open; `close` wants the time returned, at which it began."""
        if len(self.tape) > MAX_TAPE:
            self._work_off()
        start = now()
        self.tape += (kind, name, start)
        return start

    def close(self, start: int) -> None:
        """End a span; its time is taken out of what surrounds it."""
        self.tape += (CLOSE, start, now())

    def tell(self, start: int, extra: Any) -> None:
        """Note what came of a span: the verdict on a hook, the number of rows a statement changed."""
        self.tape += (TELL, start, extra)

    def note(self, what: int, which: Any, when: int) -> None:
        """A note of another kind: MORE time of a span that was closed, the ROWS it fetched, what was SET
        in `g`, or a WAIT for the client until now."""
        if len(self.tape) > MAX_TAPE:
            self._work_off()
        self.tape += (what, which, when)

    def _work_off(self) -> None:
        """Read a tape that has become long, so that it takes no more memory than its spans may."""
        self.done = self.done or Reading(self.t0)
        notes = self.tape.copy()
        self.tape.clear()  # it stays the same list: a hook that runs notes its end there
        self.done.take(notes)

    @property
    def inside(self) -> str:
        """The name of the span that is open, empty where none is."""
        closed = 0
        for at in range(len(self.tape) - 3, -1, -3):
            if self.tape[at] == CLOSE:
                closed += 1
            elif isinstance(self.tape[at], str):
                if not closed:
                    return str(self.tape[at + 1])
                closed -= 1
        return self.done.top[NAME] if self.done and self.done.top else ""

    def read(self) -> Reading:
        """What the tape says so far."""
        if self.done and self.t_end:
            return self.done
        reading = deepcopy(self.done) if self.done else Reading(self.t0)
        reading.take(list(self.tape))
        if self.t_end:
            reading.end(self.t_end)
        return reading

    def log(self, kind: str, text: str) -> None:
        """Note a line at its time; over the limit only the count goes on."""
        self.logs = self.logs or []
        if len(self.logs) < MAX_LOGS:
            self.logs.append((now() - self.t0, kind, text[:MAX_TEXT]))
        else:
            self.lost_logs += 1

    def arrived(self, first_byte: int, complete: int) -> None:
        """Take in what the server measured before the app was called: stage 1, and the queue."""
        self.queue_ns = self.t0 - complete
        self.t0 = first_byte
        self.tape += (CLIENT_SENT, None, complete)

    def end(self) -> None:
        """After this nothing changes any more."""
        self.t_end = now()
        if self.done:
            self._work_off()
            self.done.end(self.t_end)
        self.arrival = self.seen = self.layer = self.emitted = None

    @property
    def elapsed_ns(self) -> int:
        """From the first byte to the last; 0 while it runs."""
        return self.t_end and self.t_end - self.t0

    @property
    def label(self) -> str:
        """The short name people see: the first eight characters, `7f3a-91c2`."""
        return f"{self.id[:4]}-{self.id[4:8]}"
