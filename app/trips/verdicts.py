"""What a piece of middleware did: passed, changed or blocked. Mostly told by comparing before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from werkzeug.datastructures import Headers as ResponseHeaders
from werkzeug.exceptions import HTTPException

from app.trips.guard import guarded
from app.trips.redact import hide_secrets
from app.trips.trip import MAX_TEXT, Seen, Trip

Headers = Sequence[tuple[str, str]]


def describe(error: BaseException) -> str:
    """An exception in one line: `403 Forbidden` or `ValueError: …`.

    Only the first line of its text: databases write values into those that follow.
    """
    try:
        if isinstance(error, HTTPException):
            text = f"{error.code} {error.name}: {error.description or ''}".rstrip(": ")
        else:
            text = f"{getattr(error, 'status', '')} {type(error).__name__}: {error}".strip()
    except Exception:  # its own __str__ is broken; it must still be the one that is raised
        text = type(error).__name__
    return hide_secrets(text.partition("\n")[0][:MAX_TEXT])


@guarded
def judge_before(trip: Trip, span: int, answer: Any) -> None:
    """Blocked: it answered in the view's place. (What it changes tells itself: see `Reading`.)"""
    trip.tell(span, ("blocked", f"answered {_status_of(answer)} itself"))


def _status_of(answer: Any) -> str:
    if isinstance(answer, tuple) and len(answer) > 1 and isinstance(answer[1], int):
        return str(answer[1])
    return str(getattr(answer, "status_code", 200))


# What a response is like: its status, its body and its headers. One step, as it is asked after every
# hook; a list inside Werkzeug's headers that had another name one day would be copied instead.
look: Callable[[Any], Seen] = (
    attrgetter("status_code", "response", "headers._list")
    if hasattr(ResponseHeaders(), "_list")
    else lambda response: (response.status_code, response.response, list(response.headers))
)


def remember(trip: Trip, seen: Seen) -> Seen:
    """Keep what was looked at after one hook, as it is what there was before the next."""
    status, body, headers = seen
    trip.seen = kept = status, body, headers.copy()
    return kept


@guarded
def judge_after(trip: Trip, span: int, earlier: Seen, later: Seen) -> None:
    """What a hook changed on the response."""
    old_status, old_body, old_headers = earlier
    status, body, headers = later
    trip.seen = status, body, headers.copy()
    count = len(old_headers)
    if status == old_status and body is old_body and headers[:count] == old_headers:
        names, _ = zip(*headers[count:], strict=True)
        trip.tell(span, _added(*names))  # the usual case: it only added headers
        return
    changes = header_changes(old_headers, headers)
    if status != old_status:
        changes.append(f"status {old_status} → {status}")
    if body is not old_body:
        changes.append("replaced the body")
    trip.tell(span, ("changed", "; ".join(changes)))


@lru_cache(1000)
def _added(*names: str) -> tuple[str, str]:
    """Most hooks add the same headers to every response: this is then made once, and kept once."""
    return "changed", f"added {', '.join(names)}"


def header_changes(earlier: Headers, later: Headers) -> list[str]:
    """`added A, B`, `changed C`, `removed D`: names only, values may be secret."""
    if later[: len(earlier)] == earlier:  # the usual case: some were added
        added = ", ".join([name for name, _ in later[len(earlier) :]])
        return [f"added {added}"] if added else []
    old, new = dict(earlier), dict(later)
    groups = {
        "added": [k for k in new if k not in old],
        "changed": [k for k in new if k in old and new[k] != old[k]],
        "removed": [k for k in old if k not in new],
    }
    return [f"{word} {', '.join(names)}" for word, names in groups.items() if names]
