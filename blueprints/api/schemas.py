"""JSON Schema of the records of a table: what is read, created, changed, as somebody sees and may write it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from app.errors import Invalid
from app.fields import Field
from app.permissions import Actor, may
from app.tables import seen
from app.tables.live import Live
from app.tables.table import SYSTEM
from blueprints.api import documents

Schema = dict[str, Any]
Refer = Callable[[Live, str], Schema]
"""Gives the schema that stands for a definition of a table, such as a reference to it."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WHOLE = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
VERSION = {**WHOLE, "title": "Version", "description": "The version that you have seen."}


class Part(NamedTuple):
    """A definition of a table: its name, the action it is for, and what makes it."""

    name: str
    action: str
    make: Callable[[Actor, Live, Refer], Schema]


def name_of(live: Live, part: str = "") -> str:
    """The name of a definition, which never changes while tool and table keep theirs."""
    return "__".join(filter(None, (live.table.tool, live.table.name, part)))


# Fields ----------------------------------------------------------------------------------------


def example_of(field: Field) -> Any:
    """A value as JSON that the field takes; None where it has none."""
    with suppress(Invalid, ValueError):
        return field.type.to_json(field.type.parse(field.type.example_of(field), field), field)
    return None


def _with_example(field: Field, schema: Schema) -> Schema:
    example = example_of(field)
    return schema if example is None else {**schema, "examples": [example]}


def read(live: Live, field: Field) -> Schema:
    """What is read of a field. A rule may have come after the value, so any may be blank; the system's
    own never are."""
    if field in SYSTEM:
        return {**field.type.schema(replace(field, required=True)), "readOnly": True}
    found = _with_example(field, field.type.schema(replace(field, required=False)))
    return found if field in writable(live) else {**found, "readOnly": True}


def written(live: Live, field: Field, refer: Refer) -> Schema:
    """What is sent for a field. A record that is linked to may be made along, as an object."""
    found = _with_example(field, field.type.schema(field, taken=True))
    target = live.links.get(field)
    made = refer(live.other(target), "new") if target else {}
    if not made:
        return found
    number = {key: one for key, one in found.items() if key not in ("title", "description")}
    about = {key: one for key, one in found.items() if key not in number}
    if field.type.many:
        number = {**number, "items": {"anyOf": [number["items"], made]}, "uniqueItems": False}
        return {**about, **number}
    return {**about, "anyOf": [number, made]}


def writable(live: Live) -> list[Field]:
    """The fields that people write; what the app gives to each record is none."""
    return [one for one in live.table.written if not one.type.given]


# Records ---------------------------------------------------------------------------------------


def _object(properties: Schema, required: list[str], title: str) -> Schema:
    found = {"type": "object", "description": title, "properties": properties}
    return {**found, "required": required, "additionalProperties": False}


def record(actor: Actor, live: Live, refer: Refer) -> Schema:
    """A record as it is read. A field that is hidden in some of the records may be left out."""
    properties = _read(live)
    always = [name for name in properties if name not in live.partly]
    return _object(properties, always, live.table.label)


def _read(live: Live) -> Schema:
    fields = (SYSTEM[0], *documents.fields_of(live))
    found = {one.name: read(live, one) for one in fields}
    for one in fields:
        if live.target(one) is not None:
            found[one.name] = _expanded(found[one.name], one)
    return found


def _expanded(schema: Schema, field: Field) -> Schema:
    """A link, which with `expand` is the linked record."""
    about = {key: one for key, one in schema.items() if key in ("title", "description", "readOnly")}
    plain = {key: one for key, one in schema.items() if key not in about}
    whole = {"type": "object", "properties": {"id": WHOLE}, "required": ["id"]}
    if field.type.many:
        return {**about, **plain, "items": {"anyOf": [plain["items"], whole]}}
    return {**about, "anyOf": [plain, whole]}


def item(actor: Actor, live: Live, refer: Refer) -> Schema:
    """A record of a list, which has the fields that were asked for."""
    return {**record(actor, live, refer), "required": ["id"]}


def new(actor: Actor, live: Live, refer: Refer) -> Schema:
    """A record to be created."""
    properties = {one.name: written(live, one, refer) for one in writable(live)}
    required = [one.name for one in writable(live) if one.required and not one.default]
    return _object(properties, required, f"{live.table.label}: new")


def whole(actor: Actor, live: Live, refer: Refer) -> Schema:
    """A record that takes the place of one; what is left out becomes blank."""
    made = new(actor, live, refer)
    required = [one.name for one in writable(live) if one.required]
    properties = {**made["properties"], "version": VERSION}
    return _object(properties, required, f"{live.table.label}: the whole record")


def change(actor: Actor, live: Live, refer: Refer) -> Schema:
    """What is changed of a record; what is left out stays."""
    return {
        **whole(actor, live, refer),
        "required": [],
        "description": f"{live.table.label}: a change",
    }


def upserted(actor: Actor, live: Live, refer: Refer) -> Schema:
    """Records to be created or changed, each known by its value in the key."""
    one = {
        **new(actor, live, refer),
        "required": [],
        "description": f"{live.table.label}: one of several",
    }
    return {"type": "array", "items": one, "maxItems": 1_000}


def batch(actor: Actor, live: Live, refer: Refer) -> Schema:
    """What is created, updated and deleted together, as far as one may."""
    known = {"id": WHOLE, "version": VERSION}
    updated = change(actor, seen.of(actor, live, "update"), refer)
    updated = {**updated, "properties": {**updated["properties"], **known}}
    parts = {
        "create": refer(live, "new"),
        "update": {**updated, "required": [*known]},
        "delete": _object(known, [*known], "Deleted"),
    }
    lists = {
        name: {"type": "array", "items": one, "maxItems": 1_000} for name, one in parts.items()
    }
    allowed = {name: one for name, one in lists.items() if may(actor, name, live.table)}
    return _object(allowed, [], f"{live.table.label}: a batch")


PARTS = {
    one.name: one
    for one in (
        Part("", "list", record), Part("item", "list", item), Part("new", "create", new),
        Part("whole", "update", whole), Part("change", "update", change),
        Part("upsert", "update", upserted), Part("batch", "list", batch),
    )
}  # fmt: skip


def make(actor: Actor, live: Live, part: str, refer: Refer) -> Schema:
    """A definition of a table, as this actor may see and write it."""
    found = PARTS[part]
    return found.make(actor, seen.of(actor, live, found.action), refer)


def document(actor: Actor, live: Live, url: str) -> Schema:
    """The JSON Schema of a record of the table, with definitions of what is sent for one."""

    def nothing(other: Live, part: str) -> Schema:
        allowed = may(actor, "list", other.table) and may(actor, "create", other.table)
        return {"type": "object"} if allowed else {}

    parts = [one for one in PARTS.values() if one.name in ("new", "whole", "change")]
    sent = {
        one.name: make(actor, live, one.name, nothing)
        for one in parts
        if may(actor, one.action, live.table)
    }
    about = {"$schema": DIALECT, "$id": url, "title": live.table.label}
    return {**about, **make(actor, live, "", nothing), "$defs": sent}
