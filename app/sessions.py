"""Sign-ins as rows: who a cookie belongs to, and how a session begins and ends on the server.

A remembered session ends 14 days after its last use, another one 12 hours; each 60 days after it began,
when it is signed out, when the password changes, and when the person is disabled: on every process at
the next request, since each request asks the row.

The token of a remembered session is replaced every hour. The one before is good for another minute,
for requests that were on their way; used later it is a copy that somebody has, and ends the session.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from flask import current_app

from app.database import writing, writing_connection
from app.extensions import db, utcnow
from app.models import Person, Session
from app.permissions import Actor, roles_found, with_roles
from app.questions import Question

log = logging.getLogger("roundtrip.sessions")

IDLE, ABSOLUTE = timedelta(days=14), timedelta(days=60)
IDLE_UNREMEMBERED = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=5)
ROTATED_EVERY, STILL_GOOD = timedelta(hours=1), timedelta(minutes=1)
FRESH = timedelta(minutes=30)

_OPEN = with_roles(
    sa.select(
        Session.id.label("session_id"),
        Session.token_hash,
        Session.last_seen_at,
        Session.remembered,
        Session.rotated_at,
        Person.id.label("person_id"),
        Person.name,
        Person.email,
        Person.admin,
        Person.theme,
        Person.density,
        Person.timezone,
        Person.formats,
        Session.seeing_id,
    )
    .join(Person, Person.id == Session.person_id)
    .where(Session.expires_at > sa.bindparam("now"), Person.active)
)
_FIND = Question(_OPEN.where(Session.token_hash == sa.bindparam("hash")))
_REPLACED = Question(_OPEN.where(Session.previous_hash == sa.bindparam("hash")))


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def actor_of(token: str, place: Callable[[], str] = str) -> Actor | None:
    """Whose session this token opens; None when it is unknown, over or its person disabled.

    The actor's own token is another one where it was replaced: the answer has to carry that. `place`
    says where in the app the request is, and is asked when that is noted.
    """
    now = utcnow()
    row, token = _opened(str(token), now)
    if row is None or now - row.last_seen_at > _idle(row.remembered):
        return None
    if now - row.last_seen_at > SEEN_EVERY:
        _note_seen(row.session_id, row.person_id, place())
    actor = Actor(
        row.person_id, row.name, row.email, row.admin, row.theme, row.density, row.session_id, token,
        timezone=row.timezone, formats=row.formats,
    )  # fmt: skip
    return _seen_by(actor, row.seeing_id) if row.seeing_id and actor.admin else actor


def _seen_by(admin: Actor, person_id: int) -> Actor:
    """The person as whom an administrator looks at the app, in this session; the administrator again when
    that one is gone, disabled, or an administrator by now."""
    wanted = sa.select(Person).where(Person.id == person_id, Person.active, ~Person.admin)
    row = db.session.connection().execute(wanted).first()
    if row is None:
        return admin
    seen = Actor.of(row)
    return replace(
        seen, theme=admin.theme, density=admin.density, formats=row.formats,
        session_id=admin.session_id, token=admin.token, looker=admin.name,
    )  # fmt: skip


def _opened(token: str, now: datetime) -> tuple[Any, str]:
    """The row of the session that a token opens, if any, and the token that it has from now on."""
    row = _found(_FIND, token, now)
    before = _found(_REPLACED, token, now) if row is None else None
    if before is not None:
        return _on_its_way(before, token, now), _token_after(token, before.token_hash)
    if row is not None and row.remembered and now - row.rotated_at > ROTATED_EVERY:
        return row, _replace(row.session_id, token, now)
    return row, token


def _found(question: Question, token: str, now: datetime) -> Any:
    rows = question.ask(hash=digest(token), now=now)
    if not rows:
        return None
    roles_found(rows[0].person_id, rows)
    return rows[0]


def _idle(remembered: bool) -> timedelta:
    return IDLE if remembered else IDLE_UNREMEMBERED


# Tokens that are replaced ----------------------------------------------------------------------


def _next_token(token: str) -> str:
    """The token after this one, which only we can tell: requests at the same moment get the same."""
    key = str(current_app.config["SECRET_KEY"]).encode()
    made = hmac.digest(key, b"the session token after " + token.encode(), "sha256")
    return urlsafe_b64encode(made).rstrip(b"=").decode("ascii")


def _token_after(token: str, present: str) -> str:
    """The token that has replaced this one; this one where the key has changed in between."""
    after = _next_token(token)
    return after if hmac.compare_digest(digest(after), present) else token


def _replace(session_id: int, token: str, now: datetime) -> str:
    """The next token, which the session has from now on; the same one while the database is busy."""
    after = _next_token(token)
    mine = sa.update(Session).where(Session.id == session_id, Session.token_hash == digest(token))
    try:
        with writing_connection(wait=False) as connection:
            connection.execute(mine.values(**_replaced_by(after, token, now)))
    except sqlalchemy.exc.OperationalError as error:
        log.warning("a session keeps its token for now: session=%s: %s", session_id, error.orig)
        return token
    return after


def _replaced_by(after: str, token: str, now: datetime) -> dict[str, Any]:
    return {
        "token_hash": digest(after), "previous_hash": digest(token), "rotated_at": now,
    }  # fmt: skip


def _on_its_way(row: Any, token: str, now: datetime) -> Any:
    """The session of a token that was replaced, if that was a moment ago; else it ends."""
    if now - row.rotated_at <= STILL_GOOD:
        return row
    log.warning(
        "session ended, as a token that had been replaced was used, so somebody has a copy: "
        "session=%s person=%s", row.session_id, row.person_id,
    )  # fmt: skip
    copied = sa.delete(Session).where(
        Session.id == row.session_id, Session.previous_hash == digest(token)
    )
    with writing_connection() as connection:
        connection.execute(copied)
    return None


# In use ----------------------------------------------------------------------------------------


def _note_seen(session_id: int, person_id: int, place: str) -> None:
    """A convenience, so a busy or full disk must neither refuse nor hold up the request for it."""
    now = utcnow()
    seen = {"last_seen_at": now, "place": place[:200]} if place else {"last_seen_at": now}
    try:
        with writing_connection(wait=False) as connection:
            connection.execute(sa.update(Session).where(Session.id == session_id).values(seen))
            connection.execute(
                sa.update(Person).where(Person.id == person_id).values(last_seen_at=now)
            )
    except sqlalchemy.exc.OperationalError as error:
        logging.getLogger("roundtrip").warning(
            "the time of the last visit was not noted: %s", error.orig
        )


def is_fresh(session_id: int | None) -> bool:
    """Whether the password was typed in this session a short while ago."""
    since = utcnow() - FRESH
    asked = sa.select(Session.id).where(Session.id == session_id, Session.signed_in_at >= since)
    return db.session.connection().execute(asked).first() is not None


def begin(
    person_id: int, device: str, address: str, remembered: bool = False, place: str = ""
) -> str:
    """A new session for this person; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    now = utcnow()
    with writing() as session:
        session.execute(sa.delete(Session).where(~_alive(now)))
        session.add(
            Session(
                token_hash=digest(token), person_id=person_id, device=device[:200], address=address[:60],
                last_seen_at=now, expires_at=now + ABSOLUTE, signed_in_at=now, place=place[:200],
                remembered=remembered, rotated_at=now,
            )
        )  # fmt: skip
        session.execute(sa.update(Person).where(Person.id == person_id).values(last_seen_at=now))
    return token


