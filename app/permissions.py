"""Who asks, and what they may. One function decides; services ask it, views do not.

A route says which right it needs with a decorator, and the deny hook refuses a route that says
nothing. So everything is closed until somebody opened it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from flask_login import UserMixin

from app import trips
from app.errors import Forbidden

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC = "public"
SIGNED_IN = "signed in"
WORKSPACE_RIGHTS = {"design", "people", "trips", "settings"}
"""Rights that only administrators have; everything else is open to every member."""
READING = {"list", "read", "export", "history"}
EDITING = READING | {"create", "update", "delete", "restore"}
OPENED = {"private": set[str](), "read": READING, "edit": EDITING}
"""What the access of a table gives to everybody; its maker and the administrators may do everything."""


class Guarded(Protocol):
    """A table, as far as rights go."""

    @property
    def label(self) -> str:
        """What people call it."""

    @property
    def access(self) -> str:
        """One of OPENED."""

    @property
    def owner_id(self) -> int | None:
        """The person who made it."""


@dataclass(frozen=True)
class Actor(UserMixin):
    """Who is asking: a person in a session, or a command run for one (`session_id` None)."""

    id: int
    name: str
    email: str
    admin: bool = False
    theme: str = "auto"
    density: str = "default"
    session_id: int | None = None
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, person: Any) -> Actor:
        """The actor that a row of `person` is, outside any session: in commands and jobs."""
        return cls(person.id, person.name, person.email, person.admin)

    def get_id(self) -> str:
        """What Flask-Login keeps in the cookie: the token of this session, not the person."""
        return self.token


SYSTEM = Actor(id=0, name="command line", email="", admin=True)
"""The operator at the machine itself, in commands."""
NOBODY = Actor(id=0, name="not signed in", email="")
"""Whoever uses a public page without an account."""


def may(actor: Actor | None, action: str, subject: str | Guarded = "", record: Any = None) -> bool:
    """Whether this actor may do this: to a table, or to a record of it; or a part of the app, as `trips`.

    A table itself has the actions `design` and `import` too.
    """
    if action == PUBLIC:
        return True
    if actor is None:
        return False
    if actor.admin:
        return True
    if isinstance(subject, str):
        return action not in WORKSPACE_RIGHTS
    return subject.owner_id == actor.id or action in OPENED[subject.access]


def require(
    actor: Actor | None, action: str, subject: str | Guarded = "", record: Any = None
) -> None:
    """Raise Forbidden, in words that name the right and who can give it, unless `may`."""
    if action == PUBLIC:
        return
    allowed = may(actor, action, subject, record)
    what = f"{action} {subject if isinstance(subject, str) else subject.label}".rstrip()
    trips.event("permission", f"{what}: {'allowed' if allowed else 'refused'}")
    if not allowed:
        whose = "which administrators have" if isinstance(subject, str) else _whose(subject)
        raise Forbidden(f"This needs the right “{action}”, {whose}. Ask one of them.")


def _whose(table: Guarded) -> str:
    return f"which the maker of {table.label} and the administrators have"


def requires(action: str, subject: str = "") -> Callable[[View], View]:
    """Declare the right that a hand-written route needs."""

    def declare(view: View) -> View:
        view.right = (action, subject)  # type: ignore[attr-defined]
        return view

    return declare


def public(view: View) -> View:
    """Declare that a route is open to everybody, also without signing in."""
    return requires(PUBLIC)(view)


def signed_in(view: View) -> View:
    """Declare that a route is open to everybody who has signed in."""
    return requires(SIGNED_IN)(view)


def right_of(view: Callable[..., Any] | None) -> tuple[str, str] | None:
    """The right a route declares, or None."""
    return getattr(view, "right", None)
