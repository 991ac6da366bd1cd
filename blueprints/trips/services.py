"""What may be seen of the recorded trips: one, the newest, and the times of each route.

A person sees the trips of their own requests, without statements, rules and log lines; the right
`trips` opens all of everybody's. What may not be seen is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from statistics import median
from time import thread_time_ns
from typing import Any, NamedTuple

from flask import current_app

from app.errors import NotFound
from app.permissions import Actor, may, require
from app.trips.keeper import SLOW_NS, Keeper
from app.trips.reading import EXTRA, KIND, NAME, Reading
from app.trips.redact import safe_path
from app.trips.report import has_n_plus_one, limited
from app.trips.trip import Trip, now
from blueprints.trips.filters import Filters

Data = dict[str, Any]

PER_PAGE = 50
MISSING = "There is no trip with this number, or it is no longer kept."


class Row(NamedTuple):
    """A trip as a line of a list, from memory or from disk. Times are microseconds."""

    id: str
    began_at: str
    method: str
    path: str
    route: str | None
    status: int
    total_us: int
    n_queries: int
    person_id: int | None
    person: str
    outcome: str
    keep: str
    own_us: list[int | None]
    n_plus_one: bool
    blocked_by: str = ""
    quiet: bool = False
    on_disk: bool = False

    @property
    def failed(self) -> bool:
        """An answer of 500 and above, or an error half way."""
        return self.status >= 500 or self.outcome in ("error", "failed half way")

    @property
    def slow(self) -> bool:
        """Over a quarter of a second."""
        return self.total_us * 1000 > SLOW_NS


@dataclass(frozen=True)
class Listing:
    """One page of the list, and how many trips fit its filters."""

    rows: list[Row]
    count: int
    filters: Filters

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.count // PER_PAGE))


def sees_all(actor: Actor) -> bool:
    """Whether this actor sees the trips of everybody, in full."""
    return may(actor, "trips")


def keeper() -> Keeper:
    """The keeper of this process: memory and disk."""
    found: Keeper = current_app.extensions["trips"]
    return found


# One trip --------------------------------------------------------------------------------------


def find(actor: Actor, trip_id: str) -> Data:
    """A trip as this actor may see it; raises NotFound, alike for missing and for not to be seen.

    Besides what was recorded: `usual_us` of its route, and what recording it cost, `recorder_us`.
    """
    data = keeper().find(trip_id)
    if data is None or not _may_see(actor, data["person_id"]):
        raise NotFound(MISSING)
    data["usual_us"] = keeper().usual_us(data["route"])
    data["recorder_us"] = round(recorder_us(data))
    extras = {name: data[name] for name in ("usual_us", "recorder_us")}
    return data if sees_all(actor) else limited(data) | extras


def _may_see(actor: Actor, person_id: int | None) -> bool:
    return sees_all(actor) or (person_id is not None and person_id == actor.id)


def keep(actor: Actor, trip_id: str) -> None:
    """Keep this trip on disk for as long as trips are kept."""
    require(actor, "trips")
    if not keeper().mark(trip_id):
        raise NotFound(MISSING)


def last_of(actor: Actor) -> Data | None:
    """The newest finished trip of this person that was not a static file or a page of trips."""
    for trip in keeper().in_memory():
        if trip.person_id == actor.id and not trip.quiet:
            return find(actor, trip.id)
    return None


def recorder_us(data: Data) -> float:
    """About what recording this trip has cost, from the time that spans take on this machine."""
    a_trip, a_span = _cost()
    spans = 1 + sum(len(data[name]) for name in ("hooks", "queries", "steps"))
    spans += sum(int(one["count"]) for one in data["templates"])
    return a_trip + a_span * (spans + sum(map(int, data["truncated"].values())))


@cache
def _cost() -> tuple[float, float]:
    """Microseconds for an empty trip and for one span, tried out once a process.

    The quickest of ten tries, since another thread may have run in the middle of one.
    """
    trip = Trip("GET", "/", now())
    return _quickest(_begin_and_end), _quickest(lambda: trip.close(trip.open("step", "")))


def _begin_and_end() -> None:
    thread_time_ns()
    Trip("GET", "/", now()).end()


def _quickest(work: Callable[[], object]) -> float:
    tries = []
    for _ in range(10):
        began = now()
        for _ in range(40):
            work()
        tries.append((now() - began) / 40_000)
    return min(tries)


# The list --------------------------------------------------------------------------------------


def newest(actor: Actor, filters: Filters) -> Listing:
    """The newest trips that this actor may see and that fit the filters, one page of them."""
    if filters.route:
        require(actor, "trips")  # which rule an address belongs to is not everybody's
    fitting = [row for row in rows() if _may_see(actor, row.person_id) and fits(row, filters)]
    first = (filters.page - 1) * PER_PAGE
    shown = [_detailed(row) for row in fitting[first : first + PER_PAGE]]
    return Listing(shown, len(fitting), filters)


def rows() -> list[Row]:
    """All trips that are running, in memory or among the newest on disk, each once, newest first."""
    found = {row.id: row for row in map(_of_disk, keeper().store.rows())}
    for trip in [*keeper().in_memory(), *list(keeper().running.values())]:
        found[trip.id] = _of_memory(trip)
    return sorted(found.values(), key=lambda row: row.began_at, reverse=True)


def kept(filters: Filters, most: int) -> list[Row]:
    """The newest trips on disk that fit the filters."""
    return [row for row in map(_of_disk, keeper().store.rows(most)) if fits(row, filters)]


def read(trip_id: str) -> Data | None:
    """A trip from disk by its number, or by the short form that people see, `7f3a-91c2`."""
    store, begins = keeper().store, trip_id.replace("-", "").lower()
    if len(begins) == 8:
        trip_id = next((row["id"] for row in store.rows(20_000) if row["id"][:8] == begins), "")
    return store.read(trip_id)


def fits(row: Row, filters: Filters) -> bool:
    """Whether a row is one of those that were asked for."""
    return (
        (filters.quiet or not row.quiet)
        and (not filters.slow or row.total_us >= filters.slow * 1000)
        and (not filters.errors or row.failed)
        and (not filters.n1 or row.n_plus_one)
        and filters.person.casefold() in row.person.casefold()
        and (not filters.route or filters.route == row.route)
        and filters.q.casefold() in row.path.casefold()
    )


def _of_memory(trip: Trip) -> Row:
    read = trip.read()
    began = datetime.fromtimestamp(trip.began_at, UTC).isoformat(timespec="milliseconds")
    return Row(
        id=trip.id,
        began_at=began.replace("+00:00", "Z"),
        method=trip.method,
        path=safe_path(trip.path, trip.args),
        route=trip.route,
        status=trip.status,
        total_us=read.elapsed_ns // 1000,
        n_queries=trip.n_queries,
        person_id=trip.person_id,
        person=trip.person,
        outcome=trip.outcome if trip.t_end or trip.outcome != "ok" else "running",
        keep=trip.keep,
        own_us=[own // 1000 for own in read.own],
        n_plus_one=has_n_plus_one(trip),
        blocked_by=next(_blocking(read), ""),
        quiet=trip.quiet and trip.status < 500,
    )


def _blocking(read: Reading) -> Iterator[str]:
    for span in read.spans:
        verdict = span[EXTRA]
        if (
            span[KIND] in ("before", "layer")
            and isinstance(verdict, tuple)
            and verdict[0] == "blocked"
        ):
            yield span[NAME]


def _of_disk(stored: Data) -> Row:
    return Row(**stored, n_plus_one=stored["keep"] == "n+1", on_disk=True)


def _detailed(row: Row) -> Row:
    """What the summary on disk does not tell is read from the trip itself."""
    data = keeper().store.read(row.id) if row.on_disk else None
    if data is None:
        return row
    stopped = data["stopped_by"] or {"name": ""}
    lazy = max((fact["count"] for fact in data["lazy"]), default=0)
    name = "" if stopped["name"] == "URL match" else stopped["name"]
    return row._replace(blocked_by=name, n_plus_one=row.n_plus_one or lazy >= 3)


# The routes ------------------------------------------------------------------------------------


@dataclass
class Route:
    """The trips of one route in numbers. Times are microseconds."""

    rule: str
    trips: list[Row] = field(default_factory=list)

    @property
    def median_us(self) -> int:
        """Half of the trips were quicker."""
        return int(median(row.total_us for row in self.trips))

    @property
    def p95_us(self) -> int:
        """95 % of the trips were quicker."""
        ordered = sorted(row.total_us for row in self.trips)
        return ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]

    @property
    def own_us(self) -> list[int]:
        """The median own time of each of the nine stages."""
        return [
            int(median(one or 0 for one in stage))
            for stage in zip(*(t.own_us for t in self.trips), strict=True)
        ]

    @property
    def slowest(self) -> Row:
        """The slowest of the trips."""
        return max(self.trips, key=lambda row: row.total_us)


def routes(actor: Actor) -> list[Route]:
    """Times by route over what is in memory and on disk; first the one that took most altogether."""
    require(actor, "trips")
    found: dict[str, Route] = {}
    for row in _finished(rows()):
        rule = row.route or "(no rule)"
        found.setdefault(rule, Route(rule)).trips.append(row)
    return sorted(found.values(), key=lambda route: -sum(row.total_us for row in route.trips))


def _finished(all_rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in all_rows if not row.quiet and row.outcome != "running")
