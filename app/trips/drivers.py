"""Stage 6: database time, taken at the driver: execute, fetch, commit and the wait for a lock.

SQLAlchemy's own events end when a statement has run; the time to fetch its rows would be missing.
So each connection is made from a subclass of the driver's, with a clock in it. What the ORM knows
better (which relationship was loaded lazily, how often) comes from a session event.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from app.trips import CURRENT
from app.trips.guard import guarded
from app.trips.reading import MORE, ROWS
from app.trips.trip import MAX_STATEMENT, Trip, now


@cache
def timed_cursor(base: type) -> type:
    """A subclass of a DB-API cursor class that records what it does."""

    class TimedCursor(base):
        _span: int | None = None

        def _run(
            self, method: Callable[..., Any], statement: Any, *args: Any, **options: Any
        ) -> Any:
            trip = CURRENT.get()
            if trip is None:
                return method(statement, *args, **options)
            kind, text = _kind_and_text(statement)
            span = self._span = trip.open(kind, text)
            trip.n_queries += kind == "query"
            try:
                answer = method(statement, *args, **options)
                trip.tell(span, max(self.rowcount, 0) if self.description is None else 0)
                return answer
            finally:
                trip.close(span)

        def execute(self, *args: Any, **options: Any) -> Any:
            return self._run(super().execute, *args, **options)

        def executemany(self, *args: Any, **options: Any) -> Any:
            return self._run(super().executemany, *args, **options)

        def _fetch(self, method: Callable[..., Any], *args: Any) -> Any:
            trip, span = CURRENT.get(), self._span
            if trip is None or span is None:
                return method(*args)
            start = now()
            rows = method(*args)
            trip.note(MORE, span, now() - start)
            _count_rows(trip, span, rows)
            return rows

        def fetchone(self) -> Any:
            return self._fetch(super().fetchone)

        def fetchmany(self, *args: Any) -> Any:
            return self._fetch(super().fetchmany, *args)

        def fetchall(self) -> Any:
            return self._fetch(super().fetchall)

    return TimedCursor


_HOUSEKEEPING = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK TO", "PRAGMA", "SET ", "SHOW ")


def _kind_and_text(statement: Any) -> tuple[str, str]:
    text = statement if isinstance(statement, str) else str(statement)
    return ("transaction" if text.startswith(_HOUSEKEEPING) else "query"), text[:MAX_STATEMENT]


@guarded
def _count_rows(trip: Trip, span: int, rows: Any) -> None:
    if rows is not None:
        trip.note(ROWS, span, len(rows) if isinstance(rows, list) else 1)


class _TimedEnd:
    """Commit and rollback of a connection; those that end nothing are not worth a line."""

    def _end(self, word: str, method: Callable[[], None], needed: bool) -> None:
        trip = CURRENT.get()
        if trip is None or not needed:
            return method()
        span = trip.open("transaction", word)
        try:
            method()
        finally:
            trip.close(span)


class SQLiteConnection(_TimedEnd, sqlite3.Connection):
    """A sqlite3 connection with a clock in it."""

    _cursor_class = timed_cursor(sqlite3.Cursor)

    def cursor(self, factory: Any = None) -> Any:
        """A cursor of the timed class."""
        return super().cursor(factory or self._cursor_class)

    def commit(self) -> None:
        """Commit; on SQLite this is where the disk is waited for."""
        self._end("COMMIT", super().commit, self.in_transaction)

    def rollback(self) -> None:
        """Roll back; reading transactions end this way."""
        self._end("ROLLBACK", super().rollback, self.in_transaction)


@cache
def _psycopg_connection() -> type:
    import psycopg
    from psycopg.pq import TransactionStatus

    class PsycopgConnection(_TimedEnd, psycopg.Connection):
        """A psycopg connection with a clock in it."""

        def commit(self) -> None:
            self._end(
                "COMMIT", super().commit, self.info.transaction_status != TransactionStatus.IDLE
            )

        def rollback(self) -> None:
            self._end(
                "ROLLBACK", super().rollback, self.info.transaction_status != TransactionStatus.IDLE
            )

    return PsycopgConnection


def listen() -> None:
    """Let every engine of this process connect with the timed classes, and every session tell of lazy loads."""
    if not sa.event.contains(sa.Engine, "do_connect", _connect):
        sa.event.listen(sa.Engine, "do_connect", _connect)
        sa.event.listen(so.Session, "do_orm_execute", _note_lazy_load)


def _connect(dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]) -> Any:
    if dialect.driver == "pysqlite":
        options.setdefault("factory", SQLiteConnection)
    elif dialect.driver == "psycopg":
        import psycopg

        options.setdefault("cursor_factory", timed_cursor(psycopg.Cursor))
        return _psycopg_connection().connect(*args, **options)  # type: ignore[attr-defined]
    return None


@guarded
def _note_lazy_load(state: so.ORMExecuteState) -> None:
    """An exact fact for N+1: this relationship was loaded once more, here."""
    trip = CURRENT.get()
    if trip is None or not state.is_relationship_load or state.lazy_loaded_from is None:
        return
    path: Any = state.loader_strategy_path
    relation = f"{path[0].class_.__name__}.{path[-1].key}" if path else "?"
    where = trip.inside or trip.method
    trip.lazy = trip.lazy or {}
    trip.lazy[relation, where] = trip.lazy.get((relation, where), 0) + 1
