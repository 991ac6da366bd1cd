"""Stage 9: the body on its way to the server, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable
from time import thread_time_ns
from typing import Any

from app.trips import CURRENT
from app.trips.trip import RESPONSE, Trip, now
from app.trips.verdicts import describe


class Body:
    """An iterable of bytes that looks like the one it wraps and closes the trip with it."""

    __slots__ = ("answer", "chunks", "done", "keeper", "left_at", "trip")

    def __init__(self, trip: Trip, answer: Iterable[bytes], keeper: Any) -> None:
        self.trip, self.answer, self.keeper = trip, answer, keeper
        self.chunks = iter(answer)
        self.done = False
        self.left_at = 0

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> bytes:
        """One chunk. Work done in a generator belongs to the trip, waiting for the client to `send`."""
        trip = self.trip
        before = CURRENT.set(trip)
        if trip.top is not None and self.left_at:  # a template is in the middle of streaming
            trip.waited(now() - self.left_at)
        try:
            chunk = next(self.chunks)
        except StopIteration:
            self.done = True
            raise
        except BaseException as error:
            self.done = True
            trip.outcome, trip.error = "failed half way", describe(error)
            raise
        finally:
            CURRENT.reset(before)
        trip.first_byte = trip.first_byte or now()
        trip.bytes_out += len(chunk)
        self.left_at = now()
        return chunk

    def close(self) -> None:
        """The server is done with the body: all of it taken, or the client gone."""
        trip = self.trip
        before = CURRENT.set(trip)
        try:
            if hasattr(self.answer, "close"):
                self.answer.close()
        except BaseException as error:
            trip.outcome, trip.error = "error", describe(error)
            raise
        finally:
            CURRENT.reset(before)
            trip.enter(RESPONSE)
            if trip.outcome == "ok" and not self.done and not _all_sent(trip):
                trip.outcome = "client gone"
            trip.cpu_ns = thread_time_ns() - trip.cpu_start
            self.keeper.take(trip)


def _all_sent(trip: Trip) -> bool:
    """Whether the declared length has gone out; servers need not ask for the end of the body."""
    length = next((v for k, v in trip.response_headers if k.lower() == "content-length"), "")
    return trip.method == "HEAD" or (length.isdecimal() and trip.bytes_out >= int(length))
