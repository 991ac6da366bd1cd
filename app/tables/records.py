"""The only writer of records: right, version, rules of the fields, history, one commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.attributes import set_committed_value

from app.database import writing
from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.fields import Field, where
from app.fields.base import UnreadText
from app.models import Change
from app.permissions import Actor, may, require
from app.tables import catalog, history, seen
from app.tables.live import Live
from app.tables.seen import GONE, Seen
from app.tables.table import SYSTEM

OUTSIDE = "Your rights cover records where {}; as it would be, this one is none of them."
HIDDEN = "A field that is hidden from you"


class Stale(Conflict):
    """The record was saved by somebody else since it was read; `record` is how it is now."""

    def __init__(self, record: Any) -> None:
        super().__init__("Somebody else has saved this record while you had it open.")
        self.record = record


def get(actor: Actor, live: Live, record_id: int) -> Any:
    """One record: an object with an attribute for each field. Raises NotFound, Forbidden."""
    require(actor, "read", live.of_record(record_id).table)
    found = db.session.get(live.model, record_id) if 0 < record_id < 2**31 else None
    if found is None:
        raise NotFound(GONE)
    return found


def create(actor: Actor, live: Live, values: Mapping[str, Any]) -> Any:
    """A new record; fields that are left out get their default. Raises Invalid, Forbidden."""
    with _changing(actor, live, "create") as now:
        record = _new(actor, now, _as_now(values, live, now))
        with _telling(now):
            _flush(now, record)
        _keep_within(actor, now, record, values)
    return record


def update(
    actor: Actor, live: Live, record_id: int, values: Mapping[str, Any], version: int | None
) -> Any:
    """Change a record that was read in this version; None overwrites whatever there is.

    Fields that are left out stay. Raises Invalid, NotFound, Forbidden, and Stale with the record as
    it is where somebody has saved it in between.
    """
    with _changing(actor, live, "update") as now:
        mine, record = _open(actor, now, record_id, version)
        _set(actor, mine, record, _as_now(values, live, now))
        _flush(now, record)
        _keep_within(actor, now, record)
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
        new = [(_new(actor, now, _as_now(values, live, now)), values) for values in creates]
        made = []
        for record_id, values in updates:
            mine, record = _open(actor, now, record_id, None)
            _set(actor, mine, record, _as_now(values, live, now))
            made.append(record)
        for record_id in deletes:
            mine, record = _open(actor, now, record_id, None)
            require(actor, "delete", mine.table)
            _remove(now.whole, record)
        _flush(now)
        if now is not now.whole:
            for record, sent in (*new, *((one, {}) for one in made)):
                _keep_within(actor, now, record, sent)


def delete(actor: Actor, live: Live, record_id: int, version: int | None) -> int:
    """Delete a record seen in this version; its history keeps the whole of it. Returns the number of
    the change, which `undo` takes. Raises NotFound, Forbidden, Stale, and Conflict where others link
    to it and their field says that this blocks."""
    with _changing(actor, live, "delete") as live:
        _remove(live.whole, _open(actor, live, record_id, version)[1])
        done = db.session.scalars(deletions(live, record_id)).one()
    return int(done.id)


def restore(actor: Actor, live: Live, record_id: int) -> Any:
    """Bring a deleted record back under its number, with the links to it that were cleared and the
    records that were deleted with it; `lost` of the record names those that are no longer to be had, and
    the fields that are blank now because their value does not fit any more.
    Raises NotFound, Conflict, Invalid, Forbidden."""
    with _changing(actor, live, "restore", restoring=True) as live:
        mine = of_any(live, record_id)
        require(actor, "restore", mine.table)
        with _telling(mine):
            return _bring_back(live.whole, record_id)


def undo(actor: Actor, live: Live, change_id: int) -> Any:
    """Take one change back: a new change, which can be undone likewise. Returns the record, None where
    it is gone again. Raises Conflict where somebody has changed the same fields since, and Forbidden
    where that would bring back what somebody else has changed, which only history may tell."""
    change = db.session.get(Change, change_id)
    if change is None or change.table_id != live.table.id or change.record_id is None:
        raise NotFound("There is no such change.")
    if change.action == "delete":
        return restore(actor, live, change.record_id)
    if change.action == "update":
        return _put_back(actor, live, change)
    with _changing(actor, live, "delete") as live:
        mine, record = _open(actor, live, change.record_id, None)
        _refuse_if_changed(mine, record, change)
        _remove(live.whole, record)
    return None


def _put_back(actor: Actor, live: Live, change: Change) -> Any:
    with _changing(actor, live, "update") as live:
        mine, record = _open(actor, live, change.record_id or 0, None)
        if change.person_id != (actor.id or None):
            require(actor, "history", mine.table)
        asked, live = live, live.whole
        values = history.values_of(live, change)
        _refuse_unless_writable(mine, values)
        _refuse_if_changed(mine, record, change)
        for field, old, _new in values:
            if isinstance(old, UnreadText):
                raise Conflict(f"{field.label} was “{old}”, which does not fit it any more.")
        _assign(live, record, {one.name: one.type.check(old, one) for one, old, _ in values})
        _flush(live, record)
        _keep_within(actor, asked, record)
    return record


def _refuse_unless_writable(mine: Live, values: Sequence[tuple[Field, Any, Any]]) -> None:
    """What somebody may not write, they do not write by undoing either."""
    fixed = {*mine.table.readonly_fields} - {*mine.whole.table.readonly_fields}
    names = {one.name for one in mine.table.fields} - fixed
    if any(one.name not in names for one, _old, _new in values):
        raise Forbidden("It has changed fields that you may not write, so you cannot undo it.")


def _refuse_if_changed(mine: Live, record: Any, change: Change) -> None:
    values = history.values_of(mine.whole, change)
    if since := [one for one, _old, new in values if one.of(record) != new]:
        labels = [one.label for one in since if one.name in mine.table.by_name]
        said = ", ".join(labels) or HIDDEN
        raise Conflict(f"{said} has been changed since, so this is not undone.")


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
def together(actor: Actor) -> Iterator[None]:
    """A block whose calls of this module are one transaction: all of them are done, or none. Who catches
    what one of them raises and goes on, puts that one into `part`."""
    with writing(), history.acting(actor):
        db.session.info["together"] = True
        try:
            yield
        finally:
            db.session.info.pop("together", None)


@contextmanager
def _changing(actor: Actor, live: Live, action: str, restoring: bool = False) -> Iterator[Live]:
    """A writing transaction of somebody who may do this, with the table as it is by now."""
    with _block(actor), history.restoring(restoring):
        catalog.hold(live.table.id)
        catalog.forget()
        yield catalog.get(actor, live.table.tool, live.table.name, action)


@contextmanager
def part() -> Iterator[None]:
    """A block inside `together` that is taken back alone where it fails, so that others can go on."""
    with db.session.begin_nested():
        yield
        db.session.flush()


@contextmanager
def _block(actor: Actor) -> Iterator[None]:
    """The transaction of `together` where there is one, or one of its own."""
    if db.session.info.get("together"):
        yield
        db.session.flush()
        return
    with writing(), history.acting(actor):
        yield


def _open(actor: Actor, live: Live, record_id: int, version: int | None) -> tuple[Live, Any]:
    """A record to be changed, held, and the table as the actor's rights leave it for this record. Raises
    NotFound, Forbidden, Stale."""
    record = _locked(live, record_id, None)
    mine = live.of_record(record_id)
    if isinstance(mine, Seen):
        require(actor, mine.action, mine.table)
    if version is not None and record.version != version:
        raise Stale(record)
    return mine, record


def _keep_within(actor: Actor, live: Live, record: Any, sent: Collection[str] = ()) -> None:
    """A record that was written must be one that the actor may write so, or nothing is written."""
    if not isinstance(live, Seen):
        return
    with suppress(NotFound):
        found = live.of_record(record.id).table
        fixed = {*sent} - {one.name for one in found.written}
        if may(actor, live.action, found) and not fixed:
            return
    rules = [one.rule for one in live.grants if live.action in one.actions and one.rule]
    told = " or ".join(one for one in rules if seen.names_in(live, one) <= {*live.table.by_name})
    raise Invalid(OUTSIDE.format(told or "a rule is met"))


def _new(actor: Actor, live: Live, values: Mapping[str, Any]) -> Any:
    """A record that will be written; fields that are left out get their default. Raises Invalid."""
    whole = live.whole
    defaults = {
        one.name: one.type.parse(one.default, one) for one in whole.table.written if one.default
    }
    unknown = _unknown(live, values)
    with _telling(live, unknown):
        found = _checked({**defaults, **values}, whole.table.written, [])
    if unknown:
        raise Invalid(errors=unknown)
    _check_sight(actor, live, [(values, None)])
    counted = {one.name: _next(whole, one) for one in _given(whole)}
    record = live.model()
    record.created_at = record.updated_at = utcnow()
    given = {name: value for name, value in found.items() if value is not None}
    _assign(whole, record, given | counted)
    db.session.add(record)
    return record


@contextmanager
def _telling(live: Live, besides: Sequence[tuple[str, str]] = ()) -> Iterator[None]:
    """What is refused in this block is said without a field that is hidden, and with what else is wrong."""
    try:
        yield
    except Invalid as error:
        if live is live.whole and not besides:
            raise
        told = [_as_seen(live, *one) for one in error.errors]
        raise Invalid(errors=[*besides, *told] or [("", str(error))]) from None


def _as_seen(live: Live, name: str, words: str) -> tuple[str, str]:
    """A refusal, without naming a field that is hidden."""
    if name in live.table.by_name or name not in live.whole.table.by_name:
        return name, words
    return "", "A field that is hidden from you does not allow this; somebody who sees it can do it"


def _set(actor: Actor, live: Live, record: Any, values: Mapping[str, Any]) -> None:
    """Change what is given of a record. Raises Invalid."""
    sent = [one for one in live.table.written if one.name in values]
    found = _checked(values, sent, _unknown(live, values), record)
    _check_sight(actor, live, [(found, record)])
    _assign(live.whole, record, found)


def _unknown(live: Live, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with values that the actor does not write, by field."""
    found, written = [], {one.name for one in live.table.written}
    for name in sorted(values.keys() - written):
        field = live.table.by_name.get(name)
        words = f"There is no field {name}, or not any more"
        found.append((name, f"{field.label} cannot be written here" if field else words))
    return found


