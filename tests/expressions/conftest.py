"""A table with a field of every kind, on both databases, and a workspace in Berlin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from app import create_app, expressions
from app.database import db
from app.fields import Field, named
from tests.core import laws  # noqa: F401  its hypothesis profile


class Person(NamedTuple):
    """Somebody who asks."""

    id: int = 7
    name: str = "Alice Adams"
    email: str = "alice@example.com"


def field(name: str, word: str, **options: Any) -> Field:
    kind, implied = named(word)
    return Field(name, name, name.capitalize(), kind, options={**implied, **options})


FIELDS = {
    one.name: one
    for one in (
        field("quantity", "integer"),
        field("price", "money", currency="EUR", scale=2),
        field("fee", "money", currency="USD", scale=2),
        field("rate", "decimal", scale=4),
        field("fine", "decimal", scale=8),
        field("name", "text"),
        field("other", "text"),
        field("note", "long-text"),
        field("status", "choice", choices=["Open", "Done"]),
        field("due", "date"),
        field("start", "date"),
        field("created", "date-time"),
        field("begins", "time"),
        field("done", "yes-no"),
        field("owner", "integer"),
    )
}
TABLE = sa.Table(
    "sheet__orders",
    sa.MetaData(naming_convention=db.metadata.naming_convention),
    sa.Column("id", sa.Integer, primary_key=True),
    *(one.type.column(one) for one in FIELDS.values()),
    sa.Index("by_owner", "owner"),
)
NOW = {"today": date(2026, 3, 29), "now": datetime(2026, 3, 29, 12, 30, tzinfo=UTC)}
ME = {"me": 7, "me.name": "Alice Adams", "me.email": "alice@example.com", "me.roles": ["Open", "x"]}
AROUND: Mapping[str, Any] = {**NOW, **ME}


class Sheet:
    """The table in a database."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def fill(self, *records: Mapping[str, Any]) -> None:
        """Hold these records and no others, numbered from 0."""
        self.connection.execute(TABLE.delete())
        rows = [{"id": id, **dict.fromkeys(FIELDS), **one} for id, one in enumerate(records)]
        self.connection.execute(TABLE.insert(), rows)

    def all(self, text: str) -> list[Any]:
        """What an expression gives for each record, in order."""
        column = expressions.parse(text, FIELDS).sql({**TABLE.c, **AROUND})
        return list(
            self.connection.scalars(sa.select(column).select_from(TABLE).order_by(TABLE.c.id))
        )

    def one(self, text: str, **values: Any) -> Any:
        """What it gives for a record that is not saved: its values are bound."""
        read = expressions.parse(text, FIELDS)
        return self.connection.scalar(
            sa.select(read.sql({**dict.fromkeys(FIELDS), **values, **AROUND}))
        )

    def ids(self, text: str) -> list[int]:
        """The records for which a rule says yes."""
        rule = expressions.condition(text, FIELDS).rule({**TABLE.c, **AROUND})
        return list(self.connection.scalars(sa.select(TABLE.c.id).where(rule).order_by(TABLE.c.id)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: Any, tmp_path_factory: Any) -> Iterator[sa.Engine]:
    """A database of the app."""
    url = request.getfixturevalue("postgresql_for_all") if request.param == "postgresql" else ""
    folder = tmp_path_factory.mktemp("expressions")
    settings = {"INSTANCE": folder, "TESTING": True, "TRIPS": "off", "TIMEZONE": "Europe/Berlin"}
    app = create_app({**settings, "DATABASE_URL": url} if url else settings)
    with app.app_context():
        yield db.engine
        db.engine.dispose()


@pytest.fixture
def sheet(database: sa.Engine) -> Iterator[Sheet]:
    """The table, in a transaction that is rolled back."""
    with database.connect() as connection:
        TABLE.create(connection)
        yield Sheet(connection)
        connection.rollback()
