"""The only writer of records: right, version, rules of the fields, history, one commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from app.database import writing
from app.errors import AppError, Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.fields import Field, where
from app.fields.base import UnreadText
from app.models import Change
from app.permissions import Actor, require
from app.tables import catalog, history
from app.tables.catalog import Live
from app.tables.table import SYSTEM

GONE = "There is no such record. It may have been deleted; its history still has it."


class Stale(Conflict):
    """The record was saved by somebody else since it was read; `record` is how it is now."""

    def __init__(self, record: Any) -> None:
        super().__init__("Somebody else has saved this record while you had it open.")
        self.record = record


def get(actor: Actor, live: Live, record_id: int) -> Any:
    """One record: an object with an attribute for each field. Raises NotFound, Forbidden."""
    require(actor, "read", live.table)
    found = db.session.get(live.model, record_id) if 0 < record_id < 2**31 else None
    if found is None:
        raise NotFound(GONE)
    return found


def create(actor: Actor, live: Live, values: Mapping[str, Any]) -> Any:
    """A new record; fields that are left out get their default. Raises Invalid, Forbidden."""
    with _changing(actor, live, "create") as now:
        record = _new(now, _as_now(values, live, now))
        _flush(now, record)
    return record


def update(
    actor: Actor, live: Live, record_id: int, values: Mapping[str, Any], version: int | None
) -> Any:
    """Change a record that was read in this version; None overwrites whatever there is.

    Fields that are left out stay. Raises Invalid, NotFound, Forbidden, and Stale with the record as
    it is where somebody has saved it in between.
    """
    with _changing(actor, live, "update") as now:
        record = _locked(now, record_id, version)
        _set(now, record, _as_now(values, live, now))
        _flush(now, record)
    return record


def save_many(
    actor: Actor,
    live: Live,
    creates: Sequence[Mapping[str, Any]],
    updates: Sequence[tuple[int, Mapping[str, Any]]] = (),
    deletes: Sequence[int] = (),
) -> None:
    """Create, change and delete some records together, all or none: at most 2,000, so that nobody waits
    for long. Raises as the functions for one record do."""
    with _changing(actor, live, "import") as now:
        for values in creates:
            _new(now, _as_now(values, live, now))
        for record_id, values in updates:
            _set(now, _locked(now, record_id, None), _as_now(values, live, now))
        for record_id in deletes:
            _remove(now, _locked(now, record_id, None))
        _flush(now)


def delete(actor: Actor, live: Live, record_id: int, version: int | None) -> int:
    """Delete a record seen in this version; its history keeps the whole of it. Returns the number of
    the change, which `undo` takes. Raises NotFound, Forbidden, Stale, and Conflict where others link
    to it and their field says that this blocks."""
    with _changing(actor, live, "delete") as live:
        _remove(live, _locked(live, record_id, version))
        done = db.session.scalars(_deletions(live, record_id)).one()
    return int(done.id)


def restore(actor: Actor, live: Live, record_id: int) -> Any:
    """Bring a deleted record back under its number, with the links to it that were cleared and the
    records that were deleted with it; `lost` of the record names those that are no longer to be had, and
    the fields that are blank now because their value does not fit any more.
    Raises NotFound, Conflict, Invalid, Forbidden."""
    with _changing(actor, live, "restore", restoring=True) as live:
        return _bring_back(live, record_id)


def undo(actor: Actor, live: Live, change_id: int) -> Any:
    """Take one change back: a new change, which can be undone likewise. Returns the record, None where
    it is gone again. Raises Conflict where somebody has changed the same fields since."""
    change = db.session.get(Change, change_id)
    if change is None or change.table_id != live.table.id or change.record_id is None:
        raise NotFound("There is no such change.")
    if change.action == "delete":
        return restore(actor, live, change.record_id)
    if change.action == "update":
        return _put_back(actor, live, change)
    with _changing(actor, live, "delete") as live:
        record = _locked(live, change.record_id, None)
        _refuse_if_changed(live, record, change)
        _remove(live, record)
    return None


def _put_back(actor: Actor, live: Live, change: Change) -> Any:
    with _changing(actor, live, "update") as live:
        record = _locked(live, change.record_id or 0, None)
        _refuse_if_changed(live, record, change)
        values = history.values_of(live, change)
        for field, old, _new in values:
            if isinstance(old, UnreadText):
                raise Conflict(f"{field.label} was “{old}”, which does not fit it any more.")
        _assign(live, record, {one.name: one.type.check(old, one) for one, old, _ in values})
        _flush(live, record)
    return record


def _refuse_if_changed(live: Live, record: Any, change: Change) -> None:
    values = history.values_of(live, change)
    since = [one.label for one, _old, new in values if one.of(record) != new]
    if since:
        raise Conflict(f"{', '.join(since)} has been changed since, so this is not undone.")


# The rules of models -------------------------------------------------------------------------------


@sa.event.listens_for(so.Session, "before_flush")
def _clean(session: so.Session, _context: Any, _instances: Any) -> None:
    """Before a record of a written table is written, by whatever door, its model's `clean` is asked."""
    for record in (*session.new, *filter(session.is_modified, session.dirty)):
        clean = getattr(type(record), "clean", None)
        if callable(clean) and catalog.of(type(record)):
            clean(record)


