"""What has happened in a table since a change that one knows: the oldest first, and none is missed.

Who goes on from the last one gets every change that somebody has committed since, in the order of their
numbers, also while others write.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from app.errors import BadAddress, NotFound
from app.extensions import db
from app.models import Change
from app.permissions import Actor, may, require
from app.tables import history, records
from app.tables.history import LAST, NUMBERS
from app.tables.live import Live

MOST_BLOCKS, MOST_JUDGED = 10, 100
"""Looks at so many blocks for one answer, and judges so many records that are gone; who sees few of the
records goes on from there."""


def since(actor: Actor, live: Live, after: int, limit: int) -> tuple[list[Change], int]:
    """The changes that came after one, up to `limit`, and the number from which to go on. Of who sees
    some of the records only, those of records that they see, or could see before these were deleted.
    Raises Forbidden, BadAddress."""
    require(actor, "history", live.table)
    found, last, top = list[Change](), after, _top()
    if after > history.newest(live):
        words = (
            "after is beyond the newest change; read the list anew, and the changes from after=0"
        )
        raise BadAddress(f"{words}.", [("after", words)])
    size = min(limit, MOST_JUDGED) if live.rows("history") else limit
    for _ in range(MOST_BLOCKS):
        block = _block(live, last, top, size)
        shown, judged = _shown(actor, live, block)
        for one in block:
            found += [one] if one.id in shown else []
            last = one.id
            if len(found) == limit:
                return found, last
        if len(block) < size or judged:
            break
    return found, last


def _block(live: Live, after: int, top: int | None, limit: int) -> Sequence[Change]:
    query = sa.select(Change).where(Change.table_id == live.table.id, Change.id > after)
    query = query if top is None else query.where(Change.id <= top)
    return db.session.scalars(query.order_by(Change.id).limit(limit)).all()


def _top() -> int | None:
    """The number up to which no change can come any more; None where all that are to be seen are."""
    if db.engine.dialect.name != "postgresql":
        return None
    last = db.session.scalar(sa.select(LAST).select_from(NUMBERS)) or 0  # asked first
    still_open = history.still_open()
    return last if still_open is None else min(last, still_open)


# Rights ----------------------------------------------------------------------------------------


def _shown(actor: Actor, live: Live, block: Sequence[Change]) -> tuple[set[int], bool]:
    """The numbers of those that the actor may see, and whether deleted records had to be judged for it."""
    rules: Any = live.rows("history")
    if not rules:
        return {one.id for one in block}, False
    ids = {one.record_id for one in block if one.record_id is not None}
    mine = _among(live, ids, *rules)
    gone = ids - mine - _among(live, ids)
    mine |= {id for id, one in _deletions(live, gone).items() if _could_see(actor, live, one)}
    return {one.id for one in block if one.record_id in mine}, bool(gone)


def _deletions(live: Live, ids: Collection[int]) -> dict[int, Change]:
    """The newest deletion of each of these records."""
    mine = (
        Change.table_id == live.table.id, Change.action == "delete", Change.record_id.in_(ids),
    )  # fmt: skip
    newest = sa.select(sa.func.max(Change.id)).where(*mine).group_by(Change.record_id)
    found = db.session.scalars(sa.select(Change).where(Change.id.in_(newest))) if ids else ()
    return {one.record_id or 0: one for one in found}


def _among(live: Live, ids: Collection[int], *rules: sa.ColumnElement[bool]) -> set[int]:
    query = sa.select(live.sql.c.id).where(live.sql.c.id.in_(ids), *rules)
    return set(db.session.connection().scalars(query))


def _could_see(actor: Actor, live: Live, deletion: Change) -> bool:
    """Whether the actor could see a record as it was when it was deleted."""
    try:
        return may(actor, "history", records.of_deleted(live, deletion).table)
    except NotFound:
        return False
