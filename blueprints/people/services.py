"""What the pages of people show and do. The rules about people are in `app.people` and `app.invites`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from app import audit, invites, people, sessions
from app.database import writing
from app.errors import BadAddress, Conflict
from app.extensions import db, utcnow
from app.models import MEMBERSHIP, Event, Person, Role, Session
from app.permissions import SIGNED_IN, Actor, require

PER_PAGE = 100
STATES = {"active": "ok", "invited": "info", "disabled": "muted"}
"""What a person can be, and the tone of the dot."""


def state_of(person: Person) -> str:
    """One of STATES: somebody who has no password yet is invited."""
    if not person.active:
        return "disabled"
    return "active" if person.password_hash else "invited"


_IN_STATE = {
    "active": sa.and_(Person.active, Person.password_hash != ""),
    "invited": sa.and_(Person.active, Person.password_hash == ""),
    "disabled": ~Person.active,
}


# The list --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filters:
    """Which people are shown, as the address of the list says."""

    q: str = ""
    state: str = ""
    role: int = 0
    page: int = 1

    @property
    def any(self) -> bool:
        """Whether anybody may be left out."""
        return bool(self.q or self.state or self.role)

    def address(self, **changes: Any) -> dict[str, Any]:
        """The parameters of the address, with changes."""
        values = {**self.__dict__, "page": 1, **changes}
        return {name: value for name, value in values.items() if value != getattr(Filters, name)}


class Line(NamedTuple):
    """A person in the list."""

    person: Person
    state: str
    roles: Sequence[Role]


class Listing(NamedTuple):
    """A page of people, how many there are on all pages, and the roles to filter by."""

    lines: Sequence[Line]
    total: int
    roles: Sequence[Role]
    more: bool


def filters(args: Mapping[str, str]) -> Filters:
    """The filters of an address. Raises BadAddress, naming what is unknown and what works."""
    if unknown := [name for name in args if name not in Filters.__dataclass_fields__]:
        raise BadAddress(
            f"The list of people has no parameter “{unknown[0][:60]}”. It knows q, state, role, page."
        )
    state = args.get("state", "")
    if state and state not in STATES:
        raise BadAddress(f"state is one of {', '.join(STATES)}, not “{state[:60]}”.")
    role, page = number(args, "role", 0), max(number(args, "page", 1), 1)
    return Filters(args.get("q", "").strip()[:200], state, role, page)


def number(args: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of an address. Raises BadAddress."""
    text = args.get(name, "") or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadAddress(f"{name} is a whole number, not “{text[:60]}”.")
    return int(text)


def listing(actor: Actor, wanted: Filters) -> Listing:
    """A page of the people who fit, by name. Raises Forbidden, BadAddress."""
    require(actor, "people")
    roles = people.all_roles()
    if wanted.role and wanted.role not in {role.id for role in roles}:
        raise BadAddress(f"There is no role with the number {wanted.role}.")
    fitting = sa.and_(sa.true(), *_conditions(wanted))
    total = db.session.scalar(sa.select(sa.func.count(Person.id)).where(fitting)) or 0
    first = (wanted.page - 1) * PER_PAGE
    by_name = sa.select(Person).where(fitting).order_by(sa.func.lower(Person.name), Person.id)
    found = list(db.session.scalars(by_name.offset(first).limit(PER_PAGE)))
    theirs = people.roles_by_person([one.id for one in found])
    lines = [Line(one, state_of(one), theirs[one.id]) for one in found]
    return Listing(lines, total, roles, total > first + PER_PAGE)


def _conditions(wanted: Filters) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.q:
        part = wanted.q.lower()
        texts = (Person.name, Person.email)
        found.append(sa.or_(*(sa.func.lower(t).contains(part, autoescape=True) for t in texts)))
    if wanted.state:
        found.append(_IN_STATE[wanted.state])
    if wanted.role:
        have = sa.select(MEMBERSHIP.c.person_id).where(MEMBERSHIP.c.role_id == wanted.role)
        found.append(Person.id.in_(have))
    return found


# One person ------------------------------------------------------------------------------------