# Several links -----------------------------------------------------------------------------------


def _lists(records: Any) -> Iterator[tuple[Any, sa.Table, set[int], set[int]]]:
    """The records whose links have changed, with the pairs that go and that come."""
    for record in records:
        live = getattr(type(record), "live", None)
        for name, pairs in live.lists.items() if isinstance(live, Live) else ():
            change = sa.inspect(record).attrs[name].history
            if change.added:
                old, new = (set((one or [None])[0] or ()) for one in (change.deleted, change.added))
                yield record, pairs, old - new, new - old


@sa.event.listens_for(so.Session, "before_flush")
def _touch(session: so.Session, _context: Any, _instances: Any) -> None:
    """A record whose links change is changed, though none of its columns is."""
    for record, _pairs, _gone, _come in [*_lists(session.dirty)]:
        record.updated_at = utcnow()


@sa.event.listens_for(so.Session, "after_flush")
def _write_lists(session: so.Session, _context: Any) -> None:
    for record, pairs, gone, come in _lists((*session.new, *session.dirty)):
        mine = pairs.c.source == record.id
        session.execute(sa.delete(pairs).where(mine, pairs.c.target.in_(gone)))
        if come:
            rows = [{"source": record.id, "target": one} for one in sorted(come)]
            session.execute(sa.insert(pairs), rows)


# Helpers ---------------------------------------------------------------------------------------


@contextmanager
def _changing(actor: Actor, live: Live, action: str, restoring: bool = False) -> Iterator[Live]:
    """A writing transaction of somebody who may do this, with the table as it is by now."""
    with writing(), history.acting(actor, restoring=restoring):
        catalog.hold(live.table.id)
        catalog.forget()
        yield catalog.get(actor, live.table.tool, live.table.name, action)


def _new(live: Live, values: Mapping[str, Any]) -> Any:
    """A record that will be written; fields that are left out get their default. Raises Invalid."""
    defaults = {
        one.name: one.type.parse(one.default, one) for one in live.table.written if one.default
    }
    found = _checked(live, {**defaults, **values}, live.table.written)
    counted = {one.name: _next(live, one) for one in _given(live)}
    record = live.model()
    given = {name: value for name, value in found.items() if value is not None}
    _assign(live, record, given | counted)
    db.session.add(record)
    return record


def _set(live: Live, record: Any, values: Mapping[str, Any]) -> None:
    """Change what is given of a record. Raises Invalid."""
    sent = [one for one in live.table.written if one.name in values]
    _assign(live, record, _checked(live, values, sent, record))


def _assign(live: Live, record: Any, values: Mapping[str, Any]) -> None:
    """Set values. What the `@validates` of a model refuses with ValueError becomes Invalid, by its field."""
    errors = []
    for name, value in values.items():
        try:
            setattr(record, name, _blank(live, name) if value is None else value)
        except ValueError as error:
            errors.append((name, str(error)))
    if errors:
        raise Invalid(errors=errors)


def _blank(live: Live, name: str) -> Any:
    """What a field holds where nothing is said: None, unless the column of a model takes none."""
    if not live.written:
        return None
    column = sa.inspect(live.model).column_attrs[name].columns[0]
    if column.nullable:
        return None
    if column.default is None:
        return ""
    return column.default.arg if column.default.is_scalar else column.default.arg(None)


