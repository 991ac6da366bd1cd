"""Records: one writer, every change in history, nothing overwritten unseen."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import pytest

from app.database import writing
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.extensions import db
from app.models import Change
from app.tables import catalog, history, records
from app.tables.table import Table
from tests.tables.conftest import declared

PEN = {
    "name": "Pen", "code": "007", "email": "pen@example.com", "count_": 3, "price": Decimal("1.50"),
    "cost": Decimal("0.20"), "active": True, "day": dt.date(2026, 2, 28), "at": dt.time(9, 30),
    "moment": dt.datetime(2026, 2, 28, 9, 30, tzinfo=dt.UTC), "note": "one\ntwo", "status": "open",
    "effort": dt.timedelta(hours=30), "tags": ("Open", "Done"),
}  # fmt: skip


def entries(actor, live, record_id):
    return [(one.action, one.data) for one in history.of_record(actor, live, record_id)]


def values(record):
    return {name: getattr(record, name) for name in PEN}


def test_a_record_is_stored_and_its_history_has_every_value(people, things):
    record = records.create(people["bob"], things, PEN)
    assert values(records.get(people["bob"], things, record.id)) == PEN
    [(action, data)] = entries(people["bob"], things, record.id)
    assert action == "create"
    assert data.keys() == {*PEN, "number"}
    assert (data["price"], data["effort"]) == ([None, "1.50"], [None, "30:00:00"])
    assert (data["tags"], data["number"]) == ([None, ["Open", "Done"]], [None, 1])


def test_a_change_notes_only_what_changed_who_did_it_and_in_which_trip(people, things):
    record = records.create(people["bob"], things, PEN)
    records.update(people["alice"], things, record.id, {"count_": 4, "name": "Pen"}, record.version)
    newest = history.of_record(people["bob"], things, record.id)[0]
    assert (newest.action, newest.data) == ("update", {"count_": [3, 4]})
    assert newest.person == people["alice"].name


def test_saving_without_a_change_writes_nothing(people, things):
    record = records.create(people["bob"], things, PEN)
    again = records.update(people["bob"], things, record.id, PEN, record.version)
    assert again.version == 1
    assert len(entries(people["bob"], things, record.id)) == 1


def test_the_second_saver_is_refused_and_sees_what_is_there(people, things):
    record = records.create(people["bob"], things, PEN)
    records.update(people["bob"], things, record.id, {"name": "Blue pen"}, 1)
    with pytest.raises(records.Stale) as refused:
        records.update(people["alice"], things, record.id, {"name": "Red pen"}, 1)
    assert refused.value.record.name == "Blue pen"
    assert refused.value.record.version == 2


def test_all_that_is_wrong_is_said_at_once(people, things):
    with pytest.raises(Invalid) as refused:
        records.create(people["bob"], things, {"name": None, "colour": "red"})
    assert {name for name, _ in refused.value.errors} == {"name", "colour"}


def test_a_value_that_is_taken_names_its_field(people, things):
    records.create(people["bob"], things, PEN)
    with pytest.raises(Invalid) as refused:
        records.create(people["bob"], things, PEN)
    assert refused.value.errors == [("code", "Code 007 is taken: another record has it")]


def test_a_deleted_record_comes_back_whole_under_its_number_with_a_new_version(people, things):
    record = records.create(people["bob"], things, PEN)
    change = records.delete(people["bob"], things, record.id, record.version)
    with pytest.raises(NotFound):
        records.get(people["bob"], things, record.id)
    back = records.undo(people["bob"], things, change)
    assert (back.id, back.version, values(back)) == (record.id, 2, PEN)
    assert back.created_at == record.created_at
    actions = [action for action, _ in entries(people["bob"], things, record.id)]
    assert actions == ["restore", "delete", "create"]


def test_a_number_is_never_used_again(people, things):
    first = records.create(people["bob"], things, PEN)
    records.delete(people["bob"], things, first.id, None)
    assert records.create(people["bob"], things, PEN).id > first.id


def test_a_change_is_undone_unless_somebody_changed_the_same_since(people, things):
    record = records.create(people["bob"], things, PEN)
    records.update(people["bob"], things, record.id, {"count_": 4}, 1)
    records.update(people["bob"], things, record.id, {"name": "Blue pen"}, 2)
    of_name, of_count, _ = history.of_record(people["bob"], things, record.id)
    back = records.undo(people["bob"], things, of_count.id)
    assert (back.count_, back.name) == (3, "Blue pen")
    records.update(people["bob"], things, record.id, {"name": "Red pen"}, None)
    with pytest.raises(Conflict, match="Name"):
        records.undo(people["bob"], things, of_name.id)


@pytest.mark.parametrize("access", ["private", "read", "edit"])
def test_strangers_get_what_the_access_says_and_the_maker_everything(people, things, access):
    with writing():
        catalog.declare(things.table.id, things.table.version, things.table, access)
    record = records.create(people["bob"], catalog.get(people["bob"], "things", "thing"), PEN)
    somebody = people["charlie"]
    if access == "private":
        with pytest.raises(NotFound):
            catalog.get(somebody, "things", "thing")
        return
    live = catalog.get(somebody, "things", "thing")
    assert records.get(somebody, live, record.id).name == "Pen"
    if access == "read":
        with pytest.raises(Forbidden):
            records.update(somebody, live, record.id, {"name": "Theirs"}, None)
    else:
        assert records.update(somebody, live, record.id, {"name": "Theirs"}, None).version == 2
    with pytest.raises(Forbidden):
        catalog.get(somebody, "things", "thing", "design")


def test_the_field_is_named_whose_value_is_taken_and_no_other(people):
    names = ("no", "order_no", "thing", "position", "time")  # the last two are words of PostgreSQL
    fields = tuple(declared(name, "code", unique=True) for name in names)
    table = Table(0, 0, "things", "thing", "Thing", fields, owner_id=people["bob"].id)
    with writing():
        live = catalog.create(table, "Things")
    records.create(people["bob"], live, dict.fromkeys(names, "1"))
    for name in names:
        with pytest.raises(Invalid) as refused:
            records.create(people["bob"], live, {**dict.fromkeys(names), name: "1"})
        assert [place for place, _ in refused.value.errors] == [name]


def test_a_record_that_four_restore_at_once_is_restored_once(app, people, things):
    made = records.create(people["bob"], things, {"name": "Bolt"})
    records.delete(people["bob"], things, made.id, None)
    begin, found = threading.Barrier(4), []

    def restore():
        with app.app_context():
            live = catalog.tables()["things", "thing"]
            db.session.rollback()
            begin.wait()
            try:
                found.append(records.restore(people["bob"], live, made.id).name)
            except Conflict:
                found.append("there")

    threads = [threading.Thread(target=restore) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == ["Bolt", "there", "there", "there"]


def test_a_deletion_is_undone_by_its_own_number_whoever_writes_meanwhile(
    people, things, monkeypatch
):
    bob, remove = people["bob"], records._remove
    gone, other = (records.create(bob, things, {"name": name}).id for name in ("One", "Two"))

    def meanwhile(live, record):
        remove(live, record)
        records.get(bob, live, other).name = "Three"
        db.session.flush()

    monkeypatch.setattr(records, "_remove", meanwhile)
    change = db.session.get(Change, records.delete(bob, things, gone, None))
    assert (change.record_id, change.action) == (gone, "delete")
