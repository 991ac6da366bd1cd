"""The example drop-in of the manual, run as it is shown there."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import blueprints
from app import create_app, hooks
from app.config import CHECKOUT
from app.trips.recording import name_of
from tests.conftest import running

EXAMPLE = CHECKOUT / "templates" / "docs" / "examples" / "audit.py"
BEFORE = ["audit.stocktaking", "audit.remember"]
LAYER = "audit.NamesTheMachine"


@pytest.fixture
def app(instance: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """An app with the example in a folder of drop-ins; afterwards nothing of it is left."""
    folder = tmp_path / "drop-ins"
    folder.mkdir()
    shutil.copy(EXAMPLE, folder)
    monkeypatch.setattr(blueprints, "__path__", list(blueprints.__path__))
    app = create_app({"INSTANCE": instance, "TESTING": True, "PLUGIN_DIRS": (folder,)})
    yield from running(app)
    del sys.modules["blueprints.audit"]
    del blueprints.audit


def test_it_passes_and_changes_what_it_should(bob, trip_of):
    check = trip_of(bob.get("/"))
    assert [check.hook(name)["verdict"] for name in BEFORE] == ["passed", "passed"]
    assert check.hook("audit.write_down")["verdict"] == "passed"
    assert check.hook(LAYER)["verdict"] == "changed"
    assert check.hook(LAYER)["detail"] == "added X-Served-By"


def test_it_notes_what_a_form_was_for(bob, trip_of, caplog):
    caplog.set_level(logging.INFO, "audit")
    check = trip_of(bob.send("/auth/sessions/end"))
    assert check.hook("audit.remember")["detail"] == "set g.audit"
    said = [one.getMessage() for one in caplog.records if one.name == "audit"]
    assert said == ["Bob Brown sent auth.end_session: 303"]


def test_it_blocks_during_a_stocktaking(bob, instance, trip_of):
    (instance / "stocktaking").touch()
    answer = bob.send("/auth/sessions/end")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "600"
    trip_of(answer).blocked_by("audit.stocktaking")


def test_it_stands_after_the_core_on_the_way_in_and_before_it_on_the_way_out(bob, trip_of):
    names = [hook["name"] for hook in trip_of(bob.get("/")).data["hooks"]]
    on_the_way_in = [LAYER, "session open", *map(name_of, hooks.BEFORE), *BEFORE]
    on_the_way_out = ["audit.write_down", *map(name_of, hooks.AFTER), "session save"]
    assert [name for name in names if "teardown" not in name][: len(on_the_way_in)] == on_the_way_in
    assert [name for name in names if name in on_the_way_out] == on_the_way_out
