"""Uploads, as a browser makes them; jobs are run where they stand, without a worker."""

from __future__ import annotations

import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from app.extensions import db
from app.models import Definition, Job
from app.tables import catalog

NORTHWIND = Path(__file__).resolve().parents[3] / "shared" / "data" / "northwind"
PEOPLE = b"Code,Name,Born,Paid\n007,Ada,1815-12-10,yes\n008,Grace,1906-12-09,no\n009,Alan,,\n"


@pytest.fixture
def app(on_each_database: Any) -> Any:
    """Each test runs on both databases."""
    return on_each_database


@pytest.fixture
def northwind() -> Path:
    """Real data, which the repository does not hold."""
    if not NORTHWIND.is_dir():
        pytest.skip(f"there is no real data in {NORTHWIND}")
    return NORTHWIND


@pytest.fixture
def upload() -> Callable[..., Any]:
    """Sends a file; the answer."""

    def send(browser: Any, content: bytes = PEOPLE, name: str = "crew.csv") -> Any:
        return browser.send("/studio/import", file=(io.BytesIO(content), name))

    return send


@pytest.fixture
def made(upload: Any, work: Any) -> Callable[..., Any]:
    """Imports a file as it is proposed, with these changes; the job's page."""

    def make(browser: Any, content: bytes = PEOPLE, file: str = "crew.csv", **said: Any) -> Any:
        kept = upload(browser, content, file)
        assert kept.status_code == 303, kept.text
        started = browser.send(kept.location, **said)
        assert started.status_code == 303, started.text
        assert started.location.startswith("/jobs/")
        work()
        return browser.get(started.location)

    return make


@pytest.fixture
def table(app: Any) -> Callable[..., Any]:
    """A table as it is declared now."""

    def look(tool: str, name: str | None = None) -> Any:
        with app.app_context():
            return catalog.tables()[tool, name or tool].table

    return look


@pytest.fixture
def stored(app: Any) -> Callable[..., list[tuple[Any, ...]]]:
    """The rows of a table, without id and what is kept of every record."""

    def rows(tool: str, name: str | None = None) -> list[tuple[Any, ...]]:
        with app.app_context():
            sql = catalog.tables()[tool, name or tool].sql
            return [tuple(row)[1:-3] for row in db.session.execute(sql.select().order_by(sql.c.id))]

    return rows


def only_job(app: Any) -> Job:
    """The newest job."""
    with app.app_context():
        return db.session.query(Job).order_by(Job.id.desc()).first()


def definitions(app: Any) -> list[Definition]:
    """All that are not of models, in any state."""
    with app.app_context():
        drawn = Definition.state != "written"
        return db.session.query(Definition).filter(drawn).order_by(Definition.id).all()


class FormReader(HTMLParser):
    """What a browser would send of a page's main form, its button aside."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.at = self.text = self.select = ""
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        told = {name: value or "" for name, value in attrs}
        self.inside = self.inside or "data-main" in told
        name = told.get("name", "")
        mine = self.inside or told.get("form") == "design"
        if tag == "input" and mine and name != "csrf_token":
            if told.get("type") not in ("checkbox", "radio") or "checked" in told:
                self.sent.setdefault(name, []).append(told.get("value", ""))
        elif tag == "select":
            self.select = name if mine else ""
        elif tag == "option" and self.select:
            if "selected" in told or self.select not in self.sent:
                self.sent[self.select] = [told.get("value", "")]
        elif tag == "textarea" and mine:
            self.at, self.sent[name] = name, [""]

    def handle_data(self, data: str) -> None:
        if self.at:
            self.sent[self.at][0] += data.lstrip("\r\n") if not self.sent[self.at][0] else data

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"
        self.at = "" if tag == "textarea" else self.at


def form_in(answer: Any) -> dict[str, list[str]]:
    """The main form of a page as it would be sent."""
    return FormReader(answer.text).sent
