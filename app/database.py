"""Connections, transactions and the schema.

SQLite is used with a write-ahead log and full synchronisation: what was committed survives the
death of the process. A writing service takes the write lock first and then reads what it decides on;
a transaction that reads first and writes later would be refused when somebody wrote in between.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask

from app.extensions import db

BUSY_SECONDS = 8
MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The database does not fit this version; the text says what to do."""


def init_app(app: Flask) -> None:
    """Set up the connections that the app will make. Connects to nothing yet."""
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -64000",
        "mmap_size = 268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")
    _use_write_ahead_log(connection)
    connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's knows ASCII only


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait here by itself, when two first starts turn a new file to it at once."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing() -> Iterator[so.scoped_session[Any]]:
    """One writing transaction of a service: everything in the block is committed together, or nothing.

    What the request had read before is forgotten, so that the block decides on what it reads itself.
    A block inside another would forget what that one has written: RuntimeError.
    """
    if db.session.info.get("writing"):
        raise RuntimeError("writing() inside writing(): one service calls another that commits")
    db.session.info["writing"] = True
    db.session.rollback()
    db.session.expire_all()
    try:
        db.session.connection(execution_options={"write": True})
        yield db.session
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        db.session.info.pop("writing", None)


@contextmanager
def writing_connection() -> Iterator[sa.Connection]:
    """The same apart from the request's session, for hooks."""
    with db.engine.connect().execution_options(write=True) as connection, connection.begin():
        yield connection


# The schema ------------------------------------------------------------------------------------


def newest_revision() -> str:
    """The revision this version of the code needs: the last file in migrations/versions."""
    return max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision() -> str | None:
    """The revision the database has; None for a new one. Raises SchemaError when it cannot be asked."""
    try:
        with db.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    except sa.exc.DatabaseError as error:
        raise SchemaError(f"The database {db.engine.url!r} cannot be read: {error.orig}.") from None


def state() -> str:
    """`ready`, `old` (an upgrade is needed) or `newer` (made by a later version of the app)."""
    have, need = revision(), newest_revision()
    return "ready" if have == need else "newer" if have is not None and have > need else "old"


def upgrade(app: Flask) -> str:
    """Bring the database to this version; what was done, in one line. Call inside an app context.

    A SQLite file is copied first, into `backups/` in the instance folder. Raises SchemaError.
    """
    done = "The database is up to date."
    match state():
        case "newer":
            later = f"The database was made by a later version (revision {revision()})."
            raise SchemaError(f"{later} Start that version, or restore a backup.")
        case "old":
            copy = _copy_first(app)
            _run_revisions(MIGRATIONS / "versions", "alembic_version")
            done = f"The database was brought to revision {newest_revision()}."
            done += f" The copy from before is {copy}." if copy else ""
    _make_tables_of_blueprints(app)
    return done


def _copy_first(app: Flask) -> Path | None:
    file = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or revision() is None or not file:
        return None
    folder = Path(app.config["ROUNDTRIP_INSTANCE"]) / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"before-{newest_revision()}-{datetime.now(UTC):%Y%m%d-%H%M%S}.sqlite"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target


def _run_revisions(versions: Path, version_table: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    with db.engine.connect().execution_options(write=True) as connection:  # one start at a time
        if (
            connection.dialect.name == "sqlite"
        ):  # batch changes rebuild tables; children must not notice
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        try:
            with connection.begin():
                config.attributes.update(connection=connection, version_table=version_table)
                command.upgrade(config, "head")
        finally:
            connection.invalidate()


def _make_tables_of_blueprints(app: Flask) -> None:
    """A blueprint with a folder `migrations/versions` has a history of its own; others get missing tables made."""
    for name, folder in app.extensions["blueprints"].items():
        versions = folder / "migrations" / "versions" if folder else None
        if versions and versions.is_dir():
            _run_revisions(versions, f"alembic_version_{name}")
        elif tables := tables_of(name):
            with writing_connection() as connection:
                db.metadata.create_all(connection, tables=tables)


def tables_of(blueprint: str) -> list[sa.Table]:
    """The SQL tables of a blueprint's models, with association tables of the same prefix."""
    return [table for key, table in db.metadata.tables.items() if key.startswith(f"{blueprint}__")]
