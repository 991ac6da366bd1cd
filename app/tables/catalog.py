"""The tables there are: each with its SQL table and its mapped class, made again when it is changed.

Every process asks for the versions of the definitions once a request, so that a change made in one
is known to all at their next request. A table that changed gets a new `Live`; whoever still works
with the old one keeps it until they are done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any, NamedTuple

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import current_app

from app import database, permissions
from app.current import the_app
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.fields import Field
from app.fields.base import PEOPLE
from app.fields.names import table_name
from app.models import Change, Definition, Tool
from app.permissions import Actor, may, require
from app.questions import Question
from app.tables import ddl, seen, written
from app.tables.live import PEOPLE_TABLE, Live, pairs, sql_table
from app.tables.table import Table, check

GONE = "There is no such table, or it is not open to you."
HELD = 1
"""The first number of the locks of PostgreSQL whose second is a table's."""


class OpenTool(NamedTuple):
    """A tool that has tables."""

    name: str
    label: str


# Finding ---------------------------------------------------------------------------------------

IN_USE = ("live", "written")
_DEFINITIONS, _TOOLS = sa.inspect(Definition).local_table, sa.inspect(Tool).local_table
_VERSIONS = Question(
    sa.select(
        _DEFINITIONS.c.id, _DEFINITIONS.c.version, _DEFINITIONS.c.sql_name, _DEFINITIONS.c.state,
        _TOOLS.c.name, _TOOLS.c.label,
    )
    .join(_TOOLS, _TOOLS.c.name == _DEFINITIONS.c.tool)
    .where(sa.or_(*(_DEFINITIONS.c.state == one for one in IN_USE)))
    .order_by(_DEFINITIONS.c.id)
)  # fmt: skip


class _Known(NamedTuple):
    """The catalog as of some versions: what one look at the database has found."""

    rows: Sequence[Sequence[Any]] = ()
    tables: Mapping[int, Live] = {}
    named: Mapping[tuple[str, str], Live] = {}
    tools: Mapping[str, str] = {}


def tables() -> Mapping[tuple[str, str], Live]:
    """The tables that are live as of this request, by tool and name: one query a request."""
    found: Mapping[tuple[str, str], Live] | None = database.asked().get("tables")
    if found is None:
        session = database.begun()
        renewed: _Known | None = session.info.get("renewed") if session else None
        known = renewed or the_app().extensions.get("tables", _Known())
        rows = _VERSIONS.ask()
        if rows != known.rows:
            known = _renew(known, rows)
            db.session.info["renewed"] = known
            if not database.is_writing():
                _publish(db.session())
        database.asked()["tools"] = known.tools
        database.asked()["tables"] = found = known.named
    return found


def _renew(known: _Known, rows: Sequence[Any]) -> _Known:
    """The catalog with what changed made again, and what reads that. A new one takes the old one's
    place, so that nobody reads a half-changed one; statements of old versions need not be kept."""
    models = database.models(current_app)
    there = [row for row in rows if row.state == "live" or row.sql_name in models]
    current = {row.id: row.version for row in there}
    old = {id: one for id, one in known.tables.items() if id in current}
    stale = [id for id in current if id not in old or old[id].declared.version != current[id]]
    query = sa.select(Definition).where(Definition.id.in_(stale), Definition.state.in_(IN_USE))
    fresh = {one.id: live_of(one) for one in db.session.scalars(query)} if stale else {}
    found = {id: one for id, one in (old | fresh).items() if id in current}
    changed = {*fresh} | (known.tables.keys() - current.keys())
    found |= {one.declared.id: one for one in _readers(found, changed)}
    named = {(one.declared.tool, one.declared.name): one for one in found.values()}
    if changed:
        db.engine.clear_compiled_cache()
    return _Known(rows, found, named, {row.name: row.label for row in there})


@sa.event.listens_for(so.Session, "after_commit")
def _publish(session: so.Session) -> None:
    """The process takes over what a transaction has made new when that is committed: what is taken back
    never was, and its numbers come again."""
    if not session.in_nested_transaction() and (known := session.info.pop("renewed", None)):
        current_app.extensions["tables"] = known


@sa.event.listens_for(so.Session, "after_rollback")
def _take_back(session: so.Session) -> None:
    session.info.pop("renewed", None)  # what an outer transaction has changed is made again


def _readers(known: Mapping[int, Live], changed: set[int]) -> list[Live]:
    """The tables with fields that read tables which changed, directly or through others, made again."""
    found: dict[int, Live] = {}
    while more := {
        id: one for id, one in known.items() if id not in found and changed & one.declared.needs
    }:
        found |= more
        changed = changed | more.keys()
    return [
        Live(one.declared, one.sql.name, one.model if one.written else None)
        for one in found.values()
    ]


