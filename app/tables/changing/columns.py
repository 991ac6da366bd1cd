"""The columns of a SQL table that is changed, inside the transaction of the caller."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import Invalid
from app.extensions import db
from app.fields import Field
from app.models import COUNTER
from app.tables import ddl
from app.tables.catalog import create_pairs
from app.tables.live import Live

NEW = "changing__"
"""What the name of a column begins with that is being filled."""


def kind(field: Field) -> sa.types.TypeEngine[Any]:
    """The SQL type of a field's column."""
    return field.type.sql_type(field)


def add(live: Live, field: Field, name: str, filled: bool = False) -> None:
    """Add a field's column, which costs the same however many records there are, also where all of them
    get the default. What is worked out has none."""
    if field.type.many:
        create_pairs(live, field)
    if field.type.column(field) is None:
        return
    sql = kind(field)
    value = field.type.parse(field.default, field) if filled else None
    target = live.target(field)
    links = live.other(target).sql.name if target is not None else ""
    # SQLite adds no column that refers to another table and has a default: it is filled below
    default = None if value is None or links else sa.DefaultClause(sa.literal(value, sql))
    ddl.add_column(live.sql.name, sa.Column(name, sql, server_default=default), links)
    if links:
        table = sa.table(live.sql.name, sa.column(name, sql))
        db.session.execute(sa.update(table).values({name: value}))
        ddl.index(live.sql.name, name)


def count_out(live: Live, field: Field) -> None:
    """Number the records that have no number yet, in the order in which they came, and no number twice."""
    table, name = sa.table(live.sql.name, sa.column(field.name)), ddl.quote(field.name)
    highest = db.session.scalar(sa.select(sa.func.max(table.c[field.name]))) or 0
    about = COUNTER.c.table_id == live.table.id, COUNTER.c.field_id == field.id
    counted = db.session.scalar(sa.select(COUNTER.c.value).where(*about)) or 0
    base = max(int(field.options.get("start", 1)) - 1, highest, counted)
    place, quoted = "row_number() OVER (ORDER BY id) AS place", ddl.quote(live.sql.name)
    places = f"SELECT id, {place} FROM {quoted} WHERE {name} IS NULL"
    fill = f"UPDATE {quoted} SET {name} = counted.place + {base} FROM ({places}) AS counted"
    ddl.run(f"{fill} WHERE counted.id = {quoted}.id")


def rename(live: Live, moves: Sequence[tuple[str, str]]) -> None:
    """Two may change their names: so each is out of the way first."""
    away = [f"moving__{place}" for place, _ in enumerate(moves)]
    pairs = [(old, mid) for (old, _), mid in zip(moves, away, strict=True)]
    pairs += [(mid, new) for (_, new), mid in zip(moves, away, strict=True)]
    for old, new in pairs:
        ddl.run(
            f"ALTER TABLE {ddl.quote(live.sql.name)} RENAME COLUMN {ddl.quote(old)} TO {ddl.quote(new)}"
        )


def index(live: Live, field: Field, column: str) -> None:
    """Let no two records have the same value. Raises Invalid where two have."""
    with one_each([field]):
        ddl.index(live.sql.name, column, unique=True)


@contextmanager
def one_each(fields: Collection[Field]) -> Iterator[None]:
    """Where values of these fields would be there twice, say so. Raises Invalid."""
    try:
        yield
    except IntegrityError:
        words = "two records would have the same value, which must be unique"
        raise Invalid(errors=[(one.name, f"{one.label}: {words}") for one in fields]) from None


def remove(live: Live, columns: Collection[str] = ()) -> None:
    """Drop columns for good, and those that a job has begun to fill."""
    for one in sa.inspect(db.session.connection()).get_columns(live.sql.name):
        if one["name"] in columns or one["name"].startswith(NEW):
            ddl.drop_column(live.sql.name, one["name"])
