"""OpenAPI 3.1 of what somebody may see and do, made of the app's own addresses and of the tables.

Every address of the API is in it: its path and methods are those of the view, its summary the first line of
the view's docstring, unless a view does two things by two methods. What a view takes and gives besides is in
SHAPES; one that is not there takes and gives any JSON.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from flask import current_app
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule

from app.errors import TITLES
from app.permissions import Actor, may
from app.tables import catalog, listing, seen
from app.tables.listing import TOTALS
from app.tables.live import Live
from app.tables.table import SYSTEM
from blueprints.api import bodies, lists, schemas, services
from blueprints.api.schemas import Schema, name_of

JSON, PROBLEM = "application/json", "application/problem+json"
LARGEST = 2**31 - 1
PLACE = re.compile(r"<(int(?:\([^)]*\))?:)?(\w+)>")
"""A part of a path that is not always the same: whether it is a number, and its name."""
ABOUT = (
    "Every table that you may see, by the same rights, rules and history as its pages. "
    "The manual says how it is used, under /docs/api."
)


class Shape(NamedTuple):
    """What an address takes and gives besides what its path says.

    `sends` and `gives` name definitions: one of a table in PARTS of schemas, or one of ANSWERS. `actions`
    are those of which one is needed. `headers` go with what is given, `links` lead on from there. What
    `takes_long` may be done by a job. `summary` is for a view that has a sentence for each of its methods.
    """

    actions: tuple[str, ...] = ()
    sends: str = ""
    gives: str = ""
    status: int = 200
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    takes_long: bool = False
    summary: str = ""


VERSIONED = {"parameters": ("If-Match", "force"), "refuses": (409, 412, 428)}
SHAPES = {
    ("api.index", "get"): Shape(gives="Tables"),
    ("api.list_records", "get"): Shape(
        ("list",), gives="list", parameters=("list",), headers=("ETag",), links=("read_first",)
    ),
    ("api.create", "post"): Shape(
        ("create",), "new", "record", 201, ("Idempotency-Key",), ("ETag", "Location"),
        ("read_record", "update", "delete"), (409,),
    ),
    ("api.changes", "get"): Shape(("history",), gives="Changes", parameters=("after", "changes_limit")),
    ("api.batch", "post"): Shape(
        ("create", "update", "delete"), "batch", "Batch", parameters=("Idempotency-Key",), refuses=(409,)
    ),
    ("api.upsert", "post"): Shape(
        ("create", "update"), "upsert", "Upserted", parameters=("key", "Idempotency-Key"), refuses=(409,)
    ),
    ("api.read_record", "get"): Shape(
        ("read",), gives="record", parameters=("expand",), headers=("ETag",), links=("update", "delete")
    ),
    ("api.update", "patch"): Shape(
        ("update",), "change", "record", headers=("ETag",), links=("read_record", "delete"),
        summary="Change the fields that are sent; the others stay as they are.",
        **VERSIONED,  # type: ignore[arg-type]
    ),
    ("api.update", "put"): Shape(
        ("update",), "whole", "record", headers=("ETag",), links=("read_record", "delete"),
        summary="Replace the whole record: a field that is left out becomes blank.",
        **VERSIONED,  # type: ignore[arg-type]
    ),
    ("api.delete", "delete"): Shape(
        ("delete",), status=204, links=("read_record", "restore"), refuses=(409, 412, 428),
        parameters=("If-Match", "force", "version"),
    ),
    ("api.restore", "post"): Shape(
        ("restore",), gives="record", parameters=("Idempotency-Key",), headers=("ETag",),
        links=("read_record",), refuses=(409, 422),
    ),
    ("api.record_history", "get"): Shape(("list",), gives="History", parameters=("before",)),
    ("api.create_table", "post"): Shape(
        gives="Document", sends="Document", status=201, parameters=("Idempotency-Key",),
        headers=("ETag", "Location"), refuses=(409,),
    ),
    ("api.schema", "get"): Shape(("list",), gives="Document"),
    ("api.definition", "get"): Shape(("design",), gives="Document", headers=("ETag",)),
    ("api.change_definition", "put"): Shape(
        ("design",), "Document", "Document", parameters=("If-Match", "force", "dry_run"),
        headers=("ETag",), refuses=(409, 412, 428), takes_long=True,
    ),
    ("api.delete_definition", "delete"): Shape(
        ("design",), status=204, parameters=("If-Match", "force", "version"), refuses=(409, 412, 428)
    ),
    ("api.job", "get"): Shape(gives="Job"),
    ("api.openapi", "get"): Shape(gives="Document"),
}  # fmt: skip
"""By endpoint and method, in the order in which people are told of them: the list, a record, the table itself.
A test asks for each address of a table whether it is here."""


def words(endpoint: str, method: str) -> list[str] | None:
    """The words that an address takes behind the question mark; None for a list, which takes many, and for
    what is not described."""
    shape = SHAPES.get((endpoint, method))
    if shape is None or "list" in shape.parameters:
        return None
    about = [PARAMETERS.get(one, {"name": one, "in": "query"}) for one in shape.parameters]
    return [str(one["name"]) for one in about if one["in"] == "query"]


# The document ----------------------------------------------------------------------------------


def document(actor: Actor, base: str) -> Schema:
    """OpenAPI 3.1 of what this actor may see. `base` is the address of the app."""
    tables = [live for found in catalog.open_to(actor).values() for live in found]
    paths: dict[str, Schema] = {}
    for path, method, operation in _operations(actor, tables):
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": schemas.DIALECT,
        "info": {"title": "Roundtrip", "version": "1", "description": ABOUT},
        "servers": [{"url": base}],
        "security": [{"key": []}, {"session": [], "csrf": []}],
        "tags": [{"name": name_of(one), "description": one.table.label} for one in tables],
        "paths": dict(sorted(paths.items())),
        "components": _components(actor, tables),
    }


def _components(actor: Actor, tables: list[Live]) -> Schema:
    made: dict[str, Schema] = {**ANSWERS}
    for live in tables:
        for part in schemas.PARTS:
            made[name_of(live, part)] = schemas.make(actor, live, part, partial(_refer, actor))
        made |= {name_of(live, part): make(actor, live) for part, make in OF_TABLES.items()}
    cookie = current_app.config["SESSION_COOKIE_NAME"]
    return {
        "schemas": dict(sorted(made.items())),
        "headers": HEADERS,
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "description": "A key, as rt_…"},
            "session": {"type": "apiKey", "in": "cookie", "name": cookie},
            "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRFToken"},
        },
    }  # fmt: skip


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _refer(actor: Actor, live: Live, part: str) -> Schema:
    """A reference to a definition of a table; nothing where the actor may not do what it is for."""
    action = schemas.PARTS[part].action
    allowed = may(actor, "list", live.table) and may(actor, action, live.table)
    return _ref(name_of(live, part)) if allowed else {}


# Operations ------------------------------------------------------------------------------------


def _operations(
    actor: Actor, tables: list[Live], only: bool = False
) -> Iterator[tuple[str, str, Schema]]:
    """Each address with a method and what is said of it."""
    for rule in current_app.url_map.iter_rules():
        if not rule.rule.startswith("/api/v1/"):
            continue
        of_a_table = {"tool", "table"} <= rule.arguments
        for live in tables if of_a_table else [] if only else [None]:
            for method in sorted(map(str.lower, (rule.methods or set()) - {"HEAD", "OPTIONS"})):
                shape = SHAPES.get((rule.endpoint, method), Shape())
                if actor.scope == "read" and method != "get":
                    continue
                if live is None or not shape.actions or _may(actor, shape, live):
                    yield _path(rule, live), method, _operation(actor, rule, method, shape, live)


def operations(actor: Actor, live: Live) -> list[tuple[str, str, Schema]]:
    """The addresses of a table, each with a method and what is said of it, in the order of SHAPES."""
    names = [operation_id(endpoint, method, live) for endpoint, method in SHAPES]
    places = {name: place for place, name in enumerate(names)}

    def place(one: tuple[str, str, Schema]) -> tuple[int, str]:
        return places.get(one[2]["operationId"], -1), one[0]

    return sorted(_operations(actor, [live], only=True), key=place)


def _may(actor: Actor, shape: Shape, live: Live) -> bool:
    return any(may(actor, one, live.table) for one in shape.actions)


def _path(rule: Rule, live: Live | None) -> str:
    """The path with the table's names in it, and other parts in braces."""
    names = {"tool": live.table.tool, "table": live.table.name} if live else {}
    return PLACE.sub(lambda found: names.get(found[2], f"{{{found[2]}}}"), rule.rule)


