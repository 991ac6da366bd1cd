"""How a start says where the app is, and how the first administrator comes in."""

from __future__ import annotations

import click
import pytest

from app import create_app, serve
from tests.conftest import running


@pytest.fixture
def app(tmp_path):
    """An app before its first start: no schema, nobody there."""
    yield from running(create_app({"INSTANCE": tmp_path, "TESTING": True}))


@pytest.mark.parametrize(
    ("reload", "in_child", "printed"),
    [(False, False, True), (True, False, False), (True, True, True)],
)
def test_flask_run_prints_the_set_up_link_once(app, capsys, monkeypatch, reload, in_child, printed):
    monkeypatch.setattr(serve, "is_running_from_reloader", lambda: in_child)
    with click.Context(click.Command("run"), info_name="run") as context:
        context.params = {"host": "127.0.0.1", "port": 5000, "reload": reload}
        serve.prepare(app)
    assert ("http://127.0.0.1:5000/auth/setup?token=" in capsys.readouterr().out) is printed


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("tools", "http://tools:80"),
    ],
)
def test_the_address_can_be_opened(app, host, shown):
    assert serve._address(app, host, 80) == shown
