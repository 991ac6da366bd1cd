"""What a piece of middleware did, told by comparing before and after: passed, changed or blocked."""

from __future__ import annotations

from operator import is_
from typing import Any

from werkzeug.exceptions import HTTPException

from app.trips.guard import guarded
from app.trips.redact import hide_secrets
from app.trips.trip import EXTRA, MAX_TEXT, Span, Trip

Verdict = tuple[str, str]
PASSED: Verdict = ("passed", "")


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


def see_context(trip: Trip) -> tuple[dict[str, Any], bool]:
    """What a before-request function may change: `g`, and whether the session is marked as changed.

    The look after one function serves before the next.
    """
    trip.seen = trip.g.copy(), getattr(trip.session, "modified", False)
    return trip.seen


def is_changed(trip: Trip, seen: tuple[dict[str, Any], bool]) -> bool:
    """Whether `g` or the session is not as it was seen; compares by identity, so it cannot fail."""
    earlier, was_modified = seen
    g = trip.g
    if len(g) != len(earlier) or not all(map(is_, g.values(), earlier.values())):
        return True
    return getattr(trip.session, "modified", False) is not was_modified


@guarded
def judge_before(trip: Trip, span: Span, seen: tuple[dict[str, Any], bool], answer: Any) -> None:
    """Passed, changed (which names), or blocked, when it answered in the view's place."""
    if answer is not None:
        span[EXTRA] = ("blocked", f"answered {_status_of(answer)} itself")
        return
    earlier, was_modified = seen
    g = trip.g
    if len(g) > len(earlier) and all(map(is_, g.values(), earlier.values())):
        names = list(g)[len(earlier) :]  # the usual case: some were added
    else:
        names = [k for k in {**earlier, **g} if g.get(k, g) is not earlier.get(k, g)]
    told = ["set " + ", ".join("g." + name for name in names)] if names else []
    if getattr(trip.session, "modified", False) and not was_modified:
        told.append("changed the session")
    span[EXTRA] = ("changed", "; ".join(told)) if told else PASSED
    see_context(trip)


def _status_of(answer: Any) -> str:
    if isinstance(answer, tuple) and len(answer) > 1 and isinstance(answer[1], int):
        return str(answer[1])
    return str(getattr(answer, "status_code", 200))


def see_response(trip: Trip, response: Any) -> tuple[Any, ...]:
    """Status, headers and body of a response; the look after one hook serves before the next."""
    trip.headers = (response.status_code, list(response.headers), id(response.response))
    return trip.headers


@guarded
def judge_after(trip: Trip, span: Span, earlier: tuple[Any, ...]) -> None:
    """What a hook changed on the response, which looked like `earlier` before it."""
    later = trip.headers or earlier
    changes = header_changes(earlier[1], later[1])
    if later[0] != earlier[0]:
        changes.append(f"status {earlier[0]} → {later[0]}")
    if later[2] != earlier[2]:
        changes.append("replaced the body")
    span[EXTRA] = ("changed", "; ".join(changes))


def header_changes(earlier: list[tuple[str, str]], later: list[tuple[str, str]]) -> list[str]:
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