def _as_now(values: Mapping[str, Any], then: Live, now: Live) -> Mapping[str, Any]:
    """Values that were read for a table which somebody has changed since. Raises Invalid where one does
    not fit any more."""
    if then.table.fields == now.table.fields:
        return values
    fields = {one.id: one for one in now.table.fields}
    found = {name: one for name, one in values.items() if name not in then.table.by_name}
    for was in then.table.fields:
        value, field = values.get(was.name), fields.get(was.id)
        if field is not None and was.name in values:
            same = value is None or field.type.takes(was, field)
            found[field.name] = value if same else field.type.convert(value, was, field)
        elif value is not None:
            words = f"{was.label} is not there any more: somebody has changed the table meanwhile"
            raise Invalid(errors=[(was.name, words)])
    return found


# the same in both databases; whoever comes second waits here for the end of the first transaction
_COUNT = sa.text(
    "INSERT INTO counter (table_id, field_id, value) VALUES (:table_id, :field_id, :first) "
    "ON CONFLICT (table_id, field_id) DO UPDATE SET value = CASE "
    "WHEN counter.value >= excluded.value THEN counter.value + 1 ELSE excluded.value END "
    "RETURNING value"
)


def _given(live: Live) -> list[Field]:
    """The fields whose values the app counts out."""
    return [one for one in live.table.fields if one.type.given]


def _next(live: Live, field: Field) -> int:
    """The next number of a field, which no record ever had, and none gets if this one is not written."""
    highest = db.session.scalar(sa.select(sa.func.max(live.sql.c[field.name])))
    first = max(int(field.options.get("start", 1)), (highest or 0) + 1)
    about = {"table_id": live.table.id, "field_id": field.id, "first": first}
    return int(db.session.execute(_COUNT, about).scalar_one())


def _locked(live: Live, record_id: int, version: int | None) -> Any:
    query = sa.select(live.model).where(live.sql.c.id == record_id).with_for_update()
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(GONE)
    if version is not None and found.version != version:
        raise Stale(found)
    return found


def _checked(
    live: Live, values: Mapping[str, Any], fields: Any, record: Any = None
) -> dict[str, Any]:
    """The values of these fields, each within its rules. Raises Invalid with all that is wrong."""
    found, errors = {}, []
    if unknown := values.keys() - {one.name for one in live.table.written}:
        errors = [(name, f"There is no field {name}, or not any more") for name in sorted(unknown)]
    for field in fields:
        try:
            found[field.name] = field.type.check(values.get(field.name), field)
            field.type.check_given(found[field.name], getattr(record, field.name, None), field)
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(errors=errors)
    return found


def _flush(live: Live, record: Any = None) -> None:
    """Write what was changed. A value that must be unique and is not becomes Invalid, naming its field,
    and so does a link to what is not there."""
    _check_links(live)
    values = {one: getattr(record, one.name, None) for one in live.table.written if one.unique}
    try:
        db.session.flush()
    except IntegrityError as error:
        words = str(error.orig)  # ends with <table>.<column>, or has Key (<column>)=(…)
        taken = [
            one for one in values if words.endswith(f".{one.name}") or f"({one.name})=(" in words
        ]
        if not taken:
            raise
        raise Invalid(errors=[_taken(one, values[one]) for one in taken]) from None


def _check_links(live: Live) -> None:
    """Look for what the records that are about to be written link to, and hold it until they are."""
    written = [one for one in (*db.session.new, *db.session.dirty) if isinstance(one, live.model)]
    for field, target in live.links.items():
        kind: Any = field.type
        wanted = {id for one in written for id in kind.numbers(getattr(one, field.name))}
        other = live.other(target)
        new = {one.id for one in written}
        if missing := sorted(wanted - _there(other, wanted) - (new if other is live else set())):
            words = f"is #{missing[0]} of {catalog.called(other.table)}, which is not there; choose another"
            raise field.refusal(words)


def _there(live: Live, ids: set[int]) -> set[int]:
    """Those of these records that there are, held until the end of the transaction."""
    query = sa.select(live.sql.c.id).where(live.sql.c.id.in_(ids))
    query = query.with_for_update(read=True, key_share=True)
    return set(db.session.connection().scalars(query)) if ids else set()


def _taken(field: Field, value: Any) -> tuple[str, str]:
    text = field.type.text(value, field)
    named = f"{field.label} {text}".rstrip()
    return field.name, f"{named} is taken: another record has it"


