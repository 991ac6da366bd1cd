"""Who asks, and what they may. One function decides; services ask it, views do not.

A route says which right it needs with a decorator, and the deny hook refuses a route that says
nothing. So everything is closed until somebody opened it.

What somebody may do with a table comes from grants, and grants add up: one to everybody, as the table's
access says; one to its maker and to administrators; and those of the roles that a person has. A grant may
be for some records only, and may hide fields: what that leaves of a table is in `app.tables.seen`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from flask import current_app
from flask_login import UserMixin

from app import database, trips
from app.errors import Forbidden
from app.extensions import db
from app.models import MEMBERSHIP
from app.models import Person as PersonModel
from app.models import Role as RoleModel
from app.questions import Question

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed in"
BY_TABLE = "by table"
"""What a route shows is asked of each table: open to everybody who has signed in, and to any key."""
IN_PERSON = "in person"
"""What only the person may do, not a key of theirs, nor who sees the app as they do: such as one's account."""
WORKSPACE_RIGHTS = {"design", "people", "trips", "settings"}
"""Rights that only administrators have, unless a role gives them; anything else is open to every member."""
GIVEN_BY_ROLES = {"trips": "See all recorded trips"}
"""The rights of the workspace that a role can give, in words."""
ACTIONS = (
    "list", "read", "create", "update", "delete", "restore", "import", "export", "history", "design",
    "share",
)  # fmt: skip
"""What can be done with a table."""
ALL = frozenset(ACTIONS)
READING = frozenset({"list", "read", "export", "history"})
EDITING = READING | {"create", "update", "delete", "restore"}
OPENED = {"private": frozenset[str](), "read": READING, "edit": EDITING}
"""What the access of a table gives to everybody; its maker and the administrators may do everything."""
SCOPES = {
    "read": READING,
    "write": EDITING | {"import"},
    "design": ALL,
    "admin": ALL,
}
"""What a key of each scope can do with tables, as far as its person may."""


@dataclass(frozen=True)
class Actor(UserMixin):
    """Who is asking: a person in a session, with a key, or a command run for one.

    `session_id` is None outside of sessions. `scope` is that of the key `key_id`, empty in a session;
    `tables` the ids of those that a key is limited to. `looker` is the administrator who sees the app as this person
    does, and changes nothing.
    """

    id: int
    name: str
    email: str
    admin: bool = False
    theme: str = "auto"
    density: str = "default"
    session_id: int | None = None
    token: str = field(default="", repr=False)
    scope: str = ""
    tables: tuple[int, ...] | None = None
    key_id: int | None = None
    looker: str = ""
    timezone: str = ""
    formats: str = ""

    @classmethod
    def of(cls, person: Any) -> Actor:
        """The actor that a row of `person` is, outside any session: in commands and jobs."""
        return cls(
            person.id, person.name, person.email, person.admin,
            timezone=person.timezone, formats=person.formats,
        )  # fmt: skip

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the token of this session, not the person."""
        return self.token


SYSTEM = Actor(id=0, name="command line", email="", admin=True)
"""The operator at the machine itself, in commands."""
NOBODY = Actor(id=0, name="not signed in", email="")
"""Whoever uses a public page without an account."""


# Grants ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grant:
    """What somebody may do with a table, and why: `by` says it in words, such as “role Sales”.

    It is for the records that meet `rule`, an expression; blank: all. `hidden` and `readonly` are the ids
    of fields that it does not show, or not let change. `tool` says which tables it is for; where `table`
    is set, that one alone.
    """

    by: str
    actions: frozenset[str]
    rule: str = ""
    hidden: frozenset[str] = frozenset()
    readonly: frozenset[str] = frozenset()
    tool: str = ""
    table: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is for all records and fields."""
        return not (self.rule or self.hidden or self.readonly)

    def document(self) -> dict[str, Any]:
        """As JSON, for a role."""
        return {
            "tool": self.tool, "table": self.table, "actions": sorted(self.actions), "rule": self.rule,
            "hidden": sorted(self.hidden), "readonly": sorted(self.readonly),
        }  # fmt: skip


def grant_of(by: str, document: Mapping[str, Any]) -> Grant:
    """The grant of a document."""
    return Grant(
        by, frozenset(document["actions"]) & ALL, document["rule"], frozenset(document["hidden"]),
        frozenset(document["readonly"]), document["tool"], document["table"],
    )  # fmt: skip


@dataclass(frozen=True)
class Role:
    """A role, as it is asked about."""

    id: int
    version: int
    name: str
    rights: frozenset[str]
    grants: tuple[Grant, ...]
    api_rate: str = ""

    @classmethod
    def of(cls, row: Any) -> Role:
        """The role that a row of `role` is."""
        grants = tuple(grant_of(f"role {row.name}", one) for one in row.grants)
        return cls(row.id, row.version, row.name, frozenset(row.rights), grants, row.api_rate)


