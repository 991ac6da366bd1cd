"""A tape is read as it was noted, also when it grew so long that it was worked off on the way."""

from __future__ import annotations

import pytest

from app.trips.reading import EXTRA, MAX_SPANS, MORE, NAME, ROWS, WAIT
from app.trips.stages import BEFORE, DATABASE, RESPONSE, VIEW
from app.trips.trip import MAX_TAPE, Trip, now


def recorded(queries: int) -> Trip:
    """A trip with a view that makes so many queries and fetches two rows of each."""
    trip = Trip("GET", "/", now())
    trip.arrived(trip.t0 - 2000, trip.t0 - 1000)
    trip.enter(BEFORE)
    trip.enter(VIEW)
    view = trip.open("view", "the view")
    for _ in range(queries):
        query = trip.open("query", "SELECT 1")
        trip.tell(query, 0)
        trip.close(query)
        trip.note(MORE, query, 100)
        trip.note(ROWS, query, 2)
    trip.tell(view, ("raised", "at last"))
    return trip


@pytest.mark.parametrize("queries", [3, MAX_SPANS - 1, 3 * MAX_SPANS])
def test_every_span_counts_and_the_times_add_up(queries):
    trip = recorded(queries)
    assert trip.inside == "the view"
    running = trip.read()
    assert running.top is not None and running.top[NAME] == "the view"
    trip.enter(RESPONSE)
    trip.end()
    read = trip.read()
    assert sum(read.own) == read.elapsed_ns == trip.elapsed_ns
    assert len(read.spans) + read.more["query"] == queries + 1
    assert read.own[DATABASE] >= queries * 100
    assert read.spans[0][EXTRA] == ("raised", "at last")
    assert {span[EXTRA] for span in read.spans[1:]} == {2}


def test_a_long_tape_takes_no_more_room_than_its_spans_may():
    trip = recorded(20 * MAX_SPANS)
    assert len(trip.tape) <= MAX_TAPE + 3
    assert trip.done is not None
    assert (len(trip.done.spans), len(trip.done.unlisted)) == (MAX_SPANS, 1)


def test_waiting_for_the_client_is_a_span_only_inside_another():
    trip = Trip("GET", "/", now())
    trip.note(WAIT, 10, now())
    template = trip.open("template", "long.html")
    trip.note(WAIT, 10, now())
    trip.close(template)
    assert [span[NAME] for span in trip.read().spans] == ["long.html", "waiting for the client"]
