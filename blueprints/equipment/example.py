"""Made-up equipment to try the tool with: the same every time, its dates counted from today.

A row of the example carries `is_example`. An item that somebody has changed is theirs; it stays when
the example is removed, and so does one that somebody has lent, with that loan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from app import trips
from app.clock import local
from app.database import writing
from app.extensions import db, utcnow
from app.permissions import Actor
from app.tables import history
from blueprints.equipment.models import Item, Loan
from blueprints.equipment.services import table

KINDS = (
    ("CAM", "Camera", "Photo", "Brightwell", "B20"), ("LEN", "Zoom lens", "Photo", "Brightwell", "Z70"),
    ("MIC", "Microphone", "Sound", "Sonder", "M1"), ("REC", "Recorder", "Sound", "Sonder", "R4"),
    ("LAP", "Laptop", "Computers", "Nordlys", "N14"), ("TAB", "Tablet", "Computers", "Nordlys", "T9"),
    ("PRJ", "Projector", "Rooms", "Halden", "P300"), ("SCR", "Screen", "Rooms", "Halden", "S2"),
    ("DRL", "Cordless drill", "Workshop", "Tornquist", "D18"),
    ("LAD", "Ladder", "Workshop", "Tornquist", "L3"),
)  # fmt: skip
BORROWERS = (
    "Ada Quist",
    "Ben Okoye",
    "Cleo Marsh",
    "Dan Ferro",
    "Eva Lund",
    "Finn Abara",
    "Gia Rossi",
)
LOANS = 60
STILL_OUT = 8
"""The newest so many loans are open; the first three of them overdue, one due today."""


def items() -> Iterator[dict[str, Any]]:
    """Forty items: four of each kind."""
    for number in range(1, 5):
        for place, (short, name, kind, maker, model) in enumerate(KINDS):
            yield {
                "code": f"{short}-{number:03}", "name": f"{name} {number}", "kind": kind,
                "maker": maker, "model": model, "year": 2018 + (place + number * 3) % 8,
                "note": "Charger in the same bag" if place % 4 == 0 else "", "is_example": True,
            }  # fmt: skip


def loans(now: datetime) -> Iterator[dict[str, Any]]:
    """Sixty loans over the last twelve months, the oldest first; `item` is the place of their item.

    No item is lent while it is out: its second loan begins some two hundred days after its first.
    """
    chance = Random(2026)
    ages = sorted(chance.sample(range(20, 360), LOANS), reverse=True)
    for number, age in enumerate(ages):
        lent_at = now - timedelta(days=age, minutes=number * 7)
        days = 3 + number * 5 % 14
        still_out = number - (LOANS - STILL_OUT)
        yield {
            "item": number % 40, "borrower": BORROWERS[number % len(BORROWERS)], "lent_at": lent_at,
            "due_on": _due(now, lent_at, still_out), "is_example": True,
            "returned_at": None if still_out >= 0 else lent_at + timedelta(days=days, hours=2),
        }  # fmt: skip


def _due(now: datetime, lent_at: datetime, still_out: int) -> date:
    if still_out < 0:
        return local(lent_at).date() + timedelta(days=14)
    return local(now).date() + timedelta(days=(still_out - 3) * 3)


def nothing_yet() -> bool:
    """Whether the tool is still empty, so that an example would help."""
    return db.session.scalar(sa.select(sa.exists(sa.select(Item.id)))) is False


def load(actor: Actor) -> tuple[int, int]:
    """Add what of the example is not here yet; returns how many items and loans that were.

    An item whose code is taken is left out with its loans, so loading twice changes nothing.
    """
    table(actor, "item", "create"), table(actor, "loan", "create")
    with trips.step("load the example"), writing() as session, history.acting(actor):
        taken = set(session.scalars(sa.select(Item.code)))
        new = {i: Item(**row) for i, row in enumerate(items()) if row["code"] not in taken}
        session.add_all(new.values())
        session.flush()  # gives the items their ids
        lent = [row for row in loans(utcnow()) if row["item"] in new]
        session.add_all([Loan(item_id=new[row.pop("item")].id, **row) for row in lent])
    return len(new), len(lent)


def remove(actor: Actor) -> tuple[int, int]:
    """Remove the rows of the example; returns how many items and loans that were.

    Items that people have added, changed or lent stay.
    """
    table(actor, "item", "delete"), table(actor, "loan", "delete")
    with trips.step("remove the example"), writing() as session, history.acting(actor):
        loans = session.scalars(sa.select(Loan).where(Loan.is_example)).all()
        _delete(loans)
        lent = sa.exists().where(Loan.item_id == Item.id)
        untouched = sa.select(Item).where(Item.is_example, Item.version == 1, ~lent)
        items = session.scalars(untouched).all()
        _delete(items)
    return len(items), len(loans)


def _delete(rows: Sequence[Item | Loan]) -> None:
    for row in rows:
        db.session.delete(row)
    db.session.flush()  # SQLAlchemy knows no order between the two tables
