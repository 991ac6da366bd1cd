"""The equipment tests' own fixtures: people as services see them, items, real data, PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import create_app, database
from app.clock import today
from app.extensions import utcnow
from app.permissions import Actor
from blueprints.equipment import services
from blueprints.equipment.models import Item, Loan

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
POSTGRES = "postgresql://postgres@127.0.0.1:5432"


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data that may lie beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data are not here: {SHARED}")
    return SHARED


@pytest.fixture
def actor() -> Actor:
    """Bob, as a service sees him."""
    return Actor(id=2, name="Bob Brown", email="bob@example.com")


@pytest.fixture
def context(app: Any) -> Iterator[Any]:
    """The app with its context pushed, for tests that call services."""
    with app.app_context():
        yield app


@pytest.fixture
def camera(app: Any, actor: Actor) -> int:
    """The number of an item that is in."""
    with app.app_context():
        return add(actor, "CAM-001")


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Any:
    """The app on SQLite, and the app on PostgreSQL."""
    return request.getfixturevalue("app" if request.param == "sqlite" else "on_postgres")


@pytest.fixture
def on_postgres(tmp_path: Path, postgres: str) -> Iterator[Any]:
    """The app on PostgreSQL, with empty tables."""
    options = {"INSTANCE": tmp_path / "on-postgres", "DATABASE_URL": postgres, "TRIPS": "off"}
    app = create_app({"TESTING": True, **options})
    with app.app_context():
        database.upgrade(app)
        with database.writing() as session:
            session.execute(sa.delete(Loan))
            session.execute(sa.delete(Item))
    yield app
    with app.app_context():
        database.db.session.remove()
        database.db.engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a database that is made for these tests and dropped after them.

    Where no server answers, the tests that need it are skipped; in CI they fail.
    """
    psycopg = pytest.importorskip("psycopg")
    name = f"roundtrip_equipment_{os.getpid()}"
    try:
        server = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"PostgreSQL does not answer: {error}")
    with server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        yield f"{POSTGRES}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def add(actor: Actor, code: str, name: str = "Camera", **values: Any) -> int:
    """Add an item; its number. Inside an app context."""
    return services.add_item(actor, services.ItemValues(code, name, **values)).id


@pytest.fixture
def many(app: Any) -> Callable[[int], None]:
    """A function that adds so many items, every third of them out, without asking the services."""

    def add_items(count: int) -> None:
        with app.app_context(), database.writing() as session:
            new = [
                Item(
                    code=f"ITEM-{number:05}", name=f"Cordless drill {number}", kind="Power tool",
                    maker="Tornquist Werkzeuge", model=f"D18-{number % 9}", year=2010 + number % 15,
                )
                for number in range(count)
            ]  # fmt: skip
            session.add_all(new)
            session.flush()
            for item in new[::3]:
                due = today() + timedelta(days=item.id % 20 - 5)
                lent = utcnow() - timedelta(days=10)
                session.add(Loan(item_id=item.id, borrower="Ada Quist", lent_at=lent, due_on=due))

    return add_items
