"""The trip of a request: what any code may call. This module imports nothing of the app.

    with trips.step("price the order"): …     a named part of the work, with its time
    trips.event("cache", "missed")            something that happened, at its time

Both do nothing where no trip is being recorded (commands, jobs, threads, recording off).
The files beside this one record (trip, recording, drivers, templates, server) and keep (keeper,
store, report) trips; DESIGN of the nine stages and their names is in `stages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.trips.trip import Trip

CURRENT: ContextVar[Trip | None] = ContextVar("trip", default=None)


def current() -> Trip | None:
    """The trip of the request at hand, or None."""
    return CURRENT.get()


@contextmanager
def step(name: str) -> Iterator[None]:
    """Name a part of the work; its time is shown under the stage it ran in."""
    trip = CURRENT.get()
    if trip is None:
        yield
        return
    span = trip.open("step", name)
    try:
        yield
    finally:
        trip.close(span)


def event(kind: str, text: str) -> None:
    """Note a fact at its time: `kind` is one word, `text` one line without secrets."""
    trip = CURRENT.get()
    if trip is not None:
        trip.log(kind, text)


def identify(person_id: int | None, name: str) -> None:
    """Say whose request this is; that person may look at its stages and hooks."""
    trip = CURRENT.get()
    if trip is not None:
        trip.person_id, trip.person = person_id, name


def init_app(app: Flask) -> None:
    """Start recording, unless the setting TRIPS is off."""
    from app.trips.keeper import Keeper

    keeper = app.extensions["trips"] = Keeper.for_app(app)
    if keeper.on:
        from app.trips import drivers, logs

        drivers.listen()
        logs.listen()