class Guarded(Protocol):
    """A table, as far as rights go."""

    @property
    def id(self) -> int:
        """That of its definition."""

    @property
    def tool(self) -> str:
        """The tool that it is of."""

    @property
    def label(self) -> str:
        """What people call it."""

    @property
    def access(self) -> str:
        """One of OPENED."""

    @property
    def owner_id(self) -> int | None:
        """The person who made it."""

    @property
    def granted(self) -> tuple[Grant, ...] | None:
        """The grants that are left for one record; None where that is not about one."""


_MINE = Question(
    sa.select(RoleModel.id, RoleModel.version)
    .join(MEMBERSHIP, MEMBERSHIP.c.role_id == RoleModel.id)
    .where(MEMBERSHIP.c.person_id == sa.bindparam("person"))
    .order_by(RoleModel.name)
)
MOST_KEPT = 500


def with_roles(query: sa.Select[Any]) -> sa.Select[Any]:
    """A query that finds one person, with their roles: a row for each, which ends with its id and version.
    `roles_found` takes them, so that they need not be asked for again."""
    having = MEMBERSHIP.c.person_id == PersonModel.id
    joined = query.outerjoin(MEMBERSHIP, having).outerjoin(
        RoleModel, RoleModel.id == MEMBERSHIP.c.role_id
    )
    return joined.add_columns(RoleModel.id, RoleModel.version).order_by(RoleModel.name)


def roles_found(person_id: int, rows: Iterable[Sequence[Any]]) -> None:
    """Take what a query `with_roles` has found."""
    mine = [(row[-2], row[-1]) for row in rows if row[-2] is not None]
    database.asked().setdefault("roles found", {})[person_id] = mine


def roles_of(actor: Actor) -> tuple[Role, ...]:
    """The roles of a person, by name: asked for once a request, and once a step of a job."""
    if not actor.id:
        return ()
    asked: dict[int, tuple[Role, ...]] = database.asked().setdefault("roles", {})
    if actor.id not in asked:
        mine = database.asked().get("roles found", {}).get(actor.id)
        if mine is None:
            mine = [(row[0], row[1]) for row in _MINE.ask(person=actor.id)]
        asked[actor.id] = _known(mine)
    return asked[actor.id]


def _known(wanted: Sequence[tuple[int, int]]) -> tuple[Role, ...]:
    """Roles by id and version; a version that was read once is kept by the process, unless it was read
    where it may still be taken back."""
    known: dict[tuple[int, int], Role] = current_app.extensions.setdefault("roles", {})
    found = {key: known.get(key) for key in wanted}
    if missing := [key for key, one in found.items() if one is None]:
        query = sa.select(RoleModel.__table__).where(RoleModel.id.in_([id for id, _ in missing]))
        read = {row.id: Role.of(row) for row in db.session.connection().execute(query)}
        # a role that was changed between the two statements is taken as it is now
        found |= {key: read.get(key[0]) for key in missing}
        if not database.is_writing():
            if len(known) > MOST_KEPT:
                known.clear()
            known.update({(one.id, one.version): one for one in read.values()})
    return tuple(one for one in found.values() if one)


def grants(actor: Actor, table: Guarded) -> tuple[Grant, ...]:
    """All grants that this person has on a table; those left for one record where it is about that."""
    if table.granted is not None:
        return table.granted
    if actor.admin:
        return (Grant("administrators", ALL),)
    if not actor.id:
        return ()
    found = []
    if table.owner_id == actor.id:
        found.append(Grant("its maker", ALL))
    if opened := OPENED[table.access]:
        found.append(Grant("everybody", opened))
    for role in roles_of(actor):
        found += [one for one in role.grants if _is_about(one, table)]
    return tuple(found)


def _is_about(grant: Grant, table: Guarded) -> bool:
    return grant.tool == table.tool and grant.table in (None, table.id)


# Asking ----------------------------------------------------------------------------------------


def may(actor: Actor | None, action: str, subject: str | Guarded = "") -> bool:
    """Whether this actor may do this: to a table, or to a record where the table is narrowed to that; or
    a part of the app, as `trips`.

    A table itself has the actions `design`, `import` and `share` too.
    """
    if action == PUBLIC:
        return True
    if actor is None or not _in_scope(actor, action, subject):
        return False
    if isinstance(subject, str):
        return actor.admin or action not in WORKSPACE_RIGHTS or _is_given(actor, action)
    return any(action in one.actions for one in grants(actor, subject))


def _is_given(actor: Actor, right: str) -> bool:
    return right in GIVEN_BY_ROLES and any(right in role.rights for role in roles_of(actor))


def _in_scope(actor: Actor, action: str, subject: str | Guarded) -> bool:
    """Whether the key that somebody asks with is for this; a session is for everything."""
    if action == IN_PERSON:
        return not (actor.scope or actor.looker)
    if not actor.scope:
        return True
    if not isinstance(subject, str):
        listed = actor.tables is None or subject.id in actor.tables or not subject.tool
        return listed and action in SCOPES[actor.scope]
    if action in WORKSPACE_RIGHTS:
        return actor.scope == "admin" and actor.tables is None
    if action == BY_TABLE:
        return True
    wide = action == SIGNED_IN or actor.scope in ("design", "admin")
    return wide and actor.tables is None