def _check_sight(
    actor: Actor, live: Live, written: Sequence[tuple[Mapping[str, Any], Any]]
) -> None:
    """Links lead to records that the actor may see, or to what they led to before. Raises Invalid, in the
    words for a record that is not there."""
    for field, target in live.links.items():
        other, kind = live.other(target), cast(Any, field.type)
        if may(actor, "list", other.table) and seen.of(actor, other) is other:
            continue
        new: set[int] = set()
        for values, record in written:
            before = {*kind.numbers(getattr(record, field.name, None))}
            new |= {*kind.numbers(values.get(field.name))} - before
        if unseen := new - seen.may_see(actor, other, new):
            raise _no_such(field, min(unseen), other)


def _no_such(field: Field, number: int, other: Live) -> Invalid:
    name = catalog.called(other.table)
    return field.refusal(f"is #{number} of {name}, which is not there; choose another")


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
    """A record, held, as it is by now: whoever held it before may have changed what was read of it."""
    query = sa.select(live.model).where(live.sql.c.id == record_id).with_for_update()
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound(GONE)
    if version is not None and found.version != version:
        raise Stale(found)
    return found


def _checked(
    values: Mapping[str, Any], fields: Any, errors: list[tuple[str, str]], record: Any = None
) -> dict[str, Any]:
    """The values of these fields, each within its rules. Raises Invalid with all that is wrong, besides
    what is known to be."""
    found = {}
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
    live = live.whole
    _check_links(live)
    values = {one: getattr(record, one.name, None) for one in live.table.written if one.unique}
    try:
        db.session.flush()
    except IntegrityError as error:
        # ends with <table>.<column>, or has Key (<column>)=(…), where a word of SQL is in quotes
        words = str(error.orig).replace('("', "(").replace('")=(', ")=(")
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
            raise _no_such(field, missing[0], other)