def _deletions(live: Live, record_id: int) -> sa.Select[tuple[Change]]:
    """The newest deletion of a record."""
    query = sa.select(Change).where(
        Change.table_id == live.table.id, Change.record_id == record_id, Change.action == "delete"
    )
    return query.order_by(Change.id.desc()).limit(1)


def _kept(live: Live, change: Change) -> tuple[dict[str, Any], list[str]]:
    """The values of the record that a deletion has kept, and the fields that these do not fit any more."""
    values = [(field, old) for field, old, _new in history.values_of(live, change)]
    lost = [field.label for field, old in values if isinstance(old, UnreadText)]
    stored = change.data["_record"]
    system = {one.name: one.type.from_json(stored[one.name], one) for one in SYSTEM}
    fitting = {field.name: old for field, old in values if not isinstance(old, UnreadText)}
    return {**fitting, **system}, lost


def _go_on_counting(live: Live, record: Any, change: Change) -> None:
    """A restored record gets a version that nobody has seen; SQLAlchemy begins with 1 again."""
    version = change.data["_record"]["version"] + 1
    db.session.execute(
        sa.update(live.sql).where(live.sql.c.id == record.id).values(version=version)
    )
    set_committed_value(record, "version", version)


# What links to a record ------------------------------------------------------------------------

MOST_LINKED = 2_000
"""Records that a deletion changes or deletes with it, so that nobody waits for long."""


class _Going(NamedTuple):
    """A record on its way out: what links to it and has not been seen to, and what went with it."""

    live: Live
    record: Any
    linked: Iterator[tuple[Live, Any, Any]]
    with_it: list[Any]


def _remove(live: Live, record: Any) -> None:
    """Delete a record, and do to those that link to it what their fields say; what that was is kept in
    its history. Raises Conflict."""
    known, path = {record}, [_going(live, record)]
    while path:
        further = _see_to_linked(path[-1], known)
        if len(known) > MOST_LINKED + 1:
            words = f"More than {MOST_LINKED:,} records would be changed or deleted with it"
            raise Conflict(f"{words}. Change or delete some of them first.")
        if further is None:
            _delete(path.pop())
        else:
            path.append(_going(*further))


def _going(live: Live, record: Any) -> _Going:
    linked = [(other, field, one) for other, field, found in _linked(live, record) for one in found]
    return _Going(live, record, iter(linked), [])


def _see_to_linked(going: _Going, known: set[Any]) -> tuple[Live, Any] | None:
    """Clear the links to a record, as far as the first that is to be deleted before it; `known` gets
    what is to be deleted, and the links that are cleared."""
    for other, field, one in going.linked:
        if sa.inspect(one).deleted:
            continue
        if field.type.on_delete(field) == "delete" and one not in known:
            known.add(one)
            going.with_it.append([other.table.id, one.id])
            return other, one
        value = field.type.without(getattr(one, field.name), going.record.id)
        setattr(one, field.name, value)
        known.add((one, field.name))
        going.with_it.append([other.table.id, one.id, field.name])
    return None


def _delete(going: _Going) -> None:
    _clear_unseen(going.live, going.record.id)
    db.session.flush()
    going.record.deleted_with = going.with_it
    db.session.delete(going.record)
    try:
        db.session.flush()
    except IntegrityError:
        raise Conflict("Somebody has linked to it just now, so it is not deleted.") from None


def _linked(live: Live, record: Any) -> list[tuple[Live, Any, Sequence[Any]]]:
    """The records that link to one, by field. Raises Conflict where that blocks its deletion."""
    found, blocking = [], []
    for other, field in catalog.holders(live.table.id):
        kind: Any = field.type
        links = where(field, other.columns[field.name], kind.by, [str(record.id)])
        if other is live:
            links &= other.sql.c.id != record.id
        count = db.session.scalar(sa.select(sa.func.count()).where(links)) or 0
        if count and (_blocks(field) or count > MOST_LINKED):
            name = catalog.called(other.table)
            by = f" by {field.label}" if name == other.table.label else ""
            blocking.append(f"{count:,} of {name}{by}")
        elif count:
            query = sa.select(other.model).where(links).with_for_update()
            found.append((other, field, db.session.scalars(query).all()))
    if blocking:
        raise Conflict(f"Records link to it: {', '.join(blocking)}. Change or delete these first.")
    return found


def _blocks(field: Field) -> bool:
    """A field that must not be blank cannot be cleared."""
    rule = field.type.on_delete(field)
    return rule == "block" or rule == "clear" and field.required


