"""The example: the same every time, and gone without a trace of it or a loss of anything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.clock import today
from app.extensions import db, utcnow
from blueprints.equipment import example, services
from blueprints.equipment.models import Item, Loan

EXAMPLE = "/tools/equipment/example"


def count(model):
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def first_item(out):
    query = Item.with_open_loans().where(Loan.id.is_not(None) if out else Loan.id.is_(None))
    return db.session.scalars(query.order_by(Item.id)).first()


def test_it_is_the_same_every_time(context):
    now = utcnow()
    assert list(example.loans(now)) == list(example.loans(now))
    assert list(example.items()) == list(example.items())


@pytest.mark.parametrize("when", ["2026-01-01", "2026-07-15", "2028-02-29", "2028-12-31"])
def test_no_item_is_lent_while_it_is_out_and_nothing_happens_tomorrow(context, when):
    now = datetime.fromisoformat(when).replace(tzinfo=UTC)
    rows = list(example.loans(now))
    assert len(rows) == 60
    for number in range(40):
        own = [row for row in rows if row["item"] == number]
        for before, after in zip(own, own[1:], strict=False):
            assert before["returned_at"] and before["returned_at"] < after["lent_at"]
    assert all(now - timedelta(days=365) < row["lent_at"] < now for row in rows)
    assert all(row["returned_at"] < now for row in rows if row["returned_at"])
    assert all(row["due_on"] >= row["lent_at"].date() for row in rows)


def test_a_few_are_overdue_and_some_are_out(context, actor):
    assert example.load(actor) == (40, 60)
    assert services.overdue(actor).found == 3
    assert sum(loan is not None for _, loan in services.items(actor).rows) == 8
    assert sum(count for _, count in services.loans_a_month(actor)) >= 50
    assert today() in {loan.due_on for _, loan in services.items(actor).rows if loan}


def test_every_item_keeps_the_rules(context):
    for row in example.items():
        values = {name: row[name] for name in services.ItemValues.__dataclass_fields__}
        services.check_item(services.ItemValues(**values))


def test_loading_twice_changes_nothing(context, actor):
    example.load(actor)
    assert example.load(actor) == (0, 0)
    assert (count(Item), count(Loan)) == (40, 60)


def test_removing_it_leaves_nothing_of_it(context, actor):
    example.load(actor)
    assert example.remove(actor) == (40, 60)
    assert (count(Item), count(Loan)) == (0, 0)


def test_removing_it_leaves_what_people_have_added(context, actor, camera):
    example.load(actor)
    services.check_out(actor, camera, "Ada", today())
    example.remove(actor)
    assert (count(Item), count(Loan)) == (1, 1)


def test_an_example_item_that_somebody_has_changed_is_theirs(context, actor):
    example.load(actor)
    item = first_item(out=True)
    services.edit_item(actor, item.id, services.ItemValues(item.code, "Ours now"), item.version)
    assert example.remove(actor) == (39, 60)
    assert services.item(actor, item.id).name == "Ours now"


def test_an_example_item_that_somebody_has_lent_stays_with_that_loan(context, actor):
    example.load(actor)
    item_id = first_item(out=False).id
    services.check_out(actor, item_id, "Ada", today())
    assert example.remove(actor) == (39, 60)
    assert [loan.borrower for loan in services.record(actor, item_id).loans] == ["Ada"]
    assert services.items(actor).examples == 0  # nothing offers to remove it any more


def test_an_item_of_somebody_with_an_example_code_is_left_alone(context, actor):
    services.add_item(actor, services.ItemValues("CAM-001", "Mine"))
    assert example.load(actor)[0] == 39
    example.remove(actor)
    assert [item.name for item, _ in services.items(actor).rows] == ["Mine"]


def test_it_works_on_either_database(either, actor):
    with either.app_context():
        assert example.load(actor) == (40, 60)
        assert example.remove(actor) == (40, 60)


def test_one_button_loads_it_and_one_button_removes_it(bob):
    page = bob.get(bob.send(EXAMPLE).location).text
    assert "40 example items and 60 loans loaded" in page and "40 items" in page
    assert f'action="{EXAMPLE}/remove"' in page and "added, changed or lent stays" in page
    page = bob.get(bob.send(f"{EXAMPLE}/remove").location).text
    assert "40 example items and 60 loans removed" in page and "No equipment yet" in page
    assert f'action="{EXAMPLE}"' in page.partition("</main>")[0]  # Undo, and the empty list's offer
