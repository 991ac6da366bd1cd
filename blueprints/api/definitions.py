"""Tables themselves: read, made, changed and deleted over the API, by the services of the designer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Response, g, url_for

from app import jobs
from app.errors import Invalid
from app.models import Job
from app.permissions import Actor, by_table, requires
from app.tables import catalog, changing
from app.tables.changing import Check, Examination, Step, declaring, making
from app.tables.live import Live
from app.tables.table import Table
from blueprints.api import bodies, bp, documents, lists
from blueprints.api.services import Answer
from blueprints.api.views import TABLE, answer, done, seen_version, sent

DEFINITION = f"{TABLE}definition"
WHAT = "A definition"


@bp.get(DEFINITION)
@by_table
def definition(tool: str, table: str) -> Any:
    """How a table is declared: what PUT takes."""
    return _told(_designed(g.actor, tool, table).table)


@bp.put(DEFINITION)
@by_table
def change_definition(tool: str, table: str) -> Any:
    """Declare a table anew; with ?dry_run=true say what that would do to its records, and do nothing."""
    live = _designed(g.actor, tool, table)
    body = bodies.an_object(sent(), WHAT)
    new, choices = declaring.read(body, live.table), _choices(body)
    if lists.flag("dry_run"):
        return answer(examined(changing.examine(g.actor, live, new), choices))
    version = seen_version(live.table, body.get("version")) or live.table.version
    return _changed(changing.apply(g.actor, live, new, version, choices))


@bp.delete(DEFINITION)
@by_table
def delete_definition(tool: str, table: str) -> Any:
    """Delete a table; for thirty days it can be restored, in the designer."""
    live = _designed(g.actor, tool, table)
    version = seen_version(live.table, lists.number("version", 0, 2**31 - 1) or None)
    making.delete(g.actor, tool, table, version)
    return answer(None, 204)


@bp.post("/v1/")
@requires("create")
def create_table() -> Any:
    """Make a table, which is its maker's until they open it to others."""
    body = bodies.an_object(sent(), WHAT)

    def act() -> Answer:
        made = made_of(g.actor, body)
        there = url_for("api.definition", tool=made.tool, table=made.name)
        return Answer(201, {"Location": there, "ETag": f'"{made.version}"'}, document(made))

    return done(act)


def _designed(actor: Actor, tool: str, table: str) -> Live:
    """The whole of a table that the actor may change."""
    return catalog.get(actor, tool, table, "design").whole


def _told(table: Table) -> Response:
    return answer(document(table), 200, {"ETag": f'"{table.version}"'})


def _changed(found: Table | Job) -> Response:
    if isinstance(found, Table):
        return _told(found)
    there = url_for("api.job", job_id=found.id)
    return answer(documents.job(jobs.get(g.actor, found.id)), 202, {"Location": there})


def _choices(body: Mapping[str, Any]) -> dict[str, str]:
    """What to do with values that do not fit, by the names of fields. Raises Invalid."""
    found = body.get("choices", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        words = (
            "choices says by field what to do with values that do not fit, as in {“due”: “clear”}"
        )
        raise Invalid(errors=[("choices", words)])
    return found


# As JSON ---------------------------------------------------------------------------------------


def document(table: Table) -> dict[str, Any]:
    """The declaration of a table."""
    about = {"tool": table.tool, "table": table.name, "version": table.version}
    return {**about, "access": table.access, **table.document()}


def made_of(actor: Actor, body: Mapping[str, Any]) -> Table:
    """A new table as a body declares it, in the transaction of the caller. Raises Invalid, Forbidden."""
    catalog.forget()
    label, tool = body.get("label", ""), body.get("tool") or ""
    if not isinstance(label, str) or not label.strip() or not isinstance(tool, str):
        raise Invalid(errors=[("label", "A table has a label, and perhaps the name of a tool")])
    label = " ".join(label.split())
    if errors := [*making.misplaced(actor, label, tool)]:
        raise Invalid(errors=errors)
    place = Table(0, 0, *making.names(label, tool), label, (), owner_id=actor.id or None)
    rest = {name: one for name, one in body.items() if name != "tool"}
    new = replace(declaring.read(rest, place), label=label)
    return making.make(actor, new)


def examined(found: Examination, choices: Mapping[str, str]) -> dict[str, Any]:
    """A dry run: the steps, what each does to the records, and what stands in the way."""
    blocked = [{"field": name, "message": words} for name, words in found.blocked(choices)]
    return {
        "steps": [_step(one) for one in found.steps],
        "checks": [_check(one) for one in found.checks],
        "blocked": blocked,
    }


def _step(one: Step) -> dict[str, Any]:
    return {"kind": one.kind, "field": one.field, "risk": one.risk, "words": one.words}


def _check(one: Check) -> dict[str, Any]:
    """Samples have the number of a record, its text now, and what becomes of it or why it does not fit."""
    return {
        "kind": one.step.kind, "field": one.step.field, "counts": one.counts,
        "samples": {
            outcome: [{"record": it.record_id, "old": it.old, "new": it.new} for it in samples]
            for outcome, samples in one.samples.items()
        },
        "choices": list(one.offers), "obstacle": one.obstacle,
        "dependents": [{"words": it.words, "stops": it.stops} for it in one.dependents],
    }  # fmt: skip
