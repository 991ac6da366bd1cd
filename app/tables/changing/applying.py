"""Changing a table: at once where that is one short transaction, else by a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import jobs
from app.database import writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db
from app.fields import Field
from app.fields.names import bare
from app.models import Change, Job
from app.permissions import OPENED, Actor, refuse_more, require
from app.tables import catalog, ddl, history
from app.tables.changing import columns
from app.tables.changing.comparing import sources
from app.tables.changing.examining import BLOCKED, FILL, examine
from app.tables.changing.planning import Plan, beside
from app.tables.live import Live
from app.tables.table import Table

KIND = "change"


def apply(
    actor: Actor, live: Live, new: Table, version: int, choices: Mapping[str, str] | None = None
) -> Table | Job:
    """Change a table that was seen in this version to be like `new`: its fields, label, title, list,
    access. What is quick is done at once, and the table returned; what converts records is a job.

    `choices` say, by the name of a field, what to do with values that do not fit: see `Check.offers`.
    An added field is filled with its default where FILL is chosen. Raises Invalid where something
    stands in the way, Conflict, NotFound, and Forbidden: who may use it says who may share it.
    """
    choices = dict(choices or {})
    if obstacles := examine(actor, live, new).blocked(choices):
        raise Invalid(errors=obstacles)
    with writing(), history.acting(actor):
        now = held(actor, live.table.id, version)
        _check_access(actor, now, new.access)
        plan = Plan(actor, now, new, choices)
        if not plan.slow:
            return publish(plan)
        arguments = {"table_id": live.table.id, "version": version, "choices": choices}
        title = f"Change {live.table.label}"
        return jobs.enqueue(actor, KIND, title, {**arguments, "new": told(new)})


def open_up(actor: Actor, live: Live, version: int | None, access: str) -> Table:
    """Say what everybody may do with a table that was seen in this version. Raises Invalid, Conflict,
    NotFound, and Forbidden where the actor would give what they have not."""
    if access not in OPENED:
        words = f"Choose who may use it: {', '.join(OPENED)}"
        raise Invalid(f"{words}.", [("access", words)])
    with writing(), history.acting(actor):
        now = held(actor, live.table.id, version, right="share")
        _check_access(actor, now, access)
        return publish(Plan(actor, now, replace(now.table, access=access), {}))


def _check_access(actor: Actor, live: Live, access: str) -> None:
    before = live.table.access
    if access in OPENED and access != before:
        require(actor, "share", live.table)
        refuse_more(actor, OPENED[access] - OPENED[before], live.table)


def restore(actor: Actor, live: Live, field_id: str) -> Table:
    """Bring a dropped field back; beside, where another is called so by now. Raises NotFound, Forbidden,
    Conflict."""
    with writing(), history.acting(actor):
        live = held(actor, live.table.id, None)
        table = live.table
        found = next((one.field for one in table.dropped if one.field.id == field_id), None)
        if found is None:
            raise NotFound("There is no such dropped field. They are kept for thirty days.")
        words = {word for one in table.fields for word in (one.name, bare(one.label))}
        if words & {found.name, bare(found.label)}:
            found = beside(found, table.fields)
        return publish(Plan(actor, live, replace(table, fields=(*table.fields, found)), {}))


class Version(NamedTuple):
    """A table as it was declared from `at` on, and who had changed it to that; the first has neither."""

    table: Table
    at: datetime | None
    person: str


def versions(actor: Actor, live: Live) -> list[Version]:
    """How the table was declared, the newest first; `compare` tells what two of them differ in."""
    require(actor, "history", live.table)
    query = sa.select(Change).where(Change.table_id == live.table.id, Change.action == "design")
    found = db.session.scalars(query.order_by(Change.id.desc())).all()
    made = [Version(read(live.table, it.data["new"]), it.created_at, it.person) for it in found]
    first = read(live.table, found[-1].data["old"]) if found else live.table
    return [*made, Version(first, None, "")]


def told(table: Table) -> dict[str, Any]:
    """A table as history and jobs keep it; `read` reads it."""
    return {**table.document(), "access": table.access}


def read(table: Table, told: Mapping[str, Any]) -> Table:
    """A table as it was, or will be, declared."""
    return replace(table.read(told), access=told["access"])


# In one transaction ----------------------------------------------------------------------------


def held(
    actor: Actor, table_id: int, version: int | None, job_id: int = 0, right: str = "design"
) -> Live:
    """A table that nobody else writes or changes until the transaction ends; None takes any version.
    Raises NotFound, Forbidden, and Conflict where somebody else has changed it or is about to."""
    catalog.hold(table_id, alone=True)
    found = catalog.definition(table_id)
    if found.state not in catalog.IN_USE:
        raise NotFound(catalog.GONE)
    live = catalog.live_of(found)
    require(actor, right, live.table)
    if version is not None and found.version != version:
        raise Conflict("Somebody else has changed this table while you had its settings open.")
    if other := next((one for one in under_way(table_id) if one.id != job_id), None):
        words = f"Job {other.id} is changing this table. Wait until it is done, or stop it."
        raise Conflict(words)
    return live


def under_way(table_id: int) -> list[Job]:
    """The jobs that are to change a table, or do."""
    query = sa.select(Job).where(Job.kind == KIND, Job.state.in_(jobs.OPEN))
    return [one for one in db.session.scalars(query) if one.arguments["table_id"] == table_id]


def publish(plan: Plan) -> Table:
    """Change columns, declaration and history, in the transaction of the caller."""
    if not plan.steps:
        return plan.old
    _refuse_blanks(plan)
    columns.rename(plan.live, list(plan.moves()))
    for step in plan.steps:
        if step.new and step.new.id not in plan.converted:
            _alter(plan, step.kind, step.new)
    given = {
        step.new for step in plan.steps if step.new and step.kind in ("add", "restore", "retype")
    }
    for field in [one for one in given if one.type.given]:
        columns.count_out(plan.live, field)
    new = plan.table()
    declared = catalog.declare(plan.old.id, plan.old.version, new, new.access)
    db.session.flush()
    made = catalog.table_of(declared)
    history.note(made.id, "design", {"old": told(plan.old), "new": told(made)})
    return made


def _alter(plan: Plan, kind: str, field: Field) -> None:
    match kind:
        case "add":
            columns.add(plan.live, field, field.name, filled=plan.chosen(field) == FILL)
        case "unique":
            columns.index(plan.live, field, field.name)
        case "not_unique":
            ddl.unindex(plan.live.sql.name, field.name)


def _refuse_blanks(plan: Plan) -> None:
    """Somebody may have left blank in between what must not be."""
    names = {id: column for id, (column, _field) in sources(plan.old).items()}
    for step in plan.steps:
        one = step.new
        if one is None or step.kind != "require" or one.id in plan.converted:
            continue
        if plan.chosen(one) == BLOCKED:
            blank: Any = sa.true()  # a field that is added is blank everywhere
            if step.old:
                many = one.type.many
                column = plan.live.columns[one.name] if many else sa.column(names[one.id])
                blank = column.is_(None)
            query = sa.select(plan.live.sql.c.id).where(blank).limit(1)
            if found := db.session.scalar(query):
                raise Invalid(errors=[(one.name, f"{one.label} is blank in record {found:,}")])
