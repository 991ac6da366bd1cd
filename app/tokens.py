"""Keys for programs: one acts for a person, as far as its scope and its tables go.

A key is `rt_`, 32 random letters and digits, and 6 that check them, so that a scanner for secrets can tell
a real one from what only looks alike, and a wrong one costs no query. It is shown once; stored is its SHA-256.

A key that was revoked opens nothing from that moment. Its owner, who has revoked it, can take that back for a day;
then a sweep deletes it.
"""

from __future__ import annotations

import logging
import secrets
import string
import zlib
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc

from app import audit, jobs
from app.database import writing, writing_connection
from app.errors import BadKey, Forbidden, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Person, Session, Token
from app.permissions import SCOPES, Actor, require, roles_found, with_roles
from app.questions import Question
from app.sessions import SEEN_EVERY, digest

log = logging.getLogger("roundtrip.tokens")

PREFIX, LETTERS, RANDOM, CHECK = "rt_", string.digits + string.ascii_letters, 32, 6
LONGEST_NAME, MOST, MOST_DAYS, USUAL_DAYS = 100, 50, 3_650, 90
KEPT = timedelta(hours=24)
"""How long revoking a key can be undone."""
UNKNOWN = "This key is not known, or not any more: it has expired, was revoked, or its person is disabled."


def _working(now: Any) -> sa.ColumnElement[bool]:
    """Which keys open something at a moment, as far as they themselves go."""
    endless = Token.expires_at.is_(None)
    return sa.and_(Token.revoked_at.is_(None), sa.or_(endless, Token.expires_at > now))


_FIND = Question(with_roles(
    sa.select(
        Token.id, Token.scope, Token.tables, Token.last_used_at, Person.id, Person.name, Person.email,
        Person.admin, Person.timezone, Person.formats,
    )
    .join(Person, Person.id == Token.person_id)
    .where(
        Token.token_hash == sa.bindparam("hash"),
        _working(sa.bindparam("now")),
        Person.active,
    )
))  # fmt: skip


def new_key() -> str:
    """A key that nobody has."""
    body = "".join(secrets.choice(LETTERS) for _ in range(RANDOM))
    return f"{PREFIX}{body}{_check(body)}"


def _check(body: str) -> str:
    """Six letters made of the CRC-32 of the others."""
    number, found = zlib.crc32(body.encode()), ""
    for _ in range(CHECK):
        number, place = divmod(number, len(LETTERS))
        found = LETTERS[place] + found
    return found


def is_key(text: str) -> bool:
    """Whether this can be a key, as far as its letters tell."""
    body = text[len(PREFIX) : -CHECK]
    good = text.startswith(PREFIX) and len(body) == RANDOM and body.isalnum() and body.isascii()
    return good and secrets.compare_digest(text[-CHECK:].encode(), _check(body).encode())


def actor_of(key: str) -> Actor:
    """Who asks with this key. Raises BadKey."""
    now = utcnow()
    rows = _FIND.ask(hash=digest(key), now=now) if is_key(key) else ()
    if not rows:
        raise BadKey(UNKNOWN)
    row = rows[0]
    roles_found(row[4], rows)
    if row[3] is None or now - row[3] > SEEN_EVERY:
        _note_used(row[0])
    return Actor(
        row[4], row[5], row[6], row[7], timezone=row[8], formats=row[9], scope=row[1], key_id=row[0],
        tables=None if row[2] is None else tuple(row[2]),
    )  # fmt: skip


def _note_used(token_id: int) -> None:
    """A convenience, so a busy database must neither refuse nor hold up the request for it."""
    try:
        with writing_connection(wait=False) as connection:
            used = sa.update(Token).where(Token.id == token_id).values(last_used_at=utcnow())
            connection.execute(used)
    except sqlalchemy.exc.OperationalError as error:
        log.warning("the last use of a key was not noted: %s", error.orig)


# Making ----------------------------------------------------------------------------------------


def create(
    actor: Actor, name: str, scope: str = "read", tables: Collection[int] | None = None,
    days: int | None = USUAL_DAYS, by: Actor | None = None,
) -> tuple[Token, str]:  # fmt: skip
    """A new key of the actor's, and its text, which is not to be had again; `by` is who makes it where
    that is not they themselves. Raises Invalid, Forbidden."""
    name = " ".join(name.split())
    if errors := [*_wrong(name, scope, days)]:
        raise Invalid(errors=errors)
    if scope == "admin":
        require(actor, "people")
    if actor.scope and (actor.scope != "admin" or actor.tables is not None):
        raise Forbidden("A key makes no further keys, unless its scope is “admin”.")
    key = new_key()
    made = Token(
        person_id=actor.id, name=name, token_hash=digest(key), begins=key[:8], scope=scope,
        tables=None if tables is None else sorted(set(tables)),
        expires_at=None if days is None else utcnow() + timedelta(days=days),
    )  # fmt: skip
    with writing() as session:
        _refuse_ended(actor)
        _refuse_more(actor)
        session.add(made)
        audit.note("key made", _called(made, actor), by or actor)
    log.info("key made: id=%s person=%s scope=%s", made.id, actor.id, scope)
    return made, key


