"""One line of a role as it is looked at, changed and saved; and the form of who may use a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from app import roles
from app.errors import AppError, Conflict, Invalid, NotFound
from app.models import Role
from app.permissions import ACTIONS, Actor, Grant
from app.tables import catalog
from app.tables.live import Live
from blueprints.people import grid

ACCESS = {
    "private": "Only its maker, the administrators and the roles below",
    "read": "Everyone reads",
    "edit": "Everyone reads and edits",
}
"""What everybody may do with a table, in words."""


@dataclass(frozen=True)
class Line:
    """A line of a role for one table; `number` is its place in the role, 0 of a new one."""

    role: Role
    live: Live
    grant: Grant
    number: int = 0
    version: int = 0

    def read(self, sent: Any) -> Line:
        """The line as a form has sent it."""
        return replace(
            self, grant=grid.read_line(self.live, sent), version=version(sent.get("version", ""))
        )


class Look(NamedTuple):
    """What can be said of a rule: in words, whether it looks at all records, whether it is met by none
    for those who have the role, and the fields that get an index when it is saved."""

    words: str = ""
    looks_at_all: bool = False
    refuses: bool = False
    indexes: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to show before it is saved."""
        return bool(self.words)


def version(text: str) -> int:
    """The version that was on the page; 0, which none is, where the form has no such number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def new(role: Role, live: Live) -> Line:
    """A line that gives nothing yet."""
    empty = Grant("", frozenset(), tool=live.table.tool, table=live.table.id)
    return Line(role, live, empty, version=role.version)


def line(role: Role, number: int) -> Line:
    """A line of a role, from 1. Raises NotFound, also where it is for a whole tool, or its table is gone."""
    found = roles.grants_in(role)[number - 1 : number] if number else []
    if not found or found[0].table is None:
        raise NotFound("There is no such line in this role, or it is not for one table.")
    live = catalog.by_id(found[0].table)
    return Line(role, live, replace(found[0], by=""), number, role.version)


def look(line: Line) -> Look:
    """What can be said of the rule of a line; nothing where there is none, or it cannot be read."""
    rule = line.grant.rule
    try:
        if not rule:
            return Look()
        having = roles.people_with(line.role.id)
        refuses = bool(having) and roles.refuses_everybody(line.live, rule, having)
        words = grid.rule_in_words(line.live, rule)
        lacking = [one.label for one in roles.lacking_index(line.live, rule)]
        return Look(words, roles.looks_at_all(line.live, rule), refuses, lacking)
    except AppError:
        return Look()


def save(actor: Actor, line: Line, sent: Mapping[str, str]) -> Look | None:
    """Save a line; where somebody only wants to look, or a rule is met by no record and nobody has said
    to save it anyway, what there is to say of it. Raises Invalid, Conflict, NotFound, Forbidden."""
    if not line.grant.actions:
        words = "Tick what it gives, or remove the line"
        raise Invalid(words, [("actions", words)])
    checked = roles.check(line.grant)
    found = look(replace(line, grant=checked))
    if "look" in sent or (found.refuses and "anyway" not in sent):
        return found if found else Look("Every record")
    _put(actor, line, [checked])
    return None


def remove(actor: Actor, line: Line, sent: Mapping[str, str]) -> None:
    """Take a line out of its role. Raises Conflict, NotFound, Forbidden."""
    _put(actor, replace(line, version=version(sent.get("version", ""))), [])


def _put(actor: Actor, line: Line, instead: list[Grant]) -> None:
    """The role with this in the place of the line."""
    role = line.role
    given = roles.grants_in(role)
    if role.version != line.version:
        raise Conflict(
            "Somebody else has changed this role while you had the line open. Look at it again."
        )
    place = line.number - 1 if line.number else len(given)
    given[place : place + 1] = instead
    roles.change(actor, role.id, line.version, role.name, role.description, role.rights, given)


def shares(sent: Any) -> Mapping[int, tuple[int | None, Collection[str]]]:
    """What a form says of roles on a table: for each the version that was seen, and the actions. Raises
    Invalid."""
    ids = [version(name.removeprefix("version-")) for name in sent if name.startswith("version-")]
    found = {
        id: (version(sent[f"version-{id}"]), frozenset(sent.getlist(f"do-{id}")))
        for id in ids
        if id
    }
    if unknown := {one for _, actions in found.values() for one in actions} - {*ACTIONS}:
        raise Invalid(f"There is no action {min(unknown)[:60]}; there are {', '.join(ACTIONS)}.")
    return found