def _there(live: Live, ids: set[int]) -> set[int]:
    """Those of these records that there are, held until the end of the transaction."""
    query = sa.select(live.sql.c.id).where(live.sql.c.id.in_(ids))
    query = query.with_for_update(read=True, key_share=True)
    return set(db.session.connection().scalars(query)) if ids else set()


def _taken(field: Field, value: Any) -> tuple[str, str]:
    text = field.type.text(value, field)
    named = f"{field.label} {text}".rstrip()
    return field.name, f"{named} is taken: another record has it"


def hold(live: Live, ids: Collection[int]) -> None:
    """Hold these records until the transaction ends, in one order: two who want the same ones do not wait
    for each other. The table first, as everybody does: who changes it waits for its records."""
    catalog.hold(live.table.id)
    if ids and db.engine.dialect.name == "postgresql":
        query = sa.select(live.sql.c.id).where(live.sql.c.id.in_(ids)).order_by(live.sql.c.id)
        db.session.connection().execute(query.with_for_update()).all()


def of_any(live: Live, record_id: int) -> Live:
    """The table as it is for one record; for one that is deleted by the values that it had. Raises NotFound."""
    if not 0 < record_id < 2**31:
        raise NotFound(GONE)
    try:
        return live.of_record(record_id)
    except NotFound:  # the same work for what is hidden and for what never was
        change = db.session.scalar(deletions(live, record_id))
        if change is None or _there(live, {record_id}):
            raise
    return of_deleted(live, change)


