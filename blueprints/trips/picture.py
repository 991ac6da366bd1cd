"""A trip as a picture: nine stages as rows on one axis of true time, with what happened inside.

The numbers of the nine stages are lanes. Flask matches the URL before the before-request functions
run, so lanes 3 and 4 interleave; a bar is always where its time was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.trips.report import slowest
from blueprints.trips import words
from blueprints.trips.words import Data, plain

MOST_LINES = 50  # of a stage as rows with bars; the others are folded
FEW_LINES = 15  # the same where many stages have many
MOST_ALTOGETHER = 150
MOST_BARS = 40  # in one row

Bars = list[list[int]]
Segment = tuple[float, float, str, str]


class Line(NamedTuple):
    """One thing inside a stage. Times are microseconds."""

    name: str
    text: str
    start_us: int
    own_us: int | None
    bars: Bars
    verdict: str = ""
    mono: bool = False
    title: str = ""


@dataclass(frozen=True)
class Stage:
    """One of the nine rows; `folded` are the lines that are shown without bars."""

    number: int
    key: str
    title: str
    text: str
    own_us: int | None
    share: str
    bars: Bars
    state: str
    slowest: bool = False
    stopped: bool = False
    lines: list[Line] = field(default_factory=list)
    folded: list[Line] = field(default_factory=list)


class Axis(NamedTuple):
    """From 0 to the end of the trip; `x` and `width` of a bar are percent."""

    total_us: int

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Two to five round moments, with their places."""
        step = next(s for s in _steps() if s * 5 >= self.total_us)
        moments = range(0, self.total_us, step)
        unit = "ms" if step >= 1000 else "µs"
        scale = 1000 if step >= 1000 else 1
        texts = [self._text(at, f"{at // scale} {unit}") for at in moments]
        return [(self._percent(at), text) for at, text in zip(moments, texts, strict=True)]

    def _text(self, at: int, text: str) -> str:
        """Without a unit at the beginning, and nothing where the axis ends before the text does."""
        return "" if at > self.total_us * 0.9 else text if at else "0"

    def segments(self, bars: Bars, css: str) -> list[Segment]:
        """The bars as the macros of the templates draw them."""
        return [(self._percent(at), self._width(at, length), css, "") for at, length in bars]

    def _percent(self, at: int) -> float:
        return min(max(at * 100 / max(self.total_us, 1), 0), 99.7)

    def _width(self, at: int, length: int) -> float:
        return min(length * 100 / max(self.total_us, 1), 100 - self._percent(at))


def _steps() -> Iterator[int]:
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10


def axis(data: Data) -> Axis:
    """The axis of this trip."""
    return Axis(max(data["total_us"], 1))


def stages(data: Data) -> list[Stage]:
    """The nine rows, each with its lines in the order of their time."""
    inside = [sorted(lines, key=lambda line: line.start_us) for lines in _lines(data)]
    most = MOST_LINES if sum(map(len, inside)) <= MOST_ALTOGETHER else FEW_LINES
    slow = slowest(data)
    return [_stage(data, n, slow, lines, most) for n, lines in enumerate(inside)]


def _stage(data: Data, n: int, slow: Data | None, lines: list[Line], most: int) -> Stage:
    stage = data["stages"][n]
    return Stage(
        number=n + 1,
        key=stage["name"],
        title=stage["title"],
        text=words.what(data, n),
        own_us=stage["own_us"],
        share=words.share(stage["own_us"], data["total_us"]),
        bars=stage["bars"],
        state=stage["state"],
        slowest=slow is stage,
        stopped=_stopped_in(data) == stage["name"],
        lines=lines[:most],
        folded=lines[most:],
    )


def _stopped_in(data: Data) -> str:
    """The stage in which the request was stopped or failed; empty where it went through."""
    blocked = [hook["stage"] for hook in data["hooks"] if hook["verdict"] == "blocked"]
    if blocked:
        return str(blocked[0])
    if data.get("stopped_by"):
        return "url"
    return "view" if data["outcome"] == "error" else ""


