"""The audit list: who did what about people, roles and keys. It only grows.

A service notes what it does inside its own transaction, so that an act and its entry are kept together,
or neither is. The same facts go to the log, as one line.
"""

from __future__ import annotations

import logging
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NoReturn

import sqlalchemy as sa
from flask import g, has_request_context, request

from app.extensions import db
from app.models import Event, Person
from app.permissions import SYSTEM, Actor

log = logging.getLogger("roundtrip.audit")

_FACTS = " ".join(f"{name}=%s" for name in ("who", "what", "about", "address", "trip"))


def note(action: str, about: str = "", actor: Actor | None = None, address: str = "") -> None:
    """Write down, inside a writing transaction, that somebody did this; `about` says to whom or what.

    Without `actor` it is whoever asks: the person of the request, or the operator in a command.
    """
    facts = _facts(action, about, actor, address)
    db.session.add(Event(person_id=facts.pop("person_id"), **facts))
    _write_line(**facts)


def note_failure(action: str, about: str = "", address: str = "") -> None:
    """Write a line to the log alone: of what did not happen, such as a sign-in that failed."""
    facts = _facts(action, about, None, address)
    _write_line(**{name: value for name, value in facts.items() if name != "person_id"})


def name_of(person: Person) -> str:
    """A person as the audit list names them, also when they are gone."""
    return f"{person.name[:200]} <{person.email}>"[:300]


def _facts(action: str, about: str, actor: Actor | None, address: str) -> dict[str, Any]:
    asked = has_request_context()
    who = actor or (g.get("actor") if asked else SYSTEM)
    return {
        "action": action, "about": about[:300],
        "person_id": (who.id or None) if who else None,
        "person": who.name[:200] if who else "",
        "address": (address or (request.remote_addr or "" if asked else ""))[:60],
        "trip": str(g.get("trip_id", ""))[:32] if asked else "",
    }  # fmt: skip


def _write_line(action: str, about: str, person: str, address: str, trip: str) -> None:
    # each value is quoted, so that none can begin a line of its own
    log.info(_FACTS, *map(quoted, (person, action, about, address, trip)))


@sa.event.listens_for(Event, "before_update")
@sa.event.listens_for(Event, "before_delete")
def _refuse(*_: Any) -> NoReturn:
    raise RuntimeError("an entry of the audit list is never changed or deleted")
