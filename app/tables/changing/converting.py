"""The job that converts records: it adds a column under a name that is out of the way and fills it block
by block; its last transaction converts what was written meanwhile, swaps the names and declares the
table anew. So whoever reads sees the old table or the new one, and a job that is killed has changed
nothing. No table is ever made anew; the old column is kept for thirty days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from app import jobs
from app.database import writing
from app.extensions import db, utcnow
from app.models import Change, Definition, Job
from app.permissions import Actor
from app.tables import catalog, history
from app.tables.changing import columns
from app.tables.changing.applying import KIND, held, publish, read, under_way
from app.tables.changing.columns import NEW
from app.tables.changing.examining import BLOCK, CLEAR, FILL, OUTCOMES, rows_of
from app.tables.changing.planning import Plan
from app.tables.live import Live, pairs
from app.tables.table import Dropped, Table

KEPT = timedelta(days=30)


@jobs.kind(KIND)
def run(work: jobs.Work) -> dict[str, Any]:
    """Convert, then swap. Whatever is raised leaves the table as it was.

    A run that was killed right after its last transaction has left its report, and nothing to do.
    """
    if "records" in work.result:
        return work.result
    plan, newest = _begin(work)
    try:
        report = _fill(work, plan)
        _finish(work, plan, newest, report)
    except jobs.Lost:
        raise  # another run fills the same columns by now
    except BaseException:
        with writing():
            _tidy(plan.live.table.id, work.id)
        raise
    return report


@contextmanager
def _alone(work: jobs.Work) -> Iterator[tuple[Actor, Live]]:
    """A transaction of the job, with the table as it still has to be, and the rights as they are now."""
    with writing(), history.acting(work.actor, work.id):
        actor = jobs.actor_of(db.session.get_one(Job, work.id))
        yield actor, held(actor, work.arguments["table_id"], work.arguments["version"], work.id)


def _begin(work: jobs.Work) -> tuple[Plan, int]:
    """The new columns, empty, and the number of the newest entry of history: what is written from now
    on has a higher one."""
    with _alone(work) as (actor, live):
        new = read(live.table, work.arguments["new"])
        plan = Plan(actor, live, new, work.arguments["choices"])
        columns.remove(live)
        for id, (_old, one) in plan.converted.items():
            columns.add(live, one, NEW + id)
        return plan, history.newest(live)


def _fill(work: jobs.Work, plan: Plan) -> dict[str, Any]:
    """Convert every record. Returns the report."""
    table = plan.live.table
    counts = {id: Counter[str]() for id in plan.converted}
    last = done = 0
    while True:
        with _alone(work):
            rows = _convert(plan, plan.live.sql.c.id > last, counts)
        if not rows:
            break
        last, done = rows[-1]["id"], done + len(rows)
        work.progress(done, max(work.total, done), f"{done:,} records converted")
    return {
        "tool": table.tool, "table": table.name, "table_id": table.id, "records": done,
        "steps": [*(one.words for one in plan.steps), *_in_words(plan, counts)],
        "counts": {one.name: dict(counts[id]) for id, (_old, one) in plan.converted.items()},
    }  # fmt: skip


def _in_words(plan: Plan, counts: Mapping[str, Counter[str]]) -> Iterator[str]:
    """What came of the values of each field that was converted."""
    for id, (_old, new) in plan.converted.items():
        found = counts[id]
        told = [f"{found[one]:,} {words}" for one, words in OUTCOMES.items() if found[one]]
        left = {CLEAR: "they are blank now", FILL: f"they are {new.default} now"}
        kept = f"they are blank now, and kept in “{plan.before[id].label}”"
        then = left.get(plan.chosen(new), kept) if found["misfits"] else ""
        yield f"“{new.label}”: {', '.join(told) or 'no records'}{'; ' + then if then else ''}."


def _convert(
    plan: Plan, records: sa.ColumnElement[bool], counts: Mapping[str, Counter[str]]
) -> Sequence[Any]:
    """Fill the new columns of a block of records, which are returned."""
    rows = rows_of(plan.live, plan.converted, records) if plan.converted else []
    for id, become in plan.become.items():
        become.expect([row[id] for row in rows])
    filled, unique = [], [one for _old, one in plan.converted.values() if one.unique]
    for row in rows:
        values = {"record": row["id"]}
        for id, become in plan.become.items():
            fit = become(row[id])
            counts[id][fit.outcome] += 1
            values[NEW + id] = plan.value(id, row, fit)
        filled.append(values)
    if filled:
        with columns.one_each(unique):
            db.session.connection().execute(plan.fill, filled)
    return rows


def _finish(work: jobs.Work, plan: Plan, newest: int, report: dict[str, Any]) -> None:
    """Convert what was written meanwhile, and swap."""
    live = plan.live
    with _alone(work):
        for id, (_old, one) in plan.converted.items():
            if one.unique:
                columns.index(live, one, NEW + id)
    while True:
        with _alone(work):
            written = _written(live, newest)
            again = live.sql.c.id.in_({one.record_id for one in written})
            _convert(plan, again, {id: Counter() for id in plan.converted})
            if len(written) < BLOCK:
                publish(plan)
                work.keep(**report)
                return
            newest = written[-1].id


def _written(live: Live, newest: int) -> Sequence[Any]:
    """The next entries of history of records, the oldest first."""
    query = sa.select(Change.id, Change.record_id).where(
        Change.table_id == live.table.id, Change.id > newest, Change.record_id.is_not(None)
    )
    return db.session.execute(query.order_by(Change.id).limit(BLOCK)).all()


# What is left over -----------------------------------------------------------------------------


def _tidy(table_id: int, job_id: int = 0) -> None:
    """Drop what no job fills any more, and what was dropped more than thirty days ago."""
    catalog.hold(table_id, alone=True)
    found = db.session.get(Definition, table_id)
    if found is None or any(one.id != job_id for one in under_way(table_id)):
        return
    table = catalog.table_of(found)
    due = _due(table)
    columns.remove(Live(table, found.sql_name), [one.column for one in due])
    for one in due:
        if one.field.type.many:
            pairs(Live(table, found.sql_name), one.field).drop(
                db.session.connection(), checkfirst=True
            )
    if due:
        kept = tuple(one for one in table.dropped if one not in due)
        found.document = replace(table, dropped=kept).document()
        catalog.forget()


def _due(table: Table) -> list[Dropped]:
    late = (utcnow() - KEPT).isoformat()
    return [one for one in table.dropped if one.at < late]


def _failed() -> set[int]:
    """The tables of jobs that have failed since yesterday: one that was killed could not tidy up."""
    since = utcnow() - timedelta(days=1)
    query = sa.select(Job.arguments).where(
        Job.kind == KIND, Job.state.in_(("failed", "cancelled")), Job.ended_at > since
    )
    return {one["table_id"] for one in db.session.scalars(query)}


def sweep() -> None:
    """Tidy up each table that has something left over."""
    catalog.forget()
    tables = [live.table for live in catalog.tables().values()]
    for table_id in _failed() | {one.id for one in tables if _due(one)}:
        with writing():
            _tidy(table_id)


jobs.SWEEPS.append(sweep)
