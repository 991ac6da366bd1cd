"""Sign-ins as rows: who a cookie belongs to, and how a session begins and ends on the server.

A session ends 14 days after its last use, 60 days after it began, when it is signed out, and when
the person is disabled: on every process at the next request, since each request asks the row.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa
import sqlalchemy.exc

from app.database import writing, writing_connection
from app.extensions import db, utcnow
from app.models import Person, Session
from app.permissions import Actor

IDLE, ABSOLUTE = timedelta(days=14), timedelta(days=60)
SEEN_EVERY = timedelta(minutes=5)

_FIND = (
    sa.select(
        Session.id,
        Session.last_seen_at,
        Person.id,
        Person.name,
        Person.email,
        Person.admin,
        Person.theme,
        Person.density,
        Session.seeing_id,
    )
    .join(Person, Person.id == Session.person_id)
    .where(
        Session.token_hash == sa.bindparam("hash"),
        Session.expires_at > sa.bindparam("now"),
        Person.active,
    )
)


def digest(token: str) -> str:
    """What is stored of a token: its SHA-256, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def actor_of(token: str) -> Actor | None:
    """Whose session this token opens; None when it is unknown, over or its person disabled."""
    now = utcnow()
    with db.engine.connect() as connection:
        row = connection.execute(_FIND, {"hash": digest(str(token)), "now": now}).first()
    if row is None or now - row[1] > IDLE:
        return None
    if now - row[1] > SEEN_EVERY:
        _note_seen(row[0], row[2])
    actor = Actor(row[2], row[3], row[4], row[5], row[6], row[7], session_id=row[0], token=token)
    return _seen_by(actor, row[8]) if row[8] and actor.admin else actor


def _seen_by(admin: Actor, person_id: int) -> Actor:
    """The person as whom an administrator looks at the app, in this session; the administrator again when
    that one is gone, disabled, or an administrator by now."""
    wanted = sa.select(Person).where(Person.id == person_id, Person.active, ~Person.admin)
    with db.engine.connect() as connection:
        row = connection.execute(wanted).first()
    if row is None:
        return admin
    seen = Actor.of(row)
    return replace(
        seen, theme=admin.theme, density=admin.density, formats=row.formats,
        session_id=admin.session_id, token=admin.token, looker=admin.name,
    )  # fmt: skip


def _note_seen(session_id: int, person_id: int) -> None:
    """A convenience, so a busy or full disk must neither refuse nor hold up the request for it."""
    try:
        with writing_connection(wait=False) as connection:
            connection.execute(
                sa.update(Session).where(Session.id == session_id).values(last_seen_at=utcnow())
            )
            connection.execute(
                sa.update(Person).where(Person.id == person_id).values(last_seen_at=utcnow())
            )
    except sqlalchemy.exc.OperationalError as error:
        logging.getLogger("roundtrip").warning(
            "the time of the last visit was not noted: %s", error.orig
        )


def begin(person_id: int, device: str, address: str) -> str:
    """A new session for this person; returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    now = utcnow()
    with writing() as session:
        session.execute(sa.delete(Session).where(Session.expires_at < now))
        session.add(
            Session(
                token_hash=digest(token), person_id=person_id, device=device[:200], address=address[:60],
                last_seen_at=now, expires_at=now + ABSOLUTE,
            )
        )  # fmt: skip
        session.execute(sa.update(Person).where(Person.id == person_id).values(last_seen_at=now))
    return token


def of_person(person_id: int) -> list[Session]:
    """The sessions of a person, the most recently used first."""
    query = (
        sa.select(Session)
        .where(Session.person_id == person_id)
        .order_by(Session.last_seen_at.desc())
    )
    return list(db.session.scalars(query))


def end(person_id: int, session_id: int | None = None) -> int:
    """End one session of a person, or all; how many ended."""
    query = sa.delete(Session).where(Session.person_id == person_id)
    if session_id is not None:
        query = query.where(Session.id == session_id)
    with writing() as session:
        result = session.execute(query)
    return int(result.rowcount)  # type: ignore[attr-defined]
