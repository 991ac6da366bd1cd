"""A trip in words: what happened in each stage, how it ended, why it was kept. Plain data in, text out.

`data` is what `app.trips.report` gives, in full or limited; where a part is missing, less is said.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

from app.clock import day, local, today
from app.trips.keeper import Keeper
from app.trips.report import slowest
from app.trips.stages import STAGES, TITLES

Data = dict[str, Any]

SPACES = {"\n", "\r", "\t", " "}
ONLY_WAITRESS = "only the Waitress server of `python wsgi.py` can tell"
KEPT = {
    "marked": "somebody asked for it",
    "error": "it failed",
    "slow": "it was slower than 250 ms and than 95 % of the trips of its route",
    "n+1": "a relationship was loaded one record at a time",
    "sample": "one in a hundred is kept as a sample",
    "debug": "in debug mode every trip is kept",
}


def plain(text: object, longest: int = 300) -> str:
    """One line that is safe to show anywhere: control and direction characters are written out."""
    words = "".join(" " if c in SPACES else c for c in str(text)[: longest * 2])
    line = " ".join(words.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def statements(trip: Data) -> list[str]:
    """The different statements, in the order in which they first ran, as long as the page stays light."""
    shown: list[str] = []
    for statement in dict.fromkeys(plain(query["statement"], 4_000) for query in trip["queries"]):
        if sum(map(len, shown)) + len(statement) > 20_000:
            return [*shown, "The rest is in the JSON."]
        shown.append(statement)
    return shown


def ms(us: int | None) -> str:
    """`48.6 ms`; `not measured` where nothing was."""
    if us is None:
        return "not measured"
    number = us / 1000
    return f"{number:,.0f} ms" if number >= 100 else f"{number:.{1 if number >= 1 else 2}f} ms"


def number(us: int | None) -> str:
    """`48.6`, for a column of milliseconds; never `0`, since what took place took time."""
    if us is None:
        return "–"
    return ms(us).removesuffix(" ms") if us >= 10 else "<0.01"


def size(count: int | None) -> str:
    """`612 B`, `17.2 KB`, `3.1 MB`; `not measured` where nothing was."""
    if count is None:
        return "not measured"
    if count < 1_000:
        return f"{count} B"
    return f"{count / 1_000:,.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:,.1f} MB"


def share(own: int | None, total: int) -> str:
    """`24%`; never `0%`, since what took place took time."""
    if own is None:
        return ""
    percent = own * 100 / max(total, 1)
    return f"{percent:.0f}%" if percent >= 1 else "<1%"


def count(number: int, word: str, words: str = "") -> str:
    """`1 query`, `4 queries`."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


def when(began_at: str) -> str:
    """`22 Nov 2026, 11:42:07` in the workspace's time zone."""
    moment = datetime.fromisoformat(began_at)
    return f"{day(moment)}, {local(moment):%H:%M:%S}"


def clock(began_at: str) -> str:
    """`11:42:07`, with the day in front if it is not today."""
    moment = datetime.fromisoformat(began_at)
    time = f"{local(moment):%H:%M:%S}"
    return time if local(moment).date() == today() else f"{day(moment)}, {time}"


def status(code: int) -> tuple[str, str]:
    """`200 OK` and the tone of it."""
    if not code:
        return "No answer", "info"
    name = HTTP_STATUS_CODES.get(code, "")
    tone = "ok" if code < 300 else "info" if code < 400 else "warn" if code < 500 else "bad"
    return f"{code} {name}".strip(), tone


def request_line(data: Data) -> str:
    """`GET /tools/orders/?page=2`, whatever the sender wrote there."""
    query = data.get("query")
    return plain(f"{data['method']} {data['path']}{'?' + query if query else ''}")


