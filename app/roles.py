"""Roles: what the people who have one may do. Here they are made, changed and given.

Only administrators make roles and give them to people. Whoever has the right `share` on a table may also say
what each role may do with that one table, as far as they may do it themselves with all of its records.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from app import audit, database, expressions
from app.config import read_rate
from app.database import writing
from app.errors import AppError, Conflict, Invalid, NotFound
from app.extensions import db
from app.fields import Field
from app.fields.text import Text
from app.models import MEMBERSHIP, Person, Role
from app.people import all_roles, roles_by_person
from app.permissions import (
    ACTIONS,
    GIVEN_BY_ROLES,
    Actor,
    Grant,
    grant_of,
    may_give,
    refuse_more,
    require,
)
from app.permissions import Role as AskedRole
from app.tables import catalog, ddl, seen
from app.tables.live import Live

LONGEST_NAME, LONGEST_RATE, MOST_GRANTS = 60, 30, 500
WHOLE = {"design", "share"}
"""What goes with all records and fields only: whoever may change a table could read it all."""


def get(role_id: int) -> Role:
    """A role. Raises NotFound."""
    found = db.session.get(Role, role_id) if 0 < role_id < 2**31 else None
    if found is None:
        raise NotFound("There is no such role.")
    return found


def grants_in(role: Role) -> list[Grant]:
    """What a role gives, as it was said."""
    return [grant_of(f"role {role.name}", one) for one in role.grants]


def people_with(role_id: int) -> Sequence[Person]:
    """Who has a role, by name."""
    mine = sa.select(MEMBERSHIP.c.person_id).where(MEMBERSHIP.c.role_id == role_id)
    return db.session.scalars(
        sa.select(Person).where(Person.id.in_(mine)).order_by(Person.name)
    ).all()


# Making ----------------------------------------------------------------------------------------


def create(
    actor: Actor, name: str, description: str = "", rights: Collection[str] = (),
    granted: Sequence[Grant] = (), api_rate: str = "",
) -> Role:  # fmt: skip
    """A new role; `api_rate` says how often who has it may use the API, empty: as the
    setting. Raises Invalid, Forbidden, and Conflict where there is one of this name."""
    require(actor, "people")
    name, rights = _checked(name, rights)
    rate = _checked_rate(api_rate)
    with writing() as session:
        _refuse_taken(name)
        documents = [one.document() for one in _checked_grants(granted)]
        made = Role(
            name=name, description=description.strip()[:500], rights=rights, grants=documents,
            api_rate=rate,
        )  # fmt: skip
        session.add(made)
        audit.note("role added", name, actor)
    return made


def copy(actor: Actor, role_id: int) -> Role:
    """A role that gives the same as this one, which nobody has yet; it is called like it, with a number.
    Raises NotFound, Forbidden."""
    require(actor, "people")
    with writing() as session:
        role = _held(role_id, None)
        taken = {one.name.lower() for one in all_roles()}
        name = next(one for one in _numbered(role.name) if one.lower() not in taken)
        made = Role(
            name=name, description=role.description, rights=role.rights, grants=role.grants,
            api_rate=role.api_rate,
        )  # fmt: skip
        session.add(made)
        audit.note("role added", name, actor)
    return made


def _numbered(name: str) -> Iterable[str]:
    """`Sales 2`, `Sales 3`, and so on; of `Sales 2` too."""
    stem = re.sub(r" \d{1,6}$", "", name)
    for number in range(2, 10**6):
        yield f"{stem[: LONGEST_NAME - 7]} {number}"


def change(
    actor: Actor, role_id: int, version: int | None, name: str, description: str,
    rights: Collection[str], granted: Sequence[Grant], api_rate: str | None = None,
) -> Role:  # fmt: skip
    """Change a role that was seen in this version; `api_rate` None leaves that as
    it is. Raises Invalid, Conflict, NotFound, Forbidden."""
    require(actor, "people")
    name, rights = _checked(name, rights)
    rate = None if api_rate is None else _checked_rate(api_rate)
    with writing():
        role = _held(role_id, version)
        role.api_rate = role.api_rate if rate is None else rate
        if role.name != name:
            _refuse_taken(name, role.id)
        role.name, role.description, role.rights = name, description.strip()[:500], rights
        before = grants_in(role)
        _set_grants(role, granted)
        audit.note("role changed", f"{name}{_difference(before, grants_in(role))}", actor)
    return role


def _difference(before: Sequence[Grant], after: Sequence[Grant]) -> str:
    """What a role gives otherwise than before, for the audit list."""
    was, now = ({replace(one, by="") for one in grants} for grants in (before, after))
    lines = [f"+ {_said(one)}" for one in sorted(now - was, key=_said)]
    lines += [f"- {_said(one)}" for one in sorted(was - now, key=_said)]
    return ": " + "; ".join(lines) if lines else ""


def _said(grant: Grant) -> str:
    """`Orders: list, read, where owner == me, 1 field limited`."""
    with_id = {live.declared.id: live.table.label for live in catalog.tables().values()}
    place = with_id.get(
        grant.table or 0, grant.tool if grant.table is None else "a table that is gone"
    )
    rule = f", where {grant.rule}" if grant.rule else ""
    limited = len(grant.hidden | grant.readonly)
    fields = f", {limited} field{'' if limited == 1 else 's'} limited" if limited else ""
    return f"{place}: {', '.join(one for one in ACTIONS if one in grant.actions)}{rule}{fields}"


def delete(actor: Actor, role_id: int) -> None:
    """Delete a role that nobody has. Raises Conflict, which names who has it."""
    require(actor, "people")
    with writing() as session:
        role = _held(role_id, None)
        if having := people_with(role_id):
            names = ", ".join(one.name for one in having[:3])
            more = f" and {len(having) - 3} more" if len(having) > 3 else ""
            have = "has" if len(having) == 1 else "have"
            raise Conflict(f"{names}{more} still {have} the role {role.name}. Take it away first.")
        audit.note("role deleted", role.name, actor)
        session.delete(role)


def sizes() -> dict[int, int]:
    """How many people have each role that anybody has."""
    query = sa.select(MEMBERSHIP.c.role_id, sa.func.count()).group_by(MEMBERSHIP.c.role_id)
    return {row[0]: row[1] for row in db.session.execute(query)}


def read_ahead(ids: Collection[int]) -> None:
    """Read the roles of these people with one question, where they are about to be asked for."""
    known = {id: tuple(map(AskedRole.of, found)) for id, found in roles_by_person(ids).items()}
    database.asked().setdefault("roles", {}).update(known)


def _held(role_id: int, version: int | None) -> Role:
    role = db.session.scalar(sa.select(Role).where(Role.id == role_id).with_for_update())
    if role is None:
        raise NotFound("There is no such role.")
    if version is not None and role.version != version:
        raise Conflict(
            "Somebody else has changed this role while you had it open. Look at it again."
        )
    return role


def _checked(name: str, rights: Collection[str]) -> tuple[str, list[str]]:
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        words = f"The name needs 1 to {LONGEST_NAME} characters"
        raise Invalid(f"{words}.", [("name", words)])
    if unknown := {*rights} - GIVEN_BY_ROLES.keys():
        words = f"No role can give {', '.join(sorted(unknown))}; one can give {', '.join(GIVEN_BY_ROLES)}"
        raise Invalid(f"{words}.", [("rights", words)])
    return name, sorted(rights)


def _checked_rate(text: str) -> str:
    text = " ".join(text.split())
    try:
        if len(text) > LONGEST_RATE:
            raise ValueError(f"up to {LONGEST_RATE} characters")
        return read_rate(text) if text else ""
    except ValueError as error:
        words = f"The API limit must be {error}"
        raise Invalid(f"{words}.", [("api_rate", words)]) from None


def _refuse_taken(name: str, but: int = 0) -> None:
    query = sa.select(Role.id).where(sa.func.lower(Role.name) == name.lower(), Role.id != but)
    if db.session.scalar(query) is not None:
        words = f"There is a role {name} already"
        raise Invalid(f"{words}.", [("name", words)])


# Grants ----------------------------------------------------------------------------------------


def _checked_grants(granted: Sequence[Grant], kept: Collection[Grant] = ()) -> list[Grant]:
    """Grants as they are kept; those that were kept before may be of what is not there any more. Raises
    Invalid with what cannot be, by the field of its form."""
    if len(granted) > MOST_GRANTS:
        raise Invalid(f"A role has up to {MOST_GRANTS} lines; split it into two.")
    found = [one if one in kept else check(one) for one in granted if one.actions]
    for one in found:
        if one not in kept:
            _index(one)
    return found


def _set_grants(role: Role, granted: Iterable[Grant]) -> None:
    kept = {replace(one, by="") for one in grants_in(role)}
    wanted = [replace(one, by="") for one in granted]
    role.grants = [one.document() for one in _checked_grants(wanted, kept)]


def check(grant: Grant) -> Grant:
    """A grant as it is kept: whoever may do anything may list. Raises Invalid."""
    if unknown := grant.actions - {*ACTIONS}:
        raise Invalid(f"There is no action {', '.join(sorted(unknown))}.", [("actions", "unknown")])
    if grant.actions & WHOLE and not grant.whole:
        words = "design and share go with all records and fields: take them out, or the rule and the fields"
        raise Invalid(f"{words[0].upper()}{words[1:]}.", [("actions", words)])
    if grant.table is not None:
        _check_place(grant, catalog.by_id(grant.table))
    elif grant.rule or grant.hidden or grant.readonly:
        words = "a rule, or fields, go with one table"
        raise Invalid(f"{words[0].upper()}{words[1:]}.", [("rule", words)])
    return replace(grant, actions=grant.actions | {"list"}, rule=grant.rule.strip())


def _check_place(grant: Grant, live: Live) -> None:
    if grant.rule.strip():
        try:
            seen.rule(live, grant.rule.strip())
        except AppError as error:
            raise Invalid(str(error), [("rule", str(error))]) from None
    known = {one.id for one in (*live.table.fields, *(one.field for one in live.table.dropped))}
    if grant.hidden - known or grant.readonly - known:
        words = "a field of it is not there any more"
        raise Invalid(f"{words}.", [("fields", words)])


def share(
    actor: Actor, live: Live, role_id: int, version: int | None, actions: Collection[str]
) -> Role:
    """Say what a role may do with all records of one table; its lines with a rule stay as they are, and
    so does what the actor could not give.

    Raises Forbidden where the actor would give what they have not, NotFound, Conflict."""
    return share_all(actor, live, {role_id: (version, actions)})[0]


def share_all(
    actor: Actor, live: Live, wanted: Mapping[int, tuple[int | None, Collection[str]]]
) -> list[Role]:
    """The same of several roles, by id, each as it was seen in a version: all are changed, or none."""
    with writing():
        require(actor, "share", live.whole.table)
        return [
            _share(actor, live.whole, _held(role_id, version), frozenset(actions))
            for role_id, (version, actions) in sorted(wanted.items())
        ]


def _share(actor: Actor, live: Live, role: Role, actions: frozenset[str]) -> Role:
    before = given_on(role, live)
    refuse_more(actor, actions - before, live.table)
    wanted = actions | (before - may_give(actor, live.table))
    if wanted != before:
        had = grants_in(role)
        others = [one for one in had if not (_is_on(one, live) and one.whole)]
        given = Grant("", wanted, tool=live.table.tool, table=live.table.id)
        _set_grants(role, [*others, given])
        audit.note("role changed", f"{role.name}{_difference(had, grants_in(role))}", actor)
    return role


def _is_on(grant: Grant, live: Live) -> bool:
    return (grant.tool, grant.table) == (live.table.tool, live.table.id)


def given_on(role: Role, live: Live) -> frozenset[str]:
    """What the lines of a role that are for this one table give on all of its records."""
    found = [one.actions for one in grants_in(role) if _is_on(one, live) and one.whole]
    return frozenset[str]().union(*found)


# Rules -----------------------------------------------------------------------------------------


def refuses_everybody(live: Live, rule: str, people: Sequence[Any]) -> bool:
    """Whether a rule is met by no record of the table for any of these people, though there are records."""
    found = seen.rule(live, rule)
    any_record = sa.select(sa.literal(1)).select_from(live.whole.sql).limit(1)
    if db.session.scalar(any_record) is None:
        return False
    return not any(_meets_one(live, found, one) for one in people)


def _meets_one(live: Live, found: Any, person: Any) -> bool:
    asker = seen.asker(Actor.of(person), found)
    columns = {name: one.type.expression(one, live.whole) for name, one in found.uses.items()}
    wanted = found.expression.rule({**columns, **asker})
    query = sa.select(sa.literal(1)).select_from(live.whole.sql).where(wanted).limit(1)
    return db.session.scalar(query) is not None


class _Plan(sa.Executable, sa.ClauseElement):
    """How the database would find what a statement asks for."""

    inherit_cache = False

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement


@compiles(_Plan)
def _explain(element: _Plan, compiler: Any, **options: Any) -> str:
    how = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    return f"{how} {compiler.process(element.statement, **options)}"


def looks_at_all(live: Live, rule: str) -> bool:
    """Whether no index helps to find the records that meet a rule: then the database looks at all of
    them for whoever has it. Raises Refused, AppError."""
    live = live.whole
    found = seen.rule(live, rule)
    nobody = {"me.roles": ["-"], "me": 0, "me.name": "-", "me.email": "-"}
    values = {**expressions.around(), **nobody}
    columns = {name: one.type.expression(one, live) for name, one in found.uses.items()}
    wanted = found.expression.rule({**values, **columns})
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(live.sql).where(wanted)
    plan = "\n".join(str(row[-1]) for row in _plan_of(query))
    if db.engine.dialect.name == "sqlite":
        return re.search(rf"^SCAN {re.escape(live.sql.name)}\b", plan, re.MULTILINE) is not None
    return f"Seq Scan on {live.sql.name}" in plan or "Index Cond" not in plan


def _plan_of(query: sa.Select[Any]) -> Sequence[Any]:
    """PostgreSQL would read a small table whole even where there is an index."""
    connection = db.session.connection()
    if connection.dialect.name == "sqlite":
        return connection.execute(_Plan(query)).all()
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    found = connection.execute(_Plan(query)).all()
    connection.exec_driver_sql("SET LOCAL enable_seqscan TO DEFAULT")
    return found


LONGEST_INDEXED = 600
"""Characters: PostgreSQL takes no longer ones into an index."""


def _index(grant: Grant) -> None:
    """Give the fields that a rule compares an index each, where they have none."""
    if grant.rule and grant.table is not None:
        live = catalog.by_id(grant.table)
        for one in lacking_index(live, grant.rule):
            ddl.index(live.sql.name, one.name)


def lacking_index(live: Live, rule: str) -> list[Field]:
    """The fields that get an index when a rule is saved: those that it compares and that have none, of a
    table that was made in the browser. Raises Refused."""
    compared = expressions.compared(rule)
    wanted = [
        one for one in live.table.fields if one.name in compared and _can_be_indexed(live, one)
    ]
    if not wanted:
        return []
    there = sa.inspect(db.session.connection()).get_indexes(live.sql.name)
    first = {one["column_names"][0] for one in there}
    return [one for one in wanted if one.name not in first]


def _can_be_indexed(live: Live, field: Field) -> bool:
    if live.written or field.name not in live.sql.c:
        return False
    kind = field.type
    return not isinstance(kind, Text) or kind.longest(field) <= LONGEST_INDEXED
