"""Changing a table in use: nothing is lost, nobody sees half of it, and the dry run has told the truth."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app import jobs
from app.database import writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import Change, Definition, Job
from app.tables import catalog, history, records
from app.tables.changing import (
    apply,
    columns,
    compare,
    converting,
    examine,
    examining,
    new_id,
    restore,
    versions,
)
from app.tables.table import Table
from tests.tables.conftest import declared


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def things(bob, things):
    """Three things, of which the last has a name only."""
    for i in (1, 2):
        values = {
            "name": f"Thing {i}",
            "code": f"0{i}",
            "count_": i,
            "note": f"{i}0",
            "status": "open",
        }
        records.create(bob, things, values)
    records.create(bob, things, {"name": "Bare"})
    return things


def now(live):
    """The table as the next request sees it."""
    db.session.rollback()
    catalog.forget()
    return catalog.tables()[live.table.tool, live.table.name]


def altered(live, name, /, **values):
    """The table with one field changed."""
    table = live.table
    fields = [replace(one, **values) if one.name == name else one for one in table.fields]
    return replace(table, fields=tuple(fields))


def retyped(live, name, word, options=(), **values):
    one = declared(name, word, options=dict(options))
    return altered(live, name, type=one.type, options=one.options, **values)


def without(live, name):
    return replace(live.table, fields=tuple(one for one in live.table.fields if one.name != name))


def changed(actor, live, new, choices=None):
    """The table after a change, done to its end; a job that fails raises what it says."""
    done = apply(actor, live, new, live.table.version, choices)
    if isinstance(done, Job):
        jobs.run_queued()
        job = db.session.get(Job, done.id, populate_existing=True)
        if job.state != "done":
            raise Invalid(job.message)
    return now(live)


def column(live, name):
    query = sa.select(live.sql.c[name]).order_by(live.sql.c.id)
    found = list(db.session.scalars(query))
    db.session.rollback()
    return found


def columns_of(live):
    with db.engine.connect() as connection:
        return {one["name"] for one in sa.inspect(connection).get_columns(live.sql.name)}


def kinds(old, new):
    return [one.kind for one in compare(old, new)]


# Free changes ----------------------------------------------------------------------------------


def test_what_is_declared_changes_at_once_and_nothing_of_the_records(bob, things):
    before = [dict(row) for row in db.session.execute(sa.select(things.sql)).mappings()]
    new = altered(things, "count_", label="How many", help="Pieces", default="1")
    new = replace(new, label="Goods", title="code", list_display=("code", "name"), access="read")
    new = replace(new, fields=tuple(reversed(new.fields)))
    live = changed(bob, things, new)
    assert live.table == replace(new, version=live.table.version)
    assert [dict(row) for row in db.session.execute(sa.select(things.sql)).mappings()] == before


def test_two_columns_change_their_names_and_keep_their_values(bob, things):
    names = {"name": "code", "code": "name"}
    fields = [replace(one, name=names.get(one.name, one.name)) for one in things.table.fields]
    live = changed(bob, things, replace(things.table, fields=tuple(fields)))
    assert column(live, "code") == ["Thing 1", "Thing 2", "Bare"]
    assert column(live, "name") == ["01", "02", None]
    assert live.table.title == "code"
    with pytest.raises(Invalid, match="taken"):
        records.create(bob, live, {"code": "Another", "name": "01"})


def test_history_is_read_by_the_field_whatever_it_was_called(bob, things):
    live = changed(bob, things, altered(things, "count_", name="amount", label="Amount"))
    other = replace(declared("count_", "integer"), id=new_id())
    live = changed(bob, live, replace(live.table, fields=(*live.table.fields, other)))
    entry = history.of_record(bob, live, 1)[0]
    read = {field.name: new for field, _old, new in history.values_of(live, entry)}
    assert read["amount"] == 1
    assert "count_" not in read


@pytest.mark.parametrize("choice", ["block", "fill"])
def test_an_added_field_is_blank_or_has_its_default_everywhere(bob, things, choice):
    from tests.core.laws import FIELDS

    added = [
        replace(one, id=new_id(), name=f"new_{one.name}", label=f"New {one.label}", default=one.type.example_of(one))
        for one in FIELDS if one.type.alone and not one.type.given
    ]  # fmt: skip
    new = replace(things.table, fields=(*things.table.fields, *added))
    live = changed(bob, things, new, {one.name: choice for one in added})
    for one in added:
        value = one.type.parse(one.default, one) if choice == "fill" else None
        assert column(live, one.name) == [value] * 3
    record = records.create(bob, live, {"name": "Later", **{one.name: None for one in added}})
    assert [one.name for one in added if getattr(record, one.name) is not None] == []


def test_a_field_that_is_dropped_and_restored_has_lost_nothing(bob, things):
    before = column(things, "code")
    live = changed(bob, things, without(things, "code"))
    assert "code" not in columns_of(live)
    records.create(bob, live, {"name": "Meanwhile"})
    restore(bob, live, "code")
    live = now(live)
    assert column(live, "code") == [*before, None]
    assert {one.id: one for one in live.table.fields} == {
        one.id: one for one in things.table.fields
    }
    with pytest.raises(Invalid, match="taken"):
        records.create(bob, live, {"name": "Twin", "code": "01"})
    with pytest.raises(NotFound):
        restore(bob, live, "code")


def test_a_dropped_field_comes_back_beside_one_that_took_its_name(bob, things):
    live = changed(bob, things, without(things, "note"))
    fields = (*live.table.fields, replace(declared("note", "integer"), id=new_id()))
    live = changed(bob, live, replace(live.table, fields=fields))
    live = (restore(bob, live, "note"), now(live))[1]
    assert column(live, "note_before") == ["10", "20", None]
    assert column(live, "note") == [None] * 3


def test_a_field_takes_the_place_and_the_name_of_one_that_is_dropped(bob, things):
    other = replace(declared("note", "integer", default="5"), id=new_id())
    fields = (*without(things, "note").fields, other)
    live = changed(bob, things, replace(things.table, fields=fields), {"note": "fill"})
    assert column(live, "note") == [5, 5, 5]
    [dropped] = live.table.dropped
    assert dropped.field == things.table.by_name["note"]


def test_what_uses_a_dropped_field_is_named_and_can_stand_in_the_way(bob, things, monkeypatch):
    [check] = examine(bob, things, without(things, "name")).checks
    assert len(check.dependents) == 2
    formula = examining.Dependent("Total is worked out from it.", stops=True)
    monkeypatch.setattr(examining, "DEPENDENTS", [lambda table, step: [formula]])
    with pytest.raises(Invalid, match="worked out"):
        apply(bob, things, without(things, "name"), things.table.version)


# Required and unique ---------------------------------------------------------------------------


def test_blank_records_are_listed_and_stand_in_the_way_until_somebody_chooses(bob, things):
    new = altered(things, "count_", required=True, default="7")
    [check] = examine(bob, things, new).checks[-1:]
    assert [(one.record_id) for one in check.samples["blank"]] == [3]
    with pytest.raises(Invalid, match="one record in which it is blank"):
        apply(bob, things, new, things.table.version)
    assert column(changed(bob, things, new, {"count_": "fill"}), "count_") == [1, 2, 7]


def test_blank_records_may_stay_until_they_are_saved(bob, things):
    live = changed(bob, things, altered(things, "count_", required=True), {"count_": "keep"})
    assert column(live, "count_") == [1, 2, None]
    with pytest.raises(Invalid):
        records.update(bob, live, 3, {"count_": None}, None)


def test_values_that_several_records_have_are_listed_and_refuse_unique(bob, things):
    new = altered(things, "status", unique=True)
    [check] = examine(bob, things, new).checks
    assert [(one.record_id, one.old) for one in check.samples["repeated"]] == [
        (1, "open"),
        (2, "open"),
    ]
    with pytest.raises(Invalid, match="2 records"):
        apply(bob, things, new, things.table.version, {"status": "clear"})


def test_unique_holds_from_then_on_until_it_is_taken_back(bob, things):
    live = changed(bob, things, altered(things, "name", unique=True))
    with pytest.raises(Invalid, match="taken"):
        records.create(bob, live, {"name": "Bare"})
    live = changed(bob, live, altered(live, "name", unique=False))
    assert records.create(bob, live, {"name": "Bare"}).id > 3


# Conversions -----------------------------------------------------------------------------------


def test_misfits_refuse_the_change_become_blank_or_stay_beside(bob, things):
    new = retyped(things, "name", "integer")
    records.create(bob, things, {"name": "12"})
    with pytest.raises(Invalid, match="Name: 3 records"):
        apply(bob, things, new, things.table.version)
    live = changed(bob, things, new, {"name": "keep"})
    assert column(live, "name") == [None, None, None, 12]
    assert column(live, "name_before") == ["Thing 1", "Thing 2", "Bare", "12"]
    assert not live.table.dropped


def test_the_column_of_before_can_be_restored(bob, things):
    live = changed(bob, things, retyped(things, "note", "integer"))
    assert column(live, "note") == [10, 20, None]
    [kept] = live.table.dropped
    restore(bob, live, kept.field.id)
    assert column(now(live), "note_before") == ["10", "20", None]


def test_a_choice_is_renamed_in_every_record(bob, things):
    renamed = {"choices": ["Opened", "closed"], "renamed": {"open": "Opened"}}
    live = changed(bob, things, altered(things, "status", options=renamed))
    assert column(live, "status") == ["Opened", "Opened", None]
    assert live.table.by_name["status"].options == {"choices": ["Opened", "closed"]}


def test_a_choice_in_use_is_not_taken_away_unseen(bob, things):
    fewer = altered(things, "status", options={"choices": ["closed"]})
    with pytest.raises(Invalid, match="2 records"):
        apply(bob, things, fewer, things.table.version)
    more = altered(things, "status", options={"choices": ["new", "open", "closed"]})
    assert [one.risk for one in compare(things.table, more)] == ["free"]


def test_the_words_of_a_column_are_offered_as_choices(bob, things):
    empty = retyped(things, "name", "choice", options={"choices": []})
    [check] = examine(bob, things, empty).checks
    assert check.words == ["Bare", "Thing 1", "Thing 2"]
    filled = retyped(things, "name", "choice", options={"choices": check.words})
    assert column(changed(bob, things, filled), "name") == ["Thing 1", "Thing 2", "Bare"]


def test_history_before_a_conversion_is_read_and_undone_as_far_as_it_fits(bob, things):
    records.update(bob, things, 1, {"note": "4"}, None)
    live = changed(bob, things, retyped(things, "note", "decimal"))
    update, create = history.of_record(bob, live, 1)
    [(_field, old, new)] = history.values_of(live, update)
    assert (str(old), str(new)) == ("10.00", "4.00")
    assert str(records.undo(bob, live, update.id).note) == "10.00"
    created = {field.name: new for field, _old, new in history.values_of(live, create)}
    assert str(created["note"]) == "10.00"


def test_a_record_whose_old_value_does_not_fit_comes_back_without_it(bob, things):
    records.update(bob, things, 1, {"note": "words"}, None)
    records.update(bob, things, 1, {"note": "5"}, None)
    records.delete(bob, things, 1, None)
    live = changed(bob, things, retyped(things, "note", "integer"))
    assert records.restore(bob, live, 1).note == 5
    last = next(
        one for one in history.of_record(bob, live, 1) if one.data.get("note") == ["words", "5"]
    )
    with pytest.raises(Conflict, match="words"):
        records.undo(bob, live, last.id)


def test_values_that_were_read_before_a_change_are_written_as_those_of_now(bob, things):
    live = changed(bob, things, retyped(things, "note", "decimal"))
    live = changed(bob, live, altered(live, "count_", name="amount"))
    made = records.create(bob, things, {"name": "Late", "note": "1.5", "count_": 4})
    assert (str(made.note), made.amount) == ("1.50", 4)
    assert str(records.update(bob, things, 1, {"note": "7"}, None).note) == "7.00"
    with pytest.raises(Invalid, match="Note must be a number"):
        records.update(bob, things, 1, {"note": "words"}, None)


def test_a_value_of_a_field_that_is_gone_is_refused_and_never_another_fields(bob, things):
    other = replace(declared("note", "text"), id=new_id())
    fields = (*without(things, "note").fields, other)
    live = changed(bob, things, replace(things.table, fields=fields))
    with pytest.raises(Invalid, match="Note is not there any more"):
        records.update(bob, things, 1, {"name": "New", "note": "old"}, None)
    assert records.update(bob, things, 1, {"name": "New", "note": None}, None).name == "New"
    assert column(live, "note") == [None] * 3


# Jobs ------------------------------------------------------------------------------------------


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(examining, "BLOCK", 2)
    monkeypatch.setattr(converting, "BLOCK", 2)


def meanwhile(monkeypatch, what):
    """Do something between the blocks of a job, once after each."""
    monkeypatch.setattr(jobs.Work, "progress", lambda work, *_: what())


def test_what_is_written_during_a_conversion_is_converted_too(
    bob, things, monkeypatch, small_blocks
):
    rounds = iter(range(10, 14))

    def write():
        for number in rounds:
            for record_id in (1, 3):
                records.update(bob, things, record_id, {"note": str(number)}, None)
            records.create(bob, things, {"name": "New", "note": str(number)})
            return

    records.create(bob, things, {"name": "Four", "note": "4"})
    meanwhile(monkeypatch, write)
    live = changed(bob, things, retyped(things, "note", "integer"))
    entries = {}
    for one in db.session.scalars(sa.select(Change).order_by(Change.id)):
        if one.record_id and "note" in one.data:
            entries[one.record_id] = int(one.data["note"][1])
    assert len(entries) > 5
    stored = dict(db.session.execute(sa.select(live.sql.c.id, live.sql.c.note)).tuples().all())
    assert {id: note for id, note in stored.items() if note is not None} == entries


def test_a_writer_who_never_stops_loses_nothing(app, bob, things, small_blocks):
    over, written = threading.Event(), []

    def write():
        with app.app_context():
            while not over.is_set():
                value = str(len(written) + 10)
                records.update(bob, things, 1, {"note": value}, None)
                written.append(value)

    for number in range(20):
        records.create(bob, things, {"name": "More", "note": str(number)})
    thread = threading.Thread(target=write)
    job = apply(bob, things, retyped(things, "note", "long-text", {"max": 8}), things.table.version)
    thread.start()
    jobs.run_queued()
    over.set()
    thread.join()
    live = now(things)
    assert db.session.get(Job, job.id, populate_existing=True).state == "done"
    assert live.table.by_name["note"].options == {"max": 8}
    assert column(live, "note")[0] == written[-1]


def test_a_misfit_that_comes_in_between_refuses_the_change(bob, things, monkeypatch):
    meanwhile(monkeypatch, lambda: records.update(bob, things, 1, {"note": "soon"}, None))
    with pytest.raises(Invalid, match="Record 1: Note must be a whole number"):
        changed(bob, things, retyped(things, "note", "integer"))
    assert column(now(things), "note")[0] == "soon"
    assert columns_of(things) == set(things.sql.c.keys())


def test_of_two_designers_the_second_is_refused(bob, people, things, monkeypatch):
    waiting = apply(bob, things, retyped(things, "note", "integer"), things.table.version)
    with pytest.raises(Conflict, match=f"Job {waiting.id}"):
        apply(people["alice"], things, altered(things, "name", label="Title"), things.table.version)
    jobs.run_queued()
    with pytest.raises(Conflict, match="Somebody else"):
        apply(people["alice"], things, altered(things, "name", label="Title"), things.table.version)


def test_who_loses_the_right_in_the_middle_changes_nothing(bob, things, monkeypatch):
    def give_away():
        with writing() as session:
            session.get(Definition, things.table.id).owner_id = None

    meanwhile(monkeypatch, give_away)
    with pytest.raises(Invalid):
        changed(bob, things, retyped(things, "note", "integer"))
    assert column(things, "note") == ["10", "20", None]
    assert columns_of(things) == set(things.sql.c.keys())


def test_who_may_not_change_a_table_is_refused(people, things):
    with pytest.raises(Forbidden):
        examine(people["charlie"], things, things.table)
    with pytest.raises(Forbidden):
        restore(people["charlie"], things, "name")


class Killed(BaseException):
    """As if the process had died."""


@pytest.mark.parametrize(
    "step",
    [
        (converting, "_begin"), (converting, "_convert"), (converting, "_finish"), (columns, "index"),
        (converting, "publish"), (columns, "rename"), (jobs.Work, "keep"), (jobs, "_end"),
    ],
    ids=lambda step: step[1],
)  # fmt: skip
def test_a_killed_change_is_old_or_new_and_the_next_run_ends_it(bob, things, monkeypatch, step):
    def die(*args, **options):
        raise Killed

    def old_or_new():
        live = now(things)
        value = column(live, "note")[0]
        assert value == (10 if live.table.by_name["note"].type.name == "integer" else "10")
        return live

    new = retyped(things, "note", "integer", unique=True)
    job = apply(bob, things, new, things.table.version)
    with monkeypatch.context() as patch:
        patch.setattr(converting, "_tidy", lambda *_: None)  # the dead tidy up nothing
        patch.setattr(*step, die)
        with pytest.raises(Killed):
            jobs.run(job.id)
    old_or_new()
    with writing() as session:
        session.get(Job, job.id).state = "queued"
    jobs.run_queued()
    live = old_or_new()
    assert db.session.get(Job, job.id, populate_existing=True).state == "done"
    assert columns_of(live) == {*live.sql.c.keys(), *(one.column for one in live.table.dropped)}


def test_a_sweep_drops_what_a_dead_job_has_left_and_what_was_kept_long_enough(
    bob, things, monkeypatch
):
    live = changed(bob, things, without(things, "code"))
    [dropped] = live.table.dropped
    job = apply(bob, live, retyped(live, "note", "integer"), live.table.version)
    with monkeypatch.context() as patch:
        patch.setattr(converting, "_tidy", lambda *_: None)
        patch.setattr(converting, "publish", lambda *_: 1 / 0)
        jobs.run(job.id)
    assert "changing__note" in columns_of(live)
    converting.sweep()
    assert columns_of(live) == {*live.sql.c.keys(), dropped.column}
    monkeypatch.setattr(converting, "KEPT", dt.timedelta())
    converting.sweep()
    live = now(live)
    assert columns_of(live) == set(live.sql.c.keys())
    assert not live.table.dropped


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("", "x"), ("NÁME", "x"), (" name", "x"), ("X", "name"), ("X", "select"),
        ("X", "dropped__x"), ("X", "É"), ("X", "x" * 64),
    ],
)  # fmt: skip
def test_what_cannot_be_the_name_of_a_field_is_said(bob, things, label, name):
    added = replace(declared("new", "text"), id=new_id(), label=label, name=name)
    with pytest.raises(Invalid) as refused:
        apply(
            bob,
            things,
            replace(things.table, fields=(*things.table.fields, added)),
            things.table.version,
        )
    assert refused.value.errors


def test_there_is_a_limit_to_fields(bob, things):
    many = [replace(declared(f"f{i}", "text"), id=new_id(), label=f"Field {i}") for i in range(300)]
    with pytest.raises(Invalid, match="room for 300"):
        examine(bob, things, replace(things.table, fields=(*things.table.fields, *many)))


# Versions --------------------------------------------------------------------------------------


def test_every_version_is_listed_and_any_two_can_be_compared(bob, things):
    live = changed(bob, things, altered(things, "name", label="Title"))
    live = changed(bob, live, retyped(live, "note", "integer"))
    live = changed(bob, live, without(live, "code"))
    third, second, first, made = versions(bob, live)
    assert third.table.document() == live.table.document()
    assert made.table.document() == things.table.document()
    pairs = ((made, first), (first, second), (second, third), (third, second))
    found = [kinds(one.table, other.table) for one, other in pairs]
    assert found == [["relabel"], ["retype"], ["list", "drop"], ["list", "restore"]]
    assert first.person == bob.name


def test_a_table_compared_with_itself_needs_no_step(things):
    assert compare(things.table, things.table) == ()
    assert Table.read(things.table, things.table.document()) == things.table
