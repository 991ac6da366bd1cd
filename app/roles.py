"""Roles: what the people who have one may do. Here they are made, changed and given.

Only administrators make roles and give them to people. Whoever has the right `share` on a table may also say
what each role may do with that one table, as far as they may do it themselves with all of its records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from app.config import read_rate
from app.database import writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import MEMBERSHIP, Person, Role
from app.permissions import ACTIONS, GIVEN_BY_ROLES, Actor, Grant, grant_of, grants, require
from app.tables import catalog, seen
from app.tables.live import Live

LONGEST_NAME, LONGEST_RATE, MOST_GRANTS = 60, 30, 500
WHOLE = {"design", "share"}
"""What goes with all records and fields only: whoever may change a table could read it all."""


def everything() -> Sequence[Role]:
    """All roles, by name."""
    return db.session.scalars(sa.select(Role).order_by(sa.func.lower(Role.name))).all()


def get(role_id: int) -> Role:
    """A role. Raises NotFound."""
    found = db.session.get(Role, role_id) if 0 < role_id < 2**31 else None
    if found is None:
        raise NotFound("There is no such role.")
    return found


def named(names: Iterable[str]) -> list[Role]:
    """Roles by name, capitals aside. Raises Invalid, naming those that there are."""
    known = {one.name.lower(): one for one in everything()}
    names = list(names)
    if unknown := [name for name in names if name.strip().lower() not in known]:
        there = ", ".join(one.name for one in known.values()) or "none yet"
        words = f"There is no role {', '.join(unknown)}; there are: {there}"
        raise Invalid(f"{words}.", [("roles", words)])
    return [known[name.strip().lower()] for name in names]


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
    return made


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
        role.grants = [one.document() for one in _checked_grants(granted)]
    return role


def delete(actor: Actor, role_id: int) -> None:
    """Delete a role that nobody has. Raises Conflict, which names who has it."""
    require(actor, "people")
    with writing() as session:
        role = _held(role_id, None)
        if having := people_with(role_id):
            names = ", ".join(one.name for one in having[:3])
            more = f" and {len(having) - 3} more" if len(having) > 3 else ""
            raise Conflict(
                f"{names}{more} still have the role {role.name}. Take it from them first."
            )
        session.delete(role)


def give(actor: Actor, person_id: int, role_ids: Collection[int]) -> None:
    """Let a person have exactly these roles. Raises NotFound, Forbidden."""
    require(actor, "people")
    with writing() as session:
        assign(person_id, [get(one).id for one in role_ids])
        session.flush()


def assign(person_id: int, role_ids: Collection[int]) -> None:
    """The same in the transaction of the caller, who has asked for the right."""
    db.session.execute(sa.delete(MEMBERSHIP).where(MEMBERSHIP.c.person_id == person_id))
    rows = [{"person_id": person_id, "role_id": one} for one in sorted(set(role_ids))]
    if rows:
        db.session.execute(sa.insert(MEMBERSHIP), rows)


def of_people(ids: Collection[int]) -> dict[int, list[Role]]:
    """The roles of these people, by name."""
    query = (
        sa.select(MEMBERSHIP.c.person_id, Role)
        .join(Role, Role.id == MEMBERSHIP.c.role_id)
        .where(MEMBERSHIP.c.person_id.in_(ids))
        .order_by(sa.func.lower(Role.name))
    )
    found: dict[int, list[Role]] = {id: [] for id in ids}
    for person_id, role in db.session.execute(query):
        found[person_id].append(role)
    return found


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
        raise Invalid(f"No role can give {', '.join(sorted(unknown))}.", [("rights", "unknown")])
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


def _checked_grants(granted: Sequence[Grant]) -> list[Grant]:
    """Grants as they are kept. Raises Invalid with what cannot be, by the field of its form."""
    if len(granted) > MOST_GRANTS:
        raise Invalid(f"A role has up to {MOST_GRANTS} lines; split it into two.")
    return [check(one) for one in granted if one.actions]


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
        except Invalid as error:
            raise Invalid(str(error), [("rule", str(error))]) from None
    known = {one.id for one in (*live.table.fields, *(one.field for one in live.table.dropped))}
    if grant.hidden - known or grant.readonly - known:
        words = "a field of it is not there any more"
        raise Invalid(f"{words}.", [("fields", words)])


def share(
    actor: Actor, live: Live, role_id: int, version: int | None, actions: Collection[str]
) -> Role:
    """Say what a role may do with all records of one table; its lines with a rule stay as they are.

    Raises Forbidden where the actor would give what they have not, NotFound, Conflict."""
    require(actor, "share", live.table)
    refuse_more(actor, live, actions)
    with writing():
        role = _held(role_id, version)
        others = [one for one in grants_in(role) if not (one.table == live.table.id and one.whole)]
        given = Grant("", frozenset(actions), tool=live.table.tool, table=live.table.id)
        role.grants = [one.document() for one in _checked_grants([*others, given])]
    return role


def refuse_more(actor: Actor, live: Live, actions: Collection[str]) -> None:
    """Raise Forbidden where the actor may not do all of this with all records of a table."""
    mine = [one for one in grants(actor, live.whole.table) if one.whole]
    have = frozenset[str]().union(*(one.actions for one in mine))
    if more := [one for one in ACTIONS if one in actions and one not in have]:
        raise Forbidden(
            f"You cannot give “{', '.join(more)}” on {live.table.label}: you do not have it."
        )


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
