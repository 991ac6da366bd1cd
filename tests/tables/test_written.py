"""A model of a blueprint is a table like any other, and stays a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app import create_app
from app.database import writing
from app.errors import Conflict, Forbidden, Invalid
from app.extensions import db
from app.fields.base import PEOPLE
from app.models import Change
from app.sheets.merging import merge
from app.tables import catalog, history, listing, records

DROP_INS = Path(__file__).parents[1] / "suites" / "drop_ins"


@pytest.fixture
def more_settings() -> dict[str, Any]:
    return {"PLUGIN_DIRS": (DROP_INS,)}


@pytest.fixture
def visitors(people: Any) -> catalog.Live:
    return catalog.tables()["visitors", "visitor"]


def changes(live: catalog.Live) -> list[tuple[str, str, dict[str, Any]]]:
    query = sa.select(Change).where(Change.table_id == live.table.id).order_by(Change.id)
    return [(one.action, one.person, one.data) for one in db.session.scalars(query)]


def test_another_app_of_the_process_has_only_its_own_drop_ins(visitors, tmp_path):
    other = create_app({"INSTANCE": tmp_path / "other", "TESTING": True})
    assert not {"visitors", "parcels"} & set(other.blueprints)


def test_its_fields_are_the_columns_of_the_model(visitors):
    table = visitors.table
    assert table.label == "Visitors"
    assert [(one.name, one.type.name, one.required) for one in table.fields] == [
        ("name", "text", True), ("company", "text", False), ("seats", "integer", False),
        ("host", "text", False), ("badge", "text", False), ("raw", "other", False),
        ("expected", "date-time", False),
    ]  # fmt: skip
    assert table.by_name["host"].label == "Who expects them"
    assert "LargeBinary" in table.by_name["raw"].help
    assert [one.name for one in table.written] == ["name", "company", "seats", "host", "expected"]


def test_defaults_and_events_of_the_model_hold_by_every_door(people, visitors):
    made = records.create(people["bob"], visitors, {"name": "Ada"})
    assert (made.company, made.seats, made.badge, made.host) == ("", 1, "B-new", None)
    records.update(people["bob"], visitors, made.id, {"seats": None, "company": "Navy"}, 1)
    assert (made.seats, made.company) == (1, "Navy")
    records.update(people["bob"], visitors, made.id, {"company": None}, 2)
    assert made.company == ""


def test_what_validates_refuses_is_told_by_its_field(people, visitors):
    with pytest.raises(Invalid) as refused:
        records.create(people["bob"], visitors, {"name": "Ada", "seats": 10})
    assert refused.value.errors == [("seats", "Seats must be 9 or fewer")]


def test_the_rule_of_the_model_holds_by_every_door(people, visitors):
    with pytest.raises(Conflict, match="Evil"):
        records.create(people["bob"], visitors, {"name": "Eve", "company": "Evil Inc"})
    with pytest.raises(Conflict, match="Evil"), writing(), history.acting(people["bob"]):
        db.session.add(visitors.model(name="Eve", company="Evil Inc"))
    assert not db.session.scalars(sa.select(visitors.model)).all()


def test_what_is_read_only_is_not_written_through_the_engine(people, visitors):
    with pytest.raises(Invalid, match="Badge cannot be written"):
        records.create(people["bob"], visitors, {"name": "Ada", "badge": "B-1"})


def test_writes_of_its_own_services_are_in_its_history(people, visitors):
    with writing(), history.acting(people["bob"]):
        record = visitors.model(name="Ada")
        db.session.add(record)
    with writing(), history.acting(people["alice"]):
        db.session.get(visitors.model, record.id).badge = "B-7"
    assert [(action, who) for action, who, _ in changes(visitors)] == [
        ("create", "Bob Brown"), ("update", "Alice Adams"),
    ]  # fmt: skip
    assert changes(visitors)[1][2] == {"badge": ["B-new", "B-7"]}


def test_a_public_page_may_write_without_anybody_signed_in(app, people, visitors):
    with app.test_request_context("/"), writing():
        db.session.add(visitors.model(name="Ada"))
    assert [(action, who) for action, who, _ in changes(visitors)] == [("create", "not signed in")]


def test_a_write_that_nobody_announced_is_refused(people, visitors):
    with pytest.raises(RuntimeError, match="acting"), writing():
        db.session.add(visitors.model(name="Ada"))
    model = visitors.model
    for statement in (
        sa.insert(model).values(name="x"),
        sa.update(model).values(name="x"),
        sa.delete(model),
    ):
        with (
            pytest.raises(RuntimeError, match="announce"),
            writing(),
            history.acting(people["bob"]),
        ):
            db.session.execute(statement)


def test_many_records_can_be_written_at_once_as_one_entry(people, visitors):
    with writing(), history.acting(people["bob"]), history.at_once(visitors, "import", {"rows": 2}):
        db.session.execute(sa.insert(visitors.model), [{"name": "Ada"}, {"name": "Grace"}])
    assert [(action, data) for action, _, data in changes(visitors)] == [("import", {"rows": 2})]


def test_blank_text_is_blank_where_the_column_takes_no_null(people, visitors):
    for name, company in (("Ada", None), ("Grace", "Navy")):
        records.create(people["bob"], visitors, {"name": name, "company": company})
    for flag, name in (("true", "Ada"), ("false", "Grace")):
        query = listing.read(visitors, {"company__isblank": [flag], "fields": ["name"]})
        assert [row[1] for row in listing.page(people["bob"], visitors, query).rows] == [name]


def test_delete_undo_and_restore_keep_everything(people, visitors):
    made = records.create(people["bob"], visitors, {"name": "Ada", "seats": 3})
    change = records.delete(people["bob"], visitors, made.id, 1)
    back = records.undo(people["bob"], visitors, change)
    assert (back.id, back.name, back.company, back.seats, back.badge) == (
        made.id,
        "Ada",
        "",
        3,
        "B-new",
    )


def test_blank_text_is_no_change_of_blank(people, visitors, tmp_path):
    made = records.create(people["bob"], visitors, {"name": "Ada"})
    created = history.of_record(people["bob"], visitors, made.id)[0]
    assert "company" not in created.data
    file = tmp_path / "visitors.csv"
    file.write_text("Name,Company\nAda,\n", encoding="utf-8")
    assert merge(people["alice"], visitors, file, ["name"]).same == 1
    assert records.undo(people["bob"], visitors, created.id) is None


def test_a_foreign_key_is_a_link_that_deletes_as_it_says(people, visitors):
    bob, shelves = people["bob"], catalog.tables()["parcels", "shelf"]
    parcels = catalog.tables()["parcels", "parcel"]
    assert [(one.name, one.type.name, parcels.target(one)) for one in parcels.table.fields[1:]] == [
        ("shelf_id", "link", shelves.table.id), ("box_id", "link", parcels.table.id),
        ("keeper_id", "person", PEOPLE),
    ]  # fmt: skip
    shelf = records.create(bob, shelves, {"name": "Top"})
    box = records.create(bob, parcels, {"name": "Box", "shelf_id": shelf.id, "keeper_id": bob.id})
    boots = records.create(bob, parcels, {"name": "Boots", "box_id": box.id})
    with pytest.raises(Invalid, match="#99 of Shelves"):
        records.create(bob, parcels, {"name": "Hat", "shelf_id": 99})
    records.delete(bob, shelves, shelf.id, None)
    assert db.session.get(parcels.model, box.id).shelf_id is None
    records.delete(bob, parcels, box.id, None)
    assert db.session.get(parcels.model, boots.id) is None
    records.restore(bob, parcels, box.id)
    assert db.session.get(parcels.model, boots.id).box_id == box.id


def test_what_a_model_fills_in_is_filled_in_again_where_it_is_cleared(people, visitors):
    made = records.create(people["bob"], visitors, {"name": "Ada"})
    assert made.expected.tzinfo is not None
    records.update(people["bob"], visitors, made.id, {"expected": None}, 1)
    assert made.expected.tzinfo is not None and made.version == 2


def test_its_access_is_what_the_model_says_until_somebody_says_otherwise(people, visitors):
    assert visitors.table.access == "edit"
    with writing(), history.acting(people["alice"]):
        catalog.declare(visitors.table.id, visitors.table.version, visitors.table, "read")
    catalog.forget()
    with pytest.raises(Forbidden):
        records.create(people["bob"], catalog.tables()["visitors", "visitor"], {"name": "Ada"})


def test_lists_are_in_the_order_of_the_model(people, visitors):
    for name, seats in (("Ada", 1), ("Grace", 9), ("Alan", 5)):
        records.create(people["bob"], visitors, {"name": name, "seats": seats})
    page = listing.page(people["bob"], visitors, listing.read(visitors, {"fields": ["name"]}))
    assert [row[1] for row in page.rows] == ["Grace", "Alan", "Ada"]
