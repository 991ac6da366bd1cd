"""A table with a field of every kind, as its owner Alice has made it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.extensions import db
from app.fields import Field, named
from app.models import Person
from app.permissions import Actor
from app.tables import catalog
from app.tables.table import Table
from tests.suites import doors

KINDS = {
    "name": "text", "code": "code", "email": "email", "count_": "integer", "price": "decimal", "cost": "money",
    "active": "yes-no", "day": "date", "moment": "date-time", "at": "time", "note": "long-text",
    "effort": "duration", "tags": "multi-choice", "number": "auto-number",
}  # fmt: skip


def declared(name: str, word: str, **rest: Any) -> Field:
    kind, options = named(word)
    options = {**kind.usual, **options, **rest.pop("options", {})}
    return Field(name, name, name.strip("_").capitalize(), kind, options=options, **rest)


def every_field() -> tuple[Field, ...]:
    plain = [declared(n, w, required=n == "name", unique=n == "code") for n, w in KINDS.items()]
    choice = declared("status", "choice", options={"choices": ["open", "closed"]})
    return (*plain, choice)


@pytest.fixture
def app(on_each_database: Any) -> Any:
    """Each test runs on both databases."""
    return on_each_database


@pytest.fixture
def people(app: Any) -> Iterator[dict[str, Actor]]:
    """The cast as actors, in an app context."""
    with app.app_context():
        rows = db.session.query(Person).all()
        yield {one.email.partition("@")[0]: Actor.of(one) for one in rows}


def thing(owner_id: int | None = None) -> Table:
    """A table with a field of every kind."""
    return Table(0, 0, "things", "thing", "Thing", every_field(), owner_id=owner_id)


@pytest.fixture
def more_settings(door: str) -> Iterator[dict[str, Any]]:
    with doors.settings(door, thing()) as found:
        yield found


@pytest.fixture
def things(people: dict[str, Actor], door: str) -> catalog.Live:
    """The table, empty; private to Bob."""
    doors.make(door, thing(people["bob"].id), "Things", people["bob"])
    return catalog.tables()["things", "thing"]
