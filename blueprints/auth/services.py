"""Who may come in: people, passwords, one-use links, signing in. No request in here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import sqlalchemy as sa

from app import audit, people, sessions
from app.database import writing
from app.devices import device_in_words
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Link, Person
from app.permissions import Actor
from app.sessions import digest

log = logging.getLogger("roundtrip.auth")

SETUP_MINUTES = 30
WRONG = "That email and password do not belong together."


def update_profile(actor: Actor, name: str, theme: str, density: str) -> None:
    """Change how oneself is called and how pages look."""
    name = people.clean_name(name)
    with writing() as session:
        person = session.get_one(Person, actor.id)
        person.name, person.theme, person.density = name, theme, density


def change_password(actor: Actor, current: str, new: str) -> None:
    """Set a new password; needs the present one, and ends every session, also the present."""
    person = db.session.get_one(Person, actor.id)
    if not people.matches(person.password_hash, current):
        raise Invalid(errors=[("current", "That is not your present password")])
    hashed = people.hash_new(person, new)
    with writing():
        people.set_password(actor.id, hashed)


# Signing in ------------------------------------------------------------------------------------


def sign_in(email: str, password: str, device: str, address: str) -> Actor:
    """Begin a session. Unknown, disabled and wrong look the same and take the same time: Invalid."""
    person = db.session.scalar(sa.select(Person).where(Person.email == email.strip().lower()[:254]))
    good = person is not None and person.active and bool(person.password_hash)
    right = people.matches(
        person.password_hash if person is not None and good else people.nobody(),
        password[: people.LONGEST * 4],
    )
    if person is None or not (good and right):
        log.warning("sign-in failed: address=%s", address)
        # what is no email of ours may be a password, typed into the wrong field
        whose = audit.name_of(person) if person is not None else "unknown email"
        audit.note_failure("sign-in failed", whose, address)
        raise Invalid(WRONG, errors=[("email", WRONG)])
    token = sessions.begin(person.id, device, address)
    with writing():
        audit.note("signed in", device_in_words(device), Actor.of(person), address)
    log.info("signed in: person=%s address=%s", person.id, address)
    return Actor(person.id, person.name, person.email, person.admin, token=token)


def set_up(token: str, name: str, email: str, password: str) -> Person:
    """Make the first administrator, by the link that the start printed. Works once."""
    _check_all(
        partial(people.clean_email, email), partial(people.clean_name, name),
        partial(people.check_new_password, password, email.strip(), name.strip()),
    )  # fmt: skip
    email, name = people.clean_email(email), people.clean_name(name)
    hashed = people.hasher().hash(password)
    with writing() as session:
        people.use_link("setup", token)
        if people.active_admins():
            raise NotFound("Set-up has been done.")
        person = session.scalar(sa.select(Person).where(Person.email == email)) or Person(
            email=email
        )
        person.name, person.admin, person.active, person.password_hash = (
            name,
            True,
            True,
            hashed,
        )
        session.add(person)
        session.flush()
        people.end_access(person.id)  # of somebody who was here before, nothing goes on
        audit.note("set up", audit.name_of(person), Actor.of(person))
    log.info("set up: administrator id=%s", person.id)
    return person


def _check_all(*checks: Callable[[], object]) -> None:
    """Raises Invalid with what all of the checks refuse."""
    errors = []
    for check in checks:
        try:
            check()
        except Invalid as error:
            errors += error.errors
    if errors:
        raise Invalid(errors=errors)


def reset_password(token: str, password: str) -> None:
    """Set a password by a link; the link is used up only when the password is good."""
    query = sa.select(Link.person_id).where(
        Link.purpose == "reset", Link.token_hash == digest(token)
    )
    person_id = db.session.scalar(query)
    if person_id is None or not people.link_is_open("reset", token):
        raise NotFound("This link has been used, or its time is over.")
    person = db.session.get_one(Person, person_id)
    hashed = people.hash_new(person, password)
    with writing():
        people.use_link("reset", token)
        people.set_password(person_id, hashed)


def announce_setup(address: str) -> list[str]:
    """The set-up link in a box, while there is no administrator; for the start of the server."""
    if people.has_admin():
        return []
    link = f"{address}/auth/setup?token={people.new_link('setup', SETUP_MINUTES)}"
    lines = [
        "Open this link to make the first administrator.",
        f"It works once, for {SETUP_MINUTES} minutes.",
        "",
        link,
    ]
    width = max(map(len, lines))
    edge = "+" + "-" * (width + 2) + "+"
    return [edge, *(f"| {line:<{width}} |" for line in lines), edge]
