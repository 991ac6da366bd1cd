"""A clock that can be moved, and forms of signing in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.extensions import utcnow
from tests.conftest import PASSWORD


class Clock:
    """What sessions take for now; `forward(hours=13)` lets time pass."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self):
        return utcnow() + self.passed

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.passed += timedelta(**by)


@pytest.fixture
def clock(monkeypatch):
    """The clock of sessions."""
    made = Clock()
    monkeypatch.setattr("app.sessions.utcnow", made)
    return made


def sign_in(client, email="bob@example.com", password=PASSWORD, **more):
    """By the form; the answer."""
    return client.send("/auth/login", email=email, password=password, **more)


def token_of(client):
    """The token in the cookie of a client."""
    with client.session_transaction() as session:
        return session.get("_user_id")


def cookie_line(answer, name="roundtrip"):
    """The line that sets a cookie, empty where there is none."""
    lines = answer.headers.getlist("Set-Cookie")
    return next((line for line in lines if line.startswith(f"{name}=")), "")