forget = database.forget
"""For whoever has just changed a definition: the database is asked again at the next look."""


def live_of(definition: Definition) -> Live:
    """The table of a definition, to be used."""
    model = database.models(current_app).get(definition.sql_name)
    return Live(table_of(definition), definition.sql_name, model)


def table_of(definition: Definition) -> Table:
    """The table that a definition declares."""
    if definition.state == "written":
        return written.table_of(database.models(current_app)[definition.sql_name], definition)
    bare = Table(
        definition.id, definition.version, definition.tool, definition.name, "", (),
        access=definition.access, owner_id=definition.owner_id,
    )  # fmt: skip
    return bare.read(definition.document)


def get(
    actor: Actor | None, tool: str, name: str, action: str = "list", record_id: int | None = None
) -> Live:
    """A table on which this actor may do this, as they may see it; or a record of it. Raises NotFound
    where it is missing or may not be seen, Forbidden where it may be seen."""
    found = tables().get((tool, name))
    if actor is not None and not actor.admin:
        permissions.roles_of(actor)  # also for what is not there: it takes the same time
    if found is None or not may(actor, "list", found.table):
        raise NotFound(GONE)
    found = seen.of(actor, found, action)
    if record_id is not None:
        found = found.of_record(record_id)
    require(actor, action, found.table)
    return found


def of(model: type[Any]) -> Live | None:
    """The table whose records are objects of this class; None where it is none of the catalog's."""
    found = getattr(model, "live", None)
    if isinstance(found, Live):
        return found
    if getattr(model, "__tablename__", "") not in database.models(current_app):
        return None
    return next((one for one in tables().values() if one.written and one.model is model), None)


def by_id(table_id: int) -> Live:
    """A table in use, or that of the people, whoever asks. Raises NotFound."""
    if table_id == PEOPLE:
        return PEOPLE_TABLE
    for live in tables().values():
        if live.declared.id == table_id:
            return live
    raise NotFound(GONE)


def holders(table_id: int) -> list[tuple[Live, Field]]:
    """The fields that link to a table, each with the table that it is of."""
    return [
        (live, one)
        for live in tables().values()
        for one, target in live.links.items()
        if target == table_id
    ]


def unseen_links(table_id: int) -> Iterator[sa.Column[Any]]:
    """The columns that link to a table and that nobody sees: dropped ones, and those of deleted tables.
    They can be restored, so they are there."""
    query = sa.select(Definition).where(Definition.state == "deleted")
    deleted = [live_of(one) for one in db.session.scalars(query)]
    for live in (*tables().values(), *deleted):
        fields = {one.column: one.field for one in live.declared.dropped}
        fields |= {one.name: one for one in live.links} if live in deleted else {}
        for name, one in fields.items():
            if live.target(one) == table_id and not one.type.many:
                yield sa.Table(live.sql.name, sa.MetaData(), sa.Column(name, sa.Integer)).c[name]


def open_to(actor: Actor | None) -> dict[OpenTool, list[Live]]:
    """The tools with the tables that this actor may list, by label; no query but that of `tables`."""
    found: dict[OpenTool, list[Live]] = {}
    for live in sorted(tables().values(), key=lambda one: one.table.label):
        if actor is not None and may(actor, "list", live.table):
            live, name = seen.of(actor, live), live.table.tool
            found.setdefault(OpenTool(name, database.asked()["tools"][name]), []).append(live)
    return dict(sorted(found.items(), key=lambda one: one[0].label))


# Making and changing: in the transaction of the caller ------------------------------------------


def free_names(label: str, also_taken: Collection[str] = ()) -> tuple[str, str]:
    """Names for a new table in a tool of its own, which no tool has."""
    taken = {*db.session.scalars(sa.select(Tool.name)), *current_app.blueprints, *also_taken}
    return table_name(label, taken, "tool"), table_name(label)


def create(table: Table, tool_label: str = "", state: str = "live") -> Live:
    """Make the table, its definition, and its tool where it is missing. Raises Invalid, Conflict.

    While it is `filling` nobody sees it and its SQL table has another name.
    """
    table = check_new(table)
    if db.session.scalar(sa.select(Tool).where(Tool.name == table.tool)) is None:
        db.session.add(Tool(name=table.tool, label=tool_label or table.label))
    sql_name = f"{table.tool}__{table.name}" if state == "live" else f"filling__{token_hex(8)}"
    made = Definition(
        tool=table.tool, name=table.name, sql_name=sql_name, state=state,
        access=table.access, owner_id=table.owner_id, document=table.document(),
    )  # fmt: skip
    db.session.add(made)
    db.session.flush()
    live = Live(replace(table, id=made.id, version=made.version), made.sql_name)
    for needed in table.needs:
        hold(needed)
    check_across(live)
    unlinked = tuple(one for one in table.fields if one not in live.links)
    sql_table(replace(table, fields=unlinked), sql_name).create(db.session.connection())
    for one, target in live.links.items():
        if one.type.many:
            create_pairs(live, one)
        else:
            there = live.other(target).sql.name
            ddl.add_column(sql_name, sa.Column(one.name, one.type.sql_type(one)), there)
            ddl.index(sql_name, one.name, one.unique)
    forget()
    return live


