"""The rules of lending. No request in here: an Actor and plain values come in, records go out.

Every function asks for the right. One that writes begins a writing transaction, reads in it what it
decides on, and commits. Errors are those of `app.errors`, with words for the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
import sqlalchemy.orm as so
from sqlalchemy.exc import IntegrityError

from app import trips
from app.clock import day, today, zone
from app.database import writing
from app.errors import Conflict, Invalid, NotFound
from app.extensions import db, utcnow
from app.models import Person
from app.permissions import Actor, require
from blueprints.equipment.models import Item, Loan

TOOL = "equipment"
PER_PAGE = 50
LOANS_SHOWN = 50
SORTS = ("code", "name", "kind", "maker", "model", "year")
YEARS = range(1800, 2101)
LONGEST_LOAN = timedelta(days=365)
UNDO_FOR = timedelta(hours=1)
GONE = "There is nothing with this number. It may have been removed."

Record = TypeVar("Record", Item, Loan)


@dataclass(frozen=True)
class ItemValues:
    """What somebody says about an item: the same from a form, a file or a test."""

    code: str
    name: str
    kind: str = ""
    maker: str = ""
    model: str = ""
    year: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a list: its rows, its number from 1, and how many rows all pages have."""

    rows: Sequence[Any]
    number: int
    found: int

    @property
    def first(self) -> int:
        """The place of its first row in the whole list, from 1."""
        return (self.number - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        """The place of its last row."""
        return self.first + len(self.rows) - 1


@dataclass(frozen=True)
class ItemPage(Page):
    """A page of items; `total` counts without the search, `examples` those that are made up."""

    total: int
    examples: int


class ItemRecord(NamedTuple):
    """An item, the loan it is out on, and its newest loans; `more` where there are older ones."""

    item: Item
    open_loan: Loan | None
    loans: Sequence[Loan]
    more: bool


class Stale(Conflict):
    """The item was saved by somebody else since the form was made; `item` is how it is now."""

    def __init__(self, item: Item) -> None:
        super().__init__("Somebody else has saved this item while you had it open.")
        self.item = item


# Reading ---------------------------------------------------------------------------------------


def items(actor: Actor, text: str = "", sort: str = "code", number: int = 1) -> ItemPage:
    """A page of items with their open loans, as (Item, Loan or None), in two queries.

    `sort` is one of SORTS, with a minus in front for the other way. Raises NotFound past the end.
    """
    require(actor, "list", TOOL)
    text = text.replace("\0", "").strip()
    wanted = Item.matches(text) if text else sa.true()
    every = sa.func.count()
    counts = sa.select(every.filter(wanted), every, every.filter(Item.is_example)).select_from(Item)
    found, total, examples = db.session.execute(counts).one()
    rows = _rows(Item.with_open_loans().where(wanted).order_by(*_order(sort)), number)
    return ItemPage(rows, number, found, total, examples)


def _order(sort: str) -> tuple[sa.ColumnElement[Any], ...]:
    """Text whatever its case, blanks last both ways, equals by id."""
    column = getattr(Item, sort.removeprefix("-"))
    is_text = isinstance(column.type, sa.String)
    key = sa.func.lower(column) if is_text else column
    blank = column == "" if is_text else column.is_(None)
    return blank, key.desc() if sort.startswith("-") else key, Item.id


def _rows(query: sa.Select[Any], number: int) -> Sequence[Any]:
    rows = db.session.execute(query.limit(PER_PAGE).offset((number - 1) * PER_PAGE)).all()
    if number > 1 and not rows:
        raise NotFound(f"This list ends before page {number}.")
    return rows


def nothing_yet() -> bool:
    """Whether the tool is still empty, so that an example would help."""
    return db.session.scalar(sa.select(sa.exists(sa.select(Item.id)))) is False


def item(actor: Actor, item_id: int) -> Item:
    """One item. Raises NotFound."""
    require(actor, "read", TOOL)
    found = db.session.get(Item, item_id)
    if found is None:
        raise NotFound(GONE)
    return found


def record(actor: Actor, item_id: int) -> ItemRecord:
    """An item with its loans. Raises NotFound."""
    require(actor, "read", TOOL)
    row = db.session.execute(Item.with_open_loans().where(Item.id == item_id)).first()
    if row is None:
        raise NotFound(GONE)
    loans = db.session.scalars(Loan.of_item(item_id).limit(LOANS_SHOWN + 1)).all()
    return ItemRecord(row[0], row[1], loans[:LOANS_SHOWN], len(loans) > LOANS_SHOWN)


def overdue(actor: Actor, number: int = 1) -> Page:
    """A page of overdue loans, as (Loan, Item), the longest overdue first. Raises NotFound."""
    require(actor, "list", TOOL)
    count = sa.select(sa.func.count()).select_from(Loan).where(Loan.is_overdue(today()))
    found = db.session.scalar(count) or 0
    return Page(_rows(Loan.overdue(today()), number), number, found)


def loans_a_month(actor: Actor, months: int = 12) -> list[tuple[str, int]]:
    """(month, loans begun in it), the last one being this month, in the workspace's time zone."""
    require(actor, "list", TOOL)
    newest = today().year * 12 + today().month - 1
    numbers = range(newest - months + 1, newest + 2)
    starts = [datetime(number // 12, number % 12 + 1, 1, tzinfo=zone()) for number in numbers]
    spans = list(zip(starts, starts[1:], strict=False))
    begun = [sa.func.count().filter(Loan.lent_at >= a, Loan.lent_at < b) for a, b in spans]
    counts = db.session.execute(sa.select(*begun).where(Loan.lent_at >= starts[0])).one()
    return [(f"{start:%b %Y}", count) for start, count in zip(starts, counts, strict=False)]


# Items -----------------------------------------------------------------------------------------


def check_item(values: ItemValues) -> None:
    """Raise Invalid with a message for each value that a rule refuses."""
    texts = {name: text for name, text in asdict(values).items() if name != "year"}
    errors = _text_errors(Item, texts, required={"code", "name"})
    if values.year is not None and values.year not in YEARS:
        errors.append(("year", f"Year must be from {YEARS[0]} to {YEARS[-1]}"))
    if errors:
        raise Invalid(errors=errors)


def _text_errors(
    model: type[Item | Loan], texts: dict[str, str], required: set[str]
) -> list[tuple[str, str]]:
    """What is wrong with texts, by the lengths that the model's columns have."""
    errors = []
    for name, text in texts.items():
        limit = model.__table__.c[name].type.length
        if name in required and not text.strip():
            errors.append((name, f"{name.capitalize()} must not be empty"))
        elif len(text) > limit:
            words = f"must be {limit:,} characters or fewer, not {len(text):,}"
            errors.append((name, f"{name.capitalize()} {words}"))
        elif "\0" in text:
            errors.append((name, f"{name.capitalize()} has a character that cannot be stored"))
    return errors


def add_item(actor: Actor, values: ItemValues) -> Item:
    """A new item. Raises Invalid, also where another item has the code."""
    require(actor, "create", TOOL)
    check_item(values)
    new = Item(**asdict(values))
    with _code_is_free(values.code) as session:
        session.add(new)
    return new


def edit_item(actor: Actor, item_id: int, values: ItemValues, version: int) -> Item:
    """Change an item that was seen in this version. Raises Invalid, NotFound, and Stale.

    An example item that somebody changes is theirs from then on.
    """
    require(actor, "update", TOOL)
    check_item(values)
    with _code_is_free(values.code):
        changed = _locked(Item, item_id)
        if changed.version != version:
            raise Stale(changed)
        for name, value in asdict(values).items():
            setattr(changed, name, value)
        changed.is_example = False
    return changed


@contextmanager
def _code_is_free(code: str) -> Iterator[so.scoped_session[so.Session]]:
    """A writing transaction in which a code that is taken becomes Invalid."""
    try:
        with writing() as session:
            yield session
    except IntegrityError:
        message = f"Another item has the code {code}: choose a different one"
        raise Invalid(errors=[("code", message)]) from None


def _locked(model: type[Record], record_id: int) -> Record:
    """A record that nobody else changes until the transaction ends. Raises NotFound."""
    query = sa.select(model).where(model.id == record_id).with_for_update()
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(GONE)
    return found


# Loans -----------------------------------------------------------------------------------------


def check_out(actor: Actor, item_id: int, borrower: str, due_on: date, note: str = "") -> Loan:
    """Lend an item. Raises Invalid, NotFound, and Conflict saying who has it when it is out."""
    require(actor, "update", TOOL)
    _check_loan(borrower, due_on, note)
    with _lending() as session:
        with trips.step("is it in?"):
            _refuse_if_out(_locked(Item, item_id))
        loan = Loan(item_id=item_id, borrower=borrower, lent_at=utcnow(), due_on=due_on, note=note)
        loan.person_id = _person_named(borrower)
        session.add(loan)
    return loan


def check_in(actor: Actor, item_id: int, loan_id: int | None = None) -> Loan:
    """Take an item back. Raises NotFound, and Conflict when it is in.

    With `loan_id`, the loan that the person saw, also when the item is out on another by now.
    """
    require(actor, "update", TOOL)
    with writing():
        returned = _locked(Item, item_id)
        loan = _open_loan(item_id)
        if loan is None:
            raise Conflict(f"{returned.code} is in: somebody has checked it in already.")
        if loan_id not in (None, loan.id):
            raise Conflict(f"{returned.code} has been lent again. {_who_has_it(loan)}")
        loan.returned_at = utcnow()
    return loan


def undo_check_out(actor: Actor, loan_id: int) -> Loan:
    """Remove a loan as if it had never been, within an hour. Raises NotFound, Conflict."""
    require(actor, "update", TOOL)
    with writing() as session:
        loan = _locked(Loan, loan_id)
        if not loan.is_open():
            raise Conflict("It has been checked in since, so the loan stays in its history.")
        _refuse_if_late(loan.lent_at, "Check the item in instead.")
        session.delete(loan)
    return loan


def undo_check_in(actor: Actor, loan_id: int) -> Loan:
    """Open a loan again, within an hour of its end. Raises NotFound, Conflict."""
    require(actor, "update", TOOL)
    with _lending():
        loan = _locked(Loan, loan_id)
        _refuse_if_out(_locked(Item, loan.item_id))
        _refuse_if_late(loan.returned_at, "Check the item out again instead.")
        loan.returned_at = None
    return loan


@contextmanager
def _lending() -> Iterator[so.scoped_session[so.Session]]:
    """A writing transaction in which a second open loan of an item becomes a Conflict."""
    try:
        with writing() as session:
            yield session
    except IntegrityError:
        raise Conflict("Somebody else checked it out at the same moment.") from None


def _check_loan(borrower: str, due_on: date, note: str) -> None:
    errors = _text_errors(Loan, {"borrower": borrower, "note": note}, required={"borrower"})
    if not today() <= due_on <= today() + LONGEST_LOAN:
        span = f"from today to {day(today() + LONGEST_LOAN)}"
        errors.append(("due_on", f"Due date must be {span}"))
    if errors:
        raise Invalid(errors=errors)


def _open_loan(item_id: int) -> Loan | None:
    query = sa.select(Loan).where(Loan.item_id == item_id, Loan.is_open())
    return db.session.scalar(query)


def _refuse_if_out(wanted: Item) -> None:
    loan = _open_loan(wanted.id)
    if loan is not None:
        raise Conflict(f"{wanted.code} is out. {_who_has_it(loan)}")


def _who_has_it(loan: Loan) -> str:
    return f"{loan.borrower} has had it since {day(loan.lent_at)}; it is due {day(loan.due_on)}."


def _refuse_if_late(done_at: datetime | None, cure: str) -> None:
    if done_at is None or utcnow() - done_at > UNDO_FOR:
        raise Conflict(f"This can be undone for an hour, and that is over. {cure}")


def _person_named(name: str) -> int | None:
    """The one active person who is called so; None where there is none, or more than one."""
    same = sa.func.lower(Person.name) == sa.func.lower(name)
    found = db.session.scalars(sa.select(Person.id).where(same, Person.active).limit(2)).all()
    return found[0] if len(found) == 1 else None
