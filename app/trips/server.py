"""Waitress with clocks: what only the server can tell of stages 1, 2 and 9.

Waitress has no hooks for this. Its classes are made to be exchanged (`parser_class`, `task_class`,
`channel_class`), but that is not documented; so the probes are used only with the version they were
tried with, and a probe that fails leaves its stage "not measured".
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import waitress.server
from flask import Flask
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

from app.trips.guard import guarded, switched_off
from app.trips.trip import Trip, now

TRIED_WITH = "3.0."


class Arrival:
    """How a request came in; the app adds its trip, the keeper is told when the last byte went out."""

    __slots__ = ("ahead", "bytes_in", "complete", "first_byte", "keeper", "trip")

    def __init__(self, parser: TimedParser, ahead: int) -> None:
        self.first_byte = parser.first_byte
        self.complete = parser.complete
        self.bytes_in = parser.header_bytes_received + parser.body_bytes_received
        self.ahead = ahead
        self.trip: Trip | None = None
        self.keeper: Any = None

    def finish(self, gone: bool) -> None:
        """The last byte was taken by the operating system, or the client is gone."""
        trip, keeper = self.trip, self.keeper
        if trip is None or keeper is None:
            return
        if gone:
            trip.outcome = "client gone" if trip.outcome == "ok" else trip.outcome
        else:
            trip.last_byte = now()
        keeper.finish(trip)


class TimedParser(HTTPRequestParser):
    """Notes when the first byte of a request came, and when the last."""

    first_byte = 0
    complete = 0

    def received(self, data: bytes) -> int:
        """Take bytes, as Waitress does."""
        self.first_byte = self.first_byte or now()
        consumed: int = HTTPRequestParser.received(self, data)
        if self.error:  # 100 Continue would ask for the body that is being refused
            self.expect_continue = False
        if self.completed:
            self.complete = now()
        return consumed


class TimedTask(WSGITask):
    """Runs the app for one request, and hands over what is known of its arrival."""

    arrival: Arrival | None = None

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment, with the arrival in it."""
        environ: dict[str, Any] = WSGITask.get_environment(self)
        if isinstance(self.request, TimedParser):
            environ["roundtrip.arrival"] = self.arrival = Arrival(self.request, self.channel.ahead)
        return environ

    def service(self) -> None:
        """Run it. What was not sent at once is watched by the channel."""
        gone = False
        try:
            WSGITask.service(self)
        except ClientDisconnected:
            gone = True
            raise
        finally:
            self._settle(gone)

    @guarded
    def _settle(self, gone: bool) -> None:
        arrival, channel = self.arrival, self.channel
        if arrival is None:
            return
        if channel.total_outbufs_len and not gone:
            with channel.outbuf_lock:  # the main thread may be sending the rest at this moment
                if channel.connected and channel.total_outbufs_len:
                    channel.sending.append(arrival)
                    return
        arrival.finish(gone or not channel.connected)


class TimedChannel(HTTPChannel):
    """One connection; knows which answers are still being sent."""

    parser_class = TimedParser
    task_class = TimedTask
    ahead = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sending: list[Arrival] = []
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        """Take bytes, and note how many tasks wait at this moment."""
        self.ahead = len(self.server.task_dispatcher.queue)
        answer: bool = HTTPChannel.received(self, data)
        return answer

    def _flush_some(self, do_close: bool = True) -> bool:
        answer: bool = HTTPChannel._flush_some(self, do_close)
        if self.sending and not self.total_outbufs_len:
            self._sent(not self.connected)
        return answer

    def handle_close(self) -> None:
        """The connection ends; answers not sent to the end have lost their client."""
        super().handle_close()
        if self.sending:
            self._sent(True)

    @guarded
    def _sent(self, gone: bool) -> None:
        arrivals, self.sending = self.sending, []
        for arrival in arrivals:
            arrival.finish(gone)


def create_server(app: Flask, **options: Any) -> Any:
    """A Waitress server for the app, with the probes where they fit; `options` are Waitress's own."""
    server = waitress.server.create_server(app, **options)
    version = importlib.metadata.version("waitress")
    if not app.extensions["trips"].on:
        return server
    if not version.startswith(TRIED_WITH):
        switched_off["waitress"] = f"version {version} is not one the probes were tried with"
        return server
    listeners = (
        [server]
        if isinstance(server, waitress.server.BaseWSGIServer)
        else list(server.map.values())
    )
    for listener in listeners:
        if isinstance(listener, waitress.server.BaseWSGIServer):
            listener.channel_class = TimedChannel
    return server