class Shown(NamedTuple):
    """A person with what their page says of them."""

    person: Person
    state: str
    roles: Sequence[Role]
    sessions: Sequence[Session]
    invite_until: datetime | None
    own: bool

    @property
    def invite_is_over(self) -> bool:
        """Whether an invited person has no link that works."""
        return self.invite_until is None or self.invite_until <= utcnow()


def show(actor: Actor, person_id: int) -> Shown:
    """A person. Raises NotFound, Forbidden."""
    require(actor, "people")
    person = people.get(person_id)
    roles = people.roles_by_person([person_id])[person_id]
    until = invites.open_until(person_id) if not person.password_hash else None
    signed_in = sessions.of_person(person_id)
    return Shown(person, state_of(person), roles, signed_in, until, person_id == actor.id)


def set_active(actor: Actor, person_id: int, active: bool) -> Person:
    """Let a person in, or end their access at once. Raises NotFound, Forbidden, Conflict."""
    change = people.enable if active else people.disable
    return change(_email(actor, person_id), actor)


def set_admin(actor: Actor, person_id: int, admin: bool) -> Person:
    """Make a person an administrator, or no longer one. Raises NotFound, Forbidden, Conflict."""
    return people.set_admin(_email(actor, person_id), admin, actor)


def password_link(actor: Actor, person_id: int) -> tuple[Person, str]:
    """A person, and the token of a link by which they choose a password. Raises as the above."""
    token = people.reset_link(_email(actor, person_id), actor)
    return people.get(person_id), token


def _email(actor: Actor, person_id: int) -> str:
    require(actor, "people")
    return people.get(person_id).email


# Seeing the app as somebody else ---------------------------------------------------------------


def see_as(actor: Actor, person_id: int) -> Person:
    """From the next request on, the administrator's session shows the app as this person sees it.
    Raises NotFound, Forbidden, Conflict."""
    require(actor, "people")
    with writing() as session:
        person = people.get(person_id)
        if person.admin or not person.active:
            raise Conflict(f"{person.name} cannot be seen as: only members who are not disabled.")
        mine = session.get(Session, actor.session_id) if actor.session_id else None
        if mine is None:
            raise Conflict("This works in a browser, where you have signed in.")
        mine.seeing_id = person.id
        audit.note("see as began", audit.name_of(person), actor)
    return person


def stop_seeing(actor: Actor) -> None:
    """Back to oneself; nothing happens where nobody is seen."""
    require(actor, SIGNED_IN)
    with writing() as session:
        mine = session.get(Session, actor.session_id) if actor.session_id else None
        if mine is None or not mine.seeing_id:
            return
        seen = session.get(Person, mine.seeing_id)
        mine.seeing_id = None
        admin = Actor.of(session.get_one(Person, mine.person_id))
        audit.note("see as ended", audit.name_of(seen) if seen else "", admin)


# The audit list --------------------------------------------------------------------------------


class Events(NamedTuple):
    """A page of the audit list, the newest first; `following` is where the next page begins, or 0."""

    found: Sequence[Event]
    following: int
    person: Person | None
    actions: Sequence[str]


def events(actor: Actor, args: Mapping[str, str]) -> Events:
    """What was done, by a person or about them, and of one kind. Raises BadAddress, NotFound, Forbidden."""
    require(actor, "people")
    if unknown := set(args) - {"person", "action", "before"}:
        name = min(unknown)[:60]
        raise BadAddress(
            f"The audit list has no parameter “{name}”. It knows person, action, before."
        )
    chosen = number(args, "person", 0)
    person = people.get(chosen) if chosen else None
    actions = list(db.session.scalars(sa.select(Event.action).distinct().order_by(Event.action)))
    query = _events(person, args.get("action", ""), number(args, "before", 0))
    found = list(db.session.scalars(query))
    following = found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0
    return Events(found[:PER_PAGE], following, person, actions)


def _events(person: Person | None, action: str, before: int) -> sa.Select[tuple[Event]]:
    query = sa.select(Event).order_by(Event.id.desc()).limit(PER_PAGE + 1)
    if person:
        about = Event.about.contains(f"<{person.email}>", autoescape=True)
        query = query.where(sa.or_(Event.person_id == person.id, about))
    if action:
        query = query.where(Event.action == action)
    return query.where(Event.id < before) if before else query
