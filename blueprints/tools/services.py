"""What the pages of records need to know of their history: which change to undo, and what was deleted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from app.errors import Forbidden, NotFound
from app.extensions import db
from app.models import Change
from app.permissions import Actor
from app.tables import history, records
from app.tables.live import Live


def undo(actor: Actor, live: Live, record_id: int, change_id: int) -> Any:
    """Take back a change of this record. Returns the record, None where it is gone again.

    Raises NotFound, Forbidden, Conflict.
    """
    records.of_any(live, record_id)  # of what is hidden nobody learns how often it was changed
    change = db.session.get(Change, change_id)
    if change is None or (change.table_id, change.record_id) != (live.table.id, record_id):
        raise NotFound("There is no such change of this record.")
    return records.undo(actor, live, change_id)


def last_change(actor: Actor, live: Live, record_id: int) -> int:
    """The number of the newest change that this actor has made to a record; 0 where there is none."""
    query = sa.select(sa.func.max(Change.id)).where(
        Change.table_id == live.table.id,
        Change.record_id == record_id,
        Change.person_id == (actor.id or None),
    )
    return db.session.scalar(query) or 0


def titles(live: Live, ids: Collection[int]) -> dict[int, Any]:
    """The values of the title field of these records, as far as they are there and seen."""
    if not ids or live.table.title not in live.columns:
        return {}
    id, title = live.columns["id"], live.columns[live.table.title]
    query = sa.select(id, title).where(id.in_(ids), *live.rows("list"))
    return {row[0]: row[1] for row in db.session.execute(query)}


def deletion(actor: Actor, live: Live, record_id: int) -> Change | None:
    """The change that deleted a record, where it is deleted now and the actor may know."""
    try:
        found = records.of_any(live, record_id)
        changes = history.of_record(actor, found, record_id)
    except (NotFound, Forbidden):
        return None
    return changes[0] if changes and changes[0].action == "delete" else None


def may_be_put_back(live: Live, record: Any, change: Change) -> bool:
    """Whether undoing an update would change nothing that came after it."""
    values = history.values_of(live, change)
    same = all(field.of(record) == new for field, _old, new in values)
    return change.action == "update" and bool(values) and same
