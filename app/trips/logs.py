"""Log lines and exceptions, at their time in the trip."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, got_request_exception

from app.trips import CURRENT
from app.trips.guard import guarded
from app.trips.redact import hide_secrets, safe_path
from app.trips.trip import MAX_TEXT
from app.trips.verdicts import describe


class TripHandler(logging.Handler):
    """Adds each log line to the trip it was written in, without what sounds like a secret."""

    def handle(self, record: logging.LogRecord) -> bool:
        """Called by logging; never raises. Needs no lock, as a trip belongs to one thread."""
        trip = CURRENT.get()
        if trip is not None and record.name != "roundtrip.request":
            _add(trip, record)
        return True


@guarded
def _add(trip: Any, record: logging.LogRecord) -> None:
    text = _message(record).replace(trip.path, safe_path(trip.path, trip.args))
    text = hide_secrets(text[: 4 * MAX_TEXT])
    if record.exc_info and record.exc_info[1]:
        text += f" ({describe(record.exc_info[1])})"
    trip.log(record.levelname.lower(), f"{record.name}: {text}")


def _message(record: logging.LogRecord) -> str:
    """A line whose arguments do not fit is a mistake of who wrote it, and no failure of this probe."""
    try:
        return record.getMessage()
    except Exception:
        return str(record.msg)


_handler = TripHandler(logging.INFO)


def listen() -> None:
    """Hear what is logged in this process, and unhandled exceptions."""
    root = logging.getLogger()
    if _handler not in root.handlers:
        root.addHandler(_handler)
    got_request_exception.connect(_note_exception)


def _note_exception(_app: Flask, exception: BaseException, **_: Any) -> None:
    trip = CURRENT.get()
    if trip is not None:
        trip.outcome, trip.error = "error", describe(exception)
