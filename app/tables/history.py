"""What happened: one entry for each record that is written, made by the session as it writes.

Whoever changes an object of a table, the entry is written in the same transaction. So services say
who is acting (`acting`), and write; there is no other way to write history, and none round it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import g, has_request_context

from app import trips
from app.errors import Invalid
from app.extensions import db
from app.fields import Field
from app.fields.base import UnreadText
from app.models import Change
from app.permissions import NOBODY, Actor, require
from app.questions import Question
from app.tables import catalog
from app.tables.live import Live
from app.tables.table import SYSTEM

PER_PAGE = 50


@contextmanager
def acting(actor: Actor, job_id: int | None = None) -> Iterator[None]:
    """Say who writes in this block. At its end, what is not yet sent to the database is."""
    db.session.info["acting"] = {"actor": actor, "job_id": job_id, "created": "create"}
    try:
        yield
        db.session.flush()
    finally:
        db.session.info.pop("acting", None)


@contextmanager
def restoring(really: bool = True) -> Iterator[None]:
    """Say that what is written in this block comes back, and is not new."""
    acting = db.session.info["acting"]
    acting["created"] = "restore" if really else "create"
    try:
        yield
        if really:
            db.session.flush()
    finally:
        acting["created"] = "create"


def note(table_id: int, action: str, data: dict[str, Any], record_id: int | None = None) -> None:
    """Add an entry by hand: for what is no change of one record, such as an import."""
    _announce(db.session())
    db.session.add(Change(**_entry(db.session.info, table_id, action, data, record_id)))


@contextmanager
def at_once(live: Live, action: str, data: dict[str, Any]) -> Iterator[None]:
    """Announce statements that write many records of a table together: one entry for all of them."""
    note(live.table.id, action, data)
    db.session.info["at once"] = live
    try:
        yield
    finally:
        db.session.info.pop("at once", None)


def _entry(
    info: dict[str, Any], table_id: int, action: str, data: dict[str, Any], record_id: int | None
) -> dict[str, Any]:
    who = info.get("acting") or _asking()
    trip, actor = trips.current(), who["actor"]
    return {
        "table_id": table_id, "record_id": record_id, "action": action, "data": data,
        "person_id": actor.id or None, "person": actor.name,
        "trip": trip.id if trip else "", "job_id": who["job_id"],
    }  # fmt: skip


def _asking() -> dict[str, Any]:
    """Whoever asks, where a view of somebody's own writes. Raises RuntimeError elsewhere."""
    if not has_request_context():
        raise RuntimeError("a table is written and nobody has said who acts: use history.acting")
    return {"actor": g.get("actor") or NOBODY, "job_id": None, "created": "create"}


_CHANGES = sa.inspect(Change).local_table
_WRITE = sa.insert(_CHANGES)


# The listener ----------------------------------------------------------------------------------


@sa.event.listens_for(so.Session, "after_flush")
def _write(session: so.Session, _context: Any) -> None:
    """The entries of what was just written; the attributes still know their old values here."""
    entries = []
    for kind, written in (
        ("created", session.new),
        ("update", session.dirty),
        ("delete", session.deleted),
    ):
        for record in written:
            if live := catalog.of(type(record)):
                data = _difference(live, record, kind)
                if data or kind != "update":
                    action = (
                        session.info.get("acting", {}).get("created", "create")
                        if kind == "created"
                        else kind
                    )
                    entries.append(
                        _entry(session.info, live.table.id, action or "", data, record.id)
                    )
    if entries:
        _announce(session)
        session.connection().execute(_WRITE, entries)


ANNOUNCED = 5_918
"""The first number of the advisory locks by which PostgreSQL is told who is about to number changes."""


def _announce(session: so.Session) -> None:
    """PostgreSQL numbers changes before it commits them. So who is about to, says above which number theirs
    will be, until the transaction ends; `app.tables.feed` goes no further than that. SQLite has one
    writer at a time."""
    if session.get_bind().dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock_shared(ANNOUNCED, sa.cast(LAST, sa.Integer))
        session.connection().execute(sa.select(lock).select_from(NUMBERS))


