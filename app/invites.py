"""Invites: a person who has no password yet, and the one-use link by which they choose one.

An invite makes a new person and never gives anything to one who is here already, whoever made that one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
import sqlalchemy.exc

from app import audit, people
from app.database import writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Link, Person
from app.permissions import Actor, require
from app.sessions import digest

PURPOSE = "invite"
DAYS = 7
MINUTES = DAYS * 24 * 60


# For administrators ----------------------------------------------------------------------------


def invite(
    by: Actor, email: str, name: str = "", roles: Collection[int] = (), admin: bool = False
) -> tuple[Person, str]:
    """A new person without a password, and the token of their link.

    Raises Invalid, Forbidden, and AlreadyHere for an email that somebody has.
    """
    require(by, "people")
    email = people.clean_email(email)
    name = people.clean_name(name.strip() or email.partition("@")[0])
    with writing():
        person = people.put_in(Person(email=email, name=name, admin=admin, password_hash=""))
        audit.note("person invited", audit.name_of(person), by)
        people.give(person, set(roles), by)
        if admin:
            audit.note("administrator made", audit.name_of(person), by)
        return person, people.put_link(PURPOSE, MINUTES, person.id)


def renew(by: Actor, person_id: int) -> tuple[Person, str]:
    """A new link for somebody who was invited; the one before stops working. Raises NotFound, Conflict."""
    require(by, "people")
    with writing():
        person = _waiting(person_id)
        if not person.active:
            raise Conflict(f"{person.email} is disabled. Enable them first.")
        audit.note("invite renewed", audit.name_of(person), by)
        return person, people.put_link(PURPOSE, MINUTES, person.id)


def withdraw(by: Actor, person_id: int) -> Person:
    """Take an invite back: the link stops working and the person is gone. Raises NotFound, Conflict."""
    require(by, "people")
    try:
        with writing() as session:
            person = _waiting(person_id)
            audit.note("invite withdrawn", audit.name_of(person), by)
            session.execute(sa.delete(Person).where(Person.id == person_id))
    except sqlalchemy.exc.IntegrityError:
        raise Conflict("Records name this person, so they stay. Disable them instead.") from None
    return person


def open_until(person_id: int) -> datetime | None:
    """When the link of an invited person ends, or has ended; None where there is none."""
    query = sa.select(Link.expires_at).where(
        Link.purpose == PURPOSE, Link.person_id == person_id, Link.used_at.is_(None)
    )
    return db.session.scalar(query)


def _waiting(person_id: int) -> Person:
    """Somebody who has no password yet, inside a writing transaction. Raises NotFound, Conflict."""
    person = _locked(person_id)
    if person.password_hash:
        raise Conflict(f"{person.name} has chosen a password, so there is no open invite.")
    return person


def _locked(person_id: int) -> Person:
    """A person as they are now, whom nobody else changes until the transaction ends."""
    query = sa.select(Person).where(Person.id == person_id).with_for_update()
    fresh: Person | None = db.session.scalar(query, execution_options={"populate_existing": True})
    return fresh or people.get(person_id)


# For who was invited ---------------------------------------------------------------------------


def invited(token: str) -> Person:
    """Who can use this link. Raises NotFound, in words that say why it leads nowhere."""
    found = db.session.execute(
        sa.select(Link.used_at, Link.expires_at, Person)
        .join(Person, Person.id == Link.person_id)
        .where(Link.purpose == PURPOSE, Link.token_hash == digest(token))
    ).first()
    if found is None:
        raise NotFound("There is no such invite. A newer link may have taken its place.")
    person: Person = found.Person
    if found.used_at or person.password_hash:
        raise NotFound("This invite has been used. Sign in with the password that was chosen.")
    if found.expires_at <= utcnow():
        raise NotFound("The time of this invite is over. An administrator can send you a new one.")
    if not person.active:
        raise NotFound("This invite has been stopped. Ask an administrator of this app.")
    return person


def accept(token: str, name: str, password: str) -> Person:
    """Choose name and password by an invite; it works once. Raises NotFound, Invalid."""
    _check(invited(token).email, name, password)
    hashed = people.hasher().hash(password)
    with writing():
        _locked(invited(token).id)  # of two at once the second finds a used link below
        person = invited(token)
        people.use_link(PURPOSE, token)
        person.name = people.clean_name(name)
        audit.note("invite accepted", audit.name_of(person), Actor.of(person))
        people.set_password(person.id, hashed)
    return person


def _check(email: str, name: str, password: str) -> None:
    """Raises Invalid with all that is wrong, not only the first of it."""
    errors: list[tuple[str, str]] = []
    try:
        people.clean_name(name)
    except Invalid as error:
        errors += error.errors
    try:
        people.check_new_password(password, email, name.strip())
    except Invalid as error:
        errors += error.errors
    if errors:
        raise Invalid(errors=errors)
