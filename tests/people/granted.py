"""A table of Alice's with records of hers and of Bob's, and what tests of rights do with its pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from app import people, roles
from app.database import writing
from app.people import roles_by_person, set_roles
from app.permissions import Actor, Grant
from app.tables import catalog, records
from tests.tables.test_rights import cases as declared_cases

CASES = "/tools/cases/case/"
SHARING = "/people/tables/cases/case/"


def actor(who: str) -> Actor:
    """Somebody of the cast; in an app context."""
    return Actor.of(people.find(f"{who}@example.com"))


@pytest.fixture
def cases(app: Any) -> int:
    """Six cases: those with an even number are Bob's, the others Alice's; the last is closed. Its id."""
    with app.app_context():
        alice, bob = actor("alice"), actor("bob")
        with writing():
            live = catalog.create(declared_cases(alice.id), "Cases")
        catalog.forget()
        for i in range(1, 7):
            values = {
                "title": f"Case {i}", "owner": alice.id if i % 2 else bob.id, "team": "North",
                "status": "closed" if i == 6 else "open", "amount": 100 + i, "code": f"C{i}",
            }  # fmt: skip
            records.create(alice, catalog.tables()["cases", "case"], values)
        return live.table.id


@pytest.fixture
def role_of_bob(app: Any, cases: int) -> Callable[..., int]:
    """Makes a role that gives this on the cases, and gives it to Bob; returns its id."""

    def make(*given: Grant, name: str = "Sales", has: tuple[str, ...] = ("bob",)) -> int:
        with app.app_context():
            made = roles.create(actor("alice"), name, "", (), given)
            for who in has:
                held = [one.id for one in roles_by_person([actor(who).id])[actor(who).id]]
                set_roles(actor(who).id, [*held, made.id], actor("alice"))
            return made.id

    return make


@pytest.fixture
def on_cases(cases: int) -> Callable[..., Grant]:
    """A grant on the cases: of these actions, with a rule and fields."""

    def grant(actions: Any, rule: str = "", **fields: Any) -> Grant:
        sets = {name: frozenset(one) for name, one in fields.items()}
        return Grant("", frozenset(actions), rule, tool="cases", table=cases, **sets)

    return grant


class Row:
    """A row of the grid: the key of its inputs, and what is ticked."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.label = unescape(re.findall(r'aria-label="([^"]*): preset"', html)[0])
        self.key = re.findall(r'name="preset-(\w+)"', html)[0]
        self.ticked = re.findall(r'value="(\w+)" aria-label="[^"]*" checked', html)

    def tick(self, *actions: str) -> dict[str, Any]:
        """What a form sends that has these ticked."""
        return {f"do-{self.key}": list(actions)}


def grid(page: str) -> dict[str, Row]:
    """The rows of the page of a role, by what a reader is told they are about."""
    rows = [Row(part) for part in page.split("<tr") if 'name="preset-' in part]
    return {one.label: one for one in rows}


def form_of(page: str, name: str = "Sales", **more: Any) -> dict[str, Any]:
    """What the page of a role sends as it is, but for this."""
    version = re.findall(r'name="version"[^>]*value="(\d+)"', page)[0]
    sent: dict[str, Any] = {"name": name, "version": version}
    for one in grid(page).values():
        sent |= one.tick(*one.ticked)
    return sent | more


def main(page: str) -> str:
    """What is special about a page, as people read it."""
    return unescape(re.sub(r"<[^>]*>", "", page.partition("<main")[2].partition("<footer")[0]))