def operation_id(endpoint: str, method: str, live: Live | None) -> str:
    """A name that stays: what is done, and to which table."""
    done = endpoint.partition(".")[2]
    done = "replace" if (done, method) == ("update", "put") else done
    return f"{done}__{name_of(live)}" if live else done


def _operation(actor: Actor, rule: Rule, method: str, shape: Shape, live: Live | None) -> Schema:
    view = current_app.view_functions[rule.endpoint]
    found: Schema = {
        "operationId": operation_id(rule.endpoint, method, live),
        "summary": shape.summary or (inspect.getdoc(view) or "").partition("\n")[0],
        "parameters": [*_of_path(rule, live), *_parameters(actor, shape, live)],
        "responses": _responses(actor, method, shape, live),
    }
    if live:
        found["tags"] = [name_of(live)]
    if body := _body(actor, method, shape, live):
        found["requestBody"] = body
    return found


def _of_path(rule: Rule, live: Live | None) -> list[Schema]:
    """What stands in the path besides the names of the table."""
    found = [(kind, name) for kind, name in PLACE.findall(rule.rule) if name in rule.arguments]
    known = {"tool", "table"} if live else set()
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas.WHOLE if kind else TEXT}
        for kind, name in found if name not in known
    ]  # fmt: skip


def _body(actor: Actor, method: str, shape: Shape, live: Live | None) -> Schema | None:
    if not _takes_body(method, shape):
        return None
    content: Schema = {"schema": _sent(shape, live)}
    if live and shape.sends in ("new", "whole"):
        content["examples"] = {"usual": {"value": example(seen.of(actor, live, "create"))}}
    return {"required": True, "content": {JSON: content}}


