"""What lending does. No request in here: an Actor and plain values come in, records go out.

The engine asks for the right, keeps the rules of the models, writes the history and commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.clock import today, zone
from app.extensions import db, utcnow
from app.permissions import Actor
from app.tables import catalog, history, records
from app.tables.live import Live
from blueprints.equipment.models import Item, Loan

MOST_OVERDUE = 200


def table(actor: Actor, name: str, action: str = "list") -> Live:
    """A table of this tool, on which the actor may do this. Raises NotFound, Forbidden."""
    return catalog.get(actor, "equipment", name, action)


def item(actor: Actor, item_id: int) -> Item:
    """An item. Raises NotFound, Forbidden."""
    found: Item = records.get(actor, table(actor, "item"), item_id)
    return found


def check_out(actor: Actor, item_id: int, values: Mapping[str, Any]) -> Loan:
    """Lend an item. Raises Invalid, and Conflict saying who has it when it is out."""
    live = table(actor, "loan", "create")
    made: Loan = records.create(actor, live, {"item_id": item_id, **values})
    return made


def check_in(actor: Actor, loan_id: int, version: int) -> Loan:
    """End a loan that was seen in this version. Raises Conflict where somebody has changed it since."""
    live = table(actor, "loan", "update")
    ended: Loan = records.update(actor, live, loan_id, {"returned_at": utcnow()}, version)
    return ended


def last_change(actor: Actor, loan: Loan) -> int:
    """The number of the newest change of a loan, by which it can be undone."""
    changes = history.of_record(actor, table(actor, "loan"), loan.id)
    return int(changes[0].id)


def overdue(actor: Actor) -> Sequence[sa.Row[tuple[Loan, Item]]]:
    """Overdue loans with their items, the longest overdue first; at most MOST_OVERDUE."""
    table(actor, "loan")
    late = sa.select(Loan, Item).join(Item).where(Loan.returned_at.is_(None), Loan.due_on < today())
    return db.session.execute(late.order_by(Loan.due_on, Loan.id).limit(MOST_OVERDUE)).all()


def loans_a_month(actor: Actor, months: int = 12) -> list[tuple[str, int]]:
    """(month, loans begun in it), the last one being this month, in the workspace's time zone."""
    table(actor, "loan")
    newest = today().year * 12 + today().month - 1
    numbers = range(newest - months + 1, newest + 2)
    starts = [datetime(number // 12, number % 12 + 1, 1, tzinfo=zone()) for number in numbers]
    spans = list(zip(starts, starts[1:], strict=False))
    begun = [sa.func.count().filter(Loan.lent_at >= a, Loan.lent_at < b) for a, b in spans]
    counts = db.session.execute(sa.select(*begun).where(Loan.lent_at >= starts[0])).one()
    return [(f"{start:%b %Y}", count) for start, count in zip(starts, counts, strict=False)]
