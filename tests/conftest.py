"""Shared by all tests: an app of its own for each, and the cast.

Alice is the administrator, Bob a member, Charlie has been disabled and must see nothing.
CSRF protection, rights and the recorder are on, as in real life; `send` posts a form with its token.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app import create_app, database, jobs, sessions
from app.models import Person
from app.trips.recording import RecordingFlask
from app.trips.testing import trip_of  # noqa: F401  a fixture

PASSWORD = "correct horse battery"
PEOPLE = {"alice": "Alice Adams", "bob": "Bob Brown", "charlie": "Charlie Clark"}


class Client(FlaskClient):
    """A test client that can post forms as a browser would."""

    def open(self, *args: Any, buffered: bool = True, **options: Any) -> Any:
        """Ask, and take the answer to its end, as a server would: so its trip ends too."""
        return super().open(*args, buffered=buffered, **options)

    def csrf(self) -> str:
        """A token that belongs to this client's session."""
        with self.session_transaction() as session:
            raw = session.setdefault("csrf_token", hashlib.sha1(os.urandom(64)).hexdigest())
        return URLSafeTimedSerializer(self.application.secret_key, salt="wtf-csrf-token").dumps(raw)

    def send(self, url: str, **fields: Any) -> Any:
        """POST a form with its CSRF token."""
        headers = fields.pop("_headers", {})
        return self.post(url, data={"csrf_token": self.csrf(), **fields}, headers=headers)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests must not change what they find."""
    for name in [name for name in os.environ if name.startswith("ROUNDTRIP_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with the schema and the cast, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("workspace")
    app = create_app({"INSTANCE": folder, "TESTING": True, "TRIPS": "off"})
    with app.app_context():
        database.upgrade(app)
        from app import people

        for first, name in PEOPLE.items():
            people.add(f"{first}@example.com", name, admin=first == "alice", password=PASSWORD)
        people.disable("charlie@example.com")
        database.db.session.remove()
        database.db.engine.dispose()
    return folder


@pytest.fixture
def instance(workspace: Path, tmp_path: Path) -> Path:
    """A copy of the workspace that belongs to one test."""
    folder = tmp_path / "instance"
    shutil.copytree(workspace, folder, ignore=shutil.ignore_patterns("trips.*"))
    return folder


@pytest.fixture
def app(instance: Path) -> Iterator[RecordingFlask]:
    """The app, on a database of its own."""
    yield from running(create_app({"INSTANCE": instance, "TESTING": True}))


@pytest.fixture
def more_settings() -> dict[str, Any]:
    """What a module of tests sets besides, for `on_each_database`."""
    return {}


@pytest.fixture
def door() -> str:
    """How the table of a test comes in: `tests/suites` has the other two."""
    return "drawn"


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_database(
    request: pytest.FixtureRequest, instance: Path, more_settings: dict[str, Any]
) -> Iterator[RecordingFlask]:
    """The app with the cast, once on each database; a folder of tests imports it as its `app`."""
    settings = {"INSTANCE": instance, "TESTING": True, **more_settings}
    if request.param == "postgresql":
        settings["DATABASE_URL"] = request.getfixturevalue("postgresql_workspace")
    app = create_app(settings)
    with app.app_context():
        database.upgrade(app)
    yield from running(app)


def running(app: RecordingFlask) -> Iterator[RecordingFlask]:
    """An app whose connections are closed afterwards."""
    app.test_client_class = Client
    yield app
    app.extensions["trips"].store.flush()
    if "queue" in app.extensions:
        app.extensions["queue"].close()
    with app.app_context():
        database.db.session.remove()
        database.db.engine.dispose()


@pytest.fixture
def client(app: RecordingFlask) -> Client:
    """A stranger."""
    return app.test_client()  # type: ignore[return-value]


def sign_in(app: RecordingFlask, first: str) -> Client:
    """A client with a session of this person, made without hashing a password."""
    client = app.test_client()
    with app.app_context():
        from app import people

        token = sessions.begin(people.find(f"{first}@example.com").id, "test", "127.0.0.1")
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = token, True
    return client  # type: ignore[return-value]


@pytest.fixture
def alice(app: RecordingFlask) -> Client:
    """The administrator's browser."""
    return sign_in(app, "alice")


