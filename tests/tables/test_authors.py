"""Fields that say who made a record and who wrote it last."""

from __future__ import annotations

import pytest

from app import jobs
from app.errors import Invalid
from app.sheets import inspect
from app.sheets.importing import Import, enqueue
from app.tables import catalog, history, listing, records
from tests.tables.conftest import declared
from tests.tables.test_links import make
from tests.tables.test_links_across import change


@pytest.fixture
def notes(people):
    live = make(people["bob"], "notes", declared("name", "text"), access="edit")
    return change(live, declared("maker", "created-by"), declared("writer", "updated-by"))


def shown(actor, live, **args):
    """Name, maker and writer of each record, the last two by first name."""
    query = listing.read(
        live, {"fields": ["name,maker,writer"], **{k: [v] for k, v in args.items()}}
    )
    page = listing.page(actor, live, query)
    return [tuple(row[1:]) for row in page.rows]


def test_the_maker_stays_and_the_writer_is_the_last_one(people, notes):
    alice, bob = people["alice"], people["bob"]
    made = records.create(bob, notes, {"name": "Plan"})
    assert shown(bob, notes) == [("Plan", bob.id, bob.id)]
    records.update(alice, notes, made.id, {"name": "Plan B"}, made.version)
    assert shown(bob, notes) == [("Plan B", bob.id, alice.id)]
    records.delete(alice, notes, made.id, None)
    deletion = history.of_record(bob, notes, made.id)[0]
    records.undo(bob, notes, deletion.id)
    assert shown(bob, notes) == [("Plan B", bob.id, bob.id)]


def test_they_are_filtered_and_sorted_by(people, notes):
    alice, bob = people["alice"], people["bob"]
    for actor, name in ((bob, "One"), (alice, "Two"), (bob, "Three")):
        records.create(actor, notes, {"name": name})
    mine = shown(bob, notes, maker=str(bob.id))
    assert sorted(row[0] for row in mine) == ["One", "Three"]
    assert [row[0] for row in shown(bob, notes, sort="maker,name")] == ["Two", "One", "Three"]


def test_nobody_writes_them(people, notes):
    with pytest.raises(Invalid):
        records.create(people["bob"], notes, {"name": "x", "maker": people["alice"].id})


def test_what_a_spreadsheet_brought_is_whoever_imported_it(people, tmp_path):
    alice, bob = people["alice"], people["bob"]
    file = tmp_path / "notes.csv"
    file.write_text("Name\nOne\nTwo\n", encoding="utf-8")
    plan = Import(
        str(file), file.name, inspect(file).plan(), "shop", "notes", "Notes", title="name"
    )
    jobs.run(enqueue(bob, plan, 2).id)
    catalog.forget()
    kinds = declared("maker", "created-by"), declared("writer", "updated-by")
    notes = change(catalog.get(bob, "shop", "notes"), *kinds)
    records.update(alice, notes, 2, {"name": "Zwei"}, None)
    records.create(alice, notes, {"name": "Three"})
    assert shown(bob, notes, sort="id") == [
        ("One", bob.id, bob.id), ("Zwei", bob.id, alice.id), ("Three", alice.id, alice.id),
    ]  # fmt: skip
