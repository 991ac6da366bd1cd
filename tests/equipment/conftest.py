"""Equipment on each database: people as services see them, an item, and real data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.clock import today
from app.database import writing
from app.extensions import db, utcnow
from app.permissions import Actor
from app.tables import history, records
from blueprints.equipment import services
from blueprints.equipment.models import Item, Loan

ITEMS, LOANS = "/tools/equipment/item/", "/tools/equipment/loan/"
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def app(on_each_database: Any) -> Any:
    """Each test runs on both databases."""
    return on_each_database


@pytest.fixture
def shared_data() -> Path:
    """The folder of real data that may lie beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the real data are not here: {SHARED}")
    return SHARED


@pytest.fixture
def actor(app: Any) -> Actor:
    """Bob, as a service sees him."""
    from app.people import find

    with app.app_context():
        return Actor.of(find("bob@example.com"))


@pytest.fixture
def context(app: Any) -> Iterator[Any]:
    """The app with its context pushed, for tests that call services."""
    with app.app_context():
        yield app


@pytest.fixture
def camera(app: Any, actor: Actor) -> int:
    """The number of an item that is in."""
    with app.app_context():
        return add(actor, "CAM-001")


def add(actor: Actor, code: str, name: str = "Camera") -> int:
    """Add an item; its number. Inside an app context."""
    live = services.table(actor, "item")
    return int(records.create(actor, live, {"code": code, "name": name}).id)


def soon(days: int = 7) -> date:
    """The day in so many days."""
    return today() + timedelta(days=days)


def lend(actor: Actor, item_id: int, borrower: str = "Ada", due_on: date | None = None) -> Loan:
    """Lend an item."""
    return services.check_out(actor, item_id, {"borrower": borrower, "due_on": due_on or soon()})


@pytest.fixture
def many(app: Any, actor: Actor) -> Callable[[int], None]:
    """A function that adds so many items, every third of them out and some of those overdue."""

    def add_items(count: int) -> None:
        lent = utcnow() - timedelta(days=30)
        with app.app_context(), writing(), history.acting(actor):
            new = [
                Item(code=f"ITEM-{number:05}", name=f"Drill {number}") for number in range(count)
            ]
            db.session.add_all(new)
            db.session.flush()
            db.session.add_all(
                Loan(item_id=item.id, borrower="Ada", lent_at=lent, due_on=soon(item.id % 20 - 5))
                for item in new[::3]
            )

    return add_items