def _sent(shape: Shape, live: Live | None) -> Schema:
    if shape.sends in ANSWERS:
        return _ref(shape.sends)
    return _ref(name_of(live, shape.sends)) if live and shape.sends else {}


def _takes_body(method: str, shape: Shape) -> bool:
    return bool(shape.sends) or (method in ("post", "put", "patch") and shape == Shape())


def example(live: Live) -> Schema:
    """A record as it may be sent, with a value for each field that links to nothing."""
    fields = [one for one in schemas.writable(live) if live.target(one) is None]
    found = {one.name: schemas.example_of(one) for one in fields}
    return {name: one for name, one in found.items() if one is not None}


# Parameters ------------------------------------------------------------------------------------


def _parameters(actor: Actor, shape: Shape, live: Live | None) -> Iterator[Schema]:
    for name in shape.parameters:
        if name == "list" and live:
            yield from _of_list(live)
        elif name in ("expand", "key") and live:
            yield from _naming(live, name)
        else:
            yield PARAMETERS[name]


def _query(name: str, schema: Schema, description: str = "", **more: Any) -> Schema:
    about = {"description": description} if description else {}
    return {"name": name, "in": "query", **about, "schema": schema, **more}


def _several(names: list[str]) -> Schema:
    """Names with commas between them."""
    return {"type": "array", "items": {"type": "string", "enum": names}}


def _listed(name: str, names: list[str], description: str) -> Iterator[Schema]:
    if names:
        yield _query(name, _several(names), description, style="form", explode=False)