def of_deleted(live: Live, change: Change) -> Live:
    """The table as it is for a record that this change has deleted. Raises NotFound."""
    values, lost = _kept(live.whole, change)
    blank = [one for one in live.whole.table.stored if one.label not in lost]
    return live.of_values({**{one.name: None for one in blank}, **values})


def deletions(live: Live, record_id: int) -> sa.Select[tuple[Change]]:
    """The newest deletion of a record."""
    query = sa.select(Change).where(
        Change.table_id == live.table.id, Change.record_id == record_id, Change.action == "delete"
    )
    return query.order_by(Change.id.desc()).limit(1)


def _kept(live: Live, change: Change) -> tuple[dict[str, Any], list[str]]:
    """The values of the record that a deletion has kept, and the fields that these do not fit any more."""
    values = [(field, old) for field, old, _new in history.values_of(live, change)]
    lost = [_label(live, field) for field, old in values if isinstance(old, UnreadText)]
    stored = change.data["_record"]
    system = {one.name: one.type.from_json(stored[one.name], one) for one in SYSTEM}
    fitting = {field.name: old for field, old in values if not isinstance(old, UnreadText)}
    return {**fitting, **system}, lost


def _go_on_counting(live: Live, record: Any, change: Change) -> None:
    """A restored record gets a version that nobody has seen; SQLAlchemy begins with 1 again."""
    now = {"version": change.data["_record"]["version"] + 1, "updated_at": utcnow()}
    db.session.execute(sa.update(live.sql).where(live.sql.c.id == record.id).values(now))
    for name, value in now.items():
        set_committed_value(record, name, value)


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
            blocking.append(_told(other, field, count))
        elif count:
            query = sa.select(other.model).where(links).with_for_update()
            held = query.execution_options(populate_existing=True)
            found.append((other, field, db.session.scalars(held).all()))
    if blocking:
        raise Conflict(f"Records link to it: {', '.join(blocking)}. Change or delete these first.")
    return found


def _told(other: Live, field: Field, count: int) -> str:
    """How many records of a table link to one, as far as whoever acts may know it."""
    who = db.session.info.get("acting", {}).get("actor")
    sees_all = who is None or may(who, "list", other.table) and seen.of(who, other) is other
    by = f" by {field.label}" if _label(other, field) == field.label else ""
    return f"{f'{count:,}' if sees_all else 'some'} of {catalog.called(other.table)}{by}"


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
    change = db.session.scalar(deletions(live, record_id).with_for_update())
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
                known = _label(live, field) == field.label
                what = f"#{id} of {catalog.called(other.table)}" if known else "a record"
                words = f"{_label(live, field)} was {what}, which is deleted"
                raise Conflict(f"{words}: restore that first.")
            values[field.name] = kind.without(values[field.name], id)
            known = _label(live, field) == field.label
            lost.append(f"{field.label} #{id}" if known else HIDDEN)
    return lost


def _label(live: Live, field: Field) -> str:
    """What a field is called, as whoever acts may know it."""
    who = db.session.info.get("acting", {}).get("actor")
    if who is None:
        return field.label
    sight = seen.of(who, live) if may(who, "list", live.table) else None
    return field.label if sight and field.name in sight.table.by_name else HIDDEN


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
