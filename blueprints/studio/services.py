"""Making, changing and removing tables: each a transaction that asks for the right and writes history.

No request in here: an Actor and plain values come in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from app import jobs
from app.database import writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Change, Definition, Job, Person, Tool
from app.permissions import Actor, may, require
from app.sheets import importing
from app.sheets.book import Problems
from app.sheets.importing import Import
from app.sheets.plan import Plan
from app.tables import catalog, changing, history
from app.tables.changing import Examination, making
from app.tables.changing.comparing import FREE
from app.tables.live import Live
from app.tables.table import Table, check
from blueprints.studio import sheets
from blueprints.studio.drawing import Drawing, declared
from blueprints.studio.sheets import Draft
from blueprints.studio.uploads import Found, Upload

KEPT = timedelta(days=30)
Outcome = TypeVar("Outcome")


# Import ----------------------------------------------------------------------------------------


class Unstorable(Invalid):
    """Rows that cannot be stored as they are read, and nobody has said to leave them out."""

    def __init__(self, rows: int, problems: Problems) -> None:
        words = f"{importing.unstorable(rows)} read. Change a type, or leave such rows out"
        super().__init__(words, [("rows-0", words)])
        self.problems = problems


def title_of(plan: Plan) -> int | None:
    """The place of the column that records would be called by."""
    if not plan.included():
        return None
    named = check(Table(0, 0, "tool", "table", "Table", tuple(plan.fields()))).title
    return next(i for i, one in enumerate(plan.columns) if one.include and one.name == named)


def start(
    actor: Actor, upload: Upload, found: Found, draft: Draft, plan: Plan, changed: bool
) -> Job:
    """A job that imports. Where it was changed how columns are read, all rows are read first.
    Raises Invalid, Unstorable, Forbidden."""
    require(actor, "import")
    draft.check()
    if changed and not draft.skip:
        rows, problems = sheets.refused(upload, plan)
        if rows:
            raise Unstorable(rows, problems)
    with writing() as session:
        session.execute(sa.select(Person.id).where(Person.id == actor.id).with_for_update())
        waiting = _open_imports()
        if (running := waiting.get(str(upload.file))) is not None:
            return running  # the form was sent twice, perhaps at once
        return importing.add(actor, _wanted(upload, draft, plan, waiting.values()), found.rows)


def _wanted(upload: Upload, draft: Draft, plan: Plan, waiting: Any) -> Import:
    tool, name = catalog.free_names(draft.name, [job.arguments["tool"] for job in waiting])
    title, key = (
        plan.columns[place].name if place is not None and plan.columns[place].include else ""
        for place in (draft.title, draft.key)
    )
    return Import(
        str(upload.file), upload.name, plan, tool, name, draft.name, draft.name, draft.access,
        title, (key,) if key else (), draft.skip,
    )  # fmt: skip


def _open_imports() -> dict[str, Job]:
    """The imports that wait or run, by the file."""
    query = sa.select(Job).where(Job.kind == "import", Job.state.in_(jobs.OPEN))
    return {job.arguments["file"]: job for job in db.session.scalars(query)}


def free_label(actor: Actor, label: str) -> str:
    """The label with a number where this actor has a tool called so already."""
    taken = {tool.label.casefold() for tool in catalog.open_to(actor)}
    found, number = label, 1
    while found.casefold() in taken:
        number += 1
        found = f"{label} {number}"
    return found


def undo_import(actor: Actor, job_id: int) -> Table:
    """Delete the table that an import has made. Raises NotFound, Forbidden."""
    job = jobs.get(actor, job_id)
    table_id = (job.result or {}).get("table_id") if job.kind == "import" else None
    if not isinstance(table_id, int):
        raise NotFound("This job has made no table.")
    with writing(), history.acting(actor):
        return making.withdraw(actor, table_id, {"import": job_id})


# Draw and change -------------------------------------------------------------------------------


def open_tools(actor: Actor) -> dict[str, str]:
    """The tools in which this actor may draw tables, with their labels: those that have one of theirs."""
    return {one.table.tool: one.tool for one in mine(actor)[0]}


def draw(actor: Actor, drawing: Drawing) -> Table:
    """Make a table that was drawn. Raises Invalid, naming the inputs, and Forbidden."""
    with writing(), history.acting(actor):
        require(actor, "create")
        catalog.forget()
        names = making.names(drawing.label, drawing.tool)
        place = Table(0, 0, *names, drawing.label, (), owner_id=actor.id or None)
        wrong = making.misplaced(actor, drawing.label, drawing.tool)
        return _at_inputs(drawing, place, partial(making.make, actor), wrong)


def table(actor: Actor, tool: str, name: str) -> Live:
    """A table that this actor may change. Raises NotFound, Forbidden."""
    return catalog.get(actor, tool, name, "design")


def may_share(actor: Actor, table: Table | None) -> bool:
    """Whether the actor says who may use the table; of a new one its maker does."""
    return table is None or may(actor, "share", table)


def of_sharer(actor: Actor, live: Live, drawing: Drawing) -> Drawing:
    """The drawing; who may use the table stays as it is where that is not the actor's to say."""
    shared = may_share(actor, live.table)
    return drawing if shared else replace(drawing, access=live.table.access)