def _refuse_ended(actor: Actor) -> None:
    """Raise Forbidden where the person was disabled, or their session ended, a moment ago."""
    person = db.session.scalar(sa.select(Person).where(Person.id == actor.id).with_for_update())
    ended = actor.session_id and db.session.get(Session, actor.session_id) is None
    if person is None or not person.active or ended:
        raise Forbidden("Your session has ended. Sign in again, then try it once more.")


def _refuse_more(actor: Actor) -> None:
    """Raise Invalid where the person has as many keys that work as anybody may have."""
    mine = Token.person_id == actor.id, _working(utcnow())
    if (db.session.scalar(sa.select(sa.func.count()).where(*mine)) or 0) >= MOST:
        raise Invalid(f"One person has up to {MOST} keys. Revoke one that is not used.")


def _wrong(name: str, scope: str, days: int | None) -> list[tuple[str, str]]:
    found = []
    if not 1 <= len(name) <= LONGEST_NAME:
        found.append(("name", f"The name needs 1 to {LONGEST_NAME} characters"))
    if scope not in SCOPES:
        found.append(("scope", f"The scope is one of {', '.join(SCOPES)}"))
    if days is not None and not 1 <= days <= MOST_DAYS:
        found.append(("days", f"A key lasts 1 to {MOST_DAYS:,} days, or without end"))
    return found


def _called(key: Token, whose: Person | Actor) -> str:
    """A key as the audit list names it."""
    return f"{key.name} ({key.begins}…, {key.scope}) of {whose.name} <{whose.email}>"


def of_person(person_id: int) -> Sequence[Token]:
    """The keys of a person that were not revoked, the newest first."""
    mine = Token.person_id == person_id, Token.revoked_at.is_(None)
    return db.session.scalars(sa.select(Token).where(*mine).order_by(Token.id.desc())).all()


def has_expired(key: Token) -> bool:
    """Whether a key opens nothing any more because its time is over."""
    return key.expires_at is not None and key.expires_at <= utcnow()


def everything() -> Sequence[sa.Row[tuple[Token, Person]]]:
    """All keys with their people, the newest first; for the operator of the machine."""
    query = sa.select(Token, Person).join(Person, Person.id == Token.person_id)
    return db.session.execute(query.order_by(Token.id.desc())).all()


# Ending ----------------------------------------------------------------------------------------


def revoke(actor: Actor, token_id: int) -> Token:
    """End a key of one's own; of anybody for administrators. It is refused from now on. With `revoked_at`
    it can be brought back by `undo_revoke`; what somebody else ends, ends for good. Raises NotFound."""
    with writing() as session:
        found = _held(Token.id == token_id) if 0 < token_id < 2**31 else None
        if found is None or not _is_revocable(actor, found):
            raise NotFound("There is no such key, or it is somebody else's.")
        person = session.get_one(Person, found.person_id)
        audit.note("key revoked", _called(found, person), actor)
        if found.person_id == actor.id:
            found.revoked_at = utcnow()
        else:
            found.revoked_at = None
            session.delete(found)
    log.info("key revoked: id=%s by=%s", token_id, actor.id)
    return found


def _held(*which: sa.ColumnElement[bool]) -> Token | None:
    """A key, which nobody else ends or brings back until the transaction ends."""
    return db.session.scalar(sa.select(Token).where(*which).with_for_update())


def _is_revocable(actor: Actor, key: Token) -> bool:
    """Whether somebody may end this key; of one that its owner has ended already, others end it for good."""
    return key.revoked_at is None if key.person_id == actor.id else actor.admin


def undo_revoke(actor: Actor, token_id: int) -> Token:
    """Let a key of one's own that one has revoked open again what it did, for a day after that. Raises
    NotFound, Forbidden, and Invalid where one has too many by now."""
    with writing():
        _refuse_ended(actor)
        mine = Token.id == token_id, Token.person_id == actor.id
        kept = Token.revoked_at > utcnow() - KEPT
        found = _held(*mine, kept) if token_id < 2**31 else None
        if found is None:
            raise NotFound("There is no such key of yours that can be brought back.")
        _refuse_more(actor)
        found.revoked_at = None
        audit.note("key brought back", _called(found, actor), actor)
    log.info("key brought back: id=%s by=%s", token_id, actor.id)
    return found


def sweep() -> None:
    """Delete the keys that cannot be brought back any more."""
    with writing() as session:
        session.execute(sa.delete(Token).where(Token.revoked_at <= utcnow() - KEPT))


jobs.SWEEPS.append(sweep)
