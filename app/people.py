"""The people of a workspace: who there is, their passwords, and the one-use links that let them in.

No request in here: pages, commands and the first start use it alike.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import current_app

from app import audit, passwords
from app.database import forget, writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import MEMBERSHIP, Link, Person, Role, Session, Token
from app.permissions import SYSTEM, Actor, require
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


def get(person_id: int) -> Person:
    """The person with this id. Raises NotFound."""
    person = db.session.get(Person, person_id)
    if person is None:
        raise NotFound("There is nobody at this address.")
    return person


class AlreadyHere(Conflict):
    """Somebody with this email is here; `person_id` says who."""

    def __init__(self, email: str, person_id: int) -> None:
        super().__init__(f"Somebody with the email {email} is already here.")
        self.person_id = person_id


def add(
    email: str, name: str = "", admin: bool = False, password: str | None = None,
    roles: Sequence[str] = (), by: Actor = SYSTEM,
) -> Person:  # fmt: skip
    """A new person with roles of these names; without a password they choose one by a reset link.
    Raises Invalid, Conflict, Forbidden."""
    require(by, "people")
    email = clean_email(email)
    name = clean_name(name.strip() or email.partition("@")[0])
    if password is not None:
        check_new_password(password, email, name)
    hashed = hasher().hash(password) if password is not None else ""
    with writing():
        person = put_in(Person(email=email, name=name, admin=admin, password_hash=hashed))
        audit.note("person added", audit.name_of(person), by)
        give(person, role_ids(roles), by)
        if admin:
            audit.note("administrator made", audit.name_of(person), by)
    log.info("person added: id=%s admin=%s", person.id, admin)
    return person


def put_in(person: Person) -> Person:
    """Store a new person, inside a writing transaction. Raises AlreadyHere: nobody is ever added to
    somebody who is here, whoever made that one."""
    known = db.session.scalar(sa.select(Person.id).where(Person.email == person.email))
    if known:
        raise AlreadyHere(person.email, known)
    db.session.add(person)
    db.session.flush()
    return person


def disable(email: str, by: Actor = SYSTEM) -> Person:
    """End a person's access, sessions and keys at once. Oneself and the last administrator stay: Conflict."""
    require(by, "people")
    with writing():
        person = _to_change(email)
        if person.id == by.id:
            raise Conflict("This is you. Another administrator can disable you.")
        _keep_an_admin(person)
        if person.active:
            person.active = False
            audit.note("person disabled", audit.name_of(person), by)
        end_access(person.id)
    log.info("person disabled: id=%s", person.id)
    return person


def enable(email: str, by: Actor = SYSTEM) -> Person:
    """Let a disabled person sign in again, with the password they had."""
    require(by, "people")
    with writing():
        person = find(email)
        if not person.active:
            person.active = True
            audit.note("person enabled", audit.name_of(person), by)
    log.info("person enabled: id=%s", person.id)
    return person


def set_admin(email: str, admin: bool, by: Actor = SYSTEM) -> Person:
    """Make a person an administrator, or no longer one. The last one stays: Conflict."""
    require(by, "people")
    with writing():
        person = _to_change(email)
        if not admin:
            _keep_an_admin(person)
        if person.admin != admin:
            person.admin = admin
            action = "administrator made" if admin else "administrator ended"
            audit.note(action, audit.name_of(person), by)
    log.info("administrator: id=%s admin=%s", person.id, admin)
    return person


def _to_change(email: str) -> Person:
    """A person, while nobody else can change who is an administrator: two who remove each other at the
    same moment come one after the other."""
    admins = sa.select(Person.id).where(Person.admin).order_by(Person.id)
    db.session.execute(admins.with_for_update())
    return find(email)


def _keep_an_admin(person: Person) -> None:
    if person.admin and active_admins() == [person.id]:
        raise Conflict(
            "This is the last administrator. First make somebody else one, on their page under People."
        )


def end_access(person_id: int) -> None:
    """Inside a writing transaction: end all sessions and keys of a person, and what would set a password."""
    for table in (Session, Token):
        db.session.execute(sa.delete(table).where(table.person_id == person_id))
    db.session.execute(sa.delete(Link).where(Link.person_id == person_id, Link.purpose == "reset"))


def end_sessions(person_id: int, by: Actor) -> int:
    """End all sessions of a person, but not the one in which this is asked; how many ended."""
    require(by, "people")
    others = (Session.person_id == person_id) & (Session.id != by.session_id)
    with writing() as session:
        person = get(person_id)
        ended = session.execute(sa.delete(Session).where(others))
        audit.note("sessions ended", audit.name_of(person), by)
    return int(ended.rowcount)  # type: ignore[attr-defined]


def has_admin() -> bool:
    """Whether set-up has been done."""
    return bool(active_admins())


def active_admins() -> list[int]:
    """The ids of the administrators who can sign in."""
    query = sa.select(Person.id).where(Person.admin, Person.active, Person.password_hash != "")
    return list(db.session.scalars(query))


# Roles -----------------------------------------------------------------------------------------


