"""Connections, transactions and the schema.

SQLite is used with a write-ahead log and full synchronisation: what was committed survives the
death of the process. A writing service takes the write lock first and then reads what it decides on;
a transaction that reads first and writes later would be refused when somebody wrote in between.
"""

from __future__ import annotations

import ast
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Flask, has_app_context

from app.current import the_g
from app.extensions import Base, db
from app.models import Definition, Tool

log = logging.getLogger("roundtrip.database")

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
    options = connection.get_execution_options()
    raw: Any = connection.connection.dbapi_connection
    if not options.get("write"):
        raw.cursor().execute("BEGIN")  # at the driver: every request does, and it cannot fail
        return
    if not options.get("wait", True):
        raw.execute("PRAGMA busy_timeout = 0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        if not options.get("wait", True):
            raw.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def asked() -> dict[str, Any]:
    """What this request, or step of a job, has asked the database and need not ask again, by who asked it."""
    found: dict[str, Any] = vars(the_g()).setdefault("_asked", {})
    return found


def forget() -> None:
    """Ask the database again at the next look."""
    vars(the_g()).pop("_asked", None)


@sa.event.listens_for(so.Session, "after_rollback")
def _forget(_session: so.Session) -> None:
    if has_app_context():  # also where a part of a transaction is taken back, which may have looked
        forget()


def begun() -> so.Session | None:
    """The session of this request where there is one by now: making one only to look is not for free."""
    return db.session() if db.session.registry.has() else None


def is_writing() -> bool:
    """Whether this is inside of `writing`."""
    session = begun()
    return session is not None and bool(session.info.get("writing"))


@contextmanager
def writing() -> Iterator[so.scoped_session[Any]]:
    """One writing transaction of a service: everything in the block is committed together, or nothing.

    What the request had read before is forgotten, so that the block decides on what it reads itself.
    A block inside another would forget what that one has written: RuntimeError.
    """
    if is_writing():
        raise RuntimeError("writing() inside writing(): one service calls another that commits")
    db.session.info["writing"] = True
    forget()
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
def writing_connection(wait: bool = True) -> Iterator[sa.Connection]:
    """The same apart from the request's session, for hooks. `wait=False`: OperationalError at once when busy."""
    options = {"write": True, "wait": wait}
    with db.engine.connect().execution_options(**options) as connection, connection.begin():
        if not wait and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10ms'")
        yield connection


# The schema ------------------------------------------------------------------------------------


class Pending(NamedTuple):
    """What the database lacks, or has too much of, for this version of the app and its blueprints."""

    histories: dict[str, Path]  # by version table: the revisions of the core or of a blueprint
    tables: list[sa.Table]  # of blueprints without revisions
    models: list[str]  # SQL tables of blueprints that have no definition yet
    unknown: list[str]  # revisions of a later version
    new: bool  # nothing is there yet


def pending(app: Flask) -> Pending:
    """Compare the database with the code, with one short SELECT for each history. Raises SchemaError."""
    try:
        with db.engine.connect() as connection:
            present = set(sa.inspect(connection).get_table_names())
            have = {table: _revisions_of(connection, table, present) for table in _histories(app)}
            undeclared = _undeclared(app, connection, present)
    except sa.exc.DatabaseError as error:
        raise SchemaError(f"The database {db.engine.url!r} cannot be read: {error.orig}.") from None
    histories, unknown = {}, []
    for table, versions in _histories(app).items():
        known, newest = _revisions_in(versions)
        unknown += [one for one in have[table] - known if one > max(known, default="")]
        if have[table] != newest:
            histories[table] = versions
    missing = [table for table in _tables_without_history(app) if table.name not in present]
    return Pending(histories, missing, undeclared, unknown, not have["alembic_version"])


def _histories(app: Flask) -> dict[str, Path]:
    """The folders of revisions by version table: that of the core first, then those of blueprints."""
    found = {"alembic_version": MIGRATIONS / "versions"}
    for name, folder in app.extensions["blueprints"].items():
        if folder and (folder / "migrations" / "versions").is_dir():
            found[f"alembic_version_{name}"] = folder / "migrations" / "versions"
    return found


def _revisions_of(connection: sa.Connection, table: str, present: set[str]) -> set[str]:
    if table not in present:
        return set()
    query = sa.select(sa.table(table, sa.column("version_num")))
    return set(connection.execute(query).scalars())


def _revisions_in(versions: Path) -> tuple[set[str], set[str]]:
    """All revisions of a folder and the newest of them, read from its files: Alembic takes longer to import."""
    found: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for path in versions.glob("*.py"):
        try:
            for name, value in _assigned(path):
                if name in found:
                    read = ast.literal_eval(value)
                    found[name] |= {read} if isinstance(read, str) else set(read or ())
        except (SyntaxError, ValueError) as error:
            raise SchemaError(f"The revision {path} cannot be read: {error}.") from None
    return found["revision"], found["revision"] - found["down_revision"]


def _assigned(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """What a module assigns to plain names: `name = …` and `name: … = …`."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield getattr(target, "id", ""), node.value


def state(app: Flask) -> str:
    """`ready`, `old` (an upgrade is needed) or `newer` (made by a later version). Raises SchemaError."""
    found = pending(app)
    return (
        "newer"
        if found.unknown
        else "old"
        if found.histories or found.tables or found.models
        else "ready"
    )


def require_ready(app: Flask) -> None:
    """Raise SchemaError, saying what to do, unless the database fits. Call inside an app context."""
    match state(app):
        case "old":
            raise SchemaError(
                "The database does not fit this version of the app. Run: flask upgrade"
            )
        case "newer":
            later = (
                "The database was made by a later version of the app, so flask upgrade cannot help."
            )
            raise SchemaError(f"{later} Start that version.")


def upgrade(app: Flask) -> str:
    """Bring the database to this version, wholly or not at all; what was done, in one line.

    A SQLite file is copied first, into `backups/` in the instance folder. Call inside an app context.
    Raises SchemaError.
    """
    found = pending(app)
    if found.unknown:
        later = f"The database was made by a later version (revision {', '.join(found.unknown)})."
        raise SchemaError(f"{later} Start that version, or restore a backup.")
    if not (found.histories or found.tables or found.models):
        return "The database is up to date."
    copy = None
    try:
        copy = _copy_first(app) if found.histories and not found.new else None
        _bring_up(app, found)
    except Exception as error:
        log.debug("the upgrade failed", exc_info=True)
        if copy:  # of the same; a start that is tried for ever would fill the disk
            copy.unlink(missing_ok=True)
        raise SchemaError(
            f"The upgrade failed: {_in_a_line(error)}. The database is as it was before."
        ) from None
    return "The database was upgraded." + (f" The copy from before is {copy}." if copy else "")


def _in_a_line(error: Exception) -> str:
    """What went wrong, named by its class unless it is the machine's own words."""
    words = str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")
    own = isinstance(error, OSError | sa.exc.DBAPIError | sqlite3.Error)
    return words if own else f"{type(error).__name__}: {words}"


def _copy_first(app: Flask) -> Path | None:
    """A copy of a SQLite file; it has its name only when it is whole."""
    file = db.engine.url.database
    if db.engine.dialect.name != "sqlite" or not file:
        return None
    folder = Path(app.config["ROUNDTRIP_INSTANCE"]) / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"before-upgrade-{datetime.now(UTC):%Y%m%d-%H%M%S}.sqlite"
    part = target.with_suffix(".part")
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        return part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _bring_up(app: Flask, found: Pending) -> None:
    """Everything that is pending, in one transaction; one start at a time."""
    with db.engine.connect().execution_options(write=True) as connection:
        if connection.dialect.name == "sqlite":
            # batch changes rebuild tables; children must not notice
            connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]
        try:
            with connection.begin():
                for table, versions in found.histories.items():
                    _run_revisions(connection, versions, table)
                db.metadata.create_all(connection, tables=found.tables)
                _declare(app, connection)
        finally:
            connection.invalidate()


def _run_revisions(connection: sa.Connection, versions: Path, version_table: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    config.attributes.update(connection=connection, version_table=version_table)
    command.upgrade(config, "heads")


def _tables_without_history(app: Flask) -> list[sa.Table]:
    """Tables of blueprints that have no revisions; what is missing of them is made, and never changed."""
    names = [
        name
        for name in app.extensions["blueprints"]
        if f"alembic_version_{name}" not in _histories(app)
    ]
    return [table for name in names for table in tables_of(name)]


def tables_of(blueprint: str) -> list[sa.Table]:
    """The SQL tables of a blueprint's models, with association tables of the same prefix."""
    return [table for key, table in db.metadata.tables.items() if key.startswith(f"{blueprint}__")]


# Models of blueprints ---------------------------------------------------------------------------


def models(app: Flask) -> dict[str, type[Any]]:
    """The mapped classes of the app's blueprints by their SQL tables: each is a table of its tool."""
    found: dict[str, type[Any]] | None = app.extensions.get("models")
    if found is None:
        mappers = [(_module_of(one), one) for one in Base.registry.mappers]
        found = app.extensions["models"] = {
            one.local_table.name: one.class_
            for module, one in mappers
            if module in app.extensions["blueprints"] and isinstance(one.local_table, sa.Table)
        }
    return found


def _module_of(mapper: so.Mapper[Any]) -> str:
    """The blueprint of a class, empty where it is none's."""
    return mapper.class_.__module__.removeprefix("blueprints.").partition(".")[0]


def _undeclared(app: Flask, connection: sa.Connection, present: set[str]) -> list[str]:
    if "definition" not in present:
        return list(models(app))
    known = set(connection.scalars(sa.select(Definition.sql_name)))
    return [name for name in models(app) if name not in known]


def _declare(app: Flask, connection: sa.Connection) -> None:
    """A definition for each model that has none by now, and a tool for its blueprint: they hold what is
    said in the browser."""
    tools = set(connection.scalars(sa.select(Tool.name)))
    for name in _undeclared(app, connection, {"definition"}):
        model = models(app)[name]
        tool = _module_of(sa.inspect(model))
        if tool not in tools:
            tools.add(tool)
            label = tool.replace("_", " ").capitalize()
            connection.execute(sa.insert(Tool).values(name=tool, label=label))
        access = getattr(getattr(model, "__options__", None), "access", "private")
        made = {"tool": tool, "name": model.__name__.lower(), "sql_name": name, "access": access}
        connection.execute(sa.insert(Definition).values(state="written", document={}, **made))
