"""This app's middleware in the order in which a request meets it, read from what is really in place.

WSGI layers, outermost first; the session; the URL; before-request functions, first to last; the
view; after-request functions, last to first; the session again; teardown, last to first. Functions
of one blueprint only run for its own addresses: before, after the app's; after, before them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from flask import current_app

from app.trips.reading import EXTRA, KIND, NAME, TIME
from app.trips.recording import RecordingFlask, name_of
from app.trips.stages import BEFORE, KINDS, URL, VIEW, WSGI
from blueprints.trips import services

Function = Callable[..., Any]


@dataclass
class Use:
    """What a function did in the trips that are in memory."""

    times_us: list[int] = field(default_factory=list)
    changed: int = 0
    blocked: int = 0

    @property
    def usual_us(self) -> int | None:
        """The median; None where it did not run."""
        return int(median(self.times_us)) if self.times_us else None


@dataclass(frozen=True)
class Part:
    """One piece of the pipeline. `scope` is the blueprint it is limited to, empty for the whole app."""

    stage: int
    kind: str
    name: str
    why: str
    scope: str = ""
    use: Use = field(default_factory=Use)


def parts() -> list[Part]:
    """The pipeline from the server to the view and back."""
    app: RecordingFlask = current_app._get_current_object()  # type: ignore[attr-defined]
    used = _uses()
    return [_with_use(part, used) for part in _in_order(app)]


def _in_order(app: RecordingFlask) -> Iterator[Part]:
    for layer in reversed(app.layers):
        yield Part(WSGI, "layer", *_layer(layer))
    yield Part(BEFORE, "session open", "session open", "Reads the signed cookie of the session.")
    yield Part(URL, "match", "URL match", "Finds the rule, and with it the view, for the address.")
    yield from _functions(app.url_value_preprocessors, "url values", _app_first)
    yield from _functions(app.before_request_funcs, "before", _app_first)
    yield Part(VIEW, "view", ANY_VIEW, f"One of {len(app.view_functions)}, as the rule says.")
    yield from _functions(_once(app.template_context_processors), "context", _app_first)
    yield from _handlers(app)
    yield from _functions(app.after_request_funcs, "after", _app_last)
    yield Part(KINDS["session save"] or 0, "session save", "session save", _SAVE)
    yield from _functions(app.teardown_request_funcs, "teardown", _app_last)
    yield from _functions({None: app.teardown_appcontext_funcs}, "teardown", _app_last)


ANY_VIEW = "the view"
_SAVE = "Writes the cookie of the session, if something in it has changed."

Registry = Mapping[str | None, Iterable[Function]]


def _once(registry: Registry) -> Registry:
    """Each function where it is first; Flask lists its own context processor for each blueprint."""
    seen: set[Function] = set()
    return {
        scope: [f for f in functions if not (f in seen or seen.add(f))]  # type: ignore[func-returns-value]
        for scope, functions in registry.items()
    }


def _app_first(registry: Registry) -> Iterator[tuple[str | None, Function]]:
    for scope in sorted(registry, key=lambda name: name is not None):
        yield from ((scope, function) for function in registry[scope])


def _app_last(registry: Registry) -> Iterator[tuple[str | None, Function]]:
    for scope in sorted(registry, key=lambda name: name is None):
        yield from ((scope, function) for function in reversed(list(registry[scope])))


def _functions(registry: Any, kind: str, order: Callable[[Registry], Any]) -> Iterator[Part]:
    for scope, function in order(registry):
        stage = KINDS.get(kind, BEFORE)
        yield Part(
            BEFORE if stage is None else stage, kind, name_of(function), _why(function), scope or ""
        )


def _handlers(app: RecordingFlask) -> Iterator[Part]:
    """Error handlers: they run only when something is raised."""
    for scope, by_code in app.error_handler_spec.items():
        for handlers in by_code.values():
            for error, function in handlers.items():
                why = f"Only for {error.__name__}: {_why(function)}"
                yield Part(
                    KINDS["error handler"] or 0,
                    "error handler",
                    name_of(function),
                    why,
                    scope or "",
                )


def _why(thing: Any) -> str:
    """The first sentence that it says of itself, without the signs of markup."""
    paragraph = " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", re.sub(r"(?::\w+:)?`+", "", paragraph), maxsplit=1)[0]


def _layer(layer: Any) -> tuple[str, str]:
    return layer.name, _why(layer.app)


def _uses() -> dict[tuple[str, str], Use]:
    """What each function did, by kind and name."""
    uses: dict[tuple[str, str], Use] = {}
    for trip in services.keeper().in_memory():
        for span in trip.read().spans:
            name = ANY_VIEW if span[KIND] == "view" else span[NAME]
            use = uses.setdefault((span[KIND], name), Use())
            use.times_us.append(span[TIME] // 1000)
            verdict = span[EXTRA][0] if isinstance(span[EXTRA], tuple) else ""
            use.changed += verdict == "changed"
            use.blocked += verdict == "blocked"
    return uses


def _with_use(part: Part, uses: dict[tuple[str, str], Use]) -> Part:
    key = (part.kind, "URL match" if part.kind == "match" else part.name)
    return Part(part.stage, part.kind, part.name, part.why, part.scope, uses.get(key, Use()))