def _clear_unseen(live: Live, record_id: int) -> None:
    """What nobody sees does not keep a record; its foreign keys would."""
    for column in catalog.unseen_links(live.table.id):
        clear = sa.update(column.table).where(column == record_id).values({column: None})
        db.session.execute(clear)


def _bring_back(live: Live, record_id: int) -> Any:
    """Restore a record, what was deleted with it in the order in which it went, and the links to them."""
    root = _deletion(live, record_id)
    deleted, lost = _deleted_with(live, root)
    record = _again(live, root)
    back = [(live, record, root)]
    for other, change in deleted:
        with _or_lost(lost, other.table.id, change.record_id):
            one = _again(other, change)
            back.append((other, one, change))
            record.lost += [
                f"{label} of #{one.id} of {catalog.called(other.table)}" for label in one.lost
            ]
    for entry in back:
        for table_id, other_id, *name in entry[2].data.get("_with", ()):
            if name:
                with _or_lost(lost, table_id, other_id):
                    _bring_link_back(*entry, catalog.by_id(table_id), other_id, *name)
    record.lost += lost
    return record


@contextmanager
def _or_lost(lost: list[str], table_id: int, record_id: int | None) -> Iterator[None]:
    """What cannot be done in this block is not done at all, and the record is noted as lost."""
    try:
        with db.session.begin_nested():
            yield
    except AppError:
        lost.append(f"#{record_id} of {catalog.label(table_id)}")


def _deletion(live: Live, record_id: int) -> Change:
    """The change that deleted a record, held. Raises Conflict, NotFound."""
    change = db.session.scalar(_deletions(live, record_id).with_for_update())
    if db.session.get(live.model, record_id) is not None:
        raise Conflict("This record is there; there is nothing to restore.")
    if change is None:
        raise NotFound(GONE)
    return change


def _deleted_with(live: Live, root: Change) -> tuple[list[tuple[Live, Change]], list[str]]:
    """The deletions of what went with a record and can be restored, the last first: what was linked to
    went after what linked to it. Also what cannot be restored."""
    found, lost = [(live, root)], list[str]()
    for _live, change in found:
        for table_id, other_id, *name in change.data.get("_with", ()):
            if not name:
                with _or_lost(lost, table_id, other_id):
                    other = catalog.by_id(table_id)
                    found.append((other, _deletion(other, other_id)))
    return sorted(found[1:], key=lambda one: one[1].id, reverse=True), lost


def _again(live: Live, change: Change) -> Any:
    """The record that a change has deleted; `lost` names the fields that are not as they were."""
    record, (values, lost) = live.model(), _kept(live, change)
    lost += _take_out_gone(live, values)
    blank = [one for one in _given(live) if values.get(one.name) is None]
    _assign(live, record, {**values, **{one.name: _next(live, one) for one in blank}})
    db.session.add(record)
    _flush(live, record)
    _go_on_counting(live, record, change)
    record.lost = lost
    return record


def _take_out_gone(live: Live, values: dict[str, Any]) -> list[str]:
    """Take links to records that are gone out of the values of one that comes back; returns what the
    fields are called. Raises Conflict where a field cannot do without."""
    lost = []
    for field, target in live.links.items():
        kind, other = cast(Any, field.type), live.other(target)
        wanted = set(kind.numbers(values.get(field.name)))
        itself = {values["id"]} if other is live else set()
        for id in sorted(wanted - itself - _there(other, wanted)):
            if field.required or kind.on_delete(field) != "clear":
                words = (
                    f"{field.label} was #{id} of {catalog.called(other.table)}, which is deleted"
                )
                raise Conflict(f"{words}: restore that first.")
            values[field.name] = kind.without(values[field.name], id)
            lost.append(f"{field.label} #{id}")
    return lost


def _bring_link_back(
    live: Live, record: Any, change: Change, other: Live, other_id: int, name: str
) -> None:
    """Restore a link to a record. Raises AppError where it cannot be."""
    field = history.field_called(other, change, name)
    if field is None or other.target(field) != live.table.id:
        raise NotFound("The field that linked to it is not there any more.")
    one, kind = _locked(other, other_id, None), cast(Any, field.type)
    setattr(one, field.name, kind.also(getattr(one, field.name), record.id, field))
    _flush(other, one)
