"""Finished trips: the newest in memory, the telling ones on disk. Nothing here waits or locks.

In memory: the newest 500, the newest 100 errors, the 5 slowest of each route, and, apart from them,
the newest 100 of the quiet ones (static files, health checks, the trip pages themselves).
On disk: errors, slow, N+1, marked, and one in a hundred of the rest with its weight; in debug all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask

from app.trips.guard import guarded
from app.trips.report import as_dict, has_n_plus_one
from app.trips.store import Store
from app.trips.trip import Trip

SLOW_NS = 250_000_000
SAMPLE = 100
MAX_RUNNING = 200


class Keeper:
    """One a process. `on` is False where the setting TRIPS is off."""

    def __init__(self, file: Path, on: bool = True, keep_all: bool = False) -> None:
        self.on = on
        self.keep_all = keep_all
        self.store = Store(file)
        self.recent: deque[Trip] = deque(maxlen=500)
        self.errors: deque[Trip] = deque(maxlen=100)
        self.quiet: deque[Trip] = deque(maxlen=100)
        self.slowest: dict[str, list[Trip]] = {}
        self.times: dict[str, deque[int]] = {}
        self.running: dict[str, Trip] = {}
        self.seen = 0

    @classmethod
    def for_app(cls, app: Flask) -> Keeper:
        """The keeper that the app's settings ask for."""
        folder = Path(app.config["ROUNDTRIP_INSTANCE"])
        return cls(folder / "trips.sqlite", app.config["ROUNDTRIP_TRIPS"] == "on", app.debug)

    def begin(self, trip: Trip) -> None:
        """A trip has begun; until it ends it can be looked at as far as it got."""
        self.running[trip.id] = trip
        if len(self.running) > MAX_RUNNING:  # callers that never close their answers
            self.running.pop(next(iter(list(self.running)), ""), None)

    def take(self, trip: Trip) -> None:
        """The app is done with the request; where a server still sends, it tells when it has."""
        arrival = trip.arrival
        if arrival is not None:
            arrival.keeper = self
        else:
            self.finish(trip)

    @guarded
    def finish(self, trip: Trip) -> None:
        """Nothing more will happen: end the trip and file it. Called once for each trip."""
        if trip.t_end:
            return
        trip.end()
        self.running.pop(trip.id, None)
        if trip.quiet and trip.status < 500:
            self.quiet.append(trip)
            return
        self.seen += 1
        took = trip.elapsed_ns
        self._file(trip, took)
        why = self._why_keep(trip, took)
        trip.keep = trip.keep or why  # somebody may have marked it while it ran
        if trip.keep:
            self.store.put(trip)

    def _file(self, trip: Trip, took: int) -> None:
        self.recent.append(trip)
        if trip.status >= 500 or trip.error:
            self.errors.append(trip)
        route = trip.route or "(no rule)"
        slow = self.slowest.get(route, ())
        if len(slow) < 5 or took > slow[-1].elapsed_ns:
            self.slowest[route] = sorted([*slow, trip], key=lambda one: -one.elapsed_ns)[:5]

    def _why_keep(self, trip: Trip, took: int) -> str:
        times = self.times.get(trip.route or "")
        if times is None:
            times = self.times[trip.route or ""] = deque(maxlen=64)
        slow = took > SLOW_NS and took > _p95(times)
        times.append(took)
        if self.keep_all:
            return "debug"
        if trip.status >= 500 or trip.error:
            return "error"
        if slow:
            return "slow"
        if trip.lazy and has_n_plus_one(trip):
            return "n+1"
        return "sample" if self.seen % SAMPLE == 0 else ""

    def in_memory(self) -> Iterator[Trip]:
        """Every trip in memory once, the newest first, the quiet ones last."""
        slow = [trip for trips in list(self.slowest.values()) for trip in trips]
        known = {id(t): t for t in (*list(self.recent), *list(self.errors), *slow)}
        yield from sorted(known.values(), key=lambda trip: -trip.began_at)
        yield from reversed(list(self.quiet))

    def find(self, trip_id: str) -> dict[str, Any] | None:
        """A trip by its id, from memory or disk, as `report.as_dict` gives it; None when it is gone."""
        trip = self._in_memory(trip_id)
        return as_dict(trip) if trip else self.store.read(trip_id)

    def _in_memory(self, trip_id: str) -> Trip | None:
        running = self.running.get(trip_id)
        return running or next((trip for trip in self.in_memory() if trip.id == trip_id), None)

    def mark(self, trip_id: str) -> bool:
        """Keep this trip on disk. False when memory no longer has it."""
        trip = self._in_memory(trip_id)
        if trip is None:
            return self.store.mark(trip_id)
        trip.keep = "marked"
        if trip.t_end:  # else it is written when it ends
            self.store.put(trip)
        return True

    def usual_us(self, route: str | None) -> int | None:
        """What this route usually takes: the median of its last 64 trips; None before there are three."""
        times = list(self.times.get(route or "", ()))
        return int(median(times)) // 1000 if len(times) >= 3 else None


def _p95(times: deque[int]) -> int:
    ordered = sorted(times)
    return ordered[int(len(ordered) * 0.95)] if len(ordered) >= 20 else 0
