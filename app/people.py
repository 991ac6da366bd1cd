"""The people of a workspace: who there is, their passwords, and the one-use links that let them in.

No request in here: pages, commands and the first start use it alike.
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from app import passwords
from app.database import writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Link, Person, Session
from app.sessions import digest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

log = logging.getLogger("roundtrip.people")

RESET_MINUTES = 60
WORKSPACE = "Roundtrip"
SHORTEST, LONGEST = passwords.SHORTEST, passwords.LONGEST


# People ----------------------------------------------------------------------------------------


def everybody() -> list[Person]:
    """Everybody, by name."""
    return list(
        db.session.scalars(sa.select(Person).order_by(sa.func.lower(Person.name), Person.id))
    )


def find(email: str) -> Person:
    """The person with this address. Raises NotFound."""
    person = db.session.scalar(sa.select(Person).where(Person.email == email.strip().lower()))
    if person is None:
        raise NotFound(f"Nobody here has the email {email}.")
    return person


def add(email: str, name: str = "", admin: bool = False, password: str | None = None) -> Person:
    """A new person; without a password they choose one by a reset link. Raises Invalid, Conflict."""
    email = clean_email(email)
    name = clean_name(name.strip() or email.partition("@")[0])
    if password is not None:
        check_new_password(password, email, name)
    hashed = hasher().hash(password) if password is not None else ""
    with writing() as session:
        if session.scalar(sa.select(Person.id).where(Person.email == email)):
            raise Conflict(f"Somebody with the email {email} is already here.")
        person = Person(email=email, name=name, admin=admin, password_hash=hashed)
        session.add(person)
    log.info("person added: id=%s admin=%s", person.id, admin)
    return person


def disable(email: str) -> Person:
    """End a person's access and sessions at once. The last administrator stays: Conflict."""
    with writing() as session:
        person = find(email)
        _keep_an_admin(person)
        person.active = False
        session.execute(sa.delete(Session).where(Session.person_id == person.id))
    log.info("person disabled: id=%s", person.id)
    return person


def enable(email: str) -> Person:
    """Let a disabled person sign in again, with the password they had."""
    with writing():
        person = find(email)
        person.active = True
    log.info("person enabled: id=%s", person.id)
    return person


def set_admin(email: str, admin: bool) -> Person:
    """Make a person an administrator, or no longer one. The last one stays: Conflict."""
    with writing():
        person = find(email)
        if not admin:
            _keep_an_admin(person)
        person.admin = admin
    log.info("administrator: id=%s admin=%s", person.id, admin)
    return person


def _keep_an_admin(person: Person) -> None:
    if person.admin and active_admins() == [person.id]:
        raise Conflict(
            "This is the last administrator. First make somebody else one: flask user admin EMAIL"
        )


def has_admin() -> bool:
    """Whether set-up has been done."""
    return bool(active_admins())


def active_admins() -> list[int]:
    query = sa.select(Person.id).where(Person.admin, Person.active, Person.password_hash != "")
    return list(db.session.scalars(query))


# Passwords --------------------------------------------------------------------------------------


@cache
def hasher() -> PasswordHasher:
    """argon2id with the parameters OWASP advises: 19 MiB, two passes, one lane."""
    from argon2 import PasswordHasher  # imported at the first sign-in: starting need not pay for it

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def nobody() -> str:
    """The hash that is checked for an unknown address, so that it takes as long as a known one."""
    return hasher().hash(secrets.token_urlsafe(16))


def check_new_password(password: str, email: str, name: str) -> None:
    """Raise Invalid, saying what works, when a password is too short, too long or too easy to guess."""
    passwords.check_new(password, email, name, WORKSPACE)


def clean_email(email: str) -> str:
    """An address as it is stored: trimmed, in lower case. Raises Invalid when it cannot be one."""
    email = email.strip().lower()
    name, at, host = email.rpartition("@")
    if (
        not (name and at and "." in host.strip("."))
        or len(email) > 254
        or any(c.isspace() for c in email)
    ):
        raise Invalid(
            errors=[("email", "The email needs an @ and a domain, like name@company.com")]
        )
    return email


def clean_name(name: str) -> str:
    """A person's name as it is stored: trimmed. Raises Invalid when it is empty or too long."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid(errors=[("name", "The name needs 1 to 200 characters")])
    return name


def matches(hashed: str, password: str, known: bool = True) -> bool:
    """Whether this is the password of the hash. Raises Unavailable where very many check one at the same
    time, unless the asker is `known`: signed in, or on a device that was."""
    from argon2.exceptions import VerificationError

    try:
        with passwords.room.turn(known):
            return hasher().verify(hashed, password)
    except (VerificationError, UnicodeEncodeError):
        return False


def hash_new(person: Person, password: str) -> str:
    """The hash of a new password; made before the write lock is taken, since it takes time."""
    check_new_password(password, person.email, person.name)
    return hasher().hash(password)


def set_password(person_id: int, hashed: str) -> None:
    """Inside a writing transaction: set it and end every session, or neither."""
    db.session.get_one(Person, person_id).password_hash = hashed
    db.session.execute(sa.delete(Session).where(Session.person_id == person_id))
    log.info("password set: person=%s", person_id)


# One-use links ---------------------------------------------------------------------------------


def new_link(purpose: str, minutes: int, person_id: int | None = None) -> str:
    """A token for a one-use link; earlier ones of the same purpose and person stop working."""
    token = secrets.token_urlsafe(24)
    with writing() as session:
        session.execute(
            sa.delete(Link).where(
                Link.purpose == purpose, Link.person_id.is_not_distinct_from(person_id)
            )
        )
        expires = utcnow() + timedelta(minutes=minutes)
        session.add(
            Link(purpose=purpose, token_hash=digest(token), person_id=person_id, expires_at=expires)
        )
    return token


def person_of_link(token: str) -> Person | None:
    """Whose password a reset link sets."""
    query = sa.select(Person).join(Link, Link.person_id == Person.id)
    return db.session.scalar(query.where(Link.purpose == "reset", Link.token_hash == digest(token)))


def link_is_open(purpose: str, token: str) -> bool:
    """Whether a link can still be used."""
    query = sa.select(Link.id).where(
        Link.purpose == purpose,
        Link.token_hash == digest(token),
        Link.used_at.is_(None),
        Link.expires_at > utcnow(),
    )
    return db.session.scalar(query) is not None


def use_link(purpose: str, token: str) -> int | None:
    """Use a link up, inside a writing transaction; of two at once only one succeeds. Returns its person."""
    used = db.session.execute(
        sa.update(Link)
        .where(
            Link.purpose == purpose,
            Link.token_hash == digest(token),
            Link.used_at.is_(None),
            Link.expires_at > utcnow(),
        )
        .values(used_at=utcnow())
        .returning(Link.person_id)
    ).first()
    if used is None:
        raise NotFound("This link has been used, or its time is over.")
    return used[0]  # type: ignore[no-any-return]


def reset_link(email: str) -> str:
    """A token by which this person can set a password, for an hour."""
    person = find(email)
    if not person.active:
        raise Conflict(
            f"{person.email} is disabled. First let them in again: flask user enable {person.email}"
        )
    return new_link("reset", RESET_MINUTES, person.id)