def outcome(data: Data) -> tuple[str, str]:
    """How it ended and the tone of it; empty where it just went through."""
    stopped, error = data.get("stopped_by"), plain(data.get("error") or "")
    match data["outcome"]:
        case "running":
            return "Still running", "info"
        case "error":
            return f"Failed: {error}" if error else "Failed", "bad"
        case "failed half way":
            return f"Failed half way: {error}" if error else "Failed half way", "bad"
        case "client gone":
            return "The client went away before it had everything", "warn"
    if stopped:
        return f"Stopped by {plain(stopped['name'])}: {plain(stopped['detail'])}", "warn"
    return "", ""


def why_kept(data: Data) -> str:
    """Why this trip is on disk, or that it is not."""
    reason = KEPT.get(data["keep"])
    if reason:
        return f"Kept on disk for seven days, because {reason}."
    return "Not kept on disk: it goes when newer trips need its place in memory."


def unaccounted(data: Data) -> str:
    """How much time no stage accounts for."""
    us = abs(data["unaccounted_us"])
    rest = f"no stage accounts for {ms(us)}" if us else "every microsecond has its stage"
    return f"Began {when(data['began_at'])}. The processor worked on it for {ms(data['cpu_us'])}. Of the whole, {rest}."


def kept_in_memory(keeper: Keeper) -> str:
    """Honest about its limits: how many of how many, and how many were lost."""
    shown, seen, lost = len(keeper.recent), keeper.seen, keeper.store.dropped
    return (
        f"In memory: the newest {shown:,} of {seen:,} of this process. On disk: slow ones, errors, "
        f"N+1, marked ones and a sample, for seven days; {lost:,} dropped."
    )


def facts(data: Data) -> list[tuple[str, str]]:
    """The strip on top of a trip."""
    slow = slowest(data)
    pairs = [
        ("Total", ms(data["total_us"])),
        ("Slowest", f"{slow['title']}, {ms(slow['own_us'])}" if slow else ""),
        ("Usual for this page", ms(data["usual_us"]) if data["usual_us"] else "not known yet"),
        ("Queries", f"{data['n_queries']:,}"),
        ("Received", size(data["bytes_in"])),
        ("Sent", size(data["bytes_out"])),
        ("Waited", _waited(data)),
        ("Person", plain(data["person"], 80) or "nobody signed in"),
        ("When", clock(data["began_at"])),
    ]
    return [(name, value) for name, value in pairs if value]


def _waited(data: Data) -> str:
    if data["queue_us"] is None:
        return "not measured"
    return f"{ms(data['queue_us'])}, {data['ahead']} ahead"


def request_facts(data: Data) -> list[tuple[str, str]]:
    """Route, arguments, and what was kept of the headers."""
    pairs = [
        ("Route", data["route"] or "none"),
        ("View", data["endpoint"] or "none"),
        ("Arguments", ", ".join(f"{k}={v}" for k, v in data["args"].items())),
        ("Query", data["query"]),
        ("Tried", data["tried"]),
        *data["request_headers"].items(),
        *((f"{name} (answer)", value) for name, value in data["response_headers"].items()),
    ]
    return [(plain(name, 60), plain(value)) for name, value in pairs if value]


def stages(own_us: list[int | None]) -> list[Data]:
    """Name and own time of the nine stages, as small bars want them."""
    return [{"name": name, "own_us": own} for name, own in zip(STAGES, own_us, strict=True)]


def mostly(own_us: list[int | None]) -> str:
    """`Mostly Template`: the stage with the most time."""
    return f"Mostly {TITLES[max(range(9), key=lambda number: own_us[number] or 0)]}"


def truncated(data: Data) -> str:
    """What was too much to be kept one by one, and only counted."""
    more = [f"{number:,} × {kind}" for kind, number in data["truncated"].items()]
    return f"Too many parts to keep each: {', '.join(more)} more were only counted." if more else ""


def lazy_loads(data: Data) -> list[str]:
    """The exact facts of N+1: which relationship was loaded how often, from where."""
    return [
        f"{plain(fact['relation'])} was loaded {count(fact['count'], 'time')} "
        f"from {plain(fact['where'])}"
        for fact in data.get("lazy", [])
    ]


# What happened in each stage -------------------------------------------------------------------


