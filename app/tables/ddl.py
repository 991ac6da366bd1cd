"""Statements that change columns of SQL tables, inside the transaction of the caller."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import sqlalchemy as sa

from app.extensions import db


def quote(name: str) -> str:
    """A name as SQL has it."""
    return db.engine.dialect.identifier_preparer.quote(name)


def run(statement: str) -> None:
    """Run a statement as it is."""
    db.session.connection().exec_driver_sql(statement)


def add_column(table: str, column: sa.Column[Any], references: str = "") -> None:
    """Add a column; `references` is the SQL name of the table whose records it has.

    A link is always added like this, also to a table that is new: SQLite drops no column that stands
    in a foreign key of the whole table.
    """
    sa.Table(table, sa.MetaData(), column)
    declared = str(sa.schema.CreateColumn(column).compile(dialect=db.engine.dialect))
    links = f" REFERENCES {quote(references)} (id)" if references else ""
    run(f"ALTER TABLE {quote(table)} ADD COLUMN {declared}{links}")


def index(table: str, column: str, unique: bool = False) -> None:
    """Make an index under a name that nothing else has."""
    kind, name = "UNIQUE INDEX" if unique else "INDEX", quote(f"ix_{token_hex(8)}")
    run(f"CREATE {kind} {name} ON {quote(table)} ({quote(column)})")


def unindex(table: str, column: str, every: bool = False) -> None:
    """Drop what keeps the values of a column apart, whatever it is called; or `every` index of it."""
    for one in sa.inspect(db.session.connection()).get_indexes(table):
        if column in one["column_names"] and one["name"] and (every or one["unique"]):
            run(f"DROP INDEX {quote(one['name'])}")


def drop_column(table: str, column: str) -> None:
    """Drop a column for good, with its indexes."""
    unindex(table, column, every=True)
    run(f"ALTER TABLE {quote(table)} DROP COLUMN {quote(column)}")


def drop_references(table: str) -> None:
    """Drop what other SQL tables have of a table that goes: columns out of sight, and pairs."""
    looked_at = sa.inspect(db.session.connection())
    for name in looked_at.get_table_names():
        for one in looked_at.get_foreign_keys(name):
            if one["referred_table"] != table or name == table:
                continue
            if name.startswith("links__"):
                run(f"DROP TABLE {quote(name)}")
                break
            drop_column(name, one["constrained_columns"][0])
