"""WSGI middleware (`app.wsgi_app = Something(app.wsgi_app)`): timed and judged like any hook.

A layer has two parts, before and after what it wraps; both count as stage 2 and make one span.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from app.trips import CURRENT
from app.trips.reading import MORE
from app.trips.trip import Trip, now
from app.trips.verdicts import describe, header_changes

Headers = list[tuple[str, str]]


class Layer:
    """One WSGI middleware with a clock round it."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        kind = app if inspect.isroutine(app) else type(app)
        module = kind.__module__.removeprefix("app.").removeprefix("blueprints.")
        self.name = f"{module}.{kind.__qualname__}"

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Run it; what it did is told by what the next one inside is given."""
        trip = CURRENT.get()
        if trip is None:
            return self.app(environ, start_response)
        start = arrive(trip, environ, start_response)
        span = trip.open("layer", self.name)
        trip.layer = span, dict(environ)
        try:
            answer = self.app(environ, start)
        except BaseException as error:
            _leave(trip, span, ("blocked", describe(error)))
            raise
        lazy = inspect.isgenerator(answer)
        _leave(
            trip,
            span,
            ("passed", "runs while the body is read") if lazy else ("blocked", "answered itself"),
        )
        return answer


def arrive(trip: Trip, environ: dict[str, Any], start_response: Any) -> Any:
    """The next one inside was reached: the first part of the layer outside is over.

    Returns the start_response to give to the one inside.
    """
    if trip.layer is None:
        return start_response
    outer, earlier = trip.layer
    trip.layer = None
    names = [k for k in environ.keys() | earlier.keys() if environ.get(k) is not earlier.get(k)]
    names = sorted(name for name in names if not name.startswith(("wsgi.", "werkzeug.")))
    trip.tell(outer, ("changed", "environ: " + ", ".join(names)) if names else ("passed", ""))
    trip.close(outer)

    def start(status: str, headers: Headers, *rest: Any) -> Any:
        note_headers(trip, headers)
        trip.emitted = outer, not names, list(headers)
        return start_response(status, headers, *rest)

    return start


def note_headers(trip: Trip, headers: Headers) -> None:
    """Headers on their way out: compare them with what the layer just passed had been given."""
    if trip.emitted is None:
        return
    layer, passed, given = trip.emitted
    changes = header_changes(given, list(headers))
    if changes and passed:
        trip.tell(layer, ("changed", "; ".join(changes)))


def _leave(trip: Trip, span: int, verdict_if_first: tuple[str, str]) -> None:
    """Back out of the middleware: either it never went in, or this is its second part."""
    if trip.layer and trip.layer[0] == span:
        trip.layer = None
        trip.tell(span, verdict_if_first)
        trip.close(span)
    elif trip.back:
        trip.note(MORE, span, now() - trip.back)
    trip.back = now()
