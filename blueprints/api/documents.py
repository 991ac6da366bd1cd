"""Records, changes and lists as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.fields import Field
from app.models import Change, Job
from app.permissions import Actor, may
from app.tables import history, seen
from app.tables.live import Live
from app.tables.table import SYSTEM

LAST = tuple(one for one in SYSTEM if one.name != "id")
"""What stands behind the fields of a record."""


def fields_of(live: Live) -> tuple[Field, ...]:
    """The fields of a whole record, but for its id."""
    return (*live.table.fields, *(one for one in LAST))


def record(live: Live, found: Any) -> dict[str, Any]:
    """A record: `id`, its fields, `version`, `created_at`, `updated_at`."""
    written = {one.name: one.type.to_json(one.of(found), one) for one in fields_of(live)}
    return {"id": found.id, **written}


def rows(fields: Sequence[Field], found: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Rows of a list, which begin with the id."""
    writes: list[tuple[str, Callable[[Any, Field], Any], Field]] = [
        (one.name, one.type.to_json, one) for one in fields if one.name != "id"
    ]
    places = [place for place, one in enumerate(fields, 1) if one.name != "id"]
    for row in found:
        made = {"id": row[0]}
        for (name, write, field), place in zip(writes, places, strict=True):
            made[name] = write(row[place], field)
        yield made


def expand(
    actor: Actor, live: Live, fields: Sequence[Field], items: Sequence[dict[str, Any]]
) -> None:
    """Put the linked records in the place of their numbers, one query a field; of those that the actor may
    not see the number alone stays, as `{"id": 7}`."""
    for field in fields:
        kind: Any = field.type
        wanted = {
            id for one in items for id in kind.numbers(kind.from_json(one[field.name], field))
        }
        known = _linked(actor, live.other(live.target(field) or 0), wanted)
        for one in items:
            value = one[field.name]
            if isinstance(value, list):
                one[field.name] = [known.get(id, {"id": id}) for id in value]
            elif value is not None:
                one[field.name] = known.get(value, {"id": value})


def _linked(actor: Actor, other: Live, ids: set[int]) -> dict[int, dict[str, Any]]:
    if not ids or not may(actor, "list", other.table):
        return {}
    there = seen.of(actor, other)
    fields = there.table.fields if not there.table.tool else fields_of(there)
    columns = [there.columns["id"], *(there.columns[one.name] for one in fields)]
    query = sa.select(*columns).where(there.columns["id"].in_(ids), *there.rows("list"))
    found = db.session.connection().execute(query).all()
    return {one["id"]: one for one in rows(fields, found)}


def change(live: Live, one: Change) -> dict[str, Any]:
    """An entry of history, with old and new values of the fields that the table still has."""
    values = reversed(
        history.told(live, one)
    )  # a field that is there stands for one of its name that is gone
    return {
        "id": one.id, "record": one.record_id, "action": one.action, "person": one.person,
        "at": one.created_at.isoformat().replace("+00:00", "Z"), "trip": one.trip or None,
        "changes": {
            field.name: [_json(field, old), _json(field, new)] for field, old, new in values
        },
    }  # fmt: skip


def _json(field: Field, value: Any) -> Any:
    return str(value) if isinstance(value, str) else field.type.to_json(value, field)


def job(one: Job) -> dict[str, Any]:
    """A job."""
    moments = {
        name: value.isoformat().replace("+00:00", "Z") if (value := getattr(one, name)) else None
        for name in ("created_at", "started_at", "ended_at")
    }
    names = ("id", "kind", "title", "state", "done", "total", "message", "attempts", "result")
    return {**{name: getattr(one, name) for name in names}, **moments}
