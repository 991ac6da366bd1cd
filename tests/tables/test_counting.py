"""Numbers that the app gives: each once, whatever is deleted, and whoever else asks at the same time."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.database import writing
from app.errors import Invalid
from app.extensions import db
from app.models import COUNTER
from app.sheets.merging import merge
from app.tables import catalog, records
from app.tables.changing import restore
from app.tables.table import Table
from tests.tables.conftest import declared
from tests.tables.test_changing import changed, retyped
from tests.tables.test_links import make


@pytest.fixture
def invoices(people):
    """A table whose records are numbered from INV-0100."""
    options = {"start": 100, "prefix": "INV-", "digits": 4}
    fields = (declared("number", "auto-number", options=options), declared("name", "text"))
    table = Table(0, 0, "invoices", "invoice", "Invoices", fields, owner_id=people["bob"].id)
    with writing():
        return catalog.create(table, "Invoices")


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(["create", "many", "refused", "delete", "restore", "undo"])))
def test_no_number_is_given_twice_and_every_record_keeps_its_own(people, invoices, steps):
    bob, there, gone = people["bob"], {}, {}
    wanted = records.create(bob, invoices, {}).number + 1
    for step in steps:
        if step == "create":
            made = records.create(bob, invoices, {"name": "Pen"})
            assert made.number == wanted
            there[made.id], wanted = made.number, wanted + 1
        elif step == "many":
            records.save_many(bob, invoices, [{"name": "Pen"}, {}])
            wanted += 2
        elif step == "refused":
            with pytest.raises(Invalid, match="There is no field colour"):
                records.create(bob, invoices, {"colour": "red"})
        elif step == "delete" and there:
            record_id, number = there.popitem()
            gone[record_id] = number, records.delete(bob, invoices, record_id, None)
        elif step in ("restore", "undo") and gone:
            record_id, (there[record_id], change) = gone.popitem()
            if step == "restore":
                records.restore(bob, invoices, record_id)
            else:
                records.undo(bob, invoices, change)
    assert {one: records.get(bob, invoices, one).number for one in there} == there
    numbers = db.session.query(invoices.model.number).all()
    assert len(set(numbers)) == len(numbers)


def test_the_first_number_is_the_one_to_start_with(people, invoices):
    first = records.create(people["bob"], invoices, {})
    assert first.number == 100
    assert (
        invoices.table.by_name["number"].type.text(100, invoices.table.by_name["number"])
        == "INV-0100"
    )


def test_people_who_create_at_once_get_different_numbers(app, people, invoices):
    begin, found = threading.Barrier(4), []

    def create():
        with app.app_context():
            live = catalog.tables()["invoices", "invoice"]
            db.session.rollback()
            begin.wait()
            found.extend(records.create(people["bob"], live, {}).number for _ in range(5))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == list(range(100, 120))


def test_a_number_is_neither_chosen_nor_changed_by_anybody(people, invoices):
    bob = people["bob"]
    with pytest.raises(Invalid) as refused:
        records.create(bob, invoices, {"number": 7})
    assert refused.value.errors == [("number", "Number is given by the app; leave it blank")]
    made = records.create(bob, invoices, {"number": None})
    for other in (7, None):
        with pytest.raises(Invalid, match="is given by the app; leave it as it is"):
            records.update(bob, invoices, made.id, {"number": other, "name": "Ink"}, 1)
    saved = records.update(bob, invoices, made.id, {"number": made.number, "name": "Ink"}, 1)
    assert (saved.number, saved.name, saved.version) == (100, "Ink", 2)


def test_numbers_that_are_there_already_are_not_given_again(people, invoices):
    with writing():
        db.session.execute(invoices.sql.insert(), {"number": 500})
    assert records.create(people["bob"], invoices, {}).number == 501


def test_counting_goes_on_after_numbers_that_people_gave_meanwhile(people, invoices):
    bob = people["bob"]
    assert records.create(bob, invoices, {}).number == 100
    live = changed(bob, invoices, retyped(invoices, "number", "integer"))
    for number in (101, 102):
        records.create(bob, live, {"number": number})
    live = changed(bob, live, retyped(live, "number", "auto-number"))
    assert [records.create(bob, live, {}).number for _ in range(2)] == [103, 104]


def test_a_higher_number_to_start_with_holds_from_the_next_record_on(people, invoices):
    bob = people["bob"]
    records.create(bob, invoices, {})
    for start, next_ in ((1_000, 1_000), (5, 1_001)):
        new = retyped(invoices, "number", "auto-number", {"start": start})
        invoices = changed(bob, invoices, new)
        assert records.create(bob, invoices, {}).number == next_


def test_a_field_that_the_app_gives_is_unique_and_never_required(people):
    one = declared("number", "auto-number", required=True)
    table = Table(0, 0, "x", "x", "X", (one,), owner_id=people["bob"].id)
    with writing():
        live = catalog.create(table)
    [field] = live.table.fields
    assert (field.required, field.unique) == (False, True)


def test_records_that_are_there_get_numbers_in_the_order_in_which_they_came(people):
    bob = people["bob"]
    live = make(bob, "notes", declared("name", "text"))
    for name in ("One", "Two", "Three"):
        records.create(bob, live, {"name": name})
    records.delete(bob, live, 2, None)
    number = declared("no", "auto-number", options={"start": 10, "prefix": "N-"})
    live = changed(bob, live, replace(live.table, fields=(*live.table.fields, number)))
    records.create(bob, live, {"name": "Four"})
    rows = db.session.query(live.model.name, live.model.no).order_by("id").all()
    assert [tuple(one) for one in rows] == [("One", 10), ("Three", 11), ("Four", 12)]


def test_a_record_that_was_deleted_before_there_were_numbers_gets_one_when_it_comes_back(people):
    bob = people["bob"]
    live = make(bob, "notes", declared("name", "text"))
    for name in ("One", "Two"):
        records.create(bob, live, {"name": name})
    records.delete(bob, live, 1, None)
    fields = (*live.table.fields, declared("no", "auto-number"))
    live = changed(bob, live, replace(live.table, fields=fields))
    assert records.restore(bob, live, 1).no == 2
    assert records.create(bob, live, {}).no == 3


def test_numbers_that_are_missing_are_given_and_none_twice(people):
    bob = people["bob"]
    number = declared("no", "auto-number")
    live = make(bob, "notes", declared("name", "text"), number)
    for name in ("One", "Two", "Three"):
        records.create(bob, live, {"name": name})
    records.delete(bob, live, 3, None)
    plain = replace(live.table, fields=live.table.fields[:1])
    live = changed(bob, live, plain)
    records.create(bob, live, {"name": "Four"})
    restore(bob, live, number.id)
    rows = db.session.query(*catalog.by_id(live.table.id).sql.c["name", "no"]).order_by("id").all()
    assert [tuple(one) for one in rows] == [("One", 1), ("Two", 2), ("Four", 4)]


def test_a_table_that_is_dropped_takes_its_count_along(people, invoices):
    records.create(people["bob"], invoices, {})
    with writing():
        catalog.withdraw(invoices.table.id)
        catalog.destroy(invoices.table.id)
    assert db.session.query(COUNTER).all() == []


def test_an_import_numbers_new_rows_and_refuses_numbers_of_its_own(people, invoices, tmp_path):
    bob, file = people["bob"], tmp_path / "invoices.csv"
    records.create(bob, invoices, {"name": "Pen"})
    file.write_text("Number,Name\nINV-0100,Ink\n,Nib\nINV-0900,Cap\n", encoding="utf-8")
    for dry_run in (True, False):
        found = merge(bob, invoices, file, dry_run=dry_run).document()
        assert (found["create"], found["update"], found["reject"]) == (1, 1, 1)
        assert found["problems"][0]["value"] == "INV-0900"
    names = db.session.query(invoices.model.number, invoices.model.name).order_by("number").all()
    assert [tuple(one) for one in names] == [(100, "Ink"), (101, "Nib")]
