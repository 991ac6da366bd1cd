"""A finished trip as plain data: what pages, JSON, the command line and the file on disk show.

The shape is fixed by the manual (`/docs/trips`): nine `stages`, `hooks`, `queries`, `templates`, `logs`.
Times are whole microseconds from the first byte; None means not measured or not reached.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from app.trips.reading import EXTRA, INNER, KIND, NAME, PARENT, START, TIME, Reading, Span
from app.trips.redact import (
    HEADERS,
    HIDDEN,
    RESPONSE_HEADERS,
    hide_literals,
    hide_secrets,
    safe_path,
    safe_query,
)
from app.trips.stages import CLIENT, KINDS, SHOWN_BY_SPANS, STAGES, TEMPLATE, TITLES
from app.trips.trip import Trip

Data = dict[str, Any]

HOOKS = {"layer", "session open", "before", "after", "session save", "teardown", "error handler"}
LAZY_LOADS_MEAN_N_PLUS_ONE = 3

LIMITED = {
    "id", "label", "began_at", "method", "path", "status", "person", "outcome", "total_us", "cpu_us",
    "unaccounted_us", "bytes_in", "bytes_out", "queue_us", "ahead", "first_byte_us", "last_byte_us",
    "n_queries", "stages", "hooks", "stopped_by", "keep", "truncated",
}  # fmt: skip
"""What a person without the right `trips` sees of a request of their own."""


def as_dict(trip: Trip) -> Data:
    """Everything recorded of a trip."""
    read = trip.read()
    data = _summary(trip, read)
    data["stages"] = _stages(trip, read)
    data["hooks"] = [_hook(read, span) for span in read.spans if span[KIND] in HOOKS]
    data["queries"] = [
        _query(read, span) for span in read.spans if span[KIND] in ("query", "transaction")
    ]
    data["templates"] = _templates(read)
    data["steps"] = [_named(read, span) for span in read.spans if span[KIND] in ("view", "step")]
    data["logs"] = [
        {"at_us": at // 1000, "kind": kind, "text": hide_secrets(text)}
        for at, kind, text in trip.logs or ()
    ]
    data["repeated"] = _repeated(data["queries"])
    data["lazy"] = [
        {"relation": r, "where": w, "count": n} for (r, w), n in list((trip.lazy or {}).items())
    ]
    data["unaccounted_us"] = (read.elapsed_ns - sum(read.own)) // 1000
    return data


def limited(data: Data) -> Data:
    """The same for somebody without the right `trips`: no statements, rules or log lines."""
    return {key: value for key, value in data.items() if key in LIMITED}


def has_n_plus_one(trip: Trip) -> bool:
    """True where one relationship was loaded lazily three times or more."""
    return any(n >= LAZY_LOADS_MEAN_N_PLUS_ONE for n in (trip.lazy or {}).values())


def _summary(trip: Trip, read: Reading) -> Data:
    return {
        "id": trip.id,
        "label": trip.label,
        "began_at": datetime.fromtimestamp(trip.began_at, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "method": trip.method,
        "path": safe_path(trip.path, trip.args),
        "query": safe_query(trip.query),
        "route": trip.route,
        "endpoint": trip.endpoint,
        "args": {
            k: str(v)[:60]
            for k, v in (trip.args or {}).items()
            if safe_path(str(v), {k: v}) != HIDDEN
        },
        "tried": trip.tried,
        "status": trip.status,
        "person_id": trip.person_id,
        "person": trip.person,
        "outcome": trip.outcome if trip.t_end or trip.outcome != "ok" else "running",
        "error": trip.error,
        "stopped_by": _stopped_by(read),
        "total_us": read.elapsed_ns // 1000,
        "cpu_us": trip.cpu_ns // 1000,
        "bytes_in": trip.bytes_in,
        "bytes_out": trip.bytes_out,
        "ahead": trip.ahead,
        "queue_us": trip.queue_ns // 1000 if trip.bytes_in is not None else None,
        "first_byte_us": (trip.first_byte - trip.t0) // 1000 if trip.first_byte else None,
        "last_byte_us": (trip.last_byte - trip.t0) // 1000 if trip.last_byte else None,
        "n_queries": trip.n_queries,
        "keep": trip.keep,
        "truncated": read.more | ({"log": trip.lost_logs} if trip.lost_logs else {}),
        "request_headers": {
            name: value[:200]
            for name, value in zip(HEADERS.values(), trip.request_headers, strict=False)
            if value
        },
        "response_headers": {
            k: v for k, v in trip.response_headers if k.lower() in RESPONSE_HEADERS
        },
    }


def _stopped_by(read: Reading) -> Data | None:
    """The first hook that blocked, with its words; a URL that did not match only if no hook did.

    Flask matches first, but raises the 404 only when all before-request functions let it pass.
    """
    for kinds in (("before", "layer"), ("match",)):
        for span in read.spans:
            if span[KIND] in kinds and span[EXTRA] and span[EXTRA][0] == "blocked":
                return {"name": span[NAME], "detail": span[EXTRA][1]}
    return None


def _stages(trip: Trip, read: Reading) -> list[Data]:
    bars = _bars(read)
    return [_stage(trip, read, number, bars[number]) for number in range(9)]


def _stage(trip: Trip, read: Reading, number: int, bars: list[list[int]]) -> Data:
    data: Data = {"name": STAGES[number], "title": TITLES[number], "bars": bars}
    if number == CLIENT and trip.bytes_in is None:
        return data | {"start_us": None, "total_us": None, "own_us": None, "state": "not measured"}
    if not bars:
        return data | {"start_us": None, "total_us": None, "own_us": None, "state": "not reached"}
    own, total = read.own[number] // 1000, read.total[number] // 1000
    return data | {
        "start_us": bars[0][0],
        "total_us": max(total, own),
        "own_us": own,
        "state": "measured",
    }


def _bars(read: Reading) -> list[list[list[int]]]:
    """For each stage its pieces on the axis, `[start, length]`; pieces that follow at once are one."""
    pieces: list[list[tuple[int, int]]] = [[] for _ in range(9)]
    for phase, start, length in read.phases:
        pieces[phase].append((start, length))
    for span in read.spans:
        stage = KINDS[span[KIND]]
        if stage is not None and (stage in SHOWN_BY_SPANS or span[KIND] == "layer"):
            pieces[stage].append((span[START], span[TIME]))
    return [_joined(read, sorted(stage)) for stage in pieces]


def _joined(read: Reading, pieces: list[tuple[int, int]]) -> list[list[int]]:
    """Pieces nearer to each other than a picture can show are drawn as one."""
    gap = read.elapsed_ns // 1000 // 500
    bars: list[list[int]] = []
    for start, length in pieces:
        begin, size = (start - read.t0) // 1000, length // 1000
        if bars and begin <= bars[-1][0] + bars[-1][1] + gap:
            bars[-1][1] = max(bars[-1][1], begin + size - bars[-1][0])
        else:
            bars.append([begin, size])
    return bars


def _named(read: Reading, span: Span) -> Data:
    return {
        "name": span[NAME],
        "kind": span[KIND],
        "start_us": (span[START] - read.t0) // 1000,
        "us": span[TIME] // 1000,
        "own_us": (span[TIME] - span[INNER]) // 1000,
    }


def _hook(read: Reading, span: Span) -> Data:
    verdict, detail = span[EXTRA] if isinstance(span[EXTRA], tuple) else ("passed", "")
    stage = KINDS[span[KIND]]
    assert stage is not None
    return _named(read, span) | {"stage": STAGES[stage], "verdict": verdict, "detail": detail}


def _query(read: Reading, span: Span) -> Data:
    data = _named(read, span)
    data["statement"] = hide_literals(data.pop("name"))
    data["rows"] = span[EXTRA] if isinstance(span[EXTRA], int) else None
    data["where"] = (
        span[PARENT][NAME]
        if span[PARENT] is not None and KINDS[span[PARENT][KIND]] != KINDS["query"]
        else ""
    )
    data["in_template"] = span[PARENT] is not None and KINDS[span[PARENT][KIND]] == TEMPLATE
    return data


def _templates(read: Reading) -> list[Data]:
    """The tree in reading order, with `depth`; equal neighbours are one line with a `count`."""
    lines: list[Data] = []
    for span in read.spans:
        if KINDS[span[KIND]] != TEMPLATE:
            continue
        line = _named(read, span) | {"depth": _depth(span), "count": 1}
        last = lines[-1] if lines else None
        if last and (last["name"], last["depth"]) == (line["name"], line["depth"]):
            last["count"] += 1
            last["us"] += line["us"]
            last["own_us"] += line["own_us"]
        else:
            lines.append(line)
    return lines


def _depth(span: Span) -> int:
    depth, parent = 0, span[PARENT]
    while parent is not None:
        depth += KINDS[parent[KIND]] == TEMPLATE
        parent = parent[PARENT]
    return depth


def _repeated(queries: list[Data]) -> list[Data]:
    counts = Counter(query["statement"] for query in queries if query["kind"] == "query")
    return [
        {
            "statement": statement,
            "count": n,
            "us": sum(q["us"] for q in queries if q["statement"] == statement),
        }
        for statement, n in counts.most_common()
        if n > 1
    ]


def slowest(data: Data) -> Data | None:
    """The stage with the most time of its own."""
    measured = [stage for stage in data["stages"] if stage["own_us"] is not None]
    return max(measured, key=lambda stage: stage["own_us"], default=None)
