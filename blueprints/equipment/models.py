"""What is stored: items, and loans of them. And the queries that deserve a name."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.ext.hybrid import hybrid_method

from app.extensions import db


class Item(db.Model):
    """A thing that can be lent. Lengths are counted in characters, here and nowhere else."""

    code: so.Mapped[str] = so.mapped_column(sa.String(40), unique=True)
    name: so.Mapped[str] = so.mapped_column(sa.String(120))
    kind: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    maker: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    model: so.Mapped[str] = so.mapped_column(sa.String(80), default="")
    year: so.Mapped[int | None]
    note: so.Mapped[str] = so.mapped_column(sa.String(2_000), default="")
    is_example: so.Mapped[bool] = so.mapped_column(default=False)

    @classmethod
    def with_open_loans(cls) -> sa.Select[Any]:
        """Every item, and beside it the loan it is out on, or None: one query for a whole list."""
        is_out = sa.and_(Loan.item_id == cls.id, Loan.is_open())
        return sa.select(cls, Loan).outerjoin(Loan, is_out)

    @classmethod
    def matches(cls, text: str) -> sa.ColumnElement[bool]:
        """The condition that `text` occurs in one of the item's texts, whatever its case."""
        columns = (cls.code, cls.name, cls.kind, cls.maker, cls.model, cls.note)
        return sa.or_(*(column.icontains(text, autoescape=True) for column in columns))


class Loan(db.Model):
    """An item with somebody. An item is out while a loan of it has no `returned_at`.

    The index lets the database itself refuse a second open loan, whoever asks and however fast.
    """

    item_id: so.Mapped[int] = so.mapped_column(sa.ForeignKey(Item.id), index=True)
    person_id: so.Mapped[int | None] = so.mapped_column(
        sa.ForeignKey("person.id", ondelete="SET NULL"), index=True
    )
    borrower: so.Mapped[str] = so.mapped_column(sa.String(120))
    lent_at: so.Mapped[datetime] = so.mapped_column(index=True)
    due_on: so.Mapped[date]
    returned_at: so.Mapped[datetime | None]
    note: so.Mapped[str] = so.mapped_column(sa.String(500), default="")
    is_example: so.Mapped[bool] = so.mapped_column(default=False)

    @hybrid_method
    def is_open(self) -> bool:
        """Not returned yet; of a loan in Python and in SQL alike."""
        return self.returned_at == None  # noqa: E711  `is None` means nothing to SQL

    @hybrid_method
    def is_overdue(self, today: date) -> bool:
        """Not returned, and due before `today`, which is the day in the workspace's time zone."""
        return self.is_open() & (self.due_on < today)

    @classmethod
    def of_item(cls, item_id: int) -> sa.Select[tuple[Loan]]:
        """The loans of an item, the newest first."""
        return (
            sa.select(cls).where(cls.item_id == item_id).order_by(cls.lent_at.desc(), cls.id.desc())
        )

    @classmethod
    def overdue(cls, today: date) -> sa.Select[tuple[Loan, Item]]:
        """Overdue loans with their items, the longest overdue first."""
        loans = sa.select(cls, Item).join(Item).where(cls.is_overdue(today))
        return loans.order_by(cls.due_on, cls.id)


# One open loan of an item, kept by the database itself. In plain SQL, which both databases take:
# an Index with `postgresql_where` would load that dialect at every start.
sa.event.listen(
    Loan.__table__,
    "after_create",
    sa.DDL(  # type: ignore[no-untyped-call]
        "CREATE UNIQUE INDEX uq_equipment__loan_open ON equipment__loan (item_id) WHERE returned_at IS NULL"
    ),
)
