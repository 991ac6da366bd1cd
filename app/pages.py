"""What every template may use: the frame's values, versioned addresses of static files, formats."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from time import perf_counter_ns
from typing import Any, NamedTuple

from flask import Flask, current_app, flash, g, request, url_for
from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.exc import SQLAlchemyError

from app import permissions, trips
from app.clock import day, moment, style
from app.tables import catalog


class Nav(NamedTuple):
    """A line in the rail, as a blueprint gives it in `NAV`: shown to those who have the right."""

    group: str
    label: str
    endpoint: str
    right: str = permissions.SIGNED_IN


class Offer(NamedTuple):
    """Something to begin with, as a blueprint gives it in `OFFERS`: a button on the home page.

    It is shown while `wanted()` is true, and posts to the endpoint.
    """

    text: str
    button: str
    endpoint: str
    wanted: Callable[[], bool]
    right: str = permissions.SIGNED_IN


KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of static files. Windows reads them from its registry, where other programs may have set others."""


def init_app(app: Flask) -> None:
    """Give templates what they use."""
    app.extensions["nav"] = []
    app.extensions["offers"] = []
    app.context_processor(frame)
    app.url_defaults(_version_static)
    mimetypes.knownfiles.clear()  # the host's own list takes longer to read than it is worth
    for ending, kind in KINDS.items():
        mimetypes.add_type(kind, ending)
    app.add_template_filter(day)
    app.add_template_filter(moment)
    app.add_template_filter(number)
    app.add_template_filter(milliseconds)
    _set_up_jinja(app)


def _set_up_jinja(app: Flask) -> None:
    """Compiled templates are kept in the instance folder: compiling is a third of a cold first page."""
    cache = Path(app.config["ROUNDTRIP_INSTANCE"]) / "cache"
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    with suppress(OSError):  # a read-only disk: every start compiles
        cache.mkdir(exist_ok=True)
        env.bytecode_cache = _Compiled(str(cache))


class _Compiled(FileSystemBytecodeCache):
    """A cache that may fail: a full disk must not take the pages along."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def frame() -> dict[str, Any]:
    """Who is signed in, where they may go, and the trip so far, for the frame of each page."""
    actor = g.get("actor")
    return {
        "workspace": "Roundtrip",
        "person": actor,
        "nav": _nav(actor),
        "foot_trip": _foot(actor),
    }


def _nav(actor: permissions.Actor | None) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {"Tools": [], "Workspace": []}
    for nav in current_app.extensions["nav"]:
        if permissions.may(actor, nav.right):
            here = (request.endpoint or "").partition(".")[0] == nav.endpoint.partition(".")[0]
            link = {
                "label": nav.label,
                "url": url_for(nav.endpoint),
                "current": here,
                "count": None,
            }
            groups.setdefault(nav.group, []).append(link)
    groups["Tools"] += tools_open_to(actor)
    return [{"title": title, "links": links} for title, links in groups.items() if links]


def tools_open_to(actor: permissions.Actor | None) -> list[dict[str, Any]]:
    """The tools that have tables, as lines of the rail. Empty where the database is away: the page that
    says so has a rail too."""
    if actor is None or "tools" not in current_app.blueprints:
        return []
    try:
        found = catalog.open_to(actor)
    except SQLAlchemyError:
        return []
    here = (
        (request.view_args or {}).get("tool") if request.blueprint == "tools" else request.blueprint
    )
    return [
        {
            "label": tool.label, "url": url_for("tools.tool", tool=tool.name),
            "current": tool.name == here, "count": None,
        }
        for tool in found
    ]  # fmt: skip


def _foot(actor: permissions.Actor | None) -> dict[str, Any] | None:
    trip = trips.current()
    if trip is None or actor is None or "trips" not in current_app.blueprints:
        return None
    ms = (perf_counter_ns() - trip.t0) / 1e6
    return {
        "url": url_for("trips.show", trip_id=trip.id),
        "label": trip.label,
        "ms": ms,
        "queries": trip.n_queries,
    }


def flash_undo(text: str, undo_url: str) -> None:
    """Say what was done, with a button that undoes it."""
    flash({"text": text, "undo_url": undo_url}, "ok")  # type: ignore[arg-type]


def _version_static(endpoint: str, values: dict[str, Any]) -> None:
    """Static files get a part of their hash into the address, so that browsers may keep them for ever."""
    if endpoint.endswith("static") and "filename" in values and "v" not in values:
        folder = (
            current_app.static_folder
            if endpoint == "static"
            else current_app.blueprints[endpoint[:-7]].static_folder
        )
        values["v"] = _hash(str(Path(str(folder)) / values["filename"]), current_app.debug)


def _hash(path: str, fresh: bool) -> str | None:
    return _file_hash.__wrapped__(path) if fresh else _file_hash(path)


@lru_cache(maxsize=512)
def _file_hash(path: str) -> str | None:
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else None


def number(value: int | float | None) -> str:
    """1,053; empty for nothing."""
    return "" if value is None else style().number(value)


def milliseconds(us: int | None) -> str:
    """Microseconds as `48.6` milliseconds; a dash where nothing was measured."""
    if us is None:
        return "–"
    return (
        f"{us / 1000:,.0f}"
        if us >= 100_000
        else f"{us / 1000:.1f}"
        if us >= 1_000
        else f"{us / 1000:.2f}"
    )