@pytest.fixture
def bob(app: RecordingFlask) -> Client:
    """A member's browser."""
    return sign_in(app, "bob")


@pytest.fixture
def charlie(app: RecordingFlask) -> Client:
    """The browser of somebody who has been disabled and still has a cookie."""
    return sign_in(app, "charlie")


@pytest.fixture
def work(app: RecordingFlask) -> Callable[[], None]:
    """Does what is queued, without a worker."""

    def run() -> None:
        with app.app_context():
            jobs.run_queued()
            database.db.session.remove()

    return run


@pytest.fixture
def runner(app: RecordingFlask) -> Any:
    """Runs `flask` commands."""
    return app.test_cli_runner()


@contextmanager
def new_postgresql() -> Iterator[str]:
    """The address of an empty PostgreSQL database; skips where no server answers, never in CI."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    server = "postgresql://postgres@127.0.0.1:5432"
    try:
        admin = psycopg.connect(f"{server}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL on this machine: {error}")
    name = f"roundtrip_{os.urandom(6).hex()}"
    admin.execute(f"CREATE DATABASE {name}")
    yield f"{server}/{name}"
    admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    admin.close()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL database of its own."""
    with new_postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def postgresql_for_all() -> Iterator[str]:
    """One PostgreSQL database for all tests of a module."""
    with new_postgresql() as url:
        yield url


# Once, after the schema and the cast: remember what every table holds.
REMEMBER = """
DO $$ DECLARE one name; BEGIN
  CREATE SCHEMA kept;
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('CREATE TABLE kept.%1$I AS TABLE public.%1$I', one);
  END LOOP;
  CREATE TABLE kept."sequences." AS SELECT sequencename, last_value FROM pg_sequences
    WHERE schemaname = 'public';
END $$
"""
# A thread that a test has left behind must not hold a lock.
OTHERS_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# After a test: what it made is gone, what it changed is as it was.
RESTORE = """
DO $$ DECLARE one name; last bigint; BEGIN
  SET LOCAL session_replication_role = replica;  -- foreign keys are not looked at meanwhile
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    IF to_regclass(format('kept.%I', one)) IS NULL THEN
      EXECUTE format('DROP TABLE public.%I CASCADE', one);
    ELSE
      EXECUTE format('DELETE FROM public.%I', one);
      EXECUTE format('INSERT INTO public.%1$I SELECT * FROM kept.%1$I', one);
    END IF;
  END LOOP;
  FOR one, last IN SELECT * FROM kept."sequences." LOOP
    PERFORM setval(format('public.%I', one)::regclass, coalesce(last, 1), last IS NOT NULL);
  END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to a PostgreSQL database with the schema and the cast, made once, and its address."""
    with new_postgresql() as url:
        folder = tmp_path_factory.mktemp("postgresql")
        app = create_app({"INSTANCE": folder, "DATABASE_URL": url, "TRIPS": "off"})
        with app.app_context():
            database.upgrade(app)
            for first, name in PEOPLE.items():
                rights = {"admin": first == "alice", "active": first != "charlie"}
                database.db.session.add(Person(name=name, email=f"{first}@example.com", **rights))
                database.db.session.flush()
            database.db.session.commit()
            database.db.engine.dispose()
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(REMEMBER)
            yield connection, url


@pytest.fixture
def postgresql_workspace(postgresql_server: Any) -> Iterator[str]:
    """A PostgreSQL database with the schema and the cast, which a test finds as the first one did."""
    connection, url = postgresql_server
    yield url
    connection.execute(OTHERS_OUT)
    connection.execute(RESTORE)