def require(actor: Actor | None, action: str, subject: str | Guarded = "") -> None:
    """Raise Forbidden, in words that name the right and who can give it, unless `may`."""
    if action == PUBLIC:
        return
    allowed = may(actor, action, subject)
    what = f"{action} {subject if isinstance(subject, str) else subject.label}".rstrip()
    trips.event("permission", f"{what}: {'allowed' if allowed else 'refused'}")
    if not allowed:
        raise Forbidden(_refusal(actor, action, subject))


def may_give(actor: Actor, table: Guarded) -> frozenset[str]:
    """What somebody may do with all records of a table, and so may let others do who may share it."""
    mine = (one.actions for one in grants(actor, table) if one.whole)
    return frozenset[str]().union(*mine)


def refuse_more(actor: Actor, actions: Iterable[str], table: Guarded) -> None:
    """Raise Forbidden where somebody would give what they may not do with all records of a table."""
    have, wanted = may_give(actor, table), {*actions}
    if more := [one for one in ACTIONS if one in wanted and one not in have]:
        raise Forbidden(
            f"You cannot give “{', '.join(more)}” on {table.label}: you do not have it."
        )


def _refusal(actor: Actor | None, action: str, subject: str | Guarded) -> str:
    if action == IN_PERSON:
        return "Only the person themselves can do this, signed in with their password."
    if actor is not None and actor.tables is not None and action in (SIGNED_IN, BY_TABLE):
        return "This key is for some tables only, and this is none of them."
    if actor is not None and not _in_scope(actor, action, subject):
        return f"This key has the scope “{actor.scope}”, which does not cover “{action}” here."
    if isinstance(subject, str):
        return (
            f"This needs the right “{action}”, which administrators can give. Ask one of them."
            if action in GIVEN_BY_ROLES
            else f"This needs the right “{action}”, which administrators have. Ask one of them."
        )
    whose = f"which {_maker(subject)} and the administrators can give"
    return f"This needs the right “{action}” on {subject.label}, {whose}."


def _maker(table: Guarded) -> str:
    """Who can give rights to a table besides the administrators: its maker, by name where there is one."""
    owner = db.session.get(PersonModel, table.owner_id) if table.owner_id else None
    return owner.name if owner is not None and owner.active else "its maker"


# Why -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reason:
    """One line of an explanation: a source of rights, whether it gives this one, and in words why."""

    by: str
    gives: bool
    words: str


def reasons(
    actor: Actor, action: str, table: Guarded, met: Iterable[Grant] | None = None
) -> list[Reason]:
    """Why somebody may do this to a table, or may not: a line for each of their grants. `met` are those
    whose rule the record meets that it is about."""
    holding = None if met is None else {*met}
    found = [_reason(one, action, holding) for one in grants(actor, table)]
    return found or [Reason("nobody", False, f"Nothing gives {actor.name} any right to it.")]


def _reason(grant: Grant, action: str, met: set[Grant] | None) -> Reason:
    if action not in grant.actions:
        return Reason(grant.by, False, f"does not give “{action}”")
    if not grant.rule:
        return Reason(grant.by, True, f"gives “{action}” on every record")
    if met is None:
        return Reason(grant.by, True, f"gives “{action}” on records where {grant.rule}")
    holds = grant in met
    words = (
        f"gives “{action}” where {grant.rule}, which {'holds' if holds else 'does not hold'} here"
    )
    return Reason(grant.by, holds, words)


# Routes ----------------------------------------------------------------------------------------


def requires(action: str, subject: str = "") -> Callable[[View], View]:
    """Declare the right that a hand-written route needs; `subject` is `<tool>/<table>` for one to a table."""

    def declare(view: View) -> View:
        view.right = (action, subject)  # type: ignore[attr-defined]
        return view

    return declare


def public(view: View) -> View:
    """Declare that a route is open to everybody, also without signing in."""
    return requires(PUBLIC)(view)


def signed_in(view: View) -> View:
    """Declare that a route is open to everybody who has signed in."""
    return requires(SIGNED_IN)(view)


def by_table(view: View) -> View:
    """The same where services ask for the rights of tables only: open to keys limited to tables too."""
    return requires(BY_TABLE)(view)


def in_person(view: View) -> View:
    """Declare that a route is for the person in their own session: not for a key, nor for who sees as them."""
    return requires(IN_PERSON)(view)


def fresh(view: View) -> View:
    """Declare that the password must have been typed a short while ago; the page asks for it if not."""
    view.fresh = True  # type: ignore[attr-defined]
    return view


def right_of(view: Callable[..., Any] | None) -> tuple[str, str] | None:
    """The right a route declares, or None."""
    return getattr(view, "right", None)