def _lines(data: Data) -> list[list[Line]]:
    """For each of the nine stages what is known inside it."""
    order = {stage["name"]: n for n, stage in enumerate(data["stages"])}
    lines: list[list[Line]] = [[] for _ in order]
    for hook in data["hooks"]:
        lines[order[hook["stage"]]].append(_hook(hook))
    if data["queue_us"]:
        lines[order["wsgi"]].append(_queue(data))
    lines[order["view"]] += [_step(step) for step in data.get("steps", [])]
    lines[order["database"]] += _queries(data.get("queries", []))
    lines[order["template"]] += _templates(data.get("templates", []))
    return lines


def _line(span: Data, text: str, **more: Any) -> Line:
    bars = span.get("bars") or [[span["start_us"], span["us"]]]
    more = {"name": plain(span["name"], 120), "title": plain(text, 600)} | more
    return Line(
        text=plain(text, 200), start_us=span["start_us"], own_us=span["own_us"], bars=bars, **more
    )


def _hook(hook: Data) -> Line:
    """A hook with its verdict. What it did itself is its own time; what it asked for is named."""
    detail = hook["detail"].removeprefix("changed ")
    if hook["us"] - hook["own_us"] >= 50:
        inside = f"{words.ms(hook['us'])} with what it called"
        detail = f"{detail} ({inside})" if detail else inside
    verdict = hook["verdict"]
    if verdict == "passed" and hook["kind"] in ("session open", "teardown", "error handler"):
        verdict = "ran"
    return _line(hook, detail, verdict=verdict)


def _queue(data: Data) -> Line:
    start = data["stages"][1]["start_us"] or 0
    span = {"name": "queue", "start_us": start, "us": data["queue_us"], "own_us": data["queue_us"]}
    return _line(span, f"{data['ahead']} ahead when it came in")


def _step(step: Data) -> Line:
    kind = "the view function" if step["kind"] == "view" else "a step of its work"
    return _line(step, kind + _in_all(step))


def _in_all(span: Data) -> str:
    return f", {words.ms(span['us'])} in all" if span["us"] - span["own_us"] >= 50 else ""


def _queries(queries: list[Data]) -> list[Line]:
    """Equal statements from the same place are one line; those around transactions everywhere."""
    groups: dict[tuple[str, str], list[Data]] = {}
    for query in queries:
        where = query["where"] if query["kind"] == "query" else ""
        groups.setdefault((query["statement"], where), []).append(query)
    return [_query(group) for group in groups.values()]


def _query(group: list[Data]) -> Line:
    first = group[0]
    rows = [query["rows"] for query in group if query["rows"] is not None]
    facts = [f"× {len(group)}"] if len(group) > 1 else []
    facts += [words.count(sum(rows), "row")] if rows and first["kind"] == "query" else []
    text = " · ".join([*facts, first["statement"]])
    bars = [[query["start_us"], query["us"]] for query in group[:MOST_BARS]]
    span = {"name": _where(first), "bars": bars, "start_us": first["start_us"]}
    return _line(span | {"own_us": sum(query["us"] for query in group)}, text, mono=True)


def _where(query: Data) -> str:
    if query["kind"] != "query":
        return "transaction"
    return f"in {query['where']}" if query["where"] else "query"


def _templates(templates: list[Data]) -> list[Line]:
    """The tree; what gives values to all templates is one line, the slowest named first."""
    givers = [one for one in templates if one["kind"] == "context"]
    rest = [_template(one) for one in templates if one["kind"] != "context"]
    return ([_givers(givers)] if givers else []) + rest


def _givers(givers: list[Data]) -> Line:
    slow_first = sorted(givers, key=lambda one: -one["us"])
    text = ", ".join(f"{one['name']} {words.number(one['us'])}" for one in slow_first)
    bars = [[one["start_us"], one["us"]] for one in givers[:MOST_BARS]]
    name = words.count(len(givers), "context processor")
    own = sum(one["own_us"] for one in givers)
    start = givers[0]["start_us"]
    return _line({"name": name, "bars": bars, "start_us": start, "own_us": own}, text)


def _template(one: Data) -> Line:
    """A template of the tree; it is moved in by as much as it lies inside others."""
    parts = [f"× {one['count']}" if one["count"] > 1 else "", _in_all(one).removeprefix(", ")]
    name = "\u2003" * min(one["depth"], 8) + plain(one["name"], 120)
    return _line(one, ", ".join(part for part in parts if part), name=name)
