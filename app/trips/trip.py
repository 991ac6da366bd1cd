"""One recorded request, while it is being recorded. Cheap first: lists, integers, no locks.

A trip is parted twice. *Phases* part the request from its first byte to its last: at any moment
exactly one of the nine stages is the phase. *Spans* are the named things inside (a hook, a query, a
template), nested. A span's own time is its time less that of the spans directly inside it; what is
left of a phase when its spans are taken out is the phase's own. So the nine own times add up to the
whole, without a remainder that nobody names.

Times are nanoseconds of `time.perf_counter_ns`, except `began_at` (Unix time, seconds).
"""

from __future__ import annotations

import random
import time
from typing import Any

STAGES = (
    "client",
    "wsgi",
    "request_middleware",
    "url",
    "view",
    "database",
    "template",
    "response_middleware",
    "response",
)
TITLES = (
    "Client request",
    "WSGI",
    "Request middleware",
    "URL resolution",
    "View",
    "Model and database",
    "Template",
    "Response middleware",
    "Response",
)
CLIENT, WSGI, BEFORE, URL, VIEW, DATABASE, TEMPLATE, AFTER, RESPONSE = range(9)

# Kinds of spans, and the stage each belongs to; None: the stage it runs in.
KINDS: dict[str, int | None] = {
    "layer": WSGI,
    "session open": BEFORE,
    "before": BEFORE,
    "match": URL,
    "view": VIEW,
    "step": None,
    "query": DATABASE,
    "transaction": DATABASE,
    "template": TEMPLATE,
    "context": TEMPLATE,
    "after": AFTER,
    "error handler": AFTER,
    "session save": AFTER,
    "teardown": AFTER,
    "send": RESPONSE,
}

SHOWN_BY_SPANS = (URL, DATABASE, TEMPLATE)
"""Stages without a phase of their own: they lie inside others."""

ALWAYS = {
    "layer", "session open", "before", "match", "view", "after", "error handler", "session save", "teardown",
}  # fmt: skip
"""Kinds of which a request has as many as the app has functions: recorded also over the limit."""

MAX_SPANS = 500
MAX_LOGS = 200
MAX_TEXT = 500
MAX_STATEMENT = 4000

# A span is a list, since making one is four times as fast as making an object.
KIND, NAME, START, TIME, PARENT, INNER, EXTRA = range(7)
Span = list[Any]

now = time.perf_counter_ns


