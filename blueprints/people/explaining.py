"""Why somebody may do something, or may not; and who may use a table. Nobody learns here what they could
not see otherwise: what is asked about is found as the asker sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from app import people, roles
from app.errors import AppError, BadAddress, Forbidden, NotFound
from app.extensions import db
from app.models import Person, Role
from app.people import all_roles
from app.permissions import ACTIONS, Actor, Grant, grants, may, reasons, require
from app.tables import catalog, records, seen
from app.tables.live import Live
from app.tables.seen import GONE
from blueprints.people import grid, services

MOST_PEOPLE = 200


# Why -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Who, which table, which record (0: none in particular), and what. Blank while it is being asked."""

    person: int = 0
    table: str = ""
    record: int = 0
    action: str = "read"


class Line(NamedTuple):
    """One source of rights: whether it gives this one, in words, and which fields it leaves out."""

    by: str
    gives: bool
    words: str
    fields: str


class Answer(NamedTuple):
    """Whether somebody may, and each reason."""

    person: Person
    live: Live
    allowed: bool
    lines: Sequence[Line]


def question(asker: Actor, args: Mapping[str, str]) -> Question:
    """What an address asks; about oneself where it does not say. Raises BadAddress, and Forbidden where
    a member asks about others."""
    if unknown := set(args) - {"person", "table", "record", "action"}:
        words = "This page knows person, table, record, action"
        raise BadAddress(f"There is no parameter “{min(unknown)[:60]}” here. {words}.")
    action = args.get("action") or "read"
    if action not in ACTIONS:
        raise BadAddress(f"action is one of {', '.join(ACTIONS)}, not “{action[:60]}”.")
    person = services.number(args, "person", asker.id)
    if person != asker.id and not may(asker, "people"):
        raise Forbidden("You can ask this about yourself; administrators can about anybody.")
    return Question(person, args.get("table", ""), services.number(args, "record", 0), action)


def answer(asker: Actor, asked: Question) -> Answer | None:
    """The answer; None while no table is named. Raises NotFound for what the asker may not see."""
    if not asked.table:
        return None
    person = people.get(asked.person)
    tool, _, name = asked.table.partition("/")
    mine = catalog.get(asker, tool, name)
    if asked.record:
        mine = _of_record(mine, asked.record)
    subject, whole = Actor.of(person), mine.whole
    theirs = _seen_by(subject, whole, asked)
    allowed = person.active and theirs is not None and may(subject, asked.action, theirs.table)
    lines = _lines(asker, mine, subject, asked, theirs)
    return Answer(person, whole, allowed, [*_disabled(person), *lines])


def _of_record(live: Live, record_id: int) -> Live:
    """A record as the asker sees it, also one that is deleted. Raises NotFound."""
    known = records.deletions(live, record_id).with_only_columns(sa.literal(1))
    there = sa.select(sa.literal(1)).where(live.sql.c.id == record_id)
    if record_id >= 2**31 or not any(db.session.scalar(one) for one in (there, known)):
        raise NotFound(GONE)
    return records.of_any(live, record_id)


def _seen_by(subject: Actor, whole: Live, asked: Question) -> Live | None:
    """The table, or the record, as the person sees it; None where they do not."""
    if not may(subject, "list", whole.table):
        return None
    theirs = seen.of(subject, whole, asked.action)
    try:
        return records.of_any(theirs, asked.record) if asked.record else theirs
    except NotFound:
        return None


def _disabled(person: Person) -> list[Line]:
    return [] if person.active else [Line("disabled", False, f"{person.name} cannot sign in", "")]


def _lines(
    asker: Actor, mine: Live, subject: Actor, asked: Question, theirs: Live | None
) -> list[Line]:
    table = mine.whole.table
    met = None
    if asked.record:
        met = grants(subject, theirs.table) if theirs is not None else ()
    given = grants(subject, table)
    told = reasons(subject, asked.action, table, met)
    if not given:
        return [Line(one.by, one.gives, one.words, "") for one in told]
    return [
        Line(reason.by, reason.gives, _rule_told(asker, mine, grant, reason.words), _fields_told(mine, grant))
        for grant, reason in zip(given, told, strict=True)
    ]  # fmt: skip


