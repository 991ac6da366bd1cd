"""What a tape says: spans and times are made of its notes when somebody looks, which of most trips nobody does.

A span's own time is its time less that of the spans directly inside it; what is left of a phase when
its spans are taken out is the phase's own. So the nine own times add up to the whole, without a
remainder that nobody names.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from app.trips.stages import ALWAYS, CLIENT, KINDS, SHOWN_BY_SPANS, TEMPLATE, WSGI

MAX_SPANS = 500

# A note is three things on the tape: what, which and when. What is the kind of a span that opens, or:
CLOSE, ENTER, TELL, SET, ROWS, MORE, WAIT, CLIENT_SENT = range(8)

# A span, when it is read, is a list.
KIND, NAME, START, TIME, PARENT, INNER, EXTRA = range(7)
Span = list[Any]


class Reading:
    """What a tape says: phases and spans in the order in which they began, and the time of each stage."""

    def __init__(self, t0: int) -> None:
        self.t0 = self.t_phase = t0
        self.phase = WSGI
        self.phase_inner = 0
        self.phases: list[tuple[int, int, int]] = []
        self.spans: list[Span] = []
        self.known: dict[int, Span] = {}  # the same by the time they began
        self.unlisted: dict[
            int, Span
        ] = {}  # of those over the limit the ones that are open, and the newest
        self.top: Span | None = None
        self.changing: Span | None = None  # the before-request function that changed something last
        self.changes: list[str | None] = []  # and what
        self.more: Counter[str] = Counter()  # what was counted over the limits, by kind
        self.own = [0] * 9
        self.total = [0] * 9

    def take(self, tape: list[Any]) -> None:
        """Go on with these notes."""
        notes = iter(tape)
        for what, which, when in zip(notes, notes, notes, strict=True):
            if isinstance(what, str):
                self._open(what, which, when)
            else:
                self._MEANING[what](self, which, when)

    def end(self, at: int) -> None:
        """Close what is open."""
        while self.top is not None:
            self._close_span(self.top, at)
        self._end_phase(at)

    @property
    def elapsed_ns(self) -> int:
        """From the first byte to the last; of a running trip to the last change of phase."""
        return self.t_phase - self.t0

    def _open(self, kind: str, name: str, at: int) -> None:
        span: Span = [kind, name, at, 0, self.top, 0, None]
        self.top = span
        if len(self.spans) < MAX_SPANS or kind in ALWAYS:
            self.spans.append(span)
            self.known[at] = span
        else:  # it still counts, and its time still belongs to its stage
            self.more[kind] += 1
            self.unlisted = {start: one for start, one in self.unlisted.items() if not one[TIME]}
            self.unlisted[at] = span

    def _around(self, start: int) -> Span | None:
        """The innermost open span that began then; by a coarse clock two may have begun at once."""
        span = self.top
        while span is not None and span[START] != start:
            span = span[PARENT]
        return span

    def _span(self, start: int) -> Span | None:
        return self._around(start) or self.known.get(start) or self.unlisted.get(start)

    def _close(self, start: int, at: int) -> None:
        if span := self._around(start):
            self._close_span(span, at)

    def _close_span(self, span: Span, at: int) -> None:
        self.top = span[PARENT]
        length = at - span[START]
        self._extend(span, length, length - span[INNER])

    def _tell(self, start: int, extra: Any) -> None:
        if span := self._span(start):
            span[EXTRA] = extra

    def _set(self, name: str | None, _: int) -> None:
        """A name in `g` was set or removed; None: the session. It tells on a before-request function."""
        span = self.top
        if span is None or span[KIND] != "before":
            return
        if span is not self.changing:
            self.changing, self.changes = span, []
        self.changes.append(name)
        names = dict.fromkeys(f"g.{name}" for name in self.changes if name is not None)
        told = ["set " + ", ".join(names)] if names else []
        told += ["changed the session"] if None in self.changes else []
        span[EXTRA] = ("changed", "; ".join(told))

    def _rows(self, start: int, count: int) -> None:
        span = self._span(start)
        if span and not isinstance(span[EXTRA], tuple):
            span[EXTRA] = (span[EXTRA] or 0) + count

    def _more(self, start: int, length: int) -> None:
        """Time after it was closed: the rows of a query are fetched after it ran."""
        if span := self._span(start):
            self._extend(span, length, length)

    def _extend(self, span: Span, length: int, own: int) -> None:
        """Add time to a span, `own` of it spent in the span itself, and take it from what surrounds it."""
        if self.top is None:
            self.phase_inner += length
        else:
            self.top[INNER] += length
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

    def _wait(self, length: int, until: int) -> None:
        """The client was waited for: while a span was open, stage 9, and not that span's."""
        if self.top is not None:
            span: Span = ["send", "waiting for the client", until - length, 0, self.top, 0, None]
            if len(self.spans) < MAX_SPANS:
                self.spans.append(span)
            self._extend(span, length, length)

    def _enter(self, phase: int, at: int) -> None:
        self._end_phase(at)
        self.phase, self.phase_inner = phase, 0

    def _end_phase(self, at: int) -> None:
        length = at - self.t_phase
        self.own[self.phase] += length - self.phase_inner
        self.total[self.phase] += length
        self.phases.append((self.phase, self.t_phase, length))
        self.t_phase = at

    def _client_sent(self, _: None, at: int) -> None:
        self.phase = CLIENT
        self._enter(WSGI, at)

    _MEANING = (_close, _enter, _tell, _set, _rows, _more, _wait, _client_sent)