def source(live: Live) -> str:
    """The file that declares a table, or its folder; empty where that was done in the browser."""
    if not live.written:
        return ""
    module = live.model.__module__
    end = "/" if hasattr(sys.modules[module], "__path__") else ".py"
    return module.replace(".", "/") + end


def proposed(actor: Actor, live: Live, drawing: Drawing) -> Drawing:
    """The drawing with what fields need that become of another type and were told nothing: their choices
    are the words that records have. Raises Forbidden."""
    there = {one.id for one in live.table.fields}
    asking = {row.id: row.kind for row in drawing.rows if row.asks and row.id in there}
    if not asking:
        return drawing
    tried = [
        replace(one, type=asking[one.id], default="", options={}) if one.id in asking else one
        for one in live.table.fields
    ]
    try:
        checks = changing.examine(actor, live, replace(live.table, fields=tuple(tried))).checks
    except Invalid:  # such a field needs what no record can say, as a formula does
        return drawing
    words = {one.step.new.id: one.words for one in checks if one.step.new and one.words}
    rows = [row.fitting(words[row.id]) if row.id in words else row for row in drawing.rows]
    return replace(drawing, rows=rows)


def examine(actor: Actor, live: Live, drawing: Drawing) -> Examination:
    """What would happen to the records, were the table as it is drawn. Raises Invalid, Forbidden."""
    return _at_inputs(drawing, live.table, lambda new: changing.examine(actor, live, new))


def change(
    actor: Actor, live: Live, drawing: Drawing, version: int, choices: Mapping[str, str], seen: Collection[str]
) -> Table | Job | Examination:  # fmt: skip
    """Change a table that was looked at in this version. Where records may lose something by a step
    whose words are not among those that were seen, it is only examined. Raises as `changing.apply`."""

    if version != live.table.version:
        raise Conflict("Somebody else has changed this table while you had its settings open.")

    def apply(new: Table) -> Table | Job | Examination:
        risky = {one.words for one in changing.compare(live.table, new) if one.risk != FREE}
        if risky.difference(seen):
            return changing.examine(actor, live, new)
        return changing.apply(actor, live, new, version, choices)

    return _at_inputs(drawing, live.table, apply)


def _at_inputs(
    drawing: Drawing, old: Table, use: Callable[[Table], Outcome], wrong: Iterable[tuple[str, str]] = ()
) -> Outcome:  # fmt: skip
    """What is made of the table that was drawn. Raises Invalid, naming the inputs."""
    new, errors = declared(drawing, old)
    if errors := [*errors, *wrong]:
        raise Invalid("", errors)
    try:
        return use(new)
    except Invalid as error:
        places, told = _places(new), error.errors or [("", str(error))]
        raise Invalid("", [(places.get(name, ""), words) for name, words in told]) from None