def confirm(session_id: int | None, token: str) -> str:
    """Note that the password was typed again; returns the next token for the cookie."""
    now, after = utcnow(), _next_token(token)
    mine = sa.update(Session).where(Session.id == session_id, Session.token_hash == digest(token))
    with writing() as session:
        session.execute(mine.values(signed_in_at=now, **_replaced_by(after, token, now)))
    return after


def of_person(person_id: int) -> list[Session]:
    """The sessions of a person, the most recently used first."""
    query = (
        sa.select(Session)
        .where(Session.person_id == person_id, _alive(utcnow()))
        .order_by(Session.last_seen_at.desc())
    )
    return list(db.session.scalars(query))


def _alive(now: datetime) -> sa.ColumnElement[bool]:
    """What a session is that nothing has ended yet."""
    return sa.and_(
        Session.expires_at > now,
        sa.or_(
            Session.last_seen_at >= now - IDLE_UNREMEMBERED,
            sa.and_(Session.remembered, Session.last_seen_at >= now - IDLE),
        ),
    )


# Ending ----------------------------------------------------------------------------------------


def sign_out(session_id: int | None) -> None:
    """End the session that is asked in, whoever's it is."""
    with writing() as session:
        session.execute(sa.delete(Session).where(Session.id == session_id))


def end(person_id: int, session_id: int | None = None) -> int:
    """End one session of a person, or all; how many ended."""
    query = sa.delete(Session).where(Session.person_id == person_id)
    if session_id is not None:
        query = query.where(Session.id == session_id)
    with writing() as session:
        result = session.execute(query)
    return int(result.rowcount)  # type: ignore[attr-defined]
