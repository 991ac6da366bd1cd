"""Tables that are written: what the model of a blueprint declares, as a `Table` like any other.

The columns are the model's, and so are its defaults, `@validates` and events. What its definition in
the database adds is what somebody has said in the browser: labels, order, what a list shows, access.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
import sqlalchemy.orm as so

from app import fields
from app.extensions import db
from app.fields import Field
from app.fields.other import OTHER
from app.models import Definition, Person
from app.tables.table import NAMING, SYSTEM, Table, check

OURS = {one.name for one in SYSTEM}


class Options:
    """What a model says of its table as a tool, by the names of Django's admin: `__options__ = Options(…)`.

    `label` is the table's name for people, `title` the field that records are called by; `access` is
    the one that the table begins with: `private`, `read` or `edit`.
    """

    def __init__(
        self, label: str = "", title: str = "", access: str = "private", *,
        list_display: tuple[str, ...] = (), search_fields: tuple[str, ...] = (),
        ordering: tuple[str, ...] = (), readonly_fields: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.access = access
        self.said: dict[str, Any] = {
            "label": label, "title": title, "list_display": tuple(list_display),
            "search_fields": tuple(search_fields), "ordering": tuple(ordering),
            "readonly_fields": tuple(readonly_fields),
        }  # fmt: skip


def options_of(model: type[Any]) -> Options:
    """What the model says; the usual where it says nothing."""
    found = getattr(model, "__options__", None)
    return found if isinstance(found, Options) else Options()


def table_of(model: type[Any], definition: Definition) -> Table:
    """The table of a model, as its definition has changed it. Raises Invalid where its options are wrong."""
    said = options_of(model).said
    table = Table(
        definition.id, definition.version, definition.tool, definition.name,
        fields=tuple(_fields(model)), access=definition.access, owner_id=definition.owner_id,
        **{**said, "label": said["label"] or _plural(model.__name__)},
    )  # fmt: skip
    return check(_as_said(table, definition.document))


def _plural(name: str) -> str:
    """The class as people call many of them: `RentedRoom` gives Rented rooms."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).capitalize()
    return words if words.endswith("s") else f"{words}s"


def _fields(model: type[Any]) -> list[Field]:
    found = []
    for attribute in sa.inspect(model).column_attrs:
        column = attribute.columns[0]
        if attribute.key not in OURS and isinstance(column, sa.Column):
            found.append(_field(attribute, column))
    return found


def _field(attribute: so.ColumnProperty[Any], column: sa.Column[Any]) -> Field:
    """The field of a column: read-only, and why, where no type can take it."""
    field = fields.of_column(column)
    if field is None:
        label = attribute.key.replace("_", " ").capitalize()
        why = f"Only its model writes it: nothing here knows the SQL type {column.type!r}."
        return Field(attribute.key, attribute.key, label, OTHER, help=why)
    return _linked(replace(field, id=attribute.key, name=attribute.key), column)


ON_DELETE = {"SET NULL": "clear", "CASCADE": "delete"}


def _linked(field: Field, column: sa.Column[Any]) -> Field:
    """A foreign key to a person, or to another model, is a link to its record."""
    for key in column.foreign_keys if "field" not in column.info else ():
        table = key.column.table.name
        options = {"on_delete": ON_DELETE.get((key.ondelete or "").upper(), "block")}
        if table == Person.__tablename__:
            return replace(field, type=fields.TYPES["person"], options=options)
        if found := db.session.scalar(sa.select(Definition.id).filter_by(sql_name=table)):
            return replace(field, type=fields.TYPES["link"], options={**options, "table": found})
    return field


def _as_said(table: Table, document: Any) -> Table:
    """With what was said in the browser. Fields that came since stand last; those that went are gone."""
    if not document:
        return table
    there = {one.name: one for one in table.fields}
    said = {one["name"]: one for one in document["fields"] if one["name"] in there}
    ordered = [
        replace(there[name], label=one["label"], help=one["help"]) for name, one in said.items()
    ]
    named: dict[str, Any] = {
        option: _still(document.get(option, getattr(table, option)), table) for option in NAMING
    }
    return replace(
        table, label=document["label"], title=document["title"], **named,
        fields=(*ordered, *(one for name, one in there.items() if name not in said)),
    )  # fmt: skip


def _still(names: Sequence[str], table: Table) -> tuple[str, ...]:
    """Those of the names that the table has; one that counts downwards begins with a minus."""
    return tuple(name for name in names if name.removeprefix("-") in table.by_name)
