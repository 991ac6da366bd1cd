"""A client that is generated from the description works against the app as it is served."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.database import db
from tests.api import workspace
from tests.serving import Browser, serving

pytest.importorskip("openapi_python_client", reason="test requirements are missing")


@pytest.fixture(scope="module")
def served(workspace_copy: Path) -> Any:
    """A server with the tables, and the administrator's key."""
    app = create_app({"INSTANCE": workspace_copy, "TESTING": True, "TRIPS": "off"})
    key = workspace.make(app).administrator
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    with serving(workspace_copy) as server:
        yield server.url, key


@pytest.fixture(scope="module")
def workspace_copy(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "instance"
    shutil.copytree(workspace, folder)
    return folder


@pytest.fixture(scope="module")
def client(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The package that the generator makes of the description: nothing is left out with a warning."""
    url, key = served
    folder = tmp_path_factory.mktemp("client")
    asked = Browser(url).get("/api/v1/openapi.json", {"Authorization": f"Bearer {key}"})
    (folder / "openapi.json").write_bytes(asked.body)
    (folder / "config.json").write_text(json.dumps({"post_hooks": []}), encoding="utf-8")
    command = "-m openapi_python_client generate --meta none --fail-on-warning --path openapi.json"
    done = subprocess.run(
        [sys.executable, *command.split(), "--config", "config.json", "--output-path", "roundtrip_client"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("roundtrip_client")
    sys.path.remove(str(folder))


def part(of: str) -> Any:
    """A module of the generated client."""
    return importlib.import_module(f"roundtrip_client.{of}")


def asked(name: str, *place: Any, **more: Any) -> Any:
    """The answer to an operation on the table of things."""
    return part(f"api.things_thing.{name}_things_thing").sync_detailed(*place, **more)


def test_a_generated_client_creates_reads_lists_changes_and_deletes(client, served):
    url, key = served
    with client.AuthenticatedClient(base_url=url, token=key) as me:
        use(me)


def use(me: Any) -> None:
    new = part("models.things_thing_new").ThingsThingNew(
        name="Red pens", price="12.50", day=dt.date(2026, 12, 24), group=1
    )
    made = asked("create", client=me, body=new, idempotency_key="once")
    assert (made.status_code, made.parsed.name, made.parsed.price) == (201, "Red pens", "12.50")
    number, version = made.parsed.id, made.headers["ETag"]
    again = asked("create", client=me, body=new, idempotency_key="once")
    assert again.parsed.id == number, "the same key gives the first answer"

    read = asked("read_record", number, client=me).parsed
    assert (read.day, read.group, read.group_name) == (dt.date(2026, 12, 24), 1, "Group 1")
    page = asked("list_records", client=me, name_contains="PENS", count=True).parsed
    assert [one.id for one in page.items] == [number]

    change = part("models.things_thing_change").ThingsThingChange(price="13.00")
    changed = asked("update", number, client=me, body=change, if_match=version)
    assert (changed.status_code, changed.parsed.price) == (200, "13.00")
    late = asked("update", number, client=me, body=change, if_match=version)
    assert late.status_code == 412 and "version 2" in late.parsed.detail

    assert asked("delete", number, client=me, if_match='"2"').status_code == 204
    assert asked("read_record", number, client=me).parsed.status == 404
    assert asked("restore", number, client=me).parsed.price == "13.00"