def all_roles() -> list[Role]:
    """The roles that there are, by name."""
    return list(db.session.scalars(sa.select(Role).order_by(sa.func.lower(Role.name), Role.id)))


def role_ids(names: Iterable[str]) -> set[int]:
    """The ids of roles by their names, whatever the capitals. Raises Invalid, naming those that exist."""
    wanted = {name.strip().lower(): name for name in names}
    known = {role.name.lower(): role.id for role in all_roles()} if wanted else {}
    for key, name in wanted.items():
        if key not in known:
            there = ", ".join(role.name for role in all_roles()) or "none yet"
            raise Invalid(errors=[("roles", f"There is no role “{name}”. The roles are: {there}")])
    return {known[key] for key in wanted}


def roles_by_person(ids: Collection[int]) -> dict[int, list[Role]]:
    """The roles of these people, by name."""
    query = (
        sa.select(MEMBERSHIP.c.person_id, Role)
        .join(Role, Role.id == MEMBERSHIP.c.role_id)
        .where(MEMBERSHIP.c.person_id.in_(ids))
        .order_by(sa.func.lower(Role.name))
    )
    found: dict[int, list[Role]] = {id: [] for id in ids}
    for person_id, role in db.session.execute(query):
        found[person_id].append(role)
    return found


def set_roles(person_id: int, wanted: Collection[int], by: Actor) -> Person:
    """Give a person these roles, by id, and take all others. Raises Invalid, NotFound."""
    require(by, "people")
    with writing() as session:
        query = sa.select(Person).where(Person.id == person_id).with_for_update()
        person = session.scalar(query) or get(person_id)
        had = {role.id: role for role in roles_by_person([person_id])[person_id]}
        give(person, set(wanted) - set(had), by)
        for role in [role for id, role in had.items() if id not in wanted]:
            mine = (MEMBERSHIP.c.person_id == person_id) & (MEMBERSHIP.c.role_id == role.id)
            session.execute(sa.delete(MEMBERSHIP).where(mine))
            audit.note("role taken", f"{role.name}: {audit.name_of(person)}", by)
    forget()
    return person


def give(person: Person, ids: Collection[int], by: Actor) -> None:
    """Give roles to a person who lacks them, inside a writing transaction. Raises Invalid."""
    found = list(db.session.scalars(sa.select(Role).where(Role.id.in_(ids))))
    if len(found) < len(ids):
        raise Invalid(errors=[("roles", "A role that was chosen is not there any more")])
    for role in found:
        db.session.execute(sa.insert(MEMBERSHIP).values(person_id=person.id, role_id=role.id))
        audit.note("role given", f"{role.name}: {audit.name_of(person)}", by)


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


_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f<>()\[\]\\,;:\"]+@[^@\s\x00-\x1f\x7f<>()\[\]\\,;:\"]+")


def clean_email(email: str) -> str:
    """An address as it is stored: trimmed, in lower case. Raises Invalid when it cannot be one."""
    email = email.strip().lower()
    host = email.rpartition("@")[2]
    if not _EMAIL.fullmatch(email) or "." not in host.strip(".") or len(email) > 254:
        raise Invalid(
            errors=[("email", "The email needs an @ and a domain, like name@company.com")]
        )
    return email


def clean_name(name: str) -> str:
    """A person's name as it is stored: trimmed, in one line. Raises Invalid when it cannot be one."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid(errors=[("name", "The name needs 1 to 200 characters")])
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", name):
        raise Invalid(errors=[("name", "The name has to stand in one line")])
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
    """Inside a writing transaction: set it, and end every session, key and link that could set another."""
    person = db.session.get_one(Person, person_id)
    person.password_hash = hashed
    end_access(person_id)
    audit.note("password set", audit.name_of(person), Actor.of(person))
    log.info("password set: person=%s", person_id)


# One-use links ---------------------------------------------------------------------------------


def address() -> str:
    """Where this app is, for links that leave it: from the settings, never from a request."""
    port = current_app.config["ROUNDTRIP_PORT"]
    return str(current_app.config["ROUNDTRIP_PUBLIC_URL"] or f"http://127.0.0.1:{port}")


def new_link(purpose: str, minutes: int, person_id: int | None = None) -> str:
    """A token for a one-use link; earlier ones of the same purpose and person stop working."""
    with writing():
        return put_link(purpose, minutes, person_id)


def put_link(purpose: str, minutes: int, person_id: int | None = None) -> str:
    """The same inside a writing transaction."""
    token = secrets.token_urlsafe(24)
    whose = Link.person_id.is_not_distinct_from(person_id)
    db.session.execute(sa.delete(Link).where(Link.purpose == purpose, whose))
    expires = utcnow() + timedelta(minutes=minutes)
    db.session.add(
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


def reset_link(email: str, by: Actor = SYSTEM) -> str:
    """A token by which this person can set a password, for an hour. Raises NotFound, Conflict."""
    require(by, "people")
    with writing():
        person = find(email)
        if not person.active:
            raise Conflict(
                f"{person.email} is disabled. First let them in again: flask user enable {person.email}"
            )
        audit.note("password link made", audit.name_of(person), by)
        return put_link("reset", RESET_MINUTES, person.id)
