"""Tables that link to each other, changed, deleted and made again: nothing is left that stands in the way."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.database import writing
from app.errors import AppError, NotFound
from app.extensions import db
from app.permissions import SYSTEM
from app.tables import catalog, records
from app.tables.changing import apply, converting, examine, making
from blueprints.studio import services
from tests.tables.conftest import declared
from tests.tables.test_changing import changed, column, without
from tests.tables.test_links import link, make
from tests.tables.test_links_across import change, lookup


@pytest.fixture
def bob(people):
    return people["bob"]


@pytest.fixture
def towns(bob):
    live = make(bob, "towns", declared("name", "text", unique=True))
    for name in ("Aachen", "Berlin"):
        records.create(bob, live, {"name": name})
    return live


@pytest.fixture
def trips(bob, towns):
    """Records that link to one town, and to several."""
    several = declared("stops", "links", options={"table": towns.table.id, "on_delete": "clear"})
    live = make(bob, "trips", declared("name", "text"), link(towns, "clear", "town"), several)
    records.create(bob, live, {"name": "North", "town": 1, "stops": (1, 2)})
    records.create(bob, live, {"name": "South"})
    return live


def with_field(live, name, **values):
    added = declared(name, "text", required=True, **values)
    return replace(live.table, fields=(*live.table.fields, added))


def test_a_field_that_is_added_and_required_waits_or_is_filled(bob, towns):
    live = changed(bob, towns, with_field(towns, "extra"), {"extra": "keep"})
    assert column(live, "extra") == [None, None]
    live = changed(bob, live, with_field(live, "more", default="x"), {"more": "fill"})
    assert column(live, "more") == ["x", "x"]


@pytest.mark.parametrize("name", ["town", "stops"])
def test_links_can_be_dropped_and_required_where_records_have_them(bob, trips, name):
    fields = [replace(one, required=one.name == name) for one in trips.table.fields]
    [check] = examine(bob, trips, replace(trips.table, fields=tuple(fields))).checks
    assert check.counts == {"total": 2, "blank": 1}
    [check] = examine(bob, trips, without(trips, name)).checks
    assert check.counts == {"total": 2, "unchanged": 1, "blank": 1}
    live = changed(bob, trips, without(trips, name))
    assert [one.field.name for one in live.table.dropped] == [name]


def test_links_that_were_dropped_long_ago_leave_nothing(bob, towns, trips, monkeypatch):
    live = changed(bob, trips, without(trips, "town"))
    live = changed(bob, live, without(live, "stops"))
    monkeypatch.setattr(converting, "KEPT", dt.timedelta())
    converting.sweep()
    looked_at = sa.inspect(db.session.connection())
    assert not [one for one in looked_at.get_table_names() if one.startswith("links__")]
    assert not looked_at.get_foreign_keys(live.sql.name)
    db.session.rollback()


def test_a_table_goes_for_good_though_dropped_fields_linked_to_it(bob, towns, trips):
    live = changed(bob, trips, without(trips, "town"))
    live = changed(bob, live, without(live, "stops"))
    with writing():
        catalog.withdraw(towns.table.id)
    with writing():
        catalog.destroy(towns.table.id)
    live = catalog.by_id(live.table.id)
    records.update(bob, live, 1, {"name": "Far north"}, None)
    records.delete(bob, live, 1, None)
    assert column(live, "name") == ["South"]


def test_a_table_may_be_made_again_under_the_name_of_one_that_was_deleted(bob, towns, trips):
    for table in (trips, towns):
        with writing():
            catalog.withdraw(table.table.id)
    again = make(bob, "towns", declared("name", "text", unique=True))
    records.create(bob, again, {"name": "Aachen"})
    assert column(again, "name") == ["Aachen"]


def test_a_table_that_was_closed_to_somebody_is_not_read_through_new_fields(people, bob):
    alice = people["alice"]
    staff = make(
        alice, "staff", declared("name", "text"), declared("salary", "money"), access="read"
    )
    live = make(bob, "desks", declared("name", "text"), link(staff, "clear", "who"))
    with writing():
        catalog.declare(staff.table.id, staff.table.version, staff.declared, "private")
    formula = declared("twice", "formula", options={"expression": "who.salary * 2"})
    for new in (lookup("pay", "who", "salary"), formula, link(staff, "clear", "other")):
        with pytest.raises(NotFound):
            apply(bob, live, replace(live.table, fields=(*live.table.fields, new)), 1)
    plain = (*live.table.fields, declared("note", "text"))
    assert changed(bob, live, replace(live.table, fields=plain)).table.by_name["note"]


def test_refusals_do_not_name_tables_that_one_may_not_see(people, bob):
    alice = people["alice"]
    customers = make(bob, "customers", declared("name", "text"), access="edit")
    secret = make(alice, "layoffs", declared("name", "text"), link(customers, "block"))
    change(secret, lookup("planned", "customer", "name"))
    acme = records.create(bob, customers, {"name": "Acme"})
    records.create(alice, catalog.by_id(secret.table.id), {"name": "x", "customer": acme.id})
    customers = catalog.by_id(customers.table.id)
    renamed = replace(customers.table.fields[0], id="other", name="other", label="Other")
    attempts = (
        lambda: records.delete(bob, customers, acme.id, None),
        lambda: apply(
            bob, customers, replace(customers.table, fields=(renamed,)), 1, {"name": "x"}
        ),
        lambda: making.delete(bob, "shop", "customers"),
    )
    for attempt in attempts:
        with pytest.raises(AppError) as refused:
            attempt()
        assert "another table" in str(refused.value)
        assert not any(one in str(refused.value) for one in ("Layoffs", "Customer of", "Planned"))


def test_a_tool_goes_though_its_tables_link_to_each_other(people, bob, towns, trips):
    gone = {one.name for one in services.delete_tool(SYSTEM, "shop")}
    assert gone == {"towns", "trips"}
