"""A table as Alice has made it, with rows, and what the tests do with its pages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
import sqlalchemy as sa

from app.database import writing
from app.extensions import db
from app.fields import Field, named
from app.models import Person
from app.permissions import Actor
from app.tables import catalog, history
from app.tables.live import Live
from app.tables.table import Table
from tests.suites import doors

STATES = ["Open", "Packed", "Shipped", "Returned"]
LIST = "/tools/orders/orders/"


def declared(label: str, word: str, **rest: Any) -> Field:
    """A field of this label and kind."""
    kind, options = named(word)
    options = {**kind.usual, **options, **rest.pop("options", {})}
    name = rest.pop("name", label.lower().replace(" ", "_"))
    return Field(name, name, label, kind, options=options, **rest)


def order_fields() -> tuple[Field, ...]:
    """Ten fields, as a small shop's sheet has them."""
    choices = {"choices": STATES, "tones": {"Open": "info", "Shipped": "ok"}}
    return (
        declared("Order", "code", name="order_no", required=True, unique=True), declared("Customer", "text"),
        declared("Email", "email"), declared("City", "text"), declared("Product", "text"),
        declared("Quantity", "integer"), declared("Total", "money"),
        declared("Status", "choice", options=choices), declared("Ordered", "date"),
        declared("Note", "long-text"),
    )  # fmt: skip


def order(i: int) -> dict[str, Any]:
    """The values of the row with this number, from 1."""
    return {
        "order_no": f"SO-{20_000 + i}", "customer": f"{('Kira', 'Bruno', 'Nils')[i % 3]} Eriksen {i}",
        "email": f"customer{i}@example.com", "city": ("Cork", "Berlin", "Lyon")[i % 3],
        "product": "Oak desk 160", "quantity": i % 12 + 1, "total": Decimal(i * 37 % 9_999) + Decimal("0.25"),
        "status": STATES[i % 4], "ordered": dt.date(2026, 1, 1) + dt.timedelta(days=i % 300),
        "note": "Ring twice." if i % 5 == 0 else None,
    }  # fmt: skip


@pytest.fixture
def more_settings(door: str) -> Iterator[dict[str, Any]]:
    with doors.settings(door, Table(0, 0, "orders", "orders", "Orders", order_fields())) as found:
        yield found


@pytest.fixture
def app(on_each_database: Any) -> Any:
    """Each test runs on both databases."""
    return on_each_database


@pytest.fixture
def people(app: Any) -> dict[str, Actor]:
    """The cast as actors."""
    with app.app_context():
        rows = db.session.query(Person).all()
        return {
            one.email.partition("@")[0]: Actor(one.id, one.name, one.email, one.admin)
            for one in rows
        }


@pytest.fixture
def made(app: Any, people: dict[str, Actor], door: str) -> Callable[..., None]:
    """A function that makes a table of Alice's with rows: open for editing unless said otherwise."""

    def make(
        rows: list[dict[str, Any]] | int = 0, fields: tuple[Field, ...] = (), access: str = "edit",
        name: str = "orders", label: str = "Orders", tool: str = "orders", **rest: Any,
    ) -> None:  # fmt: skip
        table = Table(
            0, 0, tool, name, label, fields or order_fields(), access=access,
            owner_id=people["alice"].id, **rest,
        )  # fmt: skip
        values = [order(i) for i in range(1, rows + 1)] if isinstance(rows, int) else rows
        with app.app_context():
            own = table.fields == order_fields() and (tool, name, rest) == ("orders", "orders", {})
            tool_label = "{{ 7 * 7 }}<b>" if "<" in label else "Orders"
            doors.make(door if own else "drawn", table, tool_label, people["alice"])
        with app.app_context(), writing(), history.acting(people["alice"]):
            live = catalog.tables()[tool, name]
            if values:
                db.session.execute(sa.insert(live.sql), values)
            history.note(live.table.id, "import", {"file": "orders.csv", "rows": len(values)})

    return make


@pytest.fixture
def orders(made: Callable[..., None]) -> None:
    """Three orders, which everybody may edit."""
    made(3)


@pytest.fixture
def stored(app: Any) -> Callable[..., Any]:
    """A function: what is stored of a record, by field; None where it is gone."""

    def read(record_id: int, name: str = "orders", tool: str = "orders") -> Any:
        with app.app_context():
            live: Live = catalog.tables()[tool, name]
            query = sa.select(live.sql).where(live.sql.c.id == record_id)
            row = db.session.execute(query).mappings().first()
            return dict(row) if row else None

    return read


def fields_of(page: str) -> dict[str, Any]:
    """What a browser would send for the main form as it stands, without its token."""
    form = page[page.index("data-main") :].partition("</form>")[0]
    sent: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        name, value = attributes["name"], unescape(attributes["value"])
        if attributes["type"] == "checkbox":
            sent[name] = [*sent[name], value] if " checked" in tag else sent[name]
        elif attributes["type"] != "radio" or tag.endswith(" checked>"):
            sent[name] = [value] if f'name="{name}" type="checkbox"' in form else value
    for name, text in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', form):
        sent[name] = unescape(text).removeprefix("\r\n")
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option selected value="([^"]*)"', options)
        sent[name] = unescape(chosen[1]) if chosen else ""
    sent.pop("csrf_token")
    return sent


def keys(page: str) -> list[str]:
    """The orders of a list, from top to bottom."""
    return re.findall(r">(SO-\d+)</", page)


def rows_of(page: str) -> Iterator[str]:
    """The rows of a list's body."""
    return iter(re.findall(r"<tr role=row>.*?</tr>", page, re.S))
