"""What the tests of people share: a way to ask the database, roles, the audit list."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from app import people
from app.database import writing
from app.extensions import db
from app.models import Event, Role
from tests.people.granted import cases, on_cases, role_of_bob  # noqa: F401  fixtures


@pytest.fixture
def id_of(app: Any) -> Callable[[str], int]:
    """The id of somebody of the cast, or of an email."""

    def find(who: str) -> int:
        with app.app_context():
            return people.find(who if "@" in who else f"{who}@example.com").id

    return find


@pytest.fixture
def page_of(id_of: Any) -> Callable[[str], str]:
    """The address of somebody's page."""
    return lambda who: f"/people/{id_of(who)}"


@pytest.fixture
def new_role(app: Any) -> Callable[..., int]:
    """Makes a role; returns its id."""

    def make(name: str = "Sales", **values: Any) -> int:
        with app.app_context():
            with writing() as session:
                role = Role(name=name, **values)
                session.add(role)
            return role.id

    return make


@pytest.fixture
def audited(app: Any) -> Callable[[], list[tuple[str, str, str]]]:
    """The audit list, the newest first: action, about, by whom."""

    def read() -> list[tuple[str, str, str]]:
        with app.app_context():
            rows = db.session.scalars(sa.select(Event).order_by(Event.id.desc()))
            return [(row.action, row.about, row.person) for row in rows]

    return read


def link_in(page: str, host: str = "http://localhost") -> str:
    """The path of the link that a page shows to copy."""
    found = re.search(r'<code id="link">([^<]+)</code>', page)
    assert found, page
    return found[1].removeprefix(host)


@pytest.fixture
def each_app(on_each_database: Any) -> Any:
    """The app, once on each database."""
    return on_each_database


class SmtpServer:
    """The smallest server that takes a mail, and keeps what was said to it, by connection."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, connection.makefile("rwb") as file:
                    self._talk(file)

    def _talk(self, file: Any) -> None:
        in_data = False
        self.said.append("")
        self._answer(file, "220 here")
        for line in file:
            self.said[-1] += line.decode()
            if in_data and line != b".\r\n":
                continue
            in_data = line.upper().startswith(b"DATA")
            quit = line.upper().startswith(b"QUIT")
            self._answer(file, "354 go on" if in_data else "221 bye" if quit else "250 good")

    @staticmethod
    def _answer(file: Any, words: str) -> None:
        file.write(f"{words}\r\n".encode())
        file.flush()

    def close(self) -> None:
        """Take no more."""
        self._socket.close()


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A mail server of this test."""
    server = SmtpServer()
    yield server
    server.close()