def _naming(live: Live, name: str) -> Iterator[Schema]:
    """A parameter that names fields, where there are any for it."""
    fields = live.table.fields
    if name == "expand":
        links = [one.name for one in fields if live.target(one) is not None]
        yield from _listed(name, links, "Give the linked record, not its number alone.")
    else:
        names = [one.name for one in live.table.written if not one.type.many]
        schema = {"type": "string", "enum": names}
        yield _query(name, schema, "The field by which records are found.", required=True)


def _of_list(live: Live) -> Iterator[Schema]:
    """What the address of a list can ask for: search, order, stretches, totals, and each lookup of each field."""
    names = [*live.table.by_name]
    yield PARAMETERS["q"]
    yield from _listed(
        "sort", [way + one for one in names for way in ("", "-")], "Order; - is downwards."
    )
    yield from _listed("fields", names, "The fields to give.")
    yield from (PARAMETERS[name] for name in ("page", "limit", "count", "format", "If-None-Match"))
    yield from _naming(live, "expand")
    yield from _listed("group", names, "Count the records by the values of these fields.")
    for word in TOTALS:
        able = [one.name for one in live.table.by_name.values() if word in one.type.aggregates]
        yield from _listed(word, able, f"The {word} of these fields.")
    yield from _lookups(live)


def _lookups(live: Live) -> Iterator[Schema]:
    taken = listing.WORDS | lists.WORDS
    for field in live.table.by_name.values():
        for name, lookup in field.type.lookups.items():
            short = name == "exact" and field.name not in taken
            parameter = field.name if short else f"{field.name}__{name}"
            yield _query(parameter, lookup.schema(field), f"{field.label} {lookup.words}")


def _header(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "header", "description": description, "schema": schema}


PAGE = {"type": "string", "pattern": "^([1-9][0-9]{0,8}|after-.*)?$"}
ETAG = {"type": "string", "pattern": '^(\\*|"[0-9]{1,10}")?$', "examples": ['"3"']}
PARAMETERS = {
    "q": _query("q", {"type": "string"}, "Words to look for."),
    "page": _query("page", PAGE, "The value of `page` in the address that `next` gives; or a number from 1."),
    "limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": lists.MOST, "default": lists.USUAL}),
    "count": _query("count", {"type": "boolean"}, "Whether to count all that fit."),
    "format": _query(
        "format", {"type": "string", "enum": [*lists.KINDS]},
        "csv, xlsx and ndjson give all that fits as a file; json gives a stretch.",
    ),
    "before": _query(
        "before", {"type": "integer", "minimum": 0, "maximum": LARGEST}, "The number of an entry: those before it."
    ),
    "after": _query("after", {"type": "integer", "minimum": 0, "maximum": LARGEST}, "The last change seen."),
    "changes_limit": _query("limit", {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}),
    "version": _query("version", schemas.WHOLE, "The version that you have seen."),
    "force": _query("force", {"type": "boolean"}, "Overwrite whatever there is by now."),
    "If-Match": _header("If-Match", ETAG, "The ETag that you have seen."),
    "If-None-Match": _header("If-None-Match", {"type": "string"}, "The ETag of the answer that you have."),
    "dry_run": _query("dry_run", {"type": "boolean"}, "Look at what it would do, and do nothing."),
    "Idempotency-Key": _header(
        "Idempotency-Key", {"type": "string", "maxLength": services.LONGEST_KEY},
        "The same key with the same body gives the first answer again, for a day.",
    ),
}  # fmt: skip


# Answers ---------------------------------------------------------------------------------------

EVERY = (400, 401, 403, 404, 429, 503)
"""What any address may answer."""
WITH_BODY = (413, 415, 422)
WRITING = (507,)


