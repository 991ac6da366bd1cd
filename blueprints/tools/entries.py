"""History as pages show it: who, when, what, and the way to each record, trip and job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flask import current_app, url_for

from app.fields import Field
from app.models import Change
from app.permissions import Actor, may
from app.tables import history, links
from app.tables.live import Live
from blueprints.tools import services, words


class Entry(NamedTuple):
    """A change in words. `name` and `url` are of its record; an empty address is one there is not."""

    change: Change
    action: str
    lines: list[words.Line]
    name: str
    url: str
    trip_url: str
    job_url: str
    undo_url: str


def entries(actor: Actor, live: Live, changes: Sequence[Change], record: Any = None) -> list[Entry]:
    """The changes in words; those of a record that is at hand can be put back where nothing came after."""
    ids = {one.record_id for one in changes if one.record_id is not None}
    titles = services.titles(live, ids) if record is None else {}
    values = links.seen_changes(actor, live, [history.told(live, one) for one in changes])
    return [
        Entry(
            one, words.action(one), words.lines(one, found), _name(live, one, titles, found), _url(live, one),
            _trip_url(actor, one), _job_url(actor, one), _undo_url(actor, live, one, record),
        )
        for one, found in zip(changes, values, strict=True)
    ]  # fmt: skip


def _name(
    live: Live, change: Change, titles: Mapping[int, Any], values: Sequence[tuple[Field, Any, Any]]
) -> str:
    """What the record is called now, or was when it was deleted, as far as that is seen."""
    if change.record_id is None:
        return ""
    was = next((old for field, old, _new in values if field.name == live.table.title), None)
    title = titles.get(change.record_id, was)
    return words.named(live, change.record_id, {live.table.title: title})


def _url(live: Live, change: Change) -> str:
    if change.record_id is None:
        return ""
    table = live.table
    return url_for("tools.record", tool=table.tool, table=table.name, record_id=change.record_id)


def _trip_url(actor: Actor, change: Change) -> str:
    """Where trips are recorded, and this one may be seen."""
    seen = change.person_id == actor.id or may(actor, "trips")
    if not change.trip or not seen or "trips" not in current_app.blueprints:
        return ""
    return url_for("trips.show", trip_id=change.trip)


def _job_url(actor: Actor, change: Change) -> str:
    """Where the job may be seen: by whose it is, and by administrators."""
    seen = actor.admin or change.person_id == actor.id
    if change.job_id is None or not seen or "jobs.show" not in current_app.view_functions:
        return ""
    return url_for("jobs.show", job_id=change.job_id)


def _undo_url(actor: Actor, live: Live, change: Change, record: Any) -> str:
    if record is None or not may(actor, "update", live.table):
        return ""
    if not services.may_be_put_back(live, record, change):
        return ""
    return f"{_url(live, change)}/history/{change.id}/undo"