class Trip:
    """What is known of one request. Attributes are public to the modules of this package."""

    STEP = "step"

    t_end = 0
    phase = WSGI
    phase_inner = 0
    top: Span | None = None
    more: dict[str, int] | None = None  # what was counted over the limits, by kind
    lazy: dict[tuple[str, str], int] | None = None  # (relation, where) → how often it was loaded
    n_queries = 0
    query = ""
    route: str | None = None
    endpoint: str | None = None
    args: dict[str, Any] | None = None
    tried = ""  # what a 404 or 405 tried
    status = 0
    person_id: int | None = None
    person = ""
    bytes_in: int | None = None  # None: the server cannot tell
    bytes_out = 0
    arrival: Any = None
    ahead: int | None = None  # requests that waited before this one
    queue_ns = 0
    first_byte = 0
    last_byte = 0
    outcome = "ok"
    error = ""
    cpu_start = 0
    cpu_ns = 0
    g: dict[str, Any] = {}  # never written to; the request's own takes its place
    session: Any = None
    seen: tuple[dict[str, Any], bool] | None = None  # `g` and session, as the last hook left them
    headers: tuple[Any, ...] | None = None  # the response, likewise
    emitted: tuple[Span, list[tuple[str, str]]] | None = None  # the same for WSGI middleware
    back = 0
    quiet = False
    keep = ""

    def __init__(self, method: str, path: str, t0: int) -> None:
        self.id = f"{random.getrandbits(64):016x}"  # a name, no secret: rights decide who may look
        self.began_at = time.time()
        self.method = method
        self.path = path
        self.t0 = self.t_phase = t0
        self.phases: list[tuple[int, int, int]] = []
        self.spans: list[Span] = []
        self.own = [0] * 9
        self.total = [0] * 9
        self.logs: list[tuple[int, str, str]] = []
        self.request_headers: dict[str, str] = {}
        self.response_headers: list[tuple[str, str]] = []

    def enter(self, phase: int, at: int | None = None) -> None:
        """Let `phase` begin (now, or at a moment measured elsewhere) and the one before it end."""
        if phase == self.phase:
            return
        at = at or now()
        self._end_phase(at)
        self.phase, self.t_phase, self.phase_inner = phase, at, 0

    def _end_phase(self, at: int) -> None:
        length = at - self.t_phase
        self.own[self.phase] += length - self.phase_inner
        self.total[self.phase] += length
        self.phases.append((self.phase, self.t_phase, length))
        self.t_phase = at

    def open(self, kind: str, name: str) -> Span:
        """Begin a span inside the one that is open; give it to `close`."""
        span: Span = [kind, name, now(), 0, self.top, 0, None]
        if len(self.spans) < MAX_SPANS or kind in ALWAYS:
            self.spans.append(span)
        else:
            self._count_only(kind)
        self.top = span
        return span

    def _count_only(self, kind: str) -> None:
        """Over the limit a span still counts, and its time still belongs to its stage."""
        if self.more is None:
            self.more = {}
        self.more[kind] = self.more.get(kind, 0) + 1

    def close(self, span: Span) -> None:
        """End a span; its time is taken out of what surrounds it."""
        length = now() - span[START]
        top = self.top = span[PARENT]
        stage = KINDS[span[KIND]]
        if stage is None or stage in SHOWN_BY_SPANS:
            self.extend(span, length, length - span[INNER])
            return
        span[TIME] += length  # as `extend` does, for most spans without the call
        self.own[stage] += length - span[INNER]
        if top is None:
            self.phase_inner += length
        else:
            top[INNER] += length

    def extend(self, span: Span, length: int, own: int) -> None:
        """Add time to a span, `own` of it spent in the span itself.

        Also after it was closed: the rows of a query are fetched after it ran.
        """
        top = self.top
        if top is None:
            self.phase_inner += length
        else:
            top[INNER] += length
        span[TIME] += length
        stage = KINDS[span[KIND]]
        if stage is None:
            stage = self._stage_around(span)
        elif stage in SHOWN_BY_SPANS and (stage != TEMPLATE or not self._in_template()):
            self.total[stage] += length
        self.own[stage] += own

    def _stage_around(self, span: Span) -> int:
        while (span := span[PARENT]) is not None:
            stage = KINDS[span[KIND]]
            if stage is not None:
                return stage
        return self.phase

    def _in_template(self) -> bool:
        span = self.top
        while span is not None:
            if KINDS[span[KIND]] == TEMPLATE:
                return True
            span = span[PARENT]
        return False

    def waited(self, length: int) -> None:
        """Time in which the client was waited for while a span was open: stage 9, not that span's."""
        span: Span = ["send", "waiting for the client", now() - length, 0, self.top, 0, None]
        if len(self.spans) < MAX_SPANS:
            self.spans.append(span)
        self.extend(span, length, length)

    def log(self, kind: str, text: str) -> None:
        """Note a line at its time; over the limit only the count goes on."""
        if len(self.logs) < MAX_LOGS:
            self.logs.append((now() - self.t0, kind, text[:MAX_TEXT]))
        else:
            self._count_only("log")

    def arrived(self, first_byte: int, complete: int) -> None:
        """Take in what the server measured before the app was called: stage 1, and the queue."""
        self.queue_ns = self.t_phase - complete
        self.t0, self.t_phase = first_byte, complete
        self.own[CLIENT] = self.total[CLIENT] = complete - first_byte
        self.phases.append((CLIENT, first_byte, complete - first_byte))

    def end(self) -> None:
        """Close what is open. After this nothing changes any more."""
        while self.top is not None:
            self.close(self.top)
        self.t_end = now()
        self._end_phase(self.t_end)
        self.g = Trip.g
        self.arrival = self.session = self.seen = self.headers = self.emitted = None

    @property
    def elapsed_ns(self) -> int:
        """From the first byte to the last; of a running trip to the last change of phase."""
        return (self.t_end or self.t_phase) - self.t0

    @property
    def label(self) -> str:
        """The short name people see: the first eight characters, `7f3a-91c2`."""
        return f"{self.id[:4]}-{self.id[4:8]}"
