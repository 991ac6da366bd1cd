"""The mails that bring somebody a link. Whether they went out is said in words; what was done stands."""

from __future__ import annotations

from flask import current_app

from app import invites, people
from app.models import Person
from app.permissions import Actor

INVITE = """\
{by} has invited you to {where}.

Open this link and choose a password. It works once, for {days} days:

{link}

You did not expect this? Then leave it unopened.
"""
RESET = """\
By this link you choose a new password for {where}. It works once, for {minutes} minutes:

{link}

It was made by {by}. You did not ask for it? Then leave it unopened; your password stays as it is.
"""


def invite(by: Actor, person: Person, path: str) -> tuple[str, str]:
    """Send the link of an invite; returns what became of it, as tone and words."""
    return _send(by, person, "You are invited to Roundtrip", INVITE, path)


def reset(by: Actor, person: Person, path: str) -> tuple[str, str]:
    """Send a link to choose a password; returns what became of it, as tone and words."""
    return _send(by, person, "Choose a new password for Roundtrip", RESET, path)


def _send(by: Actor, person: Person, subject: str, text: str, path: str) -> tuple[str, str]:
    from app import (
        mail,
    )  # imported here: mail libraries are not small, and a start need not pay for them

    if mail.is_set_up() and not current_app.config["ROUNDTRIP_PUBLIC_URL"]:
        return "warn", _FAILED.format("ROUNDTRIP_PUBLIC_URL is not set, so no link can be written.")
    where = people.address()
    facts = {"by": by.name, "where": where, "link": where + path}
    body = text.format(**facts, days=invites.DAYS, minutes=people.RESET_MINUTES)
    try:
        mail.send(person.email, subject, body)
    except mail.MailError as error:
        return "warn", _FAILED.format(error)
    if mail.is_set_up():
        return "ok", f"It was also sent to {person.email}."
    return "info", "No mail server is set, so nobody gets it unless you hand it over."


_FAILED = "The mail could not be sent, so copy the link and hand it over. {}"