LAST: sa.ColumnClause[int] = sa.column("last_value", sa.BigInteger)
NUMBERS = sa.table("change_id_seq", LAST)
_LOCKS = sa.table(
    "pg_locks", *map(sa.column, ("locktype", "classid", "objid", "objsubid", "database"))
)
_OPEN = sa.select(sa.func.min(sa.cast(sa.cast(_LOCKS.c.objid, sa.Text), sa.BigInteger))).where(
    _LOCKS.c.locktype == "advisory",
    _LOCKS.c.classid == sa.text(str(ANNOUNCED)),
    _LOCKS.c.objsubid == 2,
    sa.text("database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
)


def still_open() -> int | None:
    """On PostgreSQL, the number above which are all changes that are being written at this moment; None
    where there are none. Who announces themselves later has numbers above all that are seen by now."""
    return db.session.connection().scalar(_OPEN)


@sa.event.listens_for(so.Session, "do_orm_execute")
def _refuse_bulk(state: so.ORMExecuteState) -> None:
    """A statement that writes records of a table, and that nobody has announced, is refused."""
    if state.is_update or state.is_delete or state.is_insert:
        mapper = state.bind_mapper
        live = catalog.of(mapper.class_) if mapper else None
        if live and state.session.info.get("at once") is not live:
            words = "write objects, or announce the statement with history.at_once"
            raise RuntimeError(
                f"history does not see who changes what in {live.table.label}: {words}"
            )


def _difference(live: Live, record: Any, kind: str) -> dict[str, Any]:
    """Old and new values by field, as JSON has them. Of a deleted record all, and when it was made."""
    found = {}
    for field in live.table.stored:
        old, new = (None if one == "" else one for one in _values(record, field.name, kind))
        if old != new:
            found[field.name] = [field.type.to_json(value, field) for value in (old, new)]
    if kind == "delete":
        kept = {one.name: one.type.to_json(getattr(record, one.name), one) for one in SYSTEM}
        with_it = getattr(record, "deleted_with", [])
        return {**found, "_record": kept, **({"_with": with_it} if with_it else {})}
    return found


def _values(record: Any, name: str, kind: str) -> tuple[Any, Any]:
    now = getattr(record, name)
    if kind == "created":
        return None, now
    if kind == "delete":
        return now, None
    history = sa.inspect(record).attrs[name].history
    return (history.deleted[0] if history.deleted else None if history.added else now), now


# Reading ---------------------------------------------------------------------------------------


def of_record(actor: Actor, live: Live, record_id: int, before: int = 0) -> Sequence[Change]:
    """The changes of a record, the newest first, a page at a time: those with an id below `before`. The
    table is that of the record, as `records.of_any` gives it."""
    require(actor, "history", live.table)
    return _page(Change.record_id == record_id, live, before)


def of_table(actor: Actor, live: Live, before: int = 0) -> Sequence[Change]:
    """The changes of a table and of all its records, the newest first. Who sees some of the records only
    sees those of the ones that are there."""
    require(actor, "history", live.table)
    rows = live.rows("history")
    there = Change.record_id.in_(sa.select(live.sql.c.id).where(*rows)) if rows else sa.true()
    return _page(there, live, before)


def _page(wanted: sa.ColumnElement[bool], live: Live, before: int) -> Sequence[Change]:
    query = sa.select(Change).where(Change.table_id == live.table.id, wanted)
    if before:
        query = query.where(Change.id < before)
    return db.session.scalars(query.order_by(Change.id.desc()).limit(PER_PAGE)).all()


_NEWEST = Question(
    sa.select(sa.func.max(_CHANGES.c.id)).where(_CHANGES.c.table_id == sa.bindparam("table"))
)


def newest(live: Live) -> int:
    """The number of the table's newest change."""
    return _NEWEST.ask(table=live.table.id)[0][0] or 0


def settled(live: Live) -> int | None:
    """The same where no change with a lower number can come any more: while it stays the same, so do the
    rows that are read after this. None where one may come."""
    found = newest(live)
    if db.engine.dialect.name == "postgresql":
        others = still_open()
        return found if others is None or others >= found else None
    return found


def values_of(live: Live, change: Change) -> list[tuple[Field, Any, Any]]:
    """The fields of an entry with old and new value, as far as the table still has the field, whatever
    it was called and of which type it was when the entry was written. None of an entry of the whole table."""
    return [*_values_among(live, change, live.table.fields)]


def told(live: Live, change: Change) -> list[tuple[Field, Any, Any]]:
    """The same with the fields that were taken out of the table and are still kept, for who sees all of it."""
    gone = [one.field for one in live.table.dropped if live.target(one.field) is None]
    found = [*_values_among(live, change, gone)] if live is live.whole else []
    named = [(replace(one, label=f"{one.label} (taken out)"), *both) for one, *both in found]
    return values_of(live, change) + [(one, old, new) for one, old, new in named]


def _values_among(
    live: Live, change: Change, fields: Iterable[Field]
) -> Iterator[tuple[Field, Any, Any]]:
    for field in fields if change.record_id is not None else ():
        was = _field_then(live, change, field)
        if was is not None and was.name in change.data and field.name not in live.partly:
            old, new = (_read(live, was, one, field) for one in change.data[was.name])
            yield field, old, new


def field_called(live: Live, change: Change, name: str) -> Field | None:
    """The field that had this name when an entry was written; None where it is gone."""
    for field in live.table.fields:
        was = _field_then(live, change, field)
        if was is not None and was.name == name:
            return field
    return None


def _field_then(live: Live, change: Change, field: Field) -> Field | None:
    """The field as it was declared when an entry was written; None where there was none."""
    if "designs" not in live.memo:
        live.memo["designs"] = [(id, _others(live, data["old"])) for id, data in designs(live)]
    for design, others in live.memo["designs"]:
        if design > change.id:
            found: Field | None = others.get(field.id, field)
            return found
    return field


def designs(live: Live) -> Sequence[Any]:
    """The changes of the declaration, the oldest first: number and data."""
    query = sa.select(_CHANGES.c.id, _CHANGES.c.data).order_by(_CHANGES.c.id)
    wanted = query.where(_CHANGES.c.table_id == live.table.id, _CHANGES.c.action == "design")
    return db.session.connection().execute(wanted).all()


def _others(live: Live, document: dict[str, Any]) -> dict[str, Field | None]:
    """The fields that an older declaration has not, or has in another way, by id."""
    then = {one.id: one for one in live.table.read(document).fields}
    fields = (*live.table.fields, *(one.field for one in live.table.dropped))
    return {one.id: then.get(one.id) for one in fields if then.get(one.id) != one}


def _read(live: Live, was: Field, value: Any, field: Field) -> Any:
    """A value of an entry, as one of the field by now. The number of a record is one in its own table
    only."""
    try:
        read = was.type.from_json(value, was)
        if was == field or read is None:
            return read
        same = live.target(was) == live.target(field)
        return (
            field.type.convert(read, was, field) if same else UnreadText(was.type.text(read, was))
        )
    except Invalid:
        return UnreadText(value)
