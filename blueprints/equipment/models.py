"""What is stored: items, and loans of them. Each is a table of the catalog, with the rules it keeps."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from app import trips
from app.clock import day, local, today
from app.errors import Conflict, Invalid
from app.extensions import db, utcnow
from app.models import Person
from app.tables.written import Options

USUAL_LOAN, LONGEST_LOAN = timedelta(days=14), timedelta(days=365)
EXAMPLE = {"label": "Part of the example"}


class Item(db.Model):
    """A thing that can be lent."""

    __options__ = Options(
        access="edit", list_display=("code", "name", "kind", "maker", "model", "year"),
        ordering=("code",), readonly_fields=("is_example",),
    )  # fmt: skip

    code: so.Mapped[str] = so.mapped_column(
        sa.String(40), unique=True, info={"help": "What is written on it. No two items share one."}
    )
    name: so.Mapped[str] = so.mapped_column(sa.String(120))
    kind: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    maker: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    model: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    year: so.Mapped[int | None] = so.mapped_column(info={"options": {"min": 1800, "max": 2100}})
    note: so.Mapped[str] = so.mapped_column(sa.Text, default="", info={"options": {"max": 2_000}})
    is_example: so.Mapped[bool] = so.mapped_column(default=False, info=EXAMPLE)

    def extra_context(self) -> dict[str, Any]:
        """What `templates/equipment/item_record.html` shows of it: the loan it is out on, or None."""
        return {"loan": db.session.scalar(Loan.out(self.id))}


class Loan(db.Model):
    """An item with somebody. An item is out while a loan of it has no `returned_at`."""

    __options__ = Options(
        access="edit", ordering=("-lent_at",), readonly_fields=("person_id", "is_example"),
        list_display=("borrower", "item_id", "lent_at", "due_on", "returned_at", "note"),
    )  # fmt: skip

    item_id: so.Mapped[int] = so.mapped_column(
        sa.ForeignKey(Item.id), index=True, info={"label": "Item"}
    )
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL"), index=True, info={"label": "Person"}
    )
    borrower: so.Mapped[str] = so.mapped_column(sa.String(120))
    lent_at: so.Mapped[datetime] = so.mapped_column(
        default=utcnow, index=True, info={"label": "Lent"}
    )
    due_on: so.Mapped[date] = so.mapped_column(
        default=lambda: today() + USUAL_LOAN, info={"label": "Due"}
    )
    returned_at: so.Mapped[datetime | None] = so.mapped_column(info={"label": "Returned"})
    note: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    is_example: so.Mapped[bool] = so.mapped_column(default=False, info=EXAMPLE)

    @classmethod
    def out(cls, item_id: int) -> sa.Select[tuple[Loan]]:
        """The loan that an item is out on."""
        return sa.select(cls).where(cls.item_id == item_id, cls.returned_at.is_(None))

    @property
    def days_overdue(self) -> int:
        """Days since it was due, in the workspace's time zone; 0 where it is not overdue."""
        return 0 if self.returned_at else max((today() - self.due_on).days, 0)

    def clean(self) -> None:
        """Keep the rules, whatever door the loan comes in by. Raises Invalid, Conflict."""
        with trips.step("is it in?"):
            self._refuse_if_out()
        lent = local(self.lent_at or utcnow()).date()
        if self.due_on and not lent <= self.due_on <= lent + LONGEST_LOAN:
            words = f"Due must be from {day(lent)}, when it is lent, to {day(lent + LONGEST_LOAN)}"
            raise Invalid(errors=[("due_on", words)])
        if sa.inspect(self).attrs.borrower.history.added:
            self.person_id = _person_named(self.borrower)

    def _refuse_if_out(self) -> None:
        # whoever else lends it at this moment waits here
        item = sa.select(Item.code).where(Item.id == self.item_id)
        code = db.session.scalar(item.with_for_update(key_share=True))
        other = db.session.scalar(Loan.out(self.item_id).where(Loan.id != self.id))
        if other is not None and self.returned_at is None:
            since = f"{other.borrower} has had it since {day(other.lent_at)}"
            raise Conflict(f"{code} is out. {since}; it is due {day(other.due_on)}.")


def _person_named(name: str) -> int | None:
    """The one active person who is called so; None where there is none, or more than one."""
    same = sa.func.lower(Person.name) == sa.func.lower(name)
    found = db.session.scalars(sa.select(Person.id).where(same, Person.active).limit(2)).all()
    return found[0] if len(found) == 1 else None


# One open loan of an item, kept by the database itself, for what comes in at the same moment. In plain
# SQL, which both databases take: an Index with `postgresql_where` would load that dialect at every start.
sa.event.listen(
    Loan.__table__,
    "after_create",
    sa.DDL(  # type: ignore[no-untyped-call]
        "CREATE UNIQUE INDEX uq_equipment__loan_open ON equipment__loan (item_id) WHERE returned_at IS NULL"
    ),
)
