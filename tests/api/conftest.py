"""Programs with keys: what they ask, and what they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app import tokens
from tests.tools.conftest import app, made, more_settings, orders, people, stored  # noqa: F401

API = "/api/v1/orders/orders/"
JSON = "application/json"


class Program:
    """A program with a key: it sends JSON and gets answers."""

    def __init__(self, client: Any, key: str, number: int) -> None:
        self.client, self.key, self.number = client, key, number

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        """Send a request; the names of headers are written with underscores."""
        sent = {"Authorization": f"Bearer {self.key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        more = {} if body is None or "Content-Type" in sent else {"content_type": JSON}
        return self.client.open(url, method=method, headers=sent, data=data, **more)

    def get(self, url: str, **headers: str) -> Any:
        """Read."""
        return self.ask("GET", url, **headers)

    def post(self, url: str, body: Any = None, **headers: str) -> Any:
        """Make something."""
        return self.ask("POST", url, body, **headers)


@pytest.fixture
def program(app: Any, people: Any) -> Callable[..., Program]:  # noqa: F811
    """A function: makes a key of somebody, and a program that has it."""

    def make(who: str = "alice", scope: str = "write", **more: Any) -> Program:
        with app.app_context():
            key, text = tokens.create(people[who], "Script", scope, **more)
            return Program(app.test_client(), text, key.id)

    return make


@pytest.fixture
def script(program: Callable[..., Program]) -> Program:
    """Alice's, which may write."""
    return program()


def problem(answer: Any, status: int) -> Any:
    """The problem that an answer tells, which must be of this status."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status and answer.json["title"]
    assert answer.json["trip"] == answer.headers["X-Trip-Id"]
    return answer.json


def refused(answer: Any, status: int = 422) -> dict[str, str]:
    """What is wrong, by field."""
    return {one["field"]: one["message"] for one in problem(answer, status).get("errors", [])}