def what(data: Data, number: int) -> str:
    """What happened in this stage (0 to 8), in one line."""
    stage = data["stages"][number]
    if stage["state"] == "not measured":
        return f"not measured: {ONLY_WAITRESS}"
    if stage["state"] == "not reached" and data["outcome"] != "running":
        return _WHY_NOT.get(stage["name"], _not_reached)(data)
    return "not reached yet" if stage["state"] == "not reached" else _WHAT[stage["name"]](data)


def _not_reached(data: Data) -> str:
    stopped = data.get("stopped_by")
    return f"not reached: {plain(stopped['name'], 80)} answered first" if stopped else "not reached"


def _client(data: Data) -> str:
    return f"{size(data['bytes_in'])} received, headers and body"


def _wsgi(data: Data) -> str:
    layers = sum(hook["kind"] == "layer" for hook in data["hooks"])
    middleware = f", {count(layers, 'WSGI layer')}" if layers else ""
    if data["queue_us"] is None:
        return f"wait in the queue not measured{middleware}"
    return f"waited {ms(data['queue_us'])}, {data['ahead']} ahead{middleware}"


def _before(data: Data) -> str:
    return _hooks([hook for hook in data["hooks"] if hook["stage"] == "request_middleware"])


def _hooks(hooks: list[Data]) -> str:
    if blocked := [plain(hook["name"], 80) for hook in hooks if hook["verdict"] == "blocked"]:
        return f"{count(len(hooks), 'hook')}, blocked by {', '.join(blocked)}"
    changed = sum(hook["verdict"] == "changed" for hook in hooks)
    return f"{count(len(hooks), 'hook')}: " + (
        f"{changed} changed something" if changed else "all passed"
    )


def _url(data: Data) -> str:
    stopped = data.get("stopped_by")
    if stopped and stopped["name"] == "URL match":
        missed = stopped["detail"].partition(":")[0]
        return plain(": ".join(part for part in (missed, data.get("tried")) if part))
    if data.get("route") is None:
        return "an address of this app"
    args = "".join(f", {plain(k, 60)}={plain(v, 60)}" for k, v in data["args"].items())
    return f"{plain(data['route'])} → {plain(data['endpoint'])}{args}"


def _view(data: Data) -> str:
    names = [step["name"] for step in data.get("steps", []) if step["kind"] == "view"]
    return plain(", ".join(names)) if names else "ran"


def _database(data: Data) -> str:
    queries = count(data["n_queries"], "query", "queries")
    if "repeated" not in data:
        return queries
    repeated = [f"one × {fact['count']}" for fact in data["repeated"][:3]]
    return f"{queries}, " + (", ".join(repeated) if repeated else "none repeated")


def _template(data: Data) -> str:
    names = [line for line in data.get("templates", []) if line["kind"] == "template"]
    shown = [
        plain(line["name"], 60) + (f" × {line['count']}" if line["count"] > 1 else "")
        for line in names[:4]
    ]
    return (
        ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "rendered"
    )


def _after(data: Data) -> str:
    return _hooks([hook for hook in data["hooks"] if hook["stage"] == "response_middleware"])


def _response(data: Data) -> str:
    coding = data.get("response_headers", {}).get("Content-Encoding", "")
    sent = f"{size(data['bytes_out'])} {plain(coding, 20)}".strip()
    if data["last_byte_us"] is not None:
        return f"{sent}, last byte accepted"
    return f"{sent}, client gone" if data["outcome"] == "client gone" else f"{sent} handed over"


def _no_query(data: Data) -> str:
    return "not reached: no query ran"


def _no_template(data: Data) -> str:
    return "not reached: no template was rendered"


_WHAT: dict[str, Callable[[Data], str]] = {
    "client": _client,
    "wsgi": _wsgi,
    "request_middleware": _before,
    "url": _url,
    "view": _view,
    "database": _database,
    "template": _template,
    "response_middleware": _after,
    "response": _response,
}
_WHY_NOT = {"database": _no_query, "template": _no_template}
