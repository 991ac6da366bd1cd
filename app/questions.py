"""What is asked at every request, by a way that is short where it can be.

A statement goes through SQLAlchemy for what that adds: it is compiled, a transaction is begun, its result is
wrapped. For a question that each request asks, and that finds a row or two in a file, this is most of the
work. So on SQLite its SQL is compiled once and the driver asked, by a connection of the pool; a SELECT needs
no transaction there. Elsewhere, and where the driver refuses, SQLAlchemy runs it as any other.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from app import database
from app.extensions import db

Process = Callable[[Any], Any]


class Question:
    """A SELECT that is asked often, with the same columns and names of values each time.

    `plain`: values are given as they are found, for who passes them on; so they must need nothing.
    `once`: it is not kept, so SQLAlchemy asks it, which keeps what it has compiled of statements like it.
    """

    def __init__(self, statement: sa.Select[Any], plain: bool = False, once: bool = False) -> None:
        self.statement, self.plain, self.once = statement, plain, once

    def ask(self, **values: Any) -> Sequence[Any]:
        """The rows, with the columns' names as attributes. It sees what the transaction at hand has written,
        if there is one."""
        engine = db.engine
        if not self.once and engine.dialect.name == "sqlite" and self._compiled:
            session = database.begun()
            if session is not None and session.in_transaction():
                return self._asked(session.connection().connection, values)
            with suppress(sqlite3.Error):  # where none can be had, SQLAlchemy says why below
                with closing(engine.raw_connection()) as connection:
                    return self._asked(connection, values)
        return db.session.connection().execute(self.statement, values).all()

    def _asked(self, connection: Any, values: dict[str, Any]) -> Sequence[Any]:
        text, names, own = self._compiled or ("", [], {})
        given = {**{name: value() for name, value in own.items()}, **values}
        cursor = connection.cursor()
        try:
            cursor.execute(text, [process(given[name]) for name, process in names])
            rows: list[Any] = cursor.fetchall()
        except sqlite3.Error:  # SQLAlchemy says what it is
            return db.session.connection().execute(self.statement, values).all()
        finally:
            cursor.close()
        return rows if self.plain else [*map(self._read, rows)]

    @cached_property
    def _compiled(
        self,
    ) -> tuple[str, list[tuple[str, Process]], dict[str, Callable[[], Any]]] | None:
        """The SQL, the names of its values in order, each with what makes it one of the driver, and
        functions for the values that it has itself; None where the SQL depends on the values."""
        made: Any = self.statement.compile(dialect=_DIALECT)
        if made.post_compile_params or made.literal_execute_params:
            return None
        names = [
            (
                name,
                made.binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT) or _as_it_is,
            )
            for name in made.positiontup or ()
        ]
        own = {
            name: one.callable or partial(_as_it_is, one.value)
            for name, one in made.binds.items()
            if one.callable or not one.required
        }
        return made.string, names, own

    @cached_property
    def _read(self) -> Callable[[Sequence[Any]], Any]:
        """What makes a row of the driver's."""
        columns = self.statement.selected_columns
        row = namedtuple("Row", columns.keys(), rename=True)  # type: ignore[misc]
        kinds = [one.type.dialect_impl(_DIALECT) for one in columns]
        reads = [one.result_processor(_DIALECT, None) or _as_it_is for one in kinds]
        if all(one is _as_it_is for one in reads):
            return row._make
        return lambda found: row._make([read(one) for read, one in zip(reads, found, strict=True)])


_DIALECT = sqlite.dialect(paramstyle="qmark")


def _as_it_is(value: Any) -> Any:
    return value
