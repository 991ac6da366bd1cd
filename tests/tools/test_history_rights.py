"""What the pages of history tell to those who do not see all of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app import people as everybody
from app import roles
from app.permissions import EDITING, Actor, Grant
from app.tables import catalog, history, records
from app.tables.live import Live
from tests.tools.conftest import LIST


@pytest.fixture
def limited(app: Any, people: dict[str, Actor], made: Any) -> Callable[..., Live]:
    """Gives Bob a role on the orders for each of these limits; needs an app context."""

    def give(*limits: dict[str, Any]) -> Live:
        live = catalog.tables()["orders", "orders"]
        about = {"tool": "orders", "table": live.table.id}
        given = [Grant("", EDITING, **about, **one) for one in limits]
        found = [
            roles.create(people["alice"], f"R{n}", "", (), [one]) for n, one in enumerate(given)
        ]
        everybody.set_roles(people["bob"].id, [one.id for one in found], people["alice"])
        return live

    made(2, access="private")
    return give


def test_a_hidden_title_of_a_deleted_record_is_not_told(app, bob, people, limited):
    with app.app_context():
        title = catalog.tables()["orders", "orders"].table.by_name["order_no"].id
        live = limited({"hidden": frozenset({title})}, {"rule": 'status == "Shipped"'})
        assert live.table.title == "order_no"
        records.delete(people["alice"], live, 1, None)
    page = bob.get(f"{LIST}history")
    assert page.status_code == 200 and "Deleted" in page.text
    assert "SO-20001" not in page.text


def test_nobody_learns_how_often_a_hidden_record_was_changed(app, bob, people, limited):
    with app.app_context():
        live = limited({"rule": 'status == "Shipped"'})
        records.update(people["alice"], live, 1, {"city": "Rome"}, None)
        there = history.of_record(people["alice"], live, 1)[0].id
    for change in (there, 999_999):
        answer = bob.send(f"{LIST}1/history/{change}/undo")
        assert answer.status_code == 404
        assert "There is no such record." in answer.text