def _responses(actor: Actor, method: str, shape: Shape, live: Live | None) -> Schema:
    found = {str(shape.status): _given(actor, shape, live)}
    if shape.gives == "list":
        found["304"] = {"description": "You have it already.", "headers": _headers(("ETag",))}
    if shape.takes_long:
        found["202"] = _given(actor, Shape(gives="Job", status=202, headers=("Location",)), live)
    refused = {*EVERY, *shape.refuses}
    refused |= {*WITH_BODY} if _takes_body(method, shape) else set()
    refused |= {422} if "Idempotency-Key" in shape.parameters else set()
    refused |= {*WRITING} if method != "get" else set()
    return found | {str(status): problem(status) for status in sorted(refused)}


def problem(status: int) -> Schema:
    """An answer that says what is wrong."""
    retry = ("Retry-After",) if status in (429, 503, 507) else ()
    asked = ("WWW-Authenticate",) if status == 401 else ()
    return {
        "description": TITLES.get(status) or HTTP_STATUS_CODES[status],
        "headers": _headers((*retry, *asked)),
        "content": {PROBLEM: {"schema": _ref("Problem")}},
    }


def _given(actor: Actor, shape: Shape, live: Live | None) -> Schema:
    content: Schema = {} if shape.status == 204 else {JSON: {"schema": _answer(shape, live)}}
    if shape.gives == "list":
        files = {one for one in lists.KINDS.values() if one != JSON}
        content |= {one: {"schema": {"type": "string"}} for one in sorted(files)}
    replayed = ("Idempotent-Replayed",) if "Idempotency-Key" in shape.parameters else ()
    found = {
        "description": HTTP_STATUS_CODES[shape.status],
        "headers": _headers((*shape.headers, *replayed)),
        **({"content": content} if content else {}),
    }
    links = dict(_links(actor, shape, live)) if live else {}
    return {**found, "links": links} if links else found


def _answer(shape: Shape, live: Live | None) -> Schema:
    if live and shape.gives in ("record", "list", "Batch", "Upserted"):
        part = {"record": "", "list": "list"}.get(shape.gives, shape.gives.lower())
        part = {"batch": "batched"}.get(part, part)
        return _ref(name_of(live, part))
    return _ref(shape.gives) if shape.gives in ANSWERS else {}


LIMITS = ("RateLimit", "RateLimit-Policy")


def _headers(names: tuple[str, ...]) -> Schema:
    return {one: {"$ref": f"#/components/headers/{one}"} for one in ("X-Trip-Id", *LIMITS, *names)}


LINKS = {
    "read_record": ("api.read_record", "get"), "update": ("api.update", "patch"),
    "delete": ("api.delete", "delete"), "restore": ("api.restore", "post"),
    "read_first": ("api.read_record", "get"),
}  # fmt: skip


def _links(actor: Actor, shape: Shape, live: Live) -> Iterator[tuple[str, Schema]]:
    """What can be asked next, with what this answer has for it."""
    for name in shape.links:
        endpoint, method = LINKS[name]
        next_shape = SHAPES[endpoint, method]
        if _may(actor, next_shape, live):
            values = {"path.record_id": _number_at(name, shape)}
            if "If-Match" in next_shape.parameters and "ETag" in shape.headers:
                values["header.If-Match"] = "$response.header.ETag"
            yield name, {"operationId": operation_id(endpoint, method, live), "parameters": values}


def _number_at(name: str, shape: Shape) -> str:
    """Where the number of the record is found."""
    if name == "read_first":
        return "$response.body#/items/0/id"
    return "$request.path.record_id" if shape.status == 204 else "$response.body#/id"


HEADERS = {
    name: {"description": words, "schema": {"type": "string"}}
    for name, words in {
        "X-Trip-Id": "The number of the trip, under which it is found.",
        "ETag": "Of a record or a definition its version, for If-Match; of a list a tag for If-None-Match.",
        "Location": "Where to find what was made.",
        "Retry-After": "Seconds to wait before the next try.",
        "RateLimit": "How many requests are left, and for how many seconds.",
        "RateLimit-Policy": "How many requests are allowed, and in how many seconds.",
        "WWW-Authenticate": "That a key is asked for.",
        "Idempotent-Replayed": "true where the first answer is given again.",
    }.items()
}


