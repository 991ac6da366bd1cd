"""For tests, ours and yours: what happened on the way of a response.

from app.trips.testing import trip_of   # a pytest fixture

def test_list(client, trip_of):
    trip_of(client.get("/tools/visitors/")).queries(2).no_n_plus_one()
    trip_of(client.post("/tools/visitors/")).blocked_by("hooks.csrf_token")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask


class TripCheck:
    """Assertions on one trip; `data` is the trip as `/trips/<id>.json` gives it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def queries(self, count: int) -> TripCheck:
        """Exactly so many SQL statements ran."""
        ran = [query["statement"] for query in self.data["queries"] if query["kind"] == "query"]
        assert self.data["n_queries"] == count, (
            f"{self.data['n_queries']} queries instead of {count}: {ran}"
        )
        return self

    def no_n_plus_one(self) -> TripCheck:
        """No relationship was loaded lazily again and again, and no statement repeated three times."""
        assert not [fact for fact in self.data["lazy"] if fact["count"] > 2], self.data["lazy"]
        assert not [fact for fact in self.data["repeated"] if fact["count"] > 2], self.data[
            "repeated"
        ]
        return self

    def blocked_by(self, name: str | None) -> TripCheck:
        """The hook with this name stopped the request; None: no hook did."""
        stopped = self.data["stopped_by"]
        assert (stopped and stopped["name"]) == name, f"stopped by {stopped}"
        return self

    def hook(self, name: str) -> dict[str, Any]:
        """What is recorded of one hook."""
        found = [hook for hook in self.data["hooks"] if hook["name"] == name]
        assert found, f"{name} is not among {[hook['name'] for hook in self.data['hooks']]}"
        return dict(found[0])

    def stage(self, name: str) -> dict[str, Any]:
        """What is recorded of one of the nine stages."""
        return dict(next(stage for stage in self.data["stages"] if stage["name"] == name))


@pytest.fixture
def trip_of(app: Flask) -> Callable[[Any], TripCheck]:
    """A function: the response of a test client → a check of its trip."""

    def check(response: Any) -> TripCheck:
        response.get_data()
        response.close()
        data = app.extensions["trips"].find(response.headers["X-Trip-Id"])
        assert data is not None, "this trip is not in memory"
        return TripCheck(data)

    return check
