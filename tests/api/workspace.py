"""A workspace with a field of every type, in two tables that link to each other, and the keys of two people."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from app import people, roles, tokens
from app.database import writing
from app.people import set_roles
from app.permissions import EDITING, Actor, Grant
from app.tables import catalog, records
from app.tables.table import Table
from tests.tables.conftest import declared, every_field

RULE = 'status != "closed"'
HIDDEN, FIXED = "cost", "email"


class Workspace(NamedTuple):
    """Keys of an administrator, and of a member who sees the records of a rule, without one field."""

    administrator: str
    member: str


def make(app: Any) -> Workspace:
    """Make the tables and their first records, a role for Bob, and the keys."""
    with app.app_context():
        alice = Actor.of(people.find("alice@example.com"))
        bob = Actor.of(people.find("bob@example.com"))
        things, groups = _tables(alice)
        for i in (1, 2):
            group = records.create(alice, groups, {"name": f"Group {i}"})
            group_id = group.id
            records.create(
                alice, things, {"name": f"Thing {i}", "status": "open", "group": group_id}
            )
        _role(alice, bob, things, groups)
        keys = [tokens.create(one, "a program", "write")[1] for one in (alice, bob)]
        return Workspace(*keys)


def _tables(alice: Actor) -> tuple[catalog.Live, catalog.Live]:
    name = declared("name", "text", required=True)
    with writing():
        groups = catalog.create(
            Table(0, 0, "things", "group", "Groups", (name,), owner_id=alice.id), "Things"
        )
        link = declared("group", "link", options={"table": groups.table.id})
        more = (
            link,
            declared("parts", "links"),
            declared("owner", "person"),
            declared("group_name", "lookup", options={"link": "group", "field": "name"}),
            declared("twice", "formula", options={"expression": "count_ * 2"}),
            declared("made_by", "created-by"),
            declared("changed_by", "updated-by"),
        )
        table = Table(0, 0, "things", "thing", "Things", (*every_field(), *more), owner_id=alice.id)
        things = catalog.create(table)
        rollup = {"table": things.table.id, "link": "group", "function": "count"}
        _with(groups, declared("things", "rollup", options=rollup))
    found = catalog.tables()
    return found["things", "thing"], found["things", "group"]


def _with(live: catalog.Live, field: Any) -> None:
    table = replace(live.declared, fields=(*live.declared.fields, field))
    catalog.declare(table.id, table.version, table, table.access)


def _role(alice: Actor, bob: Actor, things: catalog.Live, groups: catalog.Live) -> None:
    limits = {"hidden": frozenset({HIDDEN}), "readonly": frozenset({FIXED})}
    some = Grant("", EDITING, RULE, tool="things", table=things.table.id, **limits)
    every = Grant("", EDITING, tool="things", table=groups.table.id)
    made = roles.create(alice, "Keepers", "", (), [some, every])
    set_roles(bob.id, [made.id], alice)