def _object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required]}


TEXT, NUMBER, COUNT = {"type": "string"}, schemas.WHOLE, {"type": "integer", "minimum": 0}
MOMENT = {"type": ["string", "null"], "format": "date-time"}
BLANK_TEXT: Schema = {"type": ["string", "null"]}
FAULTS = {"type": "array", "items": _object({"field": TEXT, "message": TEXT})}
OLD_AND_NEW = {"type": "array", "items": {}, "minItems": 2, "maxItems": 2}
ANSWERS: dict[str, Schema] = {
    "Problem": _object(
        {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "trip": BLANK_TEXT},
        errors=FAULTS,
        items={
            "type": "array",
            "items": _object(
                {"part": TEXT, "index": COUNT, "status": {"type": "integer"}, "detail": TEXT}, errors=FAULTS
            ),
        },
        current={"type": "object"},
    ),
    "Tables": {
        "type": "array",
        "items": _object(
            {"tool": TEXT, "table": TEXT, "label": TEXT, "url": TEXT, "actions": {"type": "array", "items": TEXT}}
        ),
    },
    "Change": _object(
        {
            "id": NUMBER, "record": {"type": ["integer", "null"]}, "action": TEXT, "person": TEXT,
            "at": {"type": "string", "format": "date-time"}, "trip": BLANK_TEXT,
            "changes": {"type": "object", "additionalProperties": OLD_AND_NEW},
        }
    ),
    "History": _object({"items": {"type": "array", "items": _ref("Change")}, "next": BLANK_TEXT}),
    "Changes": _object({"items": {"type": "array", "items": _ref("Change")}, "after": COUNT}),
    "Job": _object(
        {
            "id": NUMBER, "kind": TEXT, "title": TEXT, "state": TEXT, "done": {"type": ["integer", "null"]},
            "total": {"type": ["integer", "null"]}, "message": BLANK_TEXT, "attempts": COUNT, "result": {},
            "created_at": MOMENT, "started_at": MOMENT, "ended_at": MOMENT,
        }
    ),
    "Document": {"type": "object"},
}  # fmt: skip


def _list(actor: Actor, live: Live) -> Schema:
    """A stretch of a list, or its groups."""
    stretch = _object(
        {
            "items": {"type": "array", "items": _ref(name_of(live, "item"))},
            "next": BLANK_TEXT,
            "count": {"type": ["integer", "null"]},
        }
    )
    return {"anyOf": [stretch, _ref(name_of(live, "groups"))]}


def _groups(actor: Actor, live: Live) -> Schema:
    values: dict[str, Schema] = {
        name: {} for name in live.table.by_name if name not in ("count", *TOTALS)
    }
    totals: Schema = {word: {"type": "object"} for word in TOTALS}
    group = _object({"count": COUNT}, **values, **totals)
    return _object({"items": {"type": "array", "items": group}})


def _batched(actor: Actor, live: Live) -> Schema:
    records = {"type": "array", "items": _ref(name_of(live))}
    return _object(
        {"created": records, "updated": records, "deleted": {"type": "array", "items": NUMBER}}
    )


def _upserted(actor: Actor, live: Live) -> Schema:
    records = {"type": "array", "items": _ref(name_of(live))}
    return _object({"created": COUNT, "updated": COUNT, "same": COUNT, "items": records})


OF_TABLES = {"list": _list, "groups": _groups, "batched": _batched, "upserted": _upserted}
"""What is given of a table besides records."""


def columns(actor: Actor, live: Live) -> list[tuple[Any, Schema, bool]]:
    """The fields of a table, for people: each with its schema, and whether one writes it."""
    able = (
        {one.name for one in schemas.writable(live)} if may(actor, "update", live.table) else set()
    )
    last = [one for one in SYSTEM if one.name != "id"]
    return [
        (one, schemas.read(live, one), one.name in able)
        for one in (SYSTEM[0], *live.table.fields, *last)
    ]


MOST = bodies.MOST_ITEMS