def create_pairs(live: Live, field: Field) -> None:
    """Make the SQL table of a field that has several records."""
    made, there = pairs(live, field), live.other(live.target(field) or PEOPLE).sql
    for name, other in (("source", live.sql), ("target", there)):
        key = sa.ForeignKeyConstraint([name], [other.c.id], ondelete="CASCADE")
        made.append_constraint(key)
    made.create(db.session.connection())


def check_new(table: Table) -> Table:
    """The table, with what it left open filled in. Raises Invalid, and Conflict where its name is taken."""
    table = check(table)
    _check_needs(table)
    if table.tool in current_app.blueprints and not _has_tool(table.tool):
        raise Invalid(
            f"“{table.tool}” is the name of a built-in part.", [("tool", "Choose another")]
        )
    if db.session.scalar(_live_named(table.tool, table.name)) is not None:
        raise Conflict(f"The tool {table.tool} has a table {table.name} already.")
    return table


def _check_needs(table: Table) -> None:
    """Raises Invalid where a field is built on a table that is not there."""
    there = {live.declared.id for live in tables().values()}
    for one in table.fields:
        if not there >= set(one.type.needs(one)):
            words = f"{one.label} links to a table that is not there; choose another"
            raise Invalid(f"{words}.", [("fields", words)])


def require_open(actor: Actor, table: Table, before: Table | None = None) -> None:
    """Raises NotFound or Forbidden where a field links to a table that the actor may not list, or works
    something out of one that they do not see all of. Fields that are declared as before stay as they are."""
    was = {one.id: _origin(before, one) for one in before.fields} if before else {}
    live = Live(table, "asked")
    for one in table.fields:
        if was.get(one.id) != _origin(table, one):
            links = _through(table, one)
            for target in {*one.type.needs(one), *map(live.target, links)}:
                if target not in (None, PEOPLE, table.id):
                    other = by_id(target)
                    found = get(actor, other.table.tool, other.table.name)
                    if found is not other and not one.type.writable:
                        raise Forbidden(
                            f"{one.label} would show everybody what your rights to {other.table.label} "
                            "leave out: they do not cover all of its records and fields."
                        )


def _through(table: Table, field: Field) -> list[Field]:
    """The fields of a table that another reads across."""
    return [table.by_name[name] for name in field.type.through(field) if name in table.by_name]


def _origin(table: Table, field: Field) -> list[Any]:
    """Where a field has its values from, with the fields that it reads across."""
    return [_said(field), *((one.id, *_said(one)) for one in _through(table, field))]


def _said(field: Field) -> tuple[str, dict[str, Any]]:
    """What tells where a field has its values from."""
    return field.type.name, field.type.declared(field)


def check_across(live: Live, actor: Actor | None = None) -> None:
    """Raises Invalid where a field of it, or of a table that reads it, could not be found any more; in
    words for the actor, or else for whoever acts."""
    others = {
        one.declared.id: one for one in tables().values() if one.declared.id != live.declared.id
    }
    changed = [live, *_readers(others, {live.declared.id})]
    found = {(one.declared.tool, one.declared.name): one for one in changed}
    database.asked()["tables"] = {**tables(), **found}
    try:
        for one in changed:
            for field in one.declared.fields:
                _check_field(one, field, live, actor)
        seen.check_rules(changed)
    finally:
        forget()


def _check_field(one: Live, field: Field, changed: Live, actor: Actor | None) -> None:
    try:
        one.field(field.name)
    except Invalid:
        if one is not changed and called(one.declared, actor) != one.declared.label:
            words = "A field of another table reads what this would change"
            raise Invalid(f"{words}.", [("fields", words)]) from None
        raise


def _has_tool(name: str) -> bool:
    return db.session.scalar(sa.select(Tool.id).where(Tool.name == name)) is not None


def _live_named(tool: str, name: str) -> sa.Select[tuple[Definition]]:
    return sa.select(Definition).where(
        Definition.tool == tool, Definition.name == name, Definition.state.in_(IN_USE)
    )