def _places(drawn: Table) -> dict[str, str]:
    """The ids of the inputs that are on the page, by the names of fields and of their options."""
    options = {
        f"{one.name}__{it.name}": f"set-{one.id}-{it.name}"
        for one in drawn.fields
        for it in one.type.settings
    }
    return {one.name: f"label-{one.id}" for one in drawn.fields} | options


# Delete and restore ----------------------------------------------------------------------------


def losses(actor: Actor, tool: str, name: str) -> tuple[Live, list[tuple[int, str]]]:
    """A table that may be deleted, and how much goes with it."""
    live = table(actor, tool, name)
    making.refuse_code(live)
    rows = db.session.scalar(sa.select(sa.func.count()).select_from(live.sql)) or 0
    changes = db.session.scalar(
        sa.select(sa.func.count()).select_from(Change).where(Change.table_id == live.table.id)
    )
    fields = len(live.table.fields)
    return live, [
        (rows, "record" if rows == 1 else "records"),
        (fields, "field" if fields == 1 else "fields"),
        (changes or 0, "entry of history" if changes == 1 else "entries of history"),
    ]


def is_tool(name: str) -> bool:
    """Whether a tool is called so."""
    return db.session.scalar(sa.select(Tool.id).where(Tool.name == name)) is not None


def delete_tool(actor: Actor, name: str) -> list[Table]:
    """Take all tables of a tool out of sight. Raises NotFound, Forbidden, and Conflict where the tool is
    declared in code."""
    with writing(), history.acting(actor):
        catalog.forget()
        found = [live for (tool, _), live in catalog.tables().items() if tool == name]
        if not found:
            raise NotFound(f"There is no tool {name}.")
        if any(live.written for live in found):
            raise Conflict(f"{name} is declared in code. Delete its file or folder in blueprints/.")
        along = {live.table.id for live in found}
        return [making.withdraw(actor, id, {}, along) for id in sorted(along)]


def restore(actor: Actor, table_id: int) -> Table:
    """Bring a deleted table back. Raises NotFound, Forbidden, and Conflict where its name is taken."""
    with writing(), history.acting(actor):
        found = catalog.definition(table_id)
        back = catalog.table_of(found)
        if found.state != "deleted" or not may(actor, "design", back):
            raise NotFound("There is no such deleted table. They are kept for thirty days.")
        catalog.publish(table_id)
        history.note(table_id, "restore", {"label": back.label})
        return back


# What there is ---------------------------------------------------------------------------------


class Mine(NamedTuple):
    """A table that this actor may change, its tool's label, and when it was deleted."""

    table: Table
    tool: str
    deleted_at: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """Until when it can be restored."""
        return self.deleted_at + KEPT if self.deleted_at else None


def mine(actor: Actor) -> tuple[list[Mine], list[Mine]]:
    """The tables that this actor may change, by label: those in use, and those that are deleted."""
    query = (
        sa.select(Definition, Tool.label)
        .join(Tool, Tool.name == Definition.tool)
        .where(Definition.state.in_((*catalog.IN_USE, "deleted")))
    )
    used = {
        live.table.id for live in catalog.tables().values()
    }  # a model may be gone from the code
    found = [
        Mine(catalog.table_of(one), label, one.ended_at if one.state == "deleted" else None)
        for one, label in db.session.execute(query)
        if one.state == "deleted" or one.id in used
    ]
    found = sorted((one for one in found if may(actor, "design", one.table)), key=_by_label)
    return [one for one in found if not one.until], [one for one in found if one.until]


def _by_label(one: Mine) -> tuple[str, str]:
    return one.tool.casefold(), one.table.label.casefold()


def sweep() -> None:
    """Drop the tables that were deleted more than thirty days ago; those that link to others went first."""
    query = sa.select(Definition.id).where(
        Definition.state == "deleted", Definition.ended_at < utcnow() - KEPT
    )
    for table_id in db.session.scalars(query.order_by(Definition.ended_at)).all():
        with writing():
            catalog.destroy(table_id)


jobs.SWEEPS.append(sweep)
