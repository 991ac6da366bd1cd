"""Where log lines go: to standard error, one line each, unless whoever runs the app has decided."""

from __future__ import annotations

import io
import logging
import sys
import time
from typing import TextIO

from flask import Flask, g, has_request_context

REQUEST = "roundtrip.request"
"""The logger of the one line a request."""


def init_app(app: Flask) -> None:
    """Write warnings and errors. Tests and hosts with handlers of their own keep theirs."""
    root = logging.getLogger()
    if not app.testing and not root.handlers:
        handler = Lines(sys.stderr)
        handler.setFormatter(Message())
        root.addHandler(handler)


class Lines(logging.StreamHandler[TextIO]):
    """What `logging` does for a line, in one step: its own steps cost more than the line of a request."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line, and let nothing wait in a buffer."""
        try:
            self.stream.write(self.format(record) + self.terminator)
            self.stream.flush()
        except Exception:
            self.handleError(record)


class Message(logging.Formatter):
    """When, in which trip, and the message; below it the traceback, where there is one. The line of a
    request says all this itself."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or more."""
        if record.name == REQUEST:
            return record.getMessage()
        whole = record.exc_info or record.exc_text or record.stack_info
        text = super().format(record) if whole else record.getMessage()
        return f"{utc(record.created)} {_trip()}{text}"


def utc(seconds: float) -> str:
    """`2026-11-22T11:42:07Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _trip() -> str:
    return f"trip={g.get('trip_id')} " if has_request_context() else ""


def use_utf8() -> None:
    """Let this process read and write UTF-8. Windows gives a pipe or a file an old code page, in which
    a command ends with an error at the first name that the page lacks."""
    if sys.platform == "win32":
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors=stream.errors)


def show_requests() -> None:
    """From now on also the line of each request, as a server should; a command need not."""
    logging.getLogger().setLevel(logging.INFO)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = (
        False  # unused, not free
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
