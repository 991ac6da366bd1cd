"""The example: the same every time, and gone without a loss of anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.clock import today
from app.extensions import db, utcnow
from app.tables import records
from blueprints.equipment import example, services
from blueprints.equipment.models import Item, Loan
from tests.equipment.conftest import ITEMS, add, lend

EXAMPLE = "/tools/equipment/example"


def count(model):
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def out():
    return db.session.scalars(sa.select(Loan).where(Loan.returned_at.is_(None))).all()


def first_item_that_is_in():
    lent = sa.exists().where(Loan.item_id == Item.id, Loan.returned_at.is_(None))
    return db.session.scalars(sa.select(Item).where(~lent).order_by(Item.id)).first()


def test_it_is_the_same_every_time(context):
    now = utcnow()
    assert list(example.loans(now)) == list(example.loans(now))
    assert list(example.items()) == list(example.items())


@pytest.mark.parametrize("when", ["2026-01-01", "2026-07-15", "2028-02-29", "2028-12-31"])
def test_no_item_is_lent_while_it_is_out_and_nothing_happens_tomorrow(context, when):
    now = datetime.fromisoformat(when).replace(tzinfo=UTC)
    rows = list(example.loans(now))
    for number in range(40):
        own = [row for row in rows if row["item"] == number]
        for before, after in zip(own, own[1:], strict=False):
            assert before["returned_at"] and before["returned_at"] < after["lent_at"]
    assert all(now - timedelta(days=365) < row["lent_at"] < now for row in rows)
    assert all(row["returned_at"] < now for row in rows if row["returned_at"])


def test_a_few_are_overdue_and_some_are_out(context, actor):
    assert example.load(actor) == (40, 60)
    assert len(services.overdue(actor)) == 3
    assert len(out()) == 8 and today() in {loan.due_on for loan in out()}
    assert sum(count for _, count in services.loans_a_month(actor)) >= 50


def test_loading_twice_changes_nothing(context, actor):
    example.load(actor)
    assert example.load(actor) == (0, 0)
    assert (count(Item), count(Loan)) == (40, 60)


def test_removing_it_leaves_nothing_of_it(context, actor):
    example.load(actor)
    assert example.remove(actor) == (40, 60)
    assert (count(Item), count(Loan)) == (0, 0)


def test_removing_it_leaves_what_people_have_added_changed_or_lent(context, actor):
    example.load(actor)
    own = add(actor, "OWN-1")
    lend(actor, own, "Eva")
    changed, borrowed = out()[0].item_id, first_item_that_is_in().id
    records.update(actor, services.table(actor, "item"), changed, {"name": "Ours now"}, 1)
    lend(actor, borrowed, "Finn")
    assert example.remove(actor) == (38, 60)
    assert {one.id for one in db.session.scalars(sa.select(Item))} == {own, changed, borrowed}
    assert {one.borrower for one in out()} == {"Eva", "Finn"}


def test_an_item_of_somebody_with_an_example_code_is_left_alone(context, actor, camera):
    assert example.load(actor)[0] == 39
    example.remove(actor)
    assert db.session.scalars(sa.select(Item.id)).all() == [camera]


def test_one_button_loads_it_and_one_button_removes_it(bob):
    assert f'action="{EXAMPLE}"' in bob.get(ITEMS).text and "Load the example" in bob.get("/").text
    page = bob.get(bob.send(EXAMPLE).location).text
    assert "40 example items and 60 loans loaded" in page and "Load the example" not in page
    assert f'action="{EXAMPLE}/remove"' in bob.get(f"{ITEMS}1").text
    page = bob.get(bob.send(f"{EXAMPLE}/remove").location).text
    assert "40 example items and 60 loans removed" in page and "No items yet" in page
