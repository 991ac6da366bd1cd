"""Shared by all tests: an app of its own for each, and the cast.

Alice is the administrator, Bob a member, Charlie has been disabled and must see nothing.
CSRF protection, rights and the recorder are on, as in real life; `send` posts a form with its token.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from app import create_app, database, sessions
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
        from blueprints.auth import services

        for first, name in PEOPLE.items():
            services.add(f"{first}@example.com", name, admin=first == "alice", password=PASSWORD)
        services.disable("charlie@example.com")
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


def running(app: RecordingFlask) -> Iterator[RecordingFlask]:
    """An app whose connections are closed afterwards."""
    app.test_client_class = Client
    yield app
    app.extensions["trips"].store.flush()
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
        from blueprints.auth import services

        token = sessions.begin(services.find(f"{first}@example.com").id, "test", "127.0.0.1")
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
def runner(app: RecordingFlask) -> Any:
    """Runs `flask` commands."""
    return app.test_cli_runner()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL database of its own; skipped where no server answers, never in CI."""
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
