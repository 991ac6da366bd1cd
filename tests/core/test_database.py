"""Transactions and the schema, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextvars
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import sqlalchemy as sa

from app import create_app, database, people, serve, sessions
from app.config import StartError
from app.database import db, writing
from app.errors import AppError
from app.models import Person
from app.trips.testing import TripCheck
from tests.conftest import PASSWORD, running, sign_in
from tests.serving import run, skip_unless


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
        assert sorted(people.find("bob@example.com").name.split()[2:]) == list("01234")


def test_a_service_that_read_before_still_writes_after_somebody_else_did(app):
    with app.app_context():
        people.find("bob@example.com")  # a reading transaction is open
        other = sqlite3.connect(db.engine.url.database)
        other.execute("UPDATE person SET name = 'Robert' WHERE email = 'bob@example.com'")
        other.commit()
        other.close()
        with writing():
            person = people.find("bob@example.com")
            assert person.name == "Robert"
            person.name = "Rob"
        assert people.find("bob@example.com").name == "Rob"


def test_a_failure_in_a_writing_block_leaves_nothing(app):
    with app.app_context():
        with pytest.raises(RuntimeError), writing() as session:
            session.add(Person(name="X", email="x@example.com"))
            session.flush()
            raise RuntimeError
        with pytest.raises(AppError):
            people.find("x@example.com")


def test_a_writing_block_inside_another_is_refused_before_anything_is_forgotten(app):
    with app.app_context():
        with pytest.raises(RuntimeError, match="inside"), writing():
            people.add("x@example.com")
        people.add("y@example.com")


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


def test_a_newer_database_is_refused(app):
    with app.app_context():
        with database.writing_connection() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(database.SchemaError, match="later version"):
            database.upgrade(app)


def copies(instance):
    return sorted(path.name for path in (instance / "backups").glob("*"))


def test_a_blueprints_old_schema_is_noticed_copied_first_and_upgraded(
    app, instance, client, runner, visitors
):
    with app.app_context():
        assert database.state(app) == "ready"
    visitors("v2", "op.add_column('visitors__visit', sa.Column('name', sa.Text))")
    assert client.get("/readyz").json["schema"] == "old"
    check = runner.invoke(args=["upgrade", "--check"])
    assert (check.exit_code, "flask upgrade" in check.output) == (1, True)
    with app.app_context(), pytest.raises(StartError, match="flask upgrade"):
        serve.prepare(app)
    assert "The copy from before is" in runner.invoke(args=["upgrade"]).output
    assert client.get("/readyz").json["schema"] == "ready"
    (copy,) = copies(instance)
    with closing(sqlite3.connect(instance / "backups" / copy)) as before:
        assert before.execute("SELECT * FROM alembic_version_visitors").fetchall() == [("v1",)]


@pytest.mark.parametrize("end", ["raise RuntimeError('no luck')", "op.drop_table('nothing')"])
def test_a_failed_upgrade_says_so_in_one_line_and_leaves_everything(
    app, instance, runner, visitors, end
):
    visitors("v2", f"op.add_column('visitors__visit', sa.Column('name', sa.Text)); {end}")
    done = runner.invoke(args=["upgrade"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert "The database is as it was before." in done.output
    assert copies(instance) == [], "a start that is tried for ever must not fill the disk"
    with app.app_context():
        assert [c["name"] for c in sa.inspect(db.engine).get_columns("visitors__visit")] == ["id"]


def test_a_copy_that_cannot_be_made_stops_the_upgrade(app, instance, runner, visitors):
    visitors("v2", "op.add_column('visitors__visit', sa.Column('name', sa.Text))")
    shutil.rmtree(instance / "backups")
    (instance / "backups").write_text("a file in the place of the folder", encoding="utf-8")
    done = runner.invoke(args=["upgrade"])
    assert (done.exit_code, done.output.count("\n")) == (1, 1), done.output
    assert "as it was before" in done.output


def test_a_start_where_nothing_is_pending_does_not_import_alembic(instance):
    code = (
        "import sys\nfrom app import create_app, database\n"
        "app = create_app({'INSTANCE': sys.argv[1]})\n"
        "with app.app_context():\n    print(database.upgrade(app), 'alembic' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(instance)], capture_output=True, encoding="utf-8"
    )
    assert done.stdout == "The database is up to date. False\n", done.stderr


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    file = tmp_path / "roundtrip.sqlite"
    file.write_bytes(b"not a database at all" * 50)
    app = create_app({"INSTANCE": tmp_path, "TESTING": True})
    with app.app_context(), pytest.raises(database.SchemaError, match="cannot be read"):
        database.upgrade(app)
    assert file.read_bytes().startswith(b"not a database")


@pytest.fixture
def visitors(app, tmp_path, monkeypatch):
    """A blueprint with a history of its own, at its first revision; adds another one."""
    versions = tmp_path / "visitors" / "migrations" / "versions"
    versions.mkdir(parents=True)
    monkeypatch.setitem(app.extensions["blueprints"], "visitors", tmp_path / "visitors")

    def add(revision, body, before="v1"):
        (versions / f"{revision}.py").write_text(
            "from alembic import op\nimport sqlalchemy as sa\n"
            f"revision: str = {revision!r}  # as Alembic writes it\ndown_revision = (\n{before!r}\n)\n"
            f"def upgrade():\n    {body}\n",
            encoding="utf-8",
        )

    add("v1", "op.create_table('visitors__visit', sa.Column('id', sa.Integer))", None)
    with app.app_context():
        database.upgrade(app)
    for copy in (tmp_path / "instance" / "backups").glob("*"):
        copy.unlink()
    return add


def test_a_blueprint_with_revisions_has_a_history_of_its_own(app, visitors):
    with app.app_context():
        assert database.upgrade(app) == "The database is up to date."
        inspector = sa.inspect(db.engine)
        assert inspector.has_table("visitors__visit")
        assert inspector.has_table("alembic_version_visitors")
        assert database.state(app) == "ready"


@pytest.fixture
def on_postgresql(postgresql_url, tmp_path):
    """The app on a PostgreSQL database of its own."""
    app = create_app({"INSTANCE": tmp_path, "TESTING": True, "DATABASE_URL": postgresql_url})
    with app.app_context():
        database.upgrade(app)
    yield app
    with app.app_context():
        db.engine.dispose()


def test_people_sign_in_on_postgresql_and_the_trip_times_its_driver(on_postgresql):
    with on_postgresql.app_context():
        person = people.add("bob@example.com", "Bob", password="several good words")
        token = sessions.begin(person.id, "test", "")
    client = on_postgresql.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = token
    # apart from the context of this test, so that the request ends its own transaction
    answer = contextvars.Context().run(client.get, "/auth/account", buffered=True)
    check = TripCheck(on_postgresql.extensions["trips"].find(answer.headers["X-Trip-Id"]))
    # who asks, which tables there are, and, the first time in a process, two for what they are declared as
    check.queries(4)
    query = next(query for query in check.data["queries"] if query["kind"] == "query")
    assert (query["rows"], query["where"]) == (1, "hooks.person")
    assert query["us"] > 0
    assert "ROLLBACK" in [query["statement"] for query in check.data["queries"]]


def test_fetching_counts_as_database_time(app):
    from app.trips import CURRENT
    from app.trips.reading import EXTRA, KIND
    from app.trips.stages import DATABASE
    from app.trips.trip import Trip

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
    assert trip.read().own[DATABASE] > fetching * 0.2, (
        "SQLite makes these rows only while they are fetched"
    )
    assert next(span for span in trip.read().spans if span[KIND] == "query")[EXTRA] == 200_000


# A full disk -------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path, workspace):
    """An instance folder on a disk of 4 MB; needs Linux and root."""
    may = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount")
    if not may:
        pytest.skip("mounting a small disk needs Linux and root")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder])
    skip_unless(done.returncode == 0, "this machine lets not even root mount a disk")
    shutil.copytree(workspace, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("trips.*"))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, leave):
    """A file that takes all but so many bytes."""
    with open(folder / "ballast", "wb") as file:
        file.write(bytes(shutil.disk_usage(folder).free - leave))


def rename(client, name):
    return client.send("/auth/account", name=name, theme="auto", density="default").status_code


def test_a_full_disk_refuses_in_words_loses_nothing_and_heals(small_disk):
    for app in running(create_app({"INSTANCE": small_disk, "TESTING": True})):
        bob, late = sign_in(app, "bob"), app.test_client()
        assert rename(bob, "Bob before") == 303
        fill(small_disk, leave=100_000)
        codes = [rename(bob, f"Bob {n}") for n in range(100)]
        assert set(codes) == {303, 507}, codes
        saved = [f"Bob {n}" for n, code in enumerate(codes) if code == 303][-1]
        assert bob.get("/auth/account").status_code == 200, "reading goes on"
        sent = late.send("/auth/login", email="bob@example.com", password=PASSWORD)
        assert sent.status_code == 507
        assert "full" in sent.text
        with app.app_context(), db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        (small_disk / "ballast").unlink()
        assert f'value="{saved}"' in bob.get("/auth/account").text
        assert rename(bob, "Bob after") == 303


def test_a_start_on_a_full_or_read_only_disk_ends_with_one_clear_line(small_disk):
    (small_disk / "roundtrip.sqlite").unlink()
    fill(small_disk, leave=8_000)
    full = run(small_disk, ["wsgi.py"])
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for done in (full, run(small_disk, ["wsgi.py"])):
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.strip().count("\n") == 0, done.stderr
    assert "read" in done.stderr
