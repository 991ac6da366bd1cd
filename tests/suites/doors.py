"""The same table by each of the three doors: drawn, imported, written. What the tests of `tests/tables`
and `tests/tools` ask of a drawn one is asked of the others too, by the modules beside this one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType, ModuleType
from typing import Any

import blueprints
from app import jobs
from app.database import writing
from app.extensions import db
from app.models import Definition
from app.permissions import Actor
from app.sheets import Plan, PlanColumn
from app.sheets.importing import Import, enqueue
from app.sheets.plan import word_of
from app.tables import catalog, history
from app.tables.table import Table

OTHERS = ("imported", "written")

MODULE = """
import datetime as dt
from decimal import Decimal

import sqlalchemy as sa
import sqlalchemy.orm as so
from flask import Blueprint

from app.extensions import UTCDateTime, db
from app.fields import Exact, Seconds, Several
from app.tables.written import Options

bp = Blueprint("{tool}", __name__)


class {model}(db.Model):
    __options__ = Options("{label}")

"""


def module(table: Table) -> str:
    """The drop-in that declares a table as a model."""
    head = MODULE.format(tool=table.tool, model=table.name.capitalize(), label=table.label)
    return head + "".join(f"    {one.type.source(one)}\n" for one in table.fields)


@contextmanager
def settings(door: str, table: Table) -> Iterator[dict[str, Any]]:
    """What an app is started with, so that the table can come in by this door."""
    if door != "written":
        yield {}
        return
    folder, name = _folder(), f"blueprints.{table.tool}"
    path = folder / f"{table.tool}.py"
    if name not in sys.modules:
        path.write_text(module(table), encoding="utf-8")
    try:
        yield {"PLUGIN_DIRS": (folder,)}
    finally:  # apps of other tests must not find it
        blueprints.__path__[:] = [one for one in blueprints.__path__ if one != str(folder)]


_FOLDERS: list[TemporaryDirectory[str]] = []


def _folder() -> Path:
    """The drop-ins of this process; a mapped class stays for as long as it."""
    if not _FOLDERS:
        _FOLDERS.append(TemporaryDirectory())
    return Path(_FOLDERS[0].name)


def make(door: str, table: Table, tool_label: str, actor: Actor) -> None:
    """Let the table come in by this door; in an app context."""
    if door == "imported":
        _import(table, tool_label, actor)
    elif door == "drawn":
        with writing():
            catalog.create(table, tool_label)
    with writing(), history.acting(actor):
        catalog.forget()
        live = catalog.tables()[table.tool, table.name]
        catalog.declare(
            live.table.id, live.table.version, _as_wanted(live.table, table), table.access
        )
        db.session.get_one(Definition, live.table.id).owner_id = table.owner_id
    catalog.forget()


def _as_wanted(there: Table, wanted: Table) -> Table:
    """What an import and a model do not say."""
    by_name = {one.name: one for one in wanted.fields}
    assert [one.name for one in there.fields] == list(by_name)
    fields = wanted.fields
    return Table(
        there.id, there.version, there.tool, there.name, wanted.label, fields, wanted.title,
        wanted.list_display, wanted.access, wanted.owner_id,
    )  # fmt: skip


def _import(table: Table, tool_label: str, actor: Actor) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(",".join(one.label for one in table.fields) + "\n", encoding="utf-8")
        columns = [
            PlanColumn(i, one.label, one.name, one.label, *word_of(one.type, dict(one.options)))
            for i, one in enumerate(table.fields)
        ]
        plan = Plan(path.name, 1, "utf-8", ",", False, len(columns), columns)
        keys = tuple(one.name for one in table.fields if one.unique)
        wanted = Import(
            str(path), path.name, plan, table.tool, table.name, table.label, tool_label, keys=keys
        )
        jobs.run(enqueue(actor, wanted, 0).id)
        db.session.rollback()


def shared(*modules: ModuleType) -> dict[str, Any]:
    """The tests of these modules, without those that make tables of their own, and their fixtures."""
    found = {}
    for one in modules:
        for name, value in vars(one).items():
            test = name.startswith("test_") and isinstance(value, FunctionType)
            own = test and {"Table", "made", "formulas"} & {
                *value.__code__.co_names,
                *value.__code__.co_varnames,
            }
            if hasattr(value, "_fixture_function") or hasattr(value, "_pytestfixturefunction"):
                found[name] = value
            elif test and not own:
                found[name] = value
    return found