def definition(table_id: int) -> Definition:
    """The definition, which nobody else changes until the transaction ends. Raises NotFound."""
    query = sa.select(Definition).where(Definition.id == table_id).with_for_update()
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(GONE)
    return found


def hold(table_id: int, alone: bool = False) -> None:
    """Until the transaction ends the table stays as it is declared; `alone`, nobody else writes into it
    either. A transaction that writes into a SQLite file is alone with it anyway."""
    if db.engine.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock if alone else sa.func.pg_advisory_xact_lock_shared
        db.session.connection().execute(sa.select(lock(HELD, table_id)))


def publish(table_id: int) -> Definition:
    """Let everybody who may see a table that was filled, or deleted, see it. Raises Conflict."""
    found = definition(table_id)
    if db.session.scalar(_live_named(found.tool, found.name)) is not None:
        raise Conflict(f"The tool {found.tool} has another table {found.name} by now.")
    for one in table_of(found).needs - {
        found.id,
        *(live.declared.id for live in tables().values()),
    }:
        raise Conflict(f"It links to {label(one)}, which is deleted: restore that first.")
    _rename(found, f"{found.tool}__{found.name}")
    found.state, found.ended_at = "live", None
    forget()
    return found


def withdraw(table_id: int, along: Collection[int] = ()) -> Definition:
    """Take a table out of sight; its rows stay, under a name that is out of the way. Others that link to
    it stand in the way, but for those that go along."""
    hold(table_id, alone=True)
    forget()
    found = definition(table_id)
    if found.state != "live":
        raise NotFound(GONE)
    users = [one for one in tables().values() if _is_built_on(one, table_id)]
    if users := [one for one in users if one.declared.id not in along]:
        raise Conflict(f"It is not deleted while others link to it: {_users(users, table_id)}.")
    _rename(found, f"deleted__{found.id}")
    found.state, found.ended_at = "deleted", utcnow()
    forget()
    return found


def _is_built_on(live: Live, table_id: int) -> bool:
    return live.declared.id != table_id and table_id in live.declared.needs


def _users(users: list[Live], table_id: int) -> str:
    return ", ".join(
        by_field(one, live)
        for live in users
        for one in live.declared.fields
        if table_id in one.type.needs(one)
    )


def called(table: Table, actor: Actor | None = None) -> str:
    """A table as the actor, or else whoever acts, may know it."""
    who = actor or db.session.info.get("acting", {}).get("actor")
    return table.label if who is None or may(who, "list", table) else "another table"


def by_field(field: Field, live: Live) -> str:
    """A field that reads a table, as whoever acts may know it."""
    name = called(live.table)
    return f"{field.label} of {name}" if name == live.table.label else f"a field of {name}"


def label(table_id: int) -> str:
    """A table, in whatever state it is, as whoever acts may know it."""
    found = db.session.get(Definition, table_id)
    return called(table_of(found)) if found else "a table that is gone"


def destroy(table_id: int) -> None:
    """Drop a table that nobody sees, with its rows and its history, and its tool if that was its last."""
    found = definition(table_id)
    if found.state == "live":
        raise Conflict("A table that is in use is not dropped.")
    for name in sa.inspect(db.session.connection()).get_table_names():
        if name.startswith(f"links__{found.id}__"):
            sa.Table(name, sa.MetaData()).drop(db.session.connection())
    ddl.drop_references(found.sql_name)
    sa.Table(found.sql_name, sa.MetaData()).drop(db.session.connection(), checkfirst=True)
    db.session.execute(sa.delete(Change).where(Change.table_id == found.id))
    db.session.delete(found)
    db.session.flush()
    others = sa.exists().where(Definition.tool == found.tool)
    db.session.execute(sa.delete(Tool).where(Tool.name == found.tool, ~others))
    forget()


def declare(table_id: int, version: int, table: Table, access: str) -> Definition:
    """Replace what is declared of a table seen in this version: labels, order, what a list shows, who
    may use it. Its columns are the caller's affair. Raises Conflict where somebody has changed it in between."""
    found = definition(table_id)
    if found.version != version:
        raise Conflict("Somebody else has changed this table while you had its settings open.")
    table = check(replace(table, access=access))
    for needed in table.needs:
        hold(needed)
    _check_needs(table)
    check_across(Live(table, found.sql_name))
    found.document, found.access = table.document(), access
    forget()
    return found


def _rename(found: Definition, sql_name: str) -> None:
    quote = db.engine.dialect.identifier_preparer.quote
    rename = f"ALTER TABLE {quote(found.sql_name)} RENAME TO {quote(sql_name)}"
    db.session.execute(sa.text(rename))
    found.sql_name = sql_name
