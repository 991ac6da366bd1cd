"""Import as a new table: all rows or none, seen by nobody before it is done, undone as one."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app import jobs
from app.errors import Invalid, NotFound
from app.extensions import db
from app.models import Change, Definition, Job, Tool
from app.sheets import inspect
from app.sheets.importing import Import, enqueue, sweep
from app.tables import catalog, listing, records

CSV = "Code,Name,Born,Paid\n007,Ada,1815-12-10,yes\n008,Grace,1906-12-09,no\n009,Alan,,\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def wanted(file, **more):
    plan = inspect(file).plan()
    values = {"tool": "people_list", "name": "people", "label": "People", "title": "name"}
    return Import(str(file), file.name, plan, **{**values, **more})


def start(actor, asked):
    job = enqueue(actor, asked, 3)
    jobs.run(job.id)
    catalog.forget()
    db.session.expire_all()
    return db.session.get(Job, job.id)


def left():
    names = sa.inspect(db.engine).get_table_names()
    out_of_the_way = ("people_list__", "filling__", "deleted__")
    return [name for name in names if name.startswith(out_of_the_way)]


def test_every_row_is_there_with_one_entry_of_history(people, file):
    job = start(people["bob"], wanted(file))
    assert (job.state, job.result["rows"], job.done) == ("done", 3, 3)
    live = catalog.get(people["bob"], "people_list", "people")
    page = listing.page(people["bob"], live, listing.read(live, {}))
    assert [row[1] for row in page.rows] == ["007", "008", "009"]
    assert page.rows[2][3:] == (None, None)
    [entry] = db.session.scalars(sa.select(Change)).all()
    assert (entry.action, entry.data["rows"], entry.job_id) == ("import", 3, job.id)


def test_nobody_else_sees_the_table_until_its_access_says_so(people, file):
    start(people["bob"], wanted(file))
    with pytest.raises(NotFound):
        catalog.get(people["charlie"], "people_list", "people")


def test_a_cell_that_cannot_be_stored_refuses_all_and_is_listed(people, file):
    asked = wanted(file)
    asked.plan.columns[1].type = "integer"
    job = start(people["bob"], asked)
    assert job.state == "failed"
    assert job.result["problems"][0][:3] == [2, "Name", "Ada"]
    assert left() == []


def test_or_its_row_is_left_out_and_listed_where_somebody_has_said_so(people, file):
    asked = wanted(file, skip=True)
    asked.plan.columns[2].type, asked.plan.columns[2].notation = "integer", ""
    job = start(people["bob"], asked)
    assert (job.state, job.result["rows"], job.result["refused"]) == ("done", 1, 2)


def test_a_key_refuses_the_second_row_with_the_same_value_and_names_it(people, file):
    file.write_text(CSV + "007,Ada again,,\n", encoding="utf-8")
    job = start(people["bob"], wanted(file, keys=("code",)))
    assert job.state == "failed"
    assert job.result["problems"] == [[5, "Code", "007", "another row has it already"]]
    job = start(people["bob"], wanted(file, keys=("code",), skip=True))
    assert (job.result["rows"], job.result["refused"]) == (3, 1)


def test_a_cancelled_import_leaves_nothing(people, file, monkeypatch):
    def stop(*_):
        raise jobs.Cancelled

    monkeypatch.setattr(jobs.Work, "progress", stop)
    assert start(people["bob"], wanted(file)).state == "cancelled"
    assert left() == []


def test_what_a_killed_import_left_is_dropped_by_the_sweep_and_the_next_run_starts_afresh(
    people, file, monkeypatch
):
    def die(*_):
        raise SystemExit

    job = enqueue(people["bob"], wanted(file), 3)
    with monkeypatch.context() as patched:
        patched.setattr(jobs.Work, "progress", die)
        patched.setattr("app.sheets.importing._drop", lambda _id: None)
        with pytest.raises(SystemExit):
            jobs.run(job.id)
    sweep()
    assert len(left()) == 1  # the row still says that somebody works on it
    db.session.execute(sa.update(Job).values(beat_at=sa.null(), state="queued"))
    db.session.commit()
    jobs.run_queued()
    db.session.expire_all()
    assert db.session.get(Job, job.id).state == "done"
    assert left() == ["people_list__people"]


def test_a_sweep_drops_a_table_that_no_job_fills(people, file):
    from app.database import writing

    with writing():
        catalog.create(wanted(file).table(None), state="filling")
    assert len(left()) == 1
    sweep()
    assert left() == []
    assert set(db.session.scalars(sa.select(Definition.state))) <= {"written"}


def test_an_import_killed_right_after_it_was_published_is_done(people, file, monkeypatch):
    job = enqueue(people["bob"], wanted(file), 3)
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "_end", lambda *_, **__: None)
        jobs.run(job.id)
    db.session.execute(sa.update(Job).values(state="queued"))
    db.session.commit()
    jobs.run_queued()
    db.session.rollback()
    db.session.expire_all()
    job = db.session.get(Job, job.id)
    assert (job.state, job.result["rows"], job.attempts) == ("done", 3, 2)
    assert left() == ["people_list__people"]


def test_an_import_whose_file_is_gone_says_so(people, file):
    asked = wanted(file)
    file.unlink()
    job = start(people["bob"], asked)
    assert job.message == "The file people.csv is gone by now. Send it again."


def test_an_import_that_failed_leaves_no_tool_that_takes_its_name(people, file):
    asked = wanted(file)
    asked.plan.columns[1].type = "integer"
    before = db.session.scalars(sa.select(Tool.name)).all()
    assert start(people["bob"], asked).state == "failed"
    assert db.session.scalars(sa.select(Tool.name)).all() == before


def test_long_names_leave_room_for_what_the_database_adds(people, file):
    tool, name = catalog.free_names("Everything that we have ever ordered from anybody")
    job = start(people["bob"], wanted(file, tool=tool, name=name, keys=("code",)))
    assert job.state == "done"
    live = catalog.get(people["bob"], tool, name)
    with pytest.raises(Invalid) as refused:
        records.create(people["bob"], live, {"code": "007"})
    assert refused.value.errors == [("code", "Code 007 is taken: another record has it")]


@pytest.mark.parametrize("name", ["Two words", "a__b", "x" * 31, "1st", "../up", "", "é"])
def test_a_name_that_no_table_can_have_is_refused(people, file, name):
    with pytest.raises(Invalid, match="cannot be a name"):
        enqueue(people["bob"], wanted(file, name=name), 3)
