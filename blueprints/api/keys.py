"""Keys of somebody: which tables one can be for, and how it is made. No request in here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from app import people, tokens
from app.errors import Conflict, Invalid, NotFound
from app.models import Token
from app.permissions import SYSTEM, Actor
from app.tables import catalog
from app.tables.live import Live

NAMELESS = "a table that you do not see"


class Listed(NamedTuple):
    """A key in a list: `tables` says in words what it is for."""

    key: Token
    tables: str
    expired: bool


def offered(actor: Actor) -> dict[int, str]:
    """The tables that the actor may list, by id, as people call them."""
    return {
        live.table.id: live.table.label
        if live.table.label == tool.label
        else f"{tool.label}: {live.table.label}"
        for tool, tables in catalog.open_to(actor).items()
        for live in tables
    }


def of_actor(actor: Actor) -> list[Listed]:
    """The actor's keys, the newest first."""
    names = offered(actor)
    return [
        Listed(key, in_words(key, names), tokens.has_expired(key))
        for key in tokens.of_person(actor.id)
    ]


def in_words(key: Token, names: dict[int, str]) -> str:
    """The tables that a key is for."""
    if key.tables is None:
        return "all tables"
    return ", ".join(sorted({names.get(id, NAMELESS) for id in key.tables}))


def make(
    actor: Actor, name: str, scope: str, tables: Collection[int], days: int | None
) -> tuple[Token, str]:
    """A new key of the actor's, for some tables that they may list, or without any for all of them; and
    its text. Raises Invalid, Forbidden."""
    if not offered(actor).keys() >= {*tables}:
        raise Invalid(errors=[("tables", "A table that was chosen is not there any more")])
    return tokens.create(actor, name, scope, tables or None, days)


# Commands --------------------------------------------------------------------------------------


def make_for(
    email: str, name: str, scope: str, places: Sequence[str], days: int | None
) -> tuple[Token, str]:
    """The same for the person with this email, by the operator; `places` are written `tool/table`.
    Raises Invalid, NotFound, Forbidden, and Conflict for somebody who is disabled."""
    person = people.find(email)
    if not person.active:
        raise Conflict(f"{person.email} is disabled, so a key of theirs would open nothing.")
    actor = Actor.of(person)
    tables = [*_ids(actor, places)] or None
    return tokens.create(actor, name, scope, tables, days, by=SYSTEM)


def _ids(actor: Actor, places: Sequence[str]) -> Iterable[int]:
    for place in places:
        tool, _, table = place.partition("/")
        try:
            yield catalog.get(actor, tool, table).table.id
        except NotFound:
            there = ", ".join(f"{one.table.tool}/{one.table.name}" for one in _seen_by(actor))
            words = f"{actor.email} sees no table {place}; a table is named TOOL/TABLE"
            raise NotFound(f"{words}, one of {there}." if there else f"{words}.") from None


def _seen_by(actor: Actor) -> list[Live]:
    return [live for tables in catalog.open_to(actor).values() for live in tables]


def named() -> dict[int, str]:
    """Every table by its id, as commands name it."""
    return {one.table.id: f"{one.table.tool}/{one.table.name}" for one in catalog.tables().values()}
