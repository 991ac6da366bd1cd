"""Transactions and the schema, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa

from app import create_app, database, sessions
from app.database import db, writing
from app.errors import AppError
from app.models import Person
from app.trips.testing import TripCheck
from blueprints.auth import services


def test_alembic_and_the_models_make_the_same_tables(app):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with app.app_context(), db.engine.connect() as connection:
        core = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda o, n, k, *_: (
                    k != "table" or ("__" not in n and n != "alembic_version")
                )
            },
        )
        assert compare_metadata(core, db.metadata) == []


def test_sqlite_keeps_what_was_committed_through_a_crash(app):
    with app.app_context(), db.engine.connect() as connection:
        ask = lambda name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()  # noqa: E731
        assert (ask("journal_mode"), ask("synchronous"), ask("foreign_keys")) == ("wal", 2, 1)


def test_two_writers_wait_for_each_other_and_neither_loses(app):
    def rename(n):
        with app.app_context():
            with writing() as session:
                person = session.scalar(sa.select(Person).where(Person.email == "bob@example.com"))
                time.sleep(0.05)
                person.name += f" {n}"
            db.session.remove()

    threads = [threading.Thread(target=rename, args=(n,)) for n in range(5)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with app.app_context():
        assert sorted(services.find("bob@example.com").name.split()[2:]) == list("01234")


def test_a_service_that_read_before_still_writes_after_somebody_else_did(app):
    with app.app_context():
        services.find("bob@example.com")  # a reading transaction is open
        other = sqlite3.connect(db.engine.url.database)
        other.execute("UPDATE person SET name = 'Robert' WHERE email = 'bob@example.com'")
        other.commit()
        other.close()
        with writing():
            person = services.find("bob@example.com")
            assert person.name == "Robert"
            person.name = "Rob"
        assert services.find("bob@example.com").name == "Rob"


def test_a_failure_in_a_writing_block_leaves_nothing(app):
    with app.app_context():
        with pytest.raises(RuntimeError), writing() as session:
            session.add(Person(name="X", email="x@example.com"))
            session.flush()
            raise RuntimeError
        with pytest.raises(AppError):
            services.find("x@example.com")


def test_a_writing_block_inside_another_is_refused_before_anything_is_forgotten(app):
    with app.app_context():
        with pytest.raises(RuntimeError, match="inside"), writing():
            services.add("x@example.com")
        services.add("y@example.com")


def test_two_first_starts_at_once_both_succeed(tmp_path):
    apps = [create_app({"INSTANCE": tmp_path, "TESTING": True}) for _ in range(4)]
    together, failed = threading.Barrier(len(apps)), []

    def upgrade(app):
        with app.app_context():
            together.wait()
            try:
                database.upgrade(app)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=upgrade, args=(app,)) for app in apps]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for app in apps:
        with app.app_context():
            db.engine.dispose()
    assert failed == []


def test_more_threads_than_a_pool_usually_holds_wait_for_no_connection(app):
    with app.app_context():
        held = [db.engine.connect() for _ in range(20)]
        for connection in held:
            connection.close()


def test_a_locked_database_is_answered_with_503_and_a_time(app, bob, monkeypatch):
    bob.get("/")
    lock = sqlite3.connect(app.instance_path + "/roundtrip.sqlite")
    lock.execute("BEGIN IMMEDIATE")
    with app.app_context():
        db.engine.dispose()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    answer = bob.send("/auth/account", name="Bob", theme="auto", density="default")
    assert answer.status_code == 503
    assert "nothing was saved" in answer.text
    assert bob.get("/").status_code == 200, "reading goes on"
    lock.rollback()
    lock.close()
    assert bob.send("/auth/account", name="Bob", theme="auto", density="default").status_code == 303


def test_an_upgrade_copies_the_file_first_and_a_newer_database_is_refused(app, instance):
    with app.app_context():
        with database.writing_connection() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(database.SchemaError, match="later version"):
            database.upgrade(app)
        with database.writing_connection() as connection:
            for table in ("session", "link", "person"):
                connection.exec_driver_sql(f"DROP TABLE {table}")
            connection.exec_driver_sql("DELETE FROM alembic_version")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0000')")
        with pytest.raises(Exception, match="0000"):
            database.upgrade(app)
    assert list((instance / "backups").glob("before-*.sqlite")), (
        "the copy was made before anything else"
    )


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    file = tmp_path / "roundtrip.sqlite"
    file.write_bytes(b"not a database at all" * 50)
    app = create_app({"INSTANCE": tmp_path, "TESTING": True})
    with app.app_context(), pytest.raises(database.SchemaError, match="cannot be read"):
        database.upgrade(app)
    assert file.read_bytes().startswith(b"not a database")


def test_a_blueprint_with_revisions_has_a_history_of_its_own(app, tmp_path, monkeypatch):
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_first.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision = 'v1'\ndown_revision = None\n"
        "def upgrade():\n    op.create_table('visitors__visit', sa.Column('id', sa.Integer, primary_key=True))\n",
        encoding="utf-8",
    )
    monkeypatch.setitem(app.extensions["blueprints"], "visitors", tmp_path)
    with app.app_context():
        database.upgrade(app)
        database.upgrade(app)
        inspector = sa.inspect(db.engine)
        assert inspector.has_table("visitors__visit")
        assert inspector.has_table("alembic_version_visitors")
        assert database.state() == "ready"


@pytest.fixture
def on_postgresql(postgresql_url, tmp_path):
    """The app on a PostgreSQL database of its own."""
    app = create_app({"INSTANCE": tmp_path, "TESTING": True, "DATABASE_URL": postgresql_url})
    with app.app_context():
        database.upgrade(app)
        yield app
        db.session.remove()
        db.engine.dispose()


def test_people_sign_in_on_postgresql_and_the_trip_times_its_driver(on_postgresql):
    person = services.add("bob@example.com", "Bob", password="several good words")
    token = sessions.begin(person.id, "test", "")
    client = on_postgresql.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
    answer = client.get("/auth/account", buffered=True)
    check = TripCheck(on_postgresql.extensions["trips"].find(answer.headers["X-Trip-Id"])).queries(
        1
    )
    query = next(query for query in check.data["queries"] if query["kind"] == "query")
    assert (query["rows"], query["where"]) == (1, "hooks.person")
    assert query["us"] > 0
    assert check.data["queries"][-1]["statement"] == "ROLLBACK"


def test_fetching_counts_as_database_time(app):
    from app.trips import CURRENT
    from app.trips.trip import DATABASE, EXTRA, KIND, Trip

    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i FROM n"
    with app.app_context(), db.engine.connect() as connection:
        raw = sqlite3.connect(":memory:")
        began = time.perf_counter_ns()
        raw.execute(slow).fetchall()
        fetching = time.perf_counter_ns() - began
        raw.close()
        trip = Trip("GET", "/", time.perf_counter_ns())
        before = CURRENT.set(trip)
        rows = len(connection.exec_driver_sql(slow).all())
        CURRENT.reset(before)
    assert rows == 200_000
    assert trip.own[DATABASE] > fetching * 0.2, (
        "SQLite makes these rows only while they are fetched"
    )
    assert next(span for span in trip.spans if span[KIND] == "query")[EXTRA] == 200_000
