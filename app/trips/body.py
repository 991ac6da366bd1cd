"""Stage 9: the body on its way to the server, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import thread_time_ns
from typing import Any

from app.trips import CURRENT
from app.trips.reading import WAIT
from app.trips.stages import RESPONSE
from app.trips.trip import Trip, now
from app.trips.verdicts import describe


class Body:
    """An iterable of bytes that looks like the one it wraps and closes the trip with it."""

    def __init__(self, trip: Trip, answer: Iterable[bytes], keeper: Any) -> None:
        self.trip, self.answer, self.keeper = trip, answer, keeper
        self.done = False

    def __iter__(self) -> Iterator[bytes]:
        """The chunks. Work done in a generator belongs to the trip, waiting for the client to `send`."""
        trip, chunks = self.trip, iter(self.answer)
        while True:
            before = CURRENT.set(trip)
            try:
                chunk = next(chunks)
            except StopIteration:
                self.done = True
                return
            except BaseException as error:
                self.done = True
                trip.outcome, trip.error = "failed half way", describe(error)
                raise
            finally:
                CURRENT.reset(before)
            left_at = now()
            trip.first_byte = trip.first_byte or left_at
            trip.bytes_out += len(chunk)
            yield chunk
            trip.note(WAIT, (at := now()) - left_at, at)  # counts where a template is half way

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
            if trip.phase != RESPONSE:
                trip.enter(RESPONSE)
            if trip.outcome == "ok" and not self.done and not _all_sent(trip):
                trip.outcome = "client gone"
            trip.cpu_ns = thread_time_ns() - trip.cpu_start
            self.keeper.take(trip)


def _all_sent(trip: Trip) -> bool:
    """Whether the declared length has gone out; servers need not ask for the end of the body."""
    length = next((v for k, v in trip.response_headers if k.lower() == "content-length"), "")
    return trip.method == "HEAD" or (length.isdecimal() and trip.bytes_out >= int(length))
