"""What the page of a table in the API says: its fields, its addresses, and code to copy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from app.extensions import db
from app.fields import Field
from app.permissions import Actor, may
from app.tables import catalog, seen
from app.tables.live import Live
from app.tables.table import SYSTEM, Table
from blueprints.api import describing, documents, samples, schemas
from blueprints.api.samples import Request, Sample

MOST_CHOICES = 12
"""So many of a field are named here; its JSON Schema has all."""


class Line(NamedTuple):
    """A field: `kind` in words, with what its values are held to; `use` says whether it is required,
    optional or given by the app."""

    name: str
    label: str
    kind: str
    use: str
    example: str
    lookups: str


class Address(NamedTuple):
    """A method and a path, and what that does."""

    method: str
    path: str
    summary: str


class Shown(NamedTuple):
    """The page of a table."""

    table: Table
    fields: list[Line]
    addresses: dict[str, list[Address]]
    samples: list[Sample]
    actions: set[str]
    body: str
    names: list[str]


def of(actor: Actor, live: Live, url: str) -> Shown:
    """The page of a table, which is at this address."""
    writing = ("create", "update", "delete", "restore")
    actions = {one for one in writing if may(actor, one, live.table)}
    sending = next((one for one in ("create", "update") if one in actions), "")
    body = describing.example(seen.of(actor, live, sending)) if sending else {}
    return Shown(
        live.table, [*_fields(actor, live)], _addresses(actor, live),
        [*_samples(actor, live, url, actions, body)], actions, json.dumps(body, ensure_ascii=False, indent=2),
        [*live.table.by_name],
    )  # fmt: skip


def _fields(actor: Actor, live: Live) -> Iterator[Line]:
    new = schemas.writable(seen.of(actor, live, "create"))
    changed = schemas.writable(seen.of(actor, live, "update"))
    for one in (SYSTEM[0], *documents.fields_of(live)):
        example, able = schemas.example_of(one), one in new or one in changed
        yield Line(
            one.name, one.label, _kind(actor, live, one), _use(one) if able else "read only",
            "" if example is None else json.dumps(example, ensure_ascii=False),
            ", ".join(one.type.lookups),
        )  # fmt: skip


def _use(field: Field) -> str:
    return "required" if field.required and not field.default else "optional"


def _kind(actor: Actor, live: Live, field: Field) -> str:
    """The type, for links where they lead, for choices which there are; whether a value can be there twice,
    and how long a text may be."""
    schema = field.type.json(field)
    choices = schema.get("items", schema).get("enum", ())
    target, named = live.target(field), str(field.type.name)
    if target is not None:
        named = f"{named} to {catalog.called(live.other(target).table, actor)}"
    words = [f"{named}: {_some(choices)}" if choices else named]
    words += ["unique"] if field.unique else []
    words += [f"up to {schema['maxLength']:,} characters"] if "maxLength" in schema else []
    return ", ".join(words)


def _some(choices: Sequence[str]) -> str:
    """Choices in words, of many the first ones."""
    more = len(choices) - MOST_CHOICES
    return ", ".join(choices[:MOST_CHOICES]) + (f" and {more:,} more" if more > 0 else "")


def _addresses(actor: Actor, live: Live) -> dict[str, list[Address]]:
    """By what they are about: the list, one record, the table itself."""
    found: dict[str, list[Address]] = {}
    for path, method, operation in describing.operations(actor, live):
        address = Address(method.upper(), path, operation["summary"])
        found.setdefault(_about(path), []).append(address)
    return found


def _about(path: str) -> str:
    if path.endswith(("/schema", "/definition")):
        return "The table itself"
    return "A record" if "{record_id}" in path else "The list"


def _samples(actor: Actor, live: Live, url: str, actions: set[str], body: Any) -> Iterator[Sample]:
    """Reading, and what else one may. What is sent to change a record can be sent after what creates one."""
    by = live.table.fields[0].name if live.table.fields else "id"
    yield samples.of("Read a list", "list", Request("GET", f"{url}?sort={by}&limit=10"))
    record_id, _ = _first(live, "read")
    yield samples.of("Read a record", "record", Request("GET", f"{url}{record_id}"))
    if "create" in actions:
        once = (("Idempotency-Key", "choose-one-for-each-record"),)
        yield samples.of("Create a record", "create", Request("POST", url, body, once))
    if "update" in actions and (some := _changed(seen.of(actor, live, "update"))):
        record_id, version = _first(live, "update")
        change = Request("PATCH", f"{url}{record_id}", {**some, "version": version})
        yield samples.of("Change a record", "change", change)


def _first(live: Live, action: str) -> tuple[int, int]:
    """The number and the version of the first record with which the reader may do this; 1 and 1 where
    there is none."""
    columns = live.sql.c
    query = sa.select(columns.id, columns.version).where(*live.rows(action))
    found = db.session.connection().execute(query.order_by(columns.id).limit(1)).first()
    return (found[0], found[1]) if found else (1, 1)


def _changed(live: Live) -> dict[str, Any]:
    """A value for one field that several records can share; nothing where there is no such field."""
    unique = {one.name for one in live.table.fields if one.unique}
    found = [(name, one) for name, one in describing.example(live).items() if name not in unique]
    return dict(found[:1])