def _rule_told(asker: Actor, mine: Live, grant: Grant, told: str) -> str:
    """A reason with its rule in words, which may name a field only to those who see it."""
    if not grant.rule:
        return told
    names = _names(mine, grant.rule)
    seen_all = names is not None and names <= mine.table.by_name.keys()
    open_to_asker = asker.admin or seen_all
    words = grid.rule_in_words(mine.whole, grant.rule) if open_to_asker else "a rule is met"
    return told.replace(grant.rule, f"“{words}”" if open_to_asker else words)


def _names(live: Live, rule: str) -> set[str] | None:
    """The fields that a rule compares; None where it cannot be read any more."""
    try:
        return {name.partition(".")[0] for name in seen.rule(live.whole, rule).uses}
    except AppError:
        return None


def _fields_told(mine: Live, grant: Grant) -> str:
    """The fields that a line hides or lets nobody change, as far as the asker sees them."""
    known = [one for one in mine.table.fields if one.id in grant.hidden | grant.readonly]
    hidden = [one.label for one in known if one.id in grant.hidden]
    readonly = [one.label for one in known if one.id in grant.readonly - grant.hidden]
    said = [
        f"hides {', '.join(hidden)}" if hidden else "",
        f"{', '.join(readonly)} read-only" if readonly else "",
    ]
    return "; ".join(filter(None, said))


# What there is to ask about --------------------------------------------------------------------


def askable(asker: Actor) -> Sequence[Person]:
    """The people whom somebody may ask about."""
    return people.everybody() if may(asker, "people") else [people.get(asker.id)]


def tables_open_to(asker: Actor) -> list[tuple[str, str]]:
    """The tables that somebody may ask about, by address and label."""
    return [
        (f"{live.table.tool}/{live.table.name}", f"{tool.label}: {live.table.label}")
        for tool, lives in catalog.open_to(asker).items()
        for live in lives
    ]


# Who may use a table ---------------------------------------------------------------------------


class Share(NamedTuple):
    """A role, what it gives on all records of a table, and its other lines there: number, words."""

    role: Role
    actions: frozenset[str]
    others: Sequence[tuple[int, str]]


class User(NamedTuple):
    """Somebody who may use a table, and by what."""

    person: Person
    sources: Sequence[tuple[str, str]]


def shares(actor: Actor, live: Live) -> list[Share]:
    """What each role gives on a table. Raises Forbidden."""
    require(actor, "share", live.table)
    return [Share(one, roles.given_on(one, live), [*_others(one, live)]) for one in all_roles()]


def _others(role: Role, live: Live) -> list[tuple[int, str]]:
    found = []
    for number, one in enumerate(roles.grants_in(role), 1):
        if one.tool != live.table.tool or one.table not in (None, live.table.id):
            continue
        if one.table is None or not one.whole:
            found.append((number if one.table else 0, _other_told(one, live)))
    return found


def _other_told(one: Grant, live: Live) -> str:
    actions = grid.actions_in_words(one.actions)
    if one.table is None:
        return f"{actions}, as on all tables of the tool"
    return f"{actions}, {grid.limits(live.whole, one)}"


def users(actor: Actor, live: Live) -> tuple[list[User], int]:
    """The first people who may use a table, each with the reasons; and how many more there are.
    Raises Forbidden."""
    require(actor, "share", live.table)
    active = [one for one in people.everybody() if one.active]
    roles.read_ahead([one.id for one in active])
    found = [User(one, _sources(one, live)) for one in active]
    found = [one for one in found if one.sources]
    return found[:MOST_PEOPLE], max(len(found) - MOST_PEOPLE, 0)


def _sources(person: Person, live: Live) -> list[tuple[str, str]]:
    whole = live.whole
    return [
        (one.by, ", ".join(filter(None, (grid.actions_in_words(one.actions), grid.limits(whole, one)))))
        for one in grants(Actor.of(person), whole.table)
    ]  # fmt: skip
